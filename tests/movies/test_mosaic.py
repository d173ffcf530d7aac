"""Regions of ScanImage (mROI) put together where they lie in the sample."""

from __future__ import annotations

import numpy as np
import pytest
from files import write_scanimage
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d.movies import open_movie
from cnmf3d.movies.formats.mosaic import Mosaic, Tile

STATE = {
    "SI.hChannels.channelSave": 1,
    "SI.hRoiManager.scanFrameRate": 10.0,
    "SI.hRoiManager.mroiEnable": True,
    "SI.objectiveResolution": 15,
}


def strip(x: float, y: float, width: int, height: int, *, step: float = 0.1, turned: float = 0) -> dict[str, object]:
    """A region with its middle at (x, y) degrees."""
    field = {
        "centerXY": [x, y],
        "sizeXY": [width * step, height * step],
        "pixelResolutionXY": [width, height],
        "rotationDegrees": turned,
    }
    return {"scanfields": field, "discretePlaneMode": 0}


def recording(path, regions, pages):
    write_scanimage(path, pages, STATE, regions={"imagingRoiGroup": {"rois": regions}})
    return open_movie(path)


def test_strips_side_by_side_are_one_picture(tmp_path):
    wide = np.arange(5 * 8 * 12, dtype=np.int16).reshape(5, 8, 12) + 1
    gap = np.zeros((5, 2, 4), np.int16)  # lines in which the mirrors move on
    parts = [wide[:, :, 4:8], gap, wide[:, :, :4], gap, wide[:, :, 8:]]
    regions = [strip(0.0, 0, 4, 8), strip(-0.4, 0, 4, 8), strip(0.4, 0, 4, 8)]
    movie = recording(tmp_path / "m.tif", regions, np.concatenate(parts, axis=1))
    np.testing.assert_array_equal(movie.read(0, 5)[:, 0], wide)
    assert (movie.voxel_size.x, movie.voxel_size.y) == pytest.approx((1.5, 1.5))
    assert any("3 regions (mROI) are put together" in text for text in movie.warnings)


def test_gaps_between_regions_are_zero_and_shifted_ones_lie_where_they_should(tmp_path):
    pages = np.arange(1, 1 + 5 * 9 * 4, dtype=np.int16).reshape(5, 9, 4)
    regions = [strip(0.0, 0.0, 4, 4), strip(0.5, 0.2, 4, 4)]
    movie = recording(tmp_path / "m.tif", regions, pages)
    wanted = np.zeros((5, 6, 9), np.int16)
    wanted[:, :4, :4], wanted[:, 2:, 5:] = pages[:, :4], pages[:, 5:]
    np.testing.assert_array_equal(movie.read(0, 5)[:, 0], wanted)


@pytest.mark.parametrize(
    "other",
    [strip(0.4, 0, 4, 4, turned=10), strip(0.4, 0, 4, 4, step=0.2), strip(40, 0, 4, 4)],
    ids=["turned", "other pixels", "far away"],
)
def test_regions_that_make_no_picture_stay_one_below_the_other(tmp_path, other):
    pages = np.arange(5 * 9 * 4, dtype=np.int16).reshape(5, 9, 4)
    movie = recording(tmp_path / "m.tif", [strip(0, 0, 4, 4), other], pages)
    np.testing.assert_array_equal(movie.read(0, 5)[:, 0], pages)
    assert any("one below the other" in text for text in movie.warnings)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_parts_of_a_mosaic_are_parts_of_the_whole(data):
    source = np.random.default_rng(0).integers(1, 1000, (3, 10, 6))
    tiles = [
        Tile((0, 4), (0, 6), data.draw(st.integers(0, 5)), data.draw(st.integers(0, 5))),
        Tile((5, 10), (0, 3), data.draw(st.integers(0, 5)), data.draw(st.integers(0, 5))),
    ]
    height, width = 12, 12
    whole = np.zeros((3, height, width), source.dtype)
    for tile in reversed(tiles):
        block = source[:, tile.rows[0] : tile.rows[1], tile.columns[0] : tile.columns[1]]
        whole[:, tile.y : tile.y + block.shape[1], tile.x : tile.x + block.shape[2]] = block
    part = st.one_of(
        st.integers(0, height - 1),
        st.builds(slice, st.integers(0, 11), st.integers(0, 12), st.integers(1, 3)),
    )
    index = (data.draw(st.one_of(st.integers(0, 2), st.just(slice(0, 3, 2)))), data.draw(part), data.draw(part))
    np.testing.assert_array_equal(Mosaic(source, tiles, height, width)[index], whole[index])
