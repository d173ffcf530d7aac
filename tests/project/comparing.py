"""Whether two values are the same, whatever they are made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np


def assert_same(one, other, where="it"):
    """Everything is the same: types, shapes and every bit."""
    if dataclasses.is_dataclass(one):
        assert type(one) is type(other), where
        for field in dataclasses.fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name), f"{where}.{field.name}")
    elif hasattr(one, "indptr"):
        assert one.shape == other.shape and one.dtype == other.dtype, where
        assert (one != other).nnz == 0, where
    elif isinstance(one, np.ndarray):
        assert one.shape == other.shape and one.dtype == other.dtype, where
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), where
    elif isinstance(one, Mapping):
        assert set(one) == set(other), where
        for name in one:
            assert_same(one[name], other[name], f"{where}[{name!r}]")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{where}[{number}]")
    else:
        assert one == other, where
