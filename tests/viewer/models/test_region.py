"""The part of a movie that a preview is computed on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.viewer.models.region import BUDGET, LEAST_SIDE, Region, region_of


def test_it_is_what_is_seen_around_the_current_plane_and_time():
    region = region_of((600, 12, 100, 100), ((10, 74), (20, 84)), 6, 300)
    assert region == Region((0, 600), (2, 10), (10, 74), (20, 84))
    assert str(region) == "64 × 64 × 8 voxels, 600 volumes"


def test_what_takes_too_long_is_cut_to_its_middle():
    region = region_of((5000, 30, 512, 512), ((0, 512), (0, 512)), 0, 4999)
    assert region.frames == (4400, 5000) and region.z == (0, 8) and region.cut
    assert region.y == region.x and abs(sum(region.y) - 512) <= 1
    assert "middle of the visible part" in str(region)


def test_a_view_beside_the_movie_takes_the_movie():
    assert region_of((50, 3, 20, 30), ((-90, -50), (400, 500)), 1, 0) == Region((0, 50), (0, 3), (0, 20), (0, 30))


sizes = st.tuples(st.integers(1, 4000), st.integers(1, 60), st.integers(1, 2000), st.integers(1, 2000))
spans = st.tuples(st.integers(-3000, 3000), st.integers(-3000, 3000))


@given(sizes, spans, spans, st.integers(0, 59), st.integers(0, 3999))
def test_it_is_within_the_movie_and_the_budget(shape, rows, columns, plane, frame):
    region = region_of(shape, (rows, columns), min(plane, shape[1] - 1), min(frame, shape[0] - 1))
    spans = (region.frames, region.z, region.y, region.x)
    assert all(0 <= start < stop <= end for (start, stop), end in zip(spans, shape, strict=True))
    z, y, x = region.shape
    volume = (region.frames[1] - region.frames[0]) * z * y * x
    assert volume <= BUDGET or min(y, x) <= LEAST_SIDE
    assert region.z[0] <= min(plane, shape[1] - 1) < region.z[1]
