"""Pickles read as plain data: numbers, texts, lists, dicts and arrays of numbers; nothing in them is run or believed.

A pickle is a program: it names functions and classes, calls them, and sets attributes of what they return. Here each
name means something of ours that makes plain data and can't be changed by the file. Numpy's own makers are not among
them: they believe what a file says of types, and arrays of crafted types read any address of memory.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from cnmf3d import damage

DAMAGE = (*damage.DAMAGE, pickle.UnpicklingError, AssertionError, ImportError)
"""What reading a damaged pickle ends with."""

CODE = re.compile(r"[biufc](1|2|4|8|16)|[SU][1-9][0-9]{0,5}|\?|O8?")
"""Types that an array may have, as numpy abbreviates them."""


class Fixed(type):
    """Of classes that a file may name: it can't set attributes of them."""

    def __setattr__(cls, name: str, value: object) -> None:
        """Refuse."""
        raise pickle.UnpicklingError(f"it changes {cls.__name__}")


class Maker(metaclass=Fixed):
    """A function that a file may call, and can't change."""

    __slots__ = ("_make",)
    _make: Callable[..., Any]

    def __init__(self, make: Callable[..., Any]) -> None:
        object.__setattr__(self, "_make", make)

    def __call__(self, *given: Any) -> Any:
        """Make it."""
        return self._make(*given)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse."""
        raise pickle.UnpicklingError("it changes a function")

    def __setstate__(self, state: object) -> None:
        """Refuse."""
        raise pickle.UnpicklingError("it changes a function")


class StandIn(metaclass=Fixed):
    """In the place of an object of a class that isn't needed."""

    def __new__(cls, *_: Any, **__: Any) -> StandIn:
        """Make one of anything."""
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


class Type(metaclass=Fixed):
    """In the place of numpy's type of an array's values: of numbers, text, or Python objects."""

    def __init__(self, code: str, *_: Any) -> None:
        if not isinstance(code, str) or not CODE.fullmatch(code):
            raise ValueError(f"an array of the type {code!r}, which is none of plain numbers")
        self._dtype: np.dtype[Any] = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        """Take the order of bytes; refuse what has fields, parts or metadata."""
        _, order, part, names, fields, *_ = state
        if order not in ("<", ">", "|", "=") or (part, names, fields) != (None, None, None) or len(state) > 8:
            raise ValueError("an array whose type has parts")
        if order in "<>":
            self._dtype = self._dtype.newbyteorder(order)

    @property
    def dtype(self) -> np.dtype[Any]:
        """As numpy has it, made by us."""
        return self._dtype


class Array(np.ndarray, metaclass=Fixed):
    """A numpy array that sees whether its values fit before it takes them."""

    def __setstate__(self, state: Any) -> None:
        """Take shape, type and values."""
        shape, kind, fortran, values = state[-4:]
        dtype, count = _type(kind), _count(shape)
        fits = isinstance(values, list) if dtype.hasobject else isinstance(values, bytes)
        if not fits or len(values) != count * (1 if dtype.hasobject else dtype.itemsize):
            raise ValueError("an array whose values don't fit its shape")
        whole: Any = (1, tuple(shape), dtype, bool(fortran), values)
        super().__setstate__(whole)


def _type(kind: Any) -> np.dtype[Any]:
    if not isinstance(kind, Type):
        raise TypeError("an array without a type")
    return kind.dtype


def _count(shape: Any) -> int:
    if not isinstance(shape, tuple) or len(shape) > 32 or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("an array without a shape")
    return math.prod(shape)


def _reconstruct(*_: Any) -> Array:
    """An empty array, whose state follows."""
    return np.ndarray.__new__(Array, (0,), np.int8)


def _scalar(kind: Any, raw: Any = None) -> Any:
    """One number or text."""
    dtype = _type(kind)
    if dtype.hasobject or not isinstance(raw, bytes) or len(raw) != dtype.itemsize:
        raise ValueError("a number that isn't one")
    return np.frombuffer(raw, dtype)[0]


def _frombuffer(raw: Any, kind: Any, shape: Any, order: Any = "C") -> npt.NDArray[Any]:
    """An array of the bytes that follow one another."""
    dtype, count = _type(kind), _count(shape)
    if dtype.hasobject or not isinstance(raw, (bytes, bytearray)) or len(raw) != count * dtype.itemsize:
        raise ValueError("an array whose values don't fit its shape")
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if order == "F" else "C").copy()


def _encode(text: Any, coding: Any = "") -> bytes:
    """Bytes, as protocols before 3 write them."""
    if not isinstance(text, str) or coding not in ("latin1", "latin-1"):
        raise ValueError("bytes that are none")
    return text.encode("latin1")


def _no_instance(*_: Any) -> Any:
    raise TypeError("an array that isn't made as numpy does it")


NUMPY: Mapping[tuple[str, str], Any] = MappingProxyType(
    {
        ("numpy", "ndarray"): Maker(_no_instance),
        ("numpy", "dtype"): Type,
        ("numpy._core.multiarray", "_reconstruct"): Maker(_reconstruct),
        ("numpy._core.multiarray", "scalar"): Maker(_scalar),
        ("numpy._core.numeric", "_frombuffer"): Maker(_frombuffer),
    }
)
"""What numpy's names mean, by module, as it is called since version 2, and name."""


class Unpickler(pickle.Unpickler):
    """An unpickler that makes plain data, and `others` where another name is found.

    Parameters
    ----------
    file : binary file
        Read to its end.
    known : mapping
        What names mean beside numpy's: `Maker` or classes of `Fixed`, by module and name.
    others : callable
        Called with module and name of what isn't known; what it means, or an error.

    Raises
    ------
    ValueError
        Where the file asks for more memory than it has content.
    """

    def __init__(
        self, file: IO[bytes], known: Mapping[tuple[str, str], Any], others: Callable[[str, str], Any]
    ) -> None:
        content = file.read()
        _check_sizes(content)
        super().__init__(io.BytesIO(content))
        self._known = known
        self._others = others

    def find_class(self, module: str, name: str) -> Any:
        """Give what a name means here."""
        pair = module.replace("numpy.core.", "numpy._core.", 1), name
        for table in (NUMPY, self._known):
            if pair in table:
                return table[pair]
        return self._others(module, name)


def _check_sizes(content: bytes) -> None:
    """See that all lengths lie within the file: Python's own unpickler takes memory for them before it reads."""
    numbering = ("PUT", "BINPUT", "LONG_BINPUT")  # places in a table that grows to hold them
    for step, what, _ in pickletools.genops(content):
        if step.name in numbering and int(what or 0) > len(content):
            raise ValueError(f"it numbers {what} objects")
