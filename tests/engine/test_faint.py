"""What is far fainter than a movie's cells."""

import numpy as np
import pytest
from scipy import sparse

from cnmf3d.engine.evaluation.faint import ENOUGH, FAINT, change_of_light, is_faint

SHAPE = (2, 30, 30)


def placed(count, planes):
    """Footprints of one voxel each, in the planes named."""
    voxels = np.asarray(planes) * 900 + np.arange(count) * 7
    return sparse.csc_array((np.ones(count, np.float32), voxels, np.arange(count + 1)), shape=(1800, count))


def test_light_is_in_the_units_of_the_movie():
    """A footprint in units of noise is as bright as the noise is large where it lies."""
    footprints, scale = placed(2, [0, 1]), np.ones(1800, np.float32)
    scale[900:] = 5.0
    raw = np.zeros((2, 100), np.float32)
    raw[:, 40:44] = 3.0
    assert change_of_light(footprints, raw, 2, scale) == pytest.approx([3.0, 15.0], rel=1e-5)
    assert change_of_light(footprints, raw - 7, 1, scale) == pytest.approx([3.0, 15.0], rel=1e-5)
    assert change_of_light(placed(0, []), raw[:0], 2, scale).shape == (0,)


def test_only_what_is_within_the_outline_counts():
    footprint = sparse.csc_array((np.array([1.0, 0.5, 0.1], np.float32), [3, 4, 5], [0, 3]), shape=(1800, 1))
    raw = np.zeros((1, 50), np.float32)
    raw[0, 9] = 2.0
    assert change_of_light(footprint, raw, 1, np.ones(1800, np.float32)) == pytest.approx([2 * 0.75])


def test_faint_is_what_has_less_than_a_share_of_the_sure_ones():
    light = np.r_[np.full(ENOUGH, 10.0), 9.9 * FAINT, 10.1 * FAINT].astype(np.float32)
    sure = np.arange(light.size) < ENOUGH
    footprints = placed(light.size, np.zeros(light.size, int))
    assert np.flatnonzero(is_faint(light, sure, footprints, SHAPE)).tolist() == [ENOUGH]
    sure[0] = False  # too few say how bright cells are
    assert not is_faint(light, sure, footprints, SHAPE).any()


def test_each_plane_has_its_own_brightness_where_enough_cells_show_it():
    bright, dim = np.full(ENOUGH, 100.0), np.full(ENOUGH, 8.0)
    light = np.r_[bright, dim, 5.0].astype(np.float32)
    planes = np.repeat([0, 1, 1], [ENOUGH, ENOUGH, 1])
    sure = np.arange(light.size) < 2 * ENOUGH
    assert not is_faint(light, sure, placed(light.size, planes), SHAPE).any()
    sure[ENOUGH] = False  # the deep plane has too few: compared with the volume
    assert np.flatnonzero(is_faint(light, sure, placed(light.size, planes), SHAPE)).tolist() == [
        *range(ENOUGH, 2 * ENOUGH + 1)
    ]
