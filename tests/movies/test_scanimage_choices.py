"""ScanImage: what is asked of frames that were dropped or repeated, and of channels that are planes."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import tifffile
from files import matlab, write_scanimage
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.errors import ChoiceError, InputError, UsageError
from cnmf3d.movies.arrays import Averaged
from cnmf3d.movies.gaps import with_gaps

VOLUMES, SLICES, FLYBACK = 8, 3, 2
CODES = np.arange(VOLUMES * SLICES * 2 * 4 * 5).reshape(VOLUMES, SLICES, 2, 4, 5)
VALUES = ((CODES * 331) % 30011).astype(np.int16)
"""(T, Z, C, Y, X); not on a line in time."""
STATE = {
    "SI.hChannels.channelSave": [1, 2],
    "SI.hStackManager.enable": True,
    "SI.hStackManager.numSlices": SLICES,
    "SI.hStackManager.numFramesPerVolume": SLICES,
    "SI.hStackManager.numFramesPerVolumeWithFlyback": SLICES + FLYBACK,
    "SI.hRoiManager.scanFrameRate": 30.0,
    "SI.hRoiManager.scanVolumeRate": 6.0,
    "SI.hRoiManager.imagingFovUm": [[0, 0], [10, 0], [10, 8], [0, 8]],
}


def recorded(values=VALUES, flyback=FLYBACK):
    """Pages of all frames in the order of the scan, (frames, C, Y, X); flyback is -1."""
    shape = (len(values), values.shape[1] + flyback, *values.shape[2:])
    out = np.full(shape, -1, np.int16)
    out[:, : values.shape[1]] = values
    return out.reshape(-1, *values.shape[2:])


def write_without(path, gone, state=STATE, values=VALUES, flyback=FLYBACK):
    """A file that lacks frames, which its numbers count."""
    frames = recorded(values, flyback)
    kept = [number for number in range(len(frames)) if number not in gone]
    pages = frames[kept].reshape(-1, *values.shape[3:])
    write_scanimage(path, pages, state, numbers=[number + 1 for number in kept])
    return path


def frame(t, z):
    """Number of a frame."""
    return t * (SLICES + FLYBACK) + z


GONE = {frame(2, 1), frame(4, 0), *range(frame(5, 0), frame(6, 0)), frame(6, 1), frame(3, 4)}
"""A plane, another, a whole volume, a plane of the next one, and a frame of flyback."""


@pytest.mark.parametrize("channel", [0, 1])
def test_planes_that_were_dropped_are_nan_where_they_belong(tmp_path, channel):
    movie = open_movie(write_without(tmp_path / "m.tif", GONE), channel=channel, dropped="nan")
    wanted = VALUES[:, :, channel].astype(np.float32)
    wanted[2, 1] = wanted[4, 0] = wanted[5] = wanted[6, 1] = np.nan
    np.testing.assert_array_equal(movie.read(0, 99), wanted)
    np.testing.assert_array_equal(movie[2:7:2, 1, 1:3], wanted[2:7:2, 1, 1:3])
    np.testing.assert_array_equal(movie[5, 2], wanted[5, 2])
    assert (movie.rate, movie.dtype) == (6.0, np.float32)
    said = " ".join(movie.warnings)
    assert "volumes are missing: 1 (5, counted from 0)" in said
    assert "3 planes of 3 volumes are missing (2, 4, 6, counted from 0). They are not-a-number" in said


@pytest.mark.parametrize("channel", [0, 1])
def test_planes_that_were_dropped_are_interpolated_in_time(tmp_path, channel):
    movie = open_movie(write_without(tmp_path / "m.tif", GONE), channel=channel, dropped="interpolate")
    wanted = VALUES[:, :, channel].astype(float)
    wanted[2, 1] = (wanted[1, 1] + wanted[3, 1]) / 2
    wanted[4, 0], wanted[5, 0] = (wanted[3, 0] * 2 + wanted[6, 0]) / 3, (wanted[3, 0] + wanted[6, 0] * 2) / 3
    wanted[5, 1], wanted[6, 1] = (wanted[4, 1] * 2 + wanted[7, 1]) / 3, (wanted[4, 1] + wanted[7, 1] * 2) / 3
    wanted[5, 2] = (wanted[4, 2] + wanted[6, 2]) / 2
    assert movie.dtype == np.int16
    assert np.abs(movie.read(0, 99) - wanted).max() <= 0.51
    assert np.array_equal(movie[4:7, 1, 2, 1::2], movie.read(0, 99)[4:7, 1, 2, 1::2])


def test_volumes_that_lack_planes_are_left_out_unless_asked_otherwise(tmp_path):
    path = write_without(tmp_path / "m.tif", GONE)
    kept = [0, 1, 3, 7]
    for how in (None, "leave out", "leave-out"):
        np.testing.assert_array_equal(open_movie(path, channel=0, dropped=how).read(0, 99), VALUES[kept, :, 0])


def test_the_ends_of_a_recording_are_not_filled(tmp_path):
    gone = {frame(0, 0), frame(3, 1), *range(frame(7, 1), frame(8, 0))}
    movie = open_movie(write_without(tmp_path / "m.tif", gone), channel=1, dropped="nan")
    wanted = VALUES[1:7, :, 1].astype(np.float32)
    wanted[2, 1] = np.nan
    np.testing.assert_array_equal(movie.read(0, 99), wanted)


def test_a_frame_number_that_cannot_be_makes_no_movie_of_gaps(tmp_path):
    pages = recorded().reshape(-1, 4, 5)
    numbers = [*range(1, 36), *(5 * 10**8 + number + 1 for number in range(5))]
    write_scanimage(tmp_path / "m.tif", pages, STATE, numbers=numbers)
    with pytest.raises(InputError, match="volumes are missing, and 8 are there"):
        open_movie(tmp_path / "m.tif", channel=0, dropped="nan")
    assert open_movie(tmp_path / "m.tif", channel=0).shape[0] == 8


def test_choices_that_do_not_apply(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", VALUES[:, 0, 0], photometric="minisblack", metadata={"axes": "TYX"})
    with pytest.raises(UsageError, match="about ScanImage"):
        open_movie(tmp_path / "m.tif", dropped="nan")
    with pytest.raises(UsageError, match="dropped is 'zero'") as error:
        open_movie(tmp_path / "m.tif", dropped="zero")
    assert "leave out, nan, interpolate" in error.value.fix


TWICE = {"SI.hStackManager.framesPerSlice": 2, "SI.hStackManager.numFramesPerVolume": 2 * SLICES}


def test_frames_of_a_slice_kept_apart_have_their_own_rate(tmp_path):
    both = np.stack([VALUES[:, :, :1], VALUES[:, :, 1:]], axis=2)  # (T, Z, repeat, C, Y, X)
    state = STATE | TWICE | {"SI.hStackManager.numFramesPerVolumeWithFlyback": 2 * SLICES + 1}
    state |= {"SI.hChannels.channelSave": 1, "SI.hRoiManager.scanVolumeRate": 30 / 7}
    scan = both.reshape(VOLUMES, 2 * SLICES, 1, 4, 5)
    path = write_without(tmp_path / "m.tif", set(), state, scan, flyback=1)
    movie = open_movie(path, frames_per_slice="apart")
    np.testing.assert_array_equal(movie.read(0, 99), both[:, :, :, 0].swapaxes(1, 2).reshape(-1, SLICES, 4, 5))
    assert movie.rate == pytest.approx(2 * 30 / 7)
    mean = open_movie(path, frames_per_slice="mean")
    np.testing.assert_allclose(mean.read(0, 99), both[:, :, :, 0].mean(axis=2))
    assert mean.rate == pytest.approx(30 / 7)


def test_the_mean_of_repeated_frames_is_of_those_that_are_there(tmp_path):
    both = np.stack([VALUES[:, :, :1], VALUES[:, :, 1:]], axis=2)
    state = STATE | TWICE | {"SI.hStackManager.numFramesPerVolumeWithFlyback": 2 * SLICES}
    state |= {"SI.hChannels.channelSave": 1}
    scan, gone = both.reshape(VOLUMES, 2 * SLICES, 1, 4, 5), {6 * 2 + 3, 6 * 4, 6 * 4 + 1}
    path = write_without(tmp_path / "m.tif", gone, state, scan, flyback=0)
    wanted = both[:, :, :, 0].mean(axis=2, dtype=np.float32)
    wanted[2, 1] = both[2, 1, 0, 0]
    wanted[4, 0] = np.nan
    np.testing.assert_array_equal(open_movie(path, dropped="nan").read(0, 99), wanted)


def test_frames_kept_apart_keep_segments_and_gaps(tmp_path):
    both = np.stack([VALUES[:, :, :1], VALUES[:, :, 1:]], axis=2)
    state = STATE | TWICE | {"SI.hStackManager.numFramesPerVolumeWithFlyback": 2 * SLICES}
    state |= {"SI.hChannels.channelSave": 1, "SI.hRoiManager.scanVolumeRate": 5.0}
    frames = both.reshape(VOLUMES * 2 * SLICES, 4, 5)
    kept = [n for n in range(len(frames)) if n // (2 * SLICES) != 2]  # a volume wasn't saved
    half = 5 * 2 * SLICES

    def header(number):
        acquisition, within = divmod(number - 1, half)
        stamp = acquisition * 20 + within / 30
        return (
            f"acquisitionNumbers = {acquisition + 1}\nframeNumberAcquisition = {within + 1}\n"
            f"frameTimestamps_sec = {stamp:.6f}"
        )

    write_scanimage(tmp_path / "m.tif", frames[kept], state, numbers=[n + 1 for n in kept], headers=header)
    mean, apart = (open_movie(tmp_path / "m.tif", frames_per_slice=how) for how in ("mean", "apart"))
    assert [s.start for s in mean.timeline.segments] == [0, 4]
    np.testing.assert_allclose(mean.seconds, [0, 0.2, 0.6, 0.8, 20, 20.2, 20.4])
    assert [s.start for s in apart.timeline.segments] == [0, 8]
    np.testing.assert_allclose(apart.seconds, np.add.outer(mean.seconds, [0, 0.1]).ravel())
    assert apart.timeline.breaks() == (4, 8) and not apart.plane_times.any()
    filled = open_movie(tmp_path / "m.tif", dropped="nan")  # a gap is there once: as frames, not in the stamps as well
    np.testing.assert_allclose(filled.seconds, [0, 0.2, 0.4, 0.6, 0.8, 20, 20.2, 20.4])
    assert filled.timeline.breaks() == (5,) and np.isnan(filled.read(2, 3)).all()


def test_gaps_are_kept_where_most_volumes_lack_planes(tmp_path):
    gone = {frame(t, 1) for t in range(VOLUMES) if t % 2}
    movie = open_movie(write_without(tmp_path / "m.tif", gone), channel=0)
    np.testing.assert_allclose(movie.seconds, np.arange(0, VOLUMES, 2) / 6)
    np.testing.assert_allclose(open_movie(tmp_path / "m.tif", channel=0, rate=1).seconds, np.arange(4))


def test_times_of_planes_go_with_planes_that_are_put_in_order(tmp_path):
    path = write_without(tmp_path / "m.tif", set())
    late = np.arange(SLICES) / 30
    np.testing.assert_allclose(open_movie(path, channel=0).plane_times, late)
    for order in ("2,0,1", [2, 0, 1], np.array([2, 0, 1])):
        np.testing.assert_allclose(open_movie(path, channel=0, plane_order=order).plane_times, late[[2, 0, 1]])
    np.testing.assert_allclose(open_movie(path, channel=0, plane_order="2,1").plane_times, late[[2, 1]])
    given = open_movie(path, channel=0, plane_order="2,0,1", plane_times=[0, 0.01, 0.02])
    np.testing.assert_allclose(given.plane_times, [0, 0.01, 0.02])
    with pytest.raises(UsageError, match="plane_order is"):
        open_movie(path, channel=0, plane_order="1" * 5000)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_gaps_against_numpy(data):
    shape = (data.draw(st.integers(2, 9)), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2)))
    pages = np.random.default_rng(0).integers(-900, 900, (int(np.prod(shape)), 2, 3)).astype(np.int16)
    numbers = np.arange(len(pages)).reshape(shape)
    gone = data.draw(st.lists(st.integers(0, numbers.size - 1), max_size=numbers.size))
    holes = numbers.copy()
    holes.ravel()[gone] = -1
    holes[0], holes[-1] = numbers[0], numbers[-1]
    full = pages[holes].astype(float)
    full[holes < 0] = np.nan
    index = tuple(
        data.draw(st.one_of(st.integers(0, n - 1), st.slices(n).filter(lambda s: (s.step or 1) > 0)))
        for n in (*shape, 2, 3)
    )
    np.testing.assert_array_equal(with_gaps(pages, holes, "nan")[index], full[index])
    times = np.arange(shape[0])
    for place in np.ndindex(shape[1:]):
        known = holes[(slice(None), *place)] >= 0
        for y, x in np.ndindex(2, 3):
            course = full[(slice(None), *place, y, x)]
            course[~known] = np.interp(times[~known], times[known], course[known])
    assert np.all(np.abs(np.asarray(with_gaps(pages, holes, "interpolate")[index]) - full[index]) <= 0.51)
    mean = Averaged(with_gaps(pages, holes, "nan"), 2)[(slice(None), slice(None), slice(None), slice(None))]
    assert mean.shape == (*shape[:2], 2, 3)


BEADS = {
    "SI.hChannels.channelSave": list(range(1, 7)),
    "SI.hStackManager.enable": False,
    "SI.hStackManager.numSlices": 1,
    "SI.hRoiManager.scanFrameRate": 9.6,
    "SI.hRoiManager.mroiEnable": True,
    "SI.objectiveResolution": 150,
}
STRIPS = [  # two strips of 3 × 2 pixels side by side, the right one first, one line of nothing between them in a page
    {"scanfields": {"centerXY": [0.25, 0.0], "sizeXY": [0.3, 0.4], "pixelResolutionXY": [3, 2]}},
    {"scanfields": {"centerXY": [-0.05, 0.0], "sizeXY": [0.3, 0.4], "pixelResolutionXY": [3, 2]}},
]


def write_beads(path, times=7, start=0, values=None):
    """A light beads recording of 6 planes in two strips, and what its volumes are: (T, 6, 2, 6)."""
    volumes = (np.arange(times * 6 * 2 * 6).reshape(times, 6, 2, 6) * 13 % 9001).astype(np.int16)
    volumes = volumes if values is None else values
    pages = np.full((len(volumes), 6, 5, 3), -7, np.int16)
    pages[:, :, :2], pages[:, :, 3:] = volumes[..., 3:], volumes[..., :3]
    write_scanimage(
        path, pages.reshape(-1, 5, 3), BEADS, first_frame=start + 1, regions={"imagingRoiGroup": {"rois": STRIPS}}
    )
    return volumes


def test_light_beads_are_volumes_of_fused_strips(tmp_path):
    volumes = write_beads(tmp_path / "m.tif")
    movie = open_movie(tmp_path / "m.tif")
    np.testing.assert_array_equal(movie.read(0, 99), volumes)
    assert movie.rate == 9.6
    assert "6 channels are more than microscopes have detectors for" in " ".join(movie.warnings)


def test_light_beads_in_the_labs_order_with_a_stated_distance(tmp_path):
    order = [4, 0, 5, 1, 2, 3]
    volumes = write_beads(tmp_path / "m.tif")
    movie = open_movie(tmp_path / "m.tif", plane_order="4,0,5,1,2,3", voxel_size="z=16")
    np.testing.assert_array_equal(movie.read(0, 99), volumes[:, order])
    np.testing.assert_array_equal(movie[2:6:3, 1:5, 1, ::2], volumes[:, order][2:6:3, 1:5, 1, ::2])
    np.testing.assert_array_equal(movie.frames.read_rows(3, 2, slice(0, 1)), volumes[3, 5, :1])
    assert (movie.voxel_size.x, movie.voxel_size.y, movie.voxel_size.z) == pytest.approx((15, 30, 16))
    assert movie.rate == 9.6 and not [text for text in movie.warnings if "detectors" in text]


def test_light_beads_over_files_cut_anywhere(tmp_path):
    volumes = write_beads(tmp_path / "all.tif", 9)
    (tmp_path / "all.tif").unlink()
    write_beads(tmp_path / "b_1.tif", values=volumes[:4])
    write_beads(tmp_path / "b_2.tif", values=volumes[4:], start=4)
    movie = open_movie(tmp_path, plane_order="5,4,3,2,1,0")
    np.testing.assert_array_equal(movie.read(0, 99), volumes[:, ::-1])


@pytest.mark.parametrize("channel", [0, 1])
def test_light_beads_with_two_functional_channels(tmp_path, channel):
    volumes = write_beads(tmp_path / "m.tif")
    movie = open_movie(tmp_path / "m.tif", plane_order="2,0,4;3,1,5", channel=channel)
    np.testing.assert_array_equal(movie.read(0, 99), volumes[:, [[2, 0, 4], [3, 1, 5]][channel]])
    with pytest.raises(ChoiceError, match="2 channels by plane_order"):
        open_movie(tmp_path / "m.tif", plane_order="2,0,4;3,1,5")
    with pytest.raises(UsageError, match="channel is 2"):
        open_movie(tmp_path / "m.tif", plane_order="2,0,4;3,1,5", channel=2)


def test_a_channel_of_many_is_still_a_channel(tmp_path):
    volumes = write_beads(tmp_path / "m.tif")
    np.testing.assert_array_equal(open_movie(tmp_path / "m.tif", channel=4).read(0, 99)[:, 0], volumes[:, 4])


def test_planes_that_the_order_leaves_out(tmp_path):
    volumes = write_beads(tmp_path / "m.tif")
    movie = open_movie(tmp_path / "m.tif", plane_order=[5, 1])
    np.testing.assert_array_equal(movie.read(0, 99), volumes[:, [5, 1]])
    assert "4 of its 6 channels are not in plane_order" in " ".join(movie.warnings)


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("0,6", "names 6"),
        ("0,0", "names 0 twice"),
        ("a", "plane_order is 'a'"),
        ("0,1;2", "2 and 1 planes"),
        ("", "''"),
    ],
)
def test_orders_that_cannot_be(tmp_path, order, said):
    write_beads(tmp_path / "m.tif")
    with pytest.raises(UsageError, match=said):
        open_movie(tmp_path / "m.tif", plane_order=order)


def test_planes_of_any_movie_can_be_put_in_order(tmp_path):
    values = VALUES[:, :, 0]
    tifffile.imwrite(tmp_path / "m.tif", values, imagej=True, metadata={"axes": "TZYX", "finterval": 0.5})
    np.testing.assert_array_equal(open_movie(tmp_path / "m.tif", plane_order="2,0,1").read(0, 99), values[:, [2, 0, 1]])
    flat = open_movie(values.reshape(-1, 4, 5), planes=3, rate=2, plane_order="1,2,0")
    np.testing.assert_array_equal(flat.read(0, 99), values[:, [1, 2, 0]])


def write_far(path, pages, descriptions, *, big, at, extra=""):
    """A TIFF whose pages lie far behind the begin of a file full of nothing, which takes no room on the disk."""
    inline, entry = ("<Q", "<HHQQ") if big else ("<I", "<HHII")
    offset = at
    with path.open("wb") as file:
        head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, at) if big else struct.pack("<2sHI", b"II", 42, at)
        file.write(head)
        for number, (page, text) in enumerate(zip(pages, descriptions, strict=True)):
            height, width = page.shape
            said, soft = text.encode() + b"\0", extra.encode() + b"\0"
            count = 11
            start = offset + (8 + 20 * count + 8 if big else 2 + 12 * count + 4)
            places = [start, start + len(said), start + len(said) + len(soft)]
            end = places[2] + page.nbytes
            tags = [
                (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1),
                (270, 2, len(said), places[0]), (273, 16 if big else 4, 1, places[2]), (277, 3, 1, 1),
                (278, 4, 1, height), (279, 4, 1, page.nbytes), (339, 3, 1, 2),
            ]  # fmt: skip
            file.seek(offset)
            file.write(struct.pack("<Q" if big else "<H", len(tags)))
            for tag in tags:
                file.write(struct.pack(entry, *tag))
            file.write(struct.pack(inline, end if number + 1 < len(pages) else 0))
            file.write(said + soft + page.tobytes())
            offset = end
    return path


@pytest.mark.parametrize(("big", "at"), [(False, 2**31 + 64), (False, 2**32 - 2**16), (True, 2**32 + 2**20)])
def test_pages_beyond_two_and_four_gigabytes(tmp_path, big, at):
    lines = "\n".join(f"scanimage.{name} = {matlab(value)}" for name, value in STATE.items())
    frames = recorded()
    texts = [f"frameNumbers = {number // 2 + 1}\n{lines}\n" for number in range(2 * len(frames))]
    pages = frames.reshape(-1, 4, 5)
    path = write_far(tmp_path / "m.tif", pages[:30], texts[:30], big=big, at=at)
    movie = open_movie(path, channel=1)
    np.testing.assert_array_equal(movie.read(0, 99), VALUES[:3, :, 1])
    assert movie.rate == 6.0
