"""Unforeseen errors: kept in a log file, and reported as faults of the software, not of the user's file."""

from __future__ import annotations

import re
import struct
import sys
import traceback
from datetime import datetime
from pathlib import Path

from cnmf3d.damage import reason_of
from cnmf3d.errors import Cnmf3dError, EngineError, InputError


def keep(error: BaseException) -> str:
    """Write an error with its traceback into the log file.

    Returns
    -------
    str
        A sentence that names the log file; where it can't be written, the traceback itself.
    """
    from platformdirs import user_log_path

    from cnmf3d import __version__

    text = f"{datetime.now().astimezone().isoformat()} cnmf3d {__version__}: {' '.join(sys.argv)}\n"
    text += "".join(traceback.format_exception(error))
    try:
        folder = user_log_path("cnmf3d", appauthor=False, ensure_exists=True)
        log = Path(folder) / "errors.log"
        with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text + "\n")
    except OSError:
        return text
    return f"The details are in {log}; please report them."


CODE = (AttributeError, NameError, TypeError, ImportError, AssertionError)
"""Exceptions that come from code, such as a name that another version of a library has, rather than from bad data."""


CALLS = re.compile(r"argument|is not callable|abstract class")
"""What Python says of calls that don't fit a function: code that is of another version."""

PLAIN = re.compile(r"'(bool|bytes|dict|float|int|list|NoneType|str|tuple)' object has no attribute")
"""What Python says where a value that was read is of another type than those of its kind."""


def of_values(error: BaseException) -> bool:
    """Whether an exception comes from a value that can't be what it should, and not from code that doesn't fit.

    Texts where numbers should be, lists where names should be, infinite sizes: what damage leads to in files of
    attributes, JSON and XML. Readers needn't foresee each of them.
    """
    if isinstance(error, TypeError):
        return not CALLS.search(str(error).replace("argument must be", ""))
    if isinstance(error, AttributeError):
        return bool(PLAIN.search(str(error)))
    return isinstance(error, (ValueError, ArithmeticError, LookupError, EOFError, struct.error))


def library_fault(where: str, error: Exception, library: str = "") -> Cnmf3dError:
    """Make the error for an exception that nobody foresaw: of a file with bad values, or of a library.

    Parameters
    ----------
    where : str
        What was read.
    error : Exception
        It goes into the log.
    library : str
        Name of the distribution, e.g. ``tifffile``; by default the one in which it was raised.
    """
    from importlib.metadata import PackageNotFoundError, version

    library = library or _raised_in(error) or "a library"
    try:
        known = f"{library} {version(library)}"
    except PackageNotFoundError:
        known = library
    text = " ".join(str(error).split())
    if of_values(error):
        return InputError(
            f"{where} can't be read: a value in it is not what it should be ({reason_of(error)})",
            f"It is damaged, or another program wrote it in a way of its own: copy it again. {keep(error)}",
        )
    fix = f"This is a fault of cnmf3d, or it doesn't support this version of {library}; the file may be sound."
    return EngineError(
        f"{where} could not be read: {type(error).__name__} in cnmf3d or {known} ({text})", f"{fix} {keep(error)}"
    )


def _raised_in(error: BaseException) -> str:
    """Name of the innermost package that an exception passed through, ours and Python's own left out; or empty."""
    name, trace = "", error.__traceback__
    while trace is not None:
        package = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in (__package__, "__main__", "") and package not in sys.stdlib_module_names:
            name = package
        trace = trace.tb_next
    return name
