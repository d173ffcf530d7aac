import numpy as np
import pytest

from cnmf3d.engine.plausibility import check_movie
from cnmf3d.engine.plausibility.sample import sample_of
from cnmf3d.movies.movie import Movie


class Counting:
    """A movie of noise that exists only where it is read, and counts the values."""

    def __init__(self, shape):
        self.shape, self.dtype, self.values = shape, np.dtype(np.uint16), 0

    def read(self, start, stop, step=1):
        return np.stack([[self.read_rows(t, z, slice(0, self.shape[2])) for z in range(self.shape[1])]
                         for t in range(start, stop, step)])  # fmt: skip

    def read_rows(self, time, plane, rows):
        start, stop, _ = rows.indices(self.shape[2])
        self.values += (stop - start) * self.shape[3]
        rng = np.random.default_rng([time, plane, start])
        return rng.integers(90, 111, (stop - start, self.shape[3]), np.uint16)

    def contiguous(self):
        return None


@pytest.mark.parametrize("shape", [(100_000, 1, 512, 512), (30_000, 30, 256, 256), (3000, 2, 4096, 4096)])
def test_what_is_read_does_not_grow_with_the_movie(shape):
    frames = Counting(shape)  # 50, 110 and 190 GiB
    sample_of(Movie(frames, rate=5.0))
    assert frames.values < 10**8  # 0.2 GiB


def test_a_large_movie_can_be_checked():
    frames = Counting((100_000, 30, 512, 512))  # 1.5 TiB
    checks = check_movie(Movie(frames, rate=5.0))
    assert frames.values < 5 * 10**7
    assert {check.name for check in checks if check.caution} == set()


def test_parts_of_a_large_volume_are_first_last_and_middle_planes():
    sample = sample_of(Movie(Counting((60, 40, 256, 256)), rate=5.0))
    assert list(sample.planes) == [0, 1, 2, 3, *range(12, 28), 36, 37, 38, 39]
    assert sample.stretches[0].shape[1] == 24


def test_not_a_number_is_filled_and_borders_are_cut(opened):
    values = np.random.default_rng(0).normal(100, 5, (60, 2, 40, 50)).astype(np.float32)
    values[:, :, :, :6] = np.nan
    values[3, 0, 20, 20] = np.inf
    sample = sample_of(opened(values))
    assert sample.inside == (slice(0, 40), slice(6, 50))
    assert all(np.isfinite(part).all() for part in sample.frames)
