"""Groups of neighbouring places: the same ones from either end, none empty, none wider than asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.engine.bandpass import doubling_matrix, halving_matrix
from cnmf3d.engine.groups import centres, count_of, groups, to_groups, to_places
from cnmf3d.engine.shared_courses import tiles_of
from cnmf3d.engine.volume import _thinned

LENGTHS, WIDTHS = st.integers(1, 400), st.integers(1, 60)


@given(LENGTHS, WIDTHS)
def test_groups_are_the_same_from_either_end(length, width):
    count = count_of(length, width)
    group = groups(length, count)
    assert (group == count - 1 - group[::-1]).all()
    sizes = np.bincount(group, minlength=count)
    assert (np.diff(group) >= 0).all() and sizes.min() >= 1 and sizes.max() <= width
    assert count <= -(-length // width) + 1
    wider = count_of(length, width, wider=True)
    group = groups(length, wider)
    assert (group == wider - 1 - group[::-1]).all() and -(-length // width) - wider in (0, 1)


@given(LENGTHS, WIDTHS)
def test_places_and_groups_are_inverse(length, width):
    group = groups(length, count_of(length, width))
    numbers = np.linspace(-0.5, group[-1] + 0.5, 50)
    np.testing.assert_allclose(to_groups(to_places(numbers, group), group), numbers, atol=1e-9)
    np.testing.assert_allclose(to_places(np.arange(group[-1] + 1.0), group), centres(group))
    mirrored = length - 1 - to_places(group[-1] - numbers, group)
    np.testing.assert_allclose(to_places(numbers, group), mirrored, atol=1e-9)


@given(st.integers(8, 200))
def test_half_the_resolution_and_back_is_mirrored_and_keeps_lines(length):
    down, up = halving_matrix(length), doubling_matrix(length)
    np.testing.assert_allclose(up @ down, (up @ down)[::-1, ::-1], atol=1e-6)
    line = np.arange(length, dtype=np.float32)
    np.testing.assert_allclose((up @ down @ line)[2:-2], line[2:-2], atol=0.01)


@pytest.mark.parametrize("shape", [(3, 60, 61), (1, 96, 130), (4, 97, 101)])
def test_tiles_are_mirrored(shape):
    tile, grid = tiles_of(shape)
    volume = grid[tile.reshape(shape)]
    last = grid.max(axis=0)
    if shape[1] % 2 == 0 or last[0] % 2 == 0:
        assert (volume[:, ::-1, :, 0] == last[0] - volume[..., 0]).all()
    if shape[2] % 2 == 0 or last[1] % 2 == 0:
        assert (volume[:, :, ::-1, 1] == last[1] - volume[..., 1]).all()


@given(st.integers(4, 130), st.integers(1, 12))
def test_sampled_rows_are_mirrored(height, planes):
    rows = np.arange(planes * height)
    runs = np.stack([np.zeros_like(rows), rows * 10, rows * 10 + 10], axis=1)
    kept = np.zeros(planes * height, bool)
    kept[_thinned(runs, height)[:, 1] // 10] = True
    kept = kept.reshape(planes, height)
    assert (kept == kept[:, ::-1]).all() and (kept == kept[::-1]).all()
    assert kept.mean() >= 0.2 or planes * height < 64
