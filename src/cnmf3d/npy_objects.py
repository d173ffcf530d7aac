"""Arrays of Python objects in ``.npy`` files, read without running anything that is in them.

Numpy stores such arrays as pickles, which can run any code when they are read. Here only numpy's arrays, types and
numbers are made of one; any other class becomes an empty stand-in.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np

from cnmf3d.errors import InputError

ALLOWED = {
    ("ndarray", "numpy"),
    ("dtype", "numpy"),
    ("_reconstruct", "numpy._core.multiarray"),
    ("scalar", "numpy._core.multiarray"),
    ("_frombuffer", "numpy._core.numeric"),
}
"""All that is made: name and module, as numpy calls it since version 2."""

DAMAGE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading a damaged file ends with."""


class StandIn:
    """In the place of an object of a class that isn't needed."""

    def __new__(cls, *_: Any, **__: Any) -> StandIn:
        """Make one of anything."""
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


class _Restricted(pickle.Unpickler):
    """An unpickler that makes arrays, numbers, text, lists and dicts."""

    def find_class(self, module: str, name: str) -> Any:
        """Give one of the few things that are made; a stand-in for all others."""
        module = module.replace("numpy.core.", "numpy._core.", 1)
        return super().find_class(module, name) if (name, module) in ALLOWED else StandIn


def load_objects(path: Path) -> Any:
    """Read an ``.npy`` file: an array of numbers, or of objects.

    Raises
    ------
    InputError
        Where it can't be read or is damaged.
    """
    try:
        with path.open("rb") as file:
            return _array(file)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}", "Check the name.") from error
    except DAMAGE as error:
        raise InputError(f"{path} is no .npy file, or is damaged: {error}", "Take another copy of it.") from error


def _array(file: IO[bytes]) -> Any:
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    if not dtype.hasobject:
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    array = _Restricted(file).load()
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != object:
        raise ValueError("it isn't what its header says")
    return array
