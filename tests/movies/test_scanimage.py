"""ScanImage: every page goes to the volume and plane at which it was recorded, or it is said why not."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from files import matlab, write_scanimage
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.errors import InputError
from cnmf3d.movies.formats.scanimage_frames import (
    Header,
    Numbers,
    counted_by_stamps,
    header_of,
    numbers_of,
)
from cnmf3d.movies.formats.scanimage_legacy import Legacy, legacy_state
from cnmf3d.movies.formats.scanimage_placing import place_frames
from cnmf3d.movies.formats.scanimage_settings import Volume

VOLUMES, SLICES = 12, 3
VALUES = np.zeros((VOLUMES, SLICES, 6, 7), np.int16)
VALUES += (100 * np.arange(VOLUMES)[:, None, None, None] + np.arange(SLICES)[:, None, None]).astype(np.int16)
STATE = {
    "SI.hChannels.channelSave": 1,
    "SI.hStackManager.enable": True,
    "SI.hStackManager.numSlices": SLICES,
    "SI.hStackManager.framesPerSlice": 1,
    "SI.hStackManager.numFramesPerVolume": SLICES,
    "SI.hStackManager.numFramesPerVolumeWithFlyback": SLICES,
    "SI.hStackManager.stackZStepSize": 15,
    "SI.hRoiManager.scanFrameRate": 30.0,
    "SI.hRoiManager.scanVolumeRate": 10.0,
    "SI.hScan2D.logAverageFactor": 1,
    "SI.hRoiManager.imagingFovUm": [[0, 0], [14, 0], [14, 12], [0, 12]],
}


def frames(flyback=0):
    """Pages of the movie, in the order of the scan; flyback is -1."""
    out = np.full((VOLUMES, SLICES + flyback, 6, 7), -1, np.int16)
    out[:, :SLICES] = VALUES
    return out.reshape(-1, 6, 7)


def write(path, pages, state=STATE, **more):
    """A file, and its path."""
    write_scanimage(path, pages, state, **more)
    return path


def said(movie):
    """All cautions."""
    return " ".join(movie.warnings)


@pytest.mark.parametrize("flyback", [0, 2])
@pytest.mark.parametrize("channels", [1, 2])
def test_frames_that_were_dropped_do_not_shift_planes(tmp_path, flyback, channels):
    pages, length = frames(flyback), SLICES + flyback
    state = STATE | {"SI.hStackManager.numFramesPerVolumeWithFlyback": length}
    state |= {"SI.hChannels.channelSave": list(range(1, channels + 1))}
    dropped = [2 * length + 1, 7 * length, 7 * length + 1]
    kept = np.array([i for i in range(len(pages)) if i not in dropped])
    both = np.stack([pages[kept] + 1000 * c for c in range(channels)], axis=1).reshape(-1, 6, 7)
    movie = open_movie(write(tmp_path / "m.tif", both, state, numbers=kept + 1), channel=channels - 1)
    left = [v for v in range(VOLUMES) if v not in (2, 7)]
    assert np.array_equal(movie.read(0, 99), VALUES[left] + 1000 * (channels - 1))
    assert "dropped" in said(movie) and "2, 7" in said(movie)


def write_stamped(path, pages, kept, state=STATE, start=0):
    """A file whose frames have time stamps and no numbers."""
    stamps = dict(enumerate((np.asarray(kept) / 29.97).round(6).tolist(), start + 1))
    write(path, pages, state, first_frame=start + 1, headers=lambda frame: f"frameTimestamps_sec = {stamps[frame]}")
    path.write_bytes(path.read_bytes().replace(b"frameNumbers", b"frameLetters"))
    return path


@pytest.mark.parametrize("dropped", ["leave out", "nan"])
def test_frames_without_numbers_are_placed_by_their_time_stamps(tmp_path, dropped):
    pages = frames(2)
    state = STATE | {"SI.hStackManager.numFramesPerVolumeWithFlyback": SLICES + 2}
    gone = [2 * 5 + 1, *range(7 * 5, 8 * 5)]  # a plane, and a whole volume
    kept = np.array([i for i in range(len(pages)) if i not in gone])
    movie = open_movie(write_stamped(tmp_path / "m.tif", pages[kept], kept, state), dropped=dropped)
    assert "counted by their time stamps" in said(movie) and "2" in said(movie)
    if dropped == "nan":
        wanted = VALUES.astype(np.float32)
        wanted[2, 1], wanted[7] = np.nan, np.nan
        np.testing.assert_array_equal(movie.read(0, 99), wanted)
    else:
        left = [v for v in range(VOLUMES) if v not in (2, 7)]
        np.testing.assert_array_equal(movie.read(0, 99), VALUES[left])
        np.testing.assert_allclose(movie.seconds, np.array(left) / movie.rate, atol=1e-9)


def test_files_without_numbers_are_cut_anywhere_and_lack_frames_between_them(tmp_path):
    pages, kept = frames(), np.array([i for i in range(VOLUMES * SLICES) if i not in (10, 22, 23)])
    for number, start in enumerate(range(0, len(kept), 10), 1):
        part = kept[start : start + 10]
        write_stamped(tmp_path / f"m_{number:05d}.tif", pages[part], part, start=start)
    movie = open_movie(tmp_path)
    left = [v for v in range(VOLUMES) if v not in (3, 7)]
    np.testing.assert_array_equal(movie.read(0, 99), VALUES[left])


@given(
    gone=st.sets(st.integers(1, 1990)), jitter=st.floats(0, 0.2), drift=st.floats(-2e-4, 2e-4), first=st.floats(0, 1e4)
)
def test_frames_counted_by_stamps_against_numpy(gone, jitter, drift, first):
    kept = np.array([i for i in range(2000) if i not in gone or i < 40])
    noise = np.random.default_rng(len(gone)).uniform(-jitter, jitter, len(kept))
    stamps = first + (kept * (1 + drift * (kept > 40)) + noise) / 30
    found = counted_by_stamps(lambda i: float(stamps[i]), len(kept))
    assert found is not None and np.array_equal(found[0], kept) and found[1] == pytest.approx(1 / 30, rel=0.25)


@pytest.mark.parametrize("stamps", [[0, None, 2, 3], [0, 1, 2, 1, 2, 3], [0, 0, 0, 0], [0, 1]])
def test_stamps_that_do_not_rise_number_nothing(stamps):
    assert counted_by_stamps(lambda i: stamps[i], len(stamps)) is None


def test_a_dropped_flyback_frame_costs_no_volume(tmp_path):
    state = STATE | {"SI.hStackManager.numFramesPerVolumeWithFlyback": SLICES + 1}
    kept = np.array([i for i in range(4 * VOLUMES) if i != 7])
    movie = open_movie(write(tmp_path / "m.tif", frames(1)[kept], state, numbers=kept + 1))
    assert np.array_equal(movie.read(0, 99), VALUES) and "dropped" not in said(movie)


def test_files_cut_within_volumes(tmp_path):
    pages = frames()
    for number, start in enumerate(range(0, len(pages), 10), 1):
        write(tmp_path / f"m_{number:05d}.tif", pages[start : start + 10], first_frame=start + 1)
    movie = open_movie(tmp_path)
    assert np.array_equal(movie.read(0, VOLUMES), VALUES)
    assert np.array_equal(movie.read(1, 11, 4), VALUES[1:11:4])
    assert np.array_equal(movie.frames.read_rows(3, 1, slice(2, 4)), VALUES[3, 1, 2:4])
    assert movie.rate == 10 and not said(movie)


def test_files_cut_between_the_channels_of_a_frame_are_named(tmp_path):
    state = STATE | {"SI.hChannels.channelSave": [1, 2]}
    pages = np.repeat(frames(), 2, axis=0)
    write(tmp_path / "m_1.tif", pages[:11], state)
    write(tmp_path / "m_2.tif", pages[11:], state, first_frame=7)
    with pytest.raises(InputError, match=r"m_1\.tif has 11 pages, no multiple of its 2 channels"):
        open_movie(tmp_path, channel=0)


def test_a_page_of_a_channel_that_is_missing(tmp_path):
    state = STATE | {"SI.hChannels.channelSave": [1, 2]}
    whole = write(tmp_path / "m.tif", np.repeat(frames(), 2, axis=0)[:-1], state).read_bytes()
    assert open_movie(tmp_path / "m.tif", channel=1).shape[0] == VOLUMES - 1
    fourth = int(np.frombuffer(whole[8:16], "<u8")[0])
    for _ in range(3):
        following = fourth + 8 + 12 * 20
        before, fourth = following, int(np.frombuffer(whole[following : following + 8], "<u8")[0])
    after = whole[fourth + 8 + 12 * 20 :][:8]
    (tmp_path / "n.tif").write_bytes(whole[:before] + after + whole[before + 8 :])
    with pytest.raises(InputError, match="do not take turns"):
        open_movie(tmp_path / "n.tif", channel=1)


def test_a_missing_file_is_said(tmp_path):
    pages = frames()
    for number in (0, 2):
        span = slice(number * 12, number * 12 + 12)
        write(tmp_path / f"m_{number}.tif", pages[span], first_frame=number * 12 + 1)
    movie = open_movie(tmp_path)
    assert np.array_equal(movie.read(0, 99), VALUES[[0, 1, 2, 3, 8, 9, 10, 11]])
    assert "volumes are missing: 4 (4–7" in said(movie)


def test_a_recording_that_begins_within_a_volume(tmp_path):
    movie = open_movie(write(tmp_path / "m.tif", frames()[4:], first_frame=5))
    assert np.array_equal(movie.read(0, 99), VALUES[2:])
    assert "begins within a volume" in said(movie) and "volumes are missing: 1 (0," in said(movie)


def test_files_in_a_wrong_order_are_put_in_order(tmp_path):
    one = write(tmp_path / "b.tif", frames()[:13])
    other = write(tmp_path / "a.tif", frames()[13:], first_frame=14)
    movie = open_movie([other, one])
    assert np.array_equal(movie.read(0, 99), VALUES)
    assert movie.paths == (str(one), str(other))


def test_a_file_that_is_given_twice(tmp_path):
    files = [write(tmp_path / name, frames()[:12]) for name in ("a.tif", "c.tif")]
    with pytest.raises(InputError, match="same recording") as error:
        open_movie(files)
    assert "order of time" in error.value.fix


def test_recordings_of_their_own_are_said(tmp_path):
    write(tmp_path / "m_1.tif", frames()[:13])
    again = "epoch = [2026 1 31 15 0 0]"
    write(tmp_path / "m_2.tif", frames()[15:], headers=lambda _: again)
    movie = open_movie(tmp_path)
    assert np.array_equal(movie.read(0, 99), VALUES[[0, 1, 2, 3, *range(5, 12)]])
    assert "several acquisitions" in said(movie) and "begin again 1 times (at volume 4," in said(movie)


def test_acquisitions_that_end_within_a_volume(tmp_path):
    pages = np.delete(frames(), [7, 8], axis=0)

    def header(number):
        acquisition, within = (1, number) if number <= 7 else (2, number - 7)
        return f"acquisitionNumbers = {acquisition}\nframeNumberAcquisition = {within}"

    movie = open_movie(write(tmp_path / "m.tif", pages, headers=header))
    assert np.array_equal(movie.read(0, 99), np.delete(VALUES, 2, axis=0))
    assert "several acquisitions" in said(movie)


def test_files_of_different_settings(tmp_path):
    write(tmp_path / "m_1.tif", frames()[:12])
    write(tmp_path / "m_2.tif", frames()[12:], STATE | {"SI.hRoiManager.scanFrameRate": 15}, first_frame=13)
    with pytest.raises(InputError, match=r"different settings \(the rate\)"):
        open_movie(tmp_path)
    tifffile.imwrite(tmp_path / "m_2.tif", frames()[12:], photometric="minisblack", metadata=None)
    with pytest.raises(InputError, match=r"m_2\.tif is not a file of ScanImage"):
        open_movie(tmp_path)


@pytest.mark.parametrize("rise", [1, 4])
def test_frames_averaged_before_they_are_saved(tmp_path, rise):
    state = STATE | {
        "SI.hStackManager.framesPerSlice": 4,
        "SI.hScan2D.logAverageFactor": 4,
        "SI.hStackManager.numFramesPerVolume": 4 * SLICES,
        "SI.hStackManager.numFramesPerVolumeWithFlyback": 4 * SLICES,
        "SI.hRoiManager.scanVolumeRate": 2.5,
    }
    kept = [i for i in range(36) if i != 16]
    movie = open_movie(write(tmp_path / "m.tif", frames()[kept], state, numbers=[1 + rise * i for i in kept]))
    assert movie.rate == 2.5
    assert np.array_equal(movie.read(0, 99), np.delete(VALUES, 5, axis=0))


def test_averages_that_mix_planes_are_refused(tmp_path):
    state = STATE | {"SI.hScan2D.logAverageFactor": 4}
    with pytest.raises(InputError, match="averages 4 frames into one"):
        open_movie(write(tmp_path / "m.tif", frames(), state))
    with pytest.raises(InputError, match="numFramesPerVolume"):
        open_movie(write(tmp_path / "n.tif", frames(), STATE | {"SI.hStackManager.numFramesPerVolume": 7}))


def test_frames_of_a_slice_that_are_a_leftover(tmp_path):
    movie = open_movie(write(tmp_path / "m.tif", frames(), STATE | {"SI.hStackManager.framesPerSlice": 50}))
    assert np.array_equal(movie.read(0, 99), VALUES)
    old = {name: value for name, value in STATE.items() if "PerVolume" not in name}
    old |= {"SI.hFastZ.enable": True, "SI.hFastZ.numFramesPerVolume": 5, "SI.hStackManager.framesPerSlice": 50}
    movie = open_movie(write(tmp_path / "n.tif", frames(2), old))
    assert np.array_equal(movie.read(0, 99), VALUES)


@pytest.mark.parametrize("channels", [1, 2])
def test_several_frames_at_each_plane(tmp_path, channels):
    state = STATE | {"SI.hStackManager.framesPerSlice": 2, "SI.hStackManager.numFramesPerVolume": 2 * SLICES}
    state |= {
        "SI.hStackManager.numFramesPerVolumeWithFlyback": 2 * SLICES,
        "SI.hChannels.channelSave": [1, 2][:channels],
    }
    twice = np.stack([VALUES, VALUES + 1], axis=2)
    pages = np.stack([twice + 4000 * c for c in range(channels)], axis=3).reshape(-1, 6, 7)
    movie = open_movie(write(tmp_path / "m.tif", pages, state), channel=channels - 1)
    mean = (VALUES + 0.5 + 4000 * (channels - 1)).astype(np.float32)
    assert movie.dtype == np.float32 and np.array_equal(movie.read(0, 99), mean)
    assert np.array_equal(movie.read(1, 9, 3), mean[1:9:3])
    assert np.array_equal(movie.frames.read_rows(3, 1, slice(2, 5)), mean[3, 1, 2:5])
    assert "was recorded 2 times; the mean is read" in said(movie)
    one = open_movie(write(tmp_path / "n.tif", pages[: 6 * channels], state), channel=0)
    assert np.array_equal(one.read(0, 9), twice[0].swapaxes(0, 1)) and "one after the other" in said(one)


def test_flyback_that_was_not_saved(tmp_path):
    state = STATE | {
        "SI.hStackManager.numFramesPerVolumeWithFlyback": SLICES + 2,
        "SI.hStackManager.actualNumVolumes": VOLUMES,
    }
    movie = open_movie(write(tmp_path / "m.tif", frames(), state))
    assert np.array_equal(movie.read(0, 99), VALUES)
    numbers = [5 * (i // 3) + i % 3 + 1 for i in range(36)]
    movie = open_movie(write(tmp_path / "n.tif", frames(), state, numbers=numbers))
    assert np.array_equal(movie.read(0, 99), VALUES)


@pytest.mark.parametrize(
    ("positions", "step"), [([10, 25, 40], 15), ([40, 25, 10], 15), ([0, 15.02, 30], 15), ([0, 10, 50], None)]
)
def test_distance_of_planes_is_that_of_their_positions(tmp_path, positions, step):
    state = STATE | {"SI.hStackManager.zs": positions, "SI.hStackManager.stackZStepSize": 1}
    movie = open_movie(write(tmp_path / "m.tif", frames(), state))
    if step is None:
        assert movie.voxel_size is None and "not evenly spaced (z = 0, 10, 50 µm)" in said(movie)
    else:
        assert movie.voxel_size == pytest.approx((step, 2, 2))


def test_leftovers_of_a_stack_that_is_off(tmp_path):
    off = STATE | {"SI.hStackManager.enable": False, "SI.hChannels.channelSave": [1, 2, 3]}
    off |= {"SI.hRoiManager.scanVolumeRate": 30}
    path = write(tmp_path / "m.tif", frames(), off)
    movie = open_movie(path, axes="tzyx")
    assert np.array_equal(movie.read(0, 99), VALUES)
    assert movie.rate == 30 and movie.voxel_size is None and "no distance of planes" in said(movie)
    with pytest.raises(InputError, match="3 channels") as error:
        open_movie(path)
    assert 'plane_order="0,1,2,..."' in error.value.fix


def test_stacks_of_versions_that_cannot_switch_them_off(tmp_path):
    old = {name: value for name, value in STATE.items() if "enable" not in name and "PerVolume" not in name}
    movie = open_movie(write(tmp_path / "m.tif", frames(), old | {"SI.hStackManager.zs": [0, 20, 40]}))
    assert np.array_equal(movie.read(0, 99), VALUES) and movie.voxel_size == pytest.approx((20, 2, 2))
    movie = open_movie(write(tmp_path / "n.tif", frames(), old | {"SI.hStackManager.zs": 0}))
    assert movie.shape == (36, 1, 6, 7)


REGIONS = [
    {"scanfields": {"pixelResolutionXY": [7, 2], "sizeXY": [1.4, 0.2]}},
    {"scanfields": [{"pixelResolutionXY": [7, 3], "sizeXY": [0.7, 0.9]}] * 2},
]
MROI = STATE | {"SI.hRoiManager.mroiEnable": True, "SI.objectiveResolution": 15}


def test_regions_one_below_the_other(tmp_path):
    pages = frames() + np.arange(6, dtype=np.int16)[:, None] * 7
    path = write(tmp_path / "m.tif", pages, MROI, regions={"imagingRoiGroup": {"rois": REGIONS}})
    movie = open_movie(path)
    assert movie.shape[2:] == (6, 7) and movie.voxel_size is None
    assert "2 regions" in said(movie) and "rows 0–1, 3–5" in said(movie)
    for number, rows, size in ((0, slice(0, 2), (15, 1.5, 3)), (1, slice(3, 6), (15, 4.5, 1.5))):
        wanted = (VALUES + np.arange(6, dtype=np.int16)[:, None] * 7)[:, :, rows]
        movie = open_movie(path, dataset=str(number))
        assert np.array_equal(movie.read(0, 99), wanted) and not said(movie)
        assert np.array_equal(movie.frames.read_rows(2, 1, slice(1, 2)), wanted[2, 1, 1:2])
        assert movie.voxel_size == pytest.approx(size)
    with pytest.raises(InputError, match="no region '2'"):
        open_movie(path, dataset="2")


def test_regions_of_several_files(tmp_path):
    for number, start in enumerate(range(0, 36, 10)):
        groups = {"imagingRoiGroup": {"rois": REGIONS}}
        write(tmp_path / f"m{number}.tif", frames()[start : start + 10], MROI, first_frame=start + 1, regions=groups)
    assert np.array_equal(open_movie(tmp_path, dataset="1").read(0, 99), VALUES[:, :, 3:])


@pytest.mark.parametrize(
    "rois",
    [
        [{"scanfields": {}}] * 2,
        [{"scanfields": {"pixelResolutionXY": [7, 4]}}] * 2,
        [REGIONS[0], {**REGIONS[1], "discretePlaneMode": 1}],
        [{"scanfields": {"pixelResolutionXY": [7, 2]}}, {"scanfields": {"pixelResolutionXY": [7, 1]}}, REGIONS[0]],
    ],
)
def test_regions_whose_rows_are_not_known(tmp_path, rois):
    path = write(tmp_path / "m.tif", frames(), MROI, regions={"imagingRoiGroup": {"rois": rois}})
    movie = open_movie(path)
    assert f"{len(rois)} regions" in said(movie) and "Export each region" in said(movie)
    with pytest.raises(InputError, match="no image series"):
        open_movie(path, dataset="1")


def test_one_region_is_the_whole_page(tmp_path):
    one = {"scanfields": {"pixelResolutionXY": [7, 6], "sizeXY": [1.4, 0.6]}}
    path = write(tmp_path / "m.tif", frames(), MROI, regions={"imagingRoiGroup": {"rois": one}})
    movie = open_movie(path)
    assert not said(movie) and movie.voxel_size == pytest.approx((15, 1.5, 3))


def test_a_rate_that_the_time_stamps_contradict(tmp_path):
    def stamps(number):
        return f"frameTimestamps_sec = {number / 15:.9f}"

    movie = open_movie(write(tmp_path / "m.tif", frames(), headers=stamps))
    assert movie.rate == 10 and "10 volumes a second, the time stamps of its frames 5" in said(movie)
    slow = STATE | {"SI.hStackManager.stackMode": "slow"}
    movie = open_movie(write(tmp_path / "n.tif", frames(), slow, headers=stamps))
    assert movie.rate == pytest.approx(5) and "time stamps" in said(movie)


def test_a_recording_that_should_go_on(tmp_path):
    state = STATE | {"SI.hStackManager.actualNumVolumes": 40}
    movie = open_movie(write(tmp_path / "m.tif", frames(), state, headers=lambda _: "endOfAcquisition = 0"))
    assert "ask for 40 volumes, it ends with number 12" in said(movie)
    movie = open_movie(write(tmp_path / "n.tif", frames(), state, headers=lambda n: f"endOfAcquisition = {n // 36}"))
    assert not said(movie)


def test_pages_without_numbers_are_taken_in_their_order_and_said(tmp_path):
    whole = write(tmp_path / "m.tif", frames()).read_bytes()
    (tmp_path / "m.tif").write_bytes(whole.replace(b"frameNumbers", b"frameNumerus"))
    movie = open_movie(tmp_path / "m.tif")
    assert np.array_equal(movie.read(0, 99), VALUES) and "no frame numbers" in said(movie)


def test_early_versions_keep_channels_apart(tmp_path):
    acquired = ("savingChannel1=1", "savingChannel2=1", "numberOfZSlices=3", "frameRate=4")
    text = "".join(f"state.acq.{line}\r" for line in acquired)
    both = np.stack([frames(), frames() + 1000], axis=1).reshape(-1, 6, 7)
    with tifffile.TiffWriter(tmp_path / "m.tif", bigtiff=True) as file:
        for page in both:
            file.write(page, photometric="minisblack", description=text, metadata=None, contiguous=False)
    movie = open_movie(tmp_path / "m.tif", channel=1, planes=3)
    assert np.array_equal(movie.read(0, 99), VALUES + 1000)
    assert "stack of 3 planes" in said(movie)
    with pytest.raises(InputError, match="2 channels"):
        open_movie(tmp_path / "m.tif", planes=3)


def test_headers_of_pages():
    text = "frameNumbers = 12\nacquisitionNumbers = 2\nframeNumberAcquisition = 3\nframeTimestamps_sec = 0.5\n"
    assert header_of(text + "epoch = [2026 1 2]\nendOfAcquisition = 1") == Header(12, 2, 3, 0.5, "2026 1 2", True)
    assert header_of("nothing") == Header(None)
    assert header_of("frameNumbers = 4\nframeTimestamps_sec = -1") == Header(4, 0, 4)


@given(
    kept=st.lists(st.booleans(), min_size=1, max_size=80).filter(any),
    slices=st.integers(1, 5),
    flyback=st.integers(0, 2),
    start=st.integers(0, 9),
)
def test_frames_are_placed_by_their_numbers_alone(kept, slices, flyback, start):
    volume = Volume(slices, 1, flyback)
    true = start + np.flatnonzero(kept)
    looked = []

    def header(frame):
        looked.append(frame)
        return Header(int(true[frame]) + 1, 0, int(true[frame]) + 1)

    numbers = numbers_of(header, len(true), volume)
    assert numbers is not None and np.array_equal(numbers.frame, true)
    assert len(true) < 3 or not np.all(np.diff(true) == 1) or len(looked) <= 4
    placed = place_frames(numbers, volume).frames
    for row in placed:
        assert np.array_equal(true[row] % volume.frames, np.arange(slices))
        assert len(set(true[row] // volume.frames)) == 1
    whole = [v for v in range(99) if all(v * volume.frames + s in true for s in range(slices))]
    assert [int(v) for v in true[placed[:, 0]] // volume.frames] == whole


def test_numbers_of_two_acquisitions():
    numbers = Numbers(np.array([1, 1, 1, 2, 2, 2]), np.array([0, 1, 2, 0, 1, 2]))
    placement = place_frames(numbers, Volume(2))
    assert placement.frames.tolist() == [[0, 1], [3, 4]]
    assert "(at volume 1, counted from 0)" in " ".join(placement.lost)


def test_settings_in_descriptions(tmp_path):
    state = STATE | {"SI.hStackManager.numFramesPerVolumeWithFlyback": 4, "SI.hStackManager.stackMode": "'fast'"}
    lines = [f"scanimage.{name} = {matlab(value)}" for name, value in state.items()] + ["scanimage.SI.hBeams = {]"]
    with tifffile.TiffWriter(tmp_path / "m.tif", bigtiff=True) as file:
        for number, page in enumerate(frames(1)):
            if number != 9:
                text = "\n".join([f"frameNumbers = {number + 1}", *lines])
                file.write(page, photometric="minisblack", description=text, metadata=None, contiguous=False)
    movie = open_movie(tmp_path / "m.tif")
    assert np.array_equal(movie.read(0, 99), np.delete(VALUES, 2, axis=0))
    assert movie.rate == 10 and movie.voxel_size == pytest.approx((15, 2, 2)) and "dropped" in said(movie)


@pytest.mark.parametrize(
    ("text", "legacy"),
    [
        ("state.acq.savingChannel1=0\rstate.acq.savingChannel2=1\rstate.acq.frameRate=4\r", Legacy(1, 1, 4)),
        ("state.acq.savingChannel1=1\rstate.acq.numAvgFramesSave=2\rstate.acq.frameRate=4\r", Legacy(1, 1, 2)),
        ("scanimage.SI4.channelsSave = [1;2]\nscanimage.SI4.scanFramePeriod = 0.05", Legacy(2, 1, 20)),
        ("scanimage.SI4.channelsSave = 1\nscanimage.SI4.stackNumSlices = 7", Legacy(1, 7, None)),
        ("scanimage.SI5.channelsSave = [1;4]\nscanimage.SI5.fastZEnable = true", Legacy(2, 1, None)),
        ("a movie", None),
    ],
)
def test_settings_of_early_versions(text, legacy):
    assert legacy_state(text) == legacy
