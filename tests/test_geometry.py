"""Quantities along the axes, as users write them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.errors import UsageError
from cnmf3d.geometry import ZYX, along_axes, half_size_of, sigma_of, to_micrometres, to_voxels


@pytest.mark.parametrize(
    "value",
    [
        (4, 3, 2),
        [4, 3, 2],
        np.array([4, 3, 2]),
        {"x": 4, "y": 3, "z": 2},
        "4,3,2",
        "4 × 3 × 2",
        "4, 3, 2 µm",
        ZYX(2, 3, 4),
    ],
)
def test_three_numbers_are_x_y_z(value):
    assert along_axes(value) == ZYX(z=2, y=3, x=4)


@pytest.mark.parametrize("value", [4, 4.0, "4", np.float32(4), np.int64(4)])
def test_one_number_is_for_all_axes(value):
    assert along_axes(value) == ZYX(4, 4, 4)


@pytest.mark.parametrize("value", [(4, 4), [4, 4], "4,4", np.array([4, 4])])
def test_two_numbers_would_leave_z_to_be_guessed(value):
    with pytest.raises(UsageError, match=r"gSig has 2 numbers: the one along z is missing\n.*one plane as \(4, 4, 1\)"):
        along_axes(value, "gSig")


@pytest.mark.parametrize(
    "value", [None, "a", "1;2;3", (1, None, 2), (1, 2, 3, 4), (), object(), {"x": 1}, 10**400, b"1"]
)
def test_what_is_no_quantity_is_named(value):
    with pytest.raises(UsageError, match="gSig"):
        along_axes(value, "gSig")


sizes = st.builds(ZYX, *(3 * [st.floats(0.1, 100)]))


@given(sizes, sizes)
def test_units_lead_there_and_back(lengths, voxel):
    assert to_micrometres(to_voxels(lengths, voxel), voxel) == pytest.approx(lengths)
    assert half_size_of(sigma_of(lengths)) == pytest.approx(lengths)
    assert sigma_of(lengths) == pytest.approx([0.72 * length for length in lengths])
