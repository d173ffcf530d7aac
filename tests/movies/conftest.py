"""A movie in which every value tells its place; helpers beside the tests can be imported."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def values() -> np.ndarray:
    """A (T, Z, Y, X) movie in which every value tells its place."""
    shape = (6, 3, 5, 7)
    out = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    out.flags.writeable = False
    return out
