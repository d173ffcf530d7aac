"""Arrays of Python objects in ``.npy`` files, read without running anything that is in them.

Numpy stores such arrays as pickles, which can run any code when they are read. Here only arrays and numbers are made
of one (see `cnmf3d.plain_pickle`); an object of any other class becomes an empty stand-in.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.plain_pickle import DAMAGE, StandIn, Unpickler
from cnmf3d.regular import refuse_special


def load_objects(path: Path) -> Any:
    """Read an ``.npy`` file: an array of numbers, or of objects.

    Raises
    ------
    InputError
        Where it can't be read or is damaged.
    """
    refuse_special(path)
    try:
        with path.open("rb") as file:
            return _array(file)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}", "Check the name.") from error
    except DAMAGE as error:
        raise InputError(f"{path} is no .npy file, or is damaged: {error}", "Take another copy of it.") from error


def load_numbers(path: Path, what: str, fix: str) -> npt.NDArray[Any]:
    """Read an ``.npy`` file of numbers; objects, texts and times in their place are an error.

    Parameters
    ----------
    path : Path
    what : str
        What it should hold: ``traces``.
    fix : str
        What the user can do.

    Raises
    ------
    InputError
        Where it can't be read, is damaged, or holds something else.
    """
    values = np.asarray(load_objects(path))
    if values.dtype.kind not in "biuf":
        raise InputError(f"{path} doesn't hold {what}: {values.dtype} of shape {values.shape}", fix)
    return values


def _array(file: IO[bytes]) -> Any:
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    if not dtype.hasobject:
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    array = Unpickler(file, {}, lambda module, name: StandIn).load()
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != object:
        raise ValueError("it isn't what its header says")
    return array.view(np.ndarray)
