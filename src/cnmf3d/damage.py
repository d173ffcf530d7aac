"""Files that are damaged: what reading one ends with, whichever library reads it, and the error that users get instead.

A reader need not know how many ways there are for bytes to be wrong: it reads inside `explained`.
"""

from __future__ import annotations

import lzma
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cnmf3d.errors import Cnmf3dError, InputError

DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
)
"""Bad bytes lead to all of these in numpy, h5py, scipy, zipfile: wrong numbers, names that aren't there, values of
another type, sizes that no memory has room for."""


@contextmanager
def explained(path: str | Path, what: str, fix: str = "Take another copy of it.") -> Iterator[None]:
    """Read a file inside: whatever its damage leads to is raised as one error that names it.

    Parameters
    ----------
    path : path
    what : str
        What it should be: ``a table of traces``.
    fix : str
        What the user can do.

    Raises
    ------
    InputError
        For all of `DAMAGE`; errors of ours pass.
    """
    try:
        yield
    except Cnmf3dError:
        raise
    except DAMAGE as error:
        raise InputError(f"{path} can't be read as {what}: {reason_of(error)}", fix) from error


def reason_of(error: BaseException) -> str:
    """What an exception says, in one line; its kind where it says nothing, or only names something."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError):  # h5py has them for all that HDF5 can't open, too
        return text.strip("'\"") if "nable to" in text else f"it has no {text}"
    if isinstance(error, MemoryError):
        return f"it asks for more memory than there is ({text})" if text else "it asks for more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return text or type(error).__name__
