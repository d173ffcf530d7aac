"""Movies of any type and order of bytes are registered: kernels are compiled for few."""

from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.motion.frames import Source
from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import Motion, registered

VALUES = np.random.default_rng(0).integers(0, 100, (6, 2, 8, 9))


@pytest.mark.parametrize("dtype", [">u2", ">f4", "<f2", "i4", "u8", "f8", "u1", "?"])
def test_kernels_get_a_type_that_they_take(dtype):
    values = VALUES.astype(dtype)
    source = Source(open_movie(values, rate=5), 1, 1, (slice(None),) * 3)
    read = source.read(1, 4)
    assert read.dtype in (np.uint8, np.uint16, np.int16, np.float32) and read.dtype.isnative
    np.testing.assert_array_equal(read, values[1:4].astype(np.float32))


@pytest.mark.parametrize("dtype", [">u2", "<f2"])
def test_frames_of_such_movies_are_moved(dtype):
    values = VALUES.astype(dtype)
    motion = Motion(
        rigid=np.zeros((6, 3), np.float32),
        confidence=np.ones(6, np.float32),
        planes=np.zeros((2, 2), np.float32),
        bad_frames=np.zeros(6, bool),
        template=values[0].astype(np.float32),
    )
    got = registered(open_movie(values, rate=5), motion).read(0, 6)
    np.testing.assert_allclose(got[:, :, 2:-2, 2:-2], values[:, :, 2:-2, 2:-2].astype(np.float32), rtol=1e-5, atol=1e-9)
