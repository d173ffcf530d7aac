"""When planes, volumes and segments were taken: as files say, as it is given, and never guessed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tifffile
import vendor_files
from files import write_nwb, write_scanimage
from test_scanimage import SLICES, STATE, VALUES, VOLUMES, frames
from zeiss_files import write_zeiss

from cnmf3d import open_movie
from cnmf3d.errors import InputError, UsageError
from cnmf3d.movies.cropped import cropped
from cnmf3d.movies.formats.vendors import bruker, leica, nikon
from cnmf3d.movies.stored import Place
from cnmf3d.movies.timing import BEGAN, began, plane_times

PERIOD = 1 / 30


@pytest.fixture
def values():
    """(T, Z, Y, X), every value its own place."""
    return np.arange(6 * 3 * 4 * 5, dtype=np.uint16).reshape(6, 3, 4, 5)


def test_planes_are_taken_at_once_where_nobody_says_otherwise(tmp_path, values):
    tifffile.imwrite(tmp_path / "m.tif", values, imagej=True, metadata={"axes": "TZYX", "finterval": 0.2})
    movie = open_movie(tmp_path / "m.tif")
    assert not movie.plane_times.any() and movie.timeline.planes == () and movie.timeline.source == ""
    np.testing.assert_allclose(movie.seconds, np.arange(6) / 5)


@pytest.mark.parametrize("flyback", [0, 1])
def test_scanimage_has_planes_in_the_order_of_the_scan_or_by_their_stamps(tmp_path, flyback):
    state = STATE | {"SI.hStackManager.numFramesPerVolumeWithFlyback": SLICES + flyback}
    write_scanimage(tmp_path / "m.tif", frames(flyback), state)
    movie = open_movie(tmp_path / "m.tif")
    np.testing.assert_allclose(movie.plane_times, np.arange(SLICES) * PERIOD)
    late = [0.0, 0.05, 0.06]  # planes whose times aren't even

    def stamp(number):
        volume, plane = divmod(number - 1, SLICES + flyback)
        return f"frameTimestamps_sec = {volume / 10 + [*late, 0.09][plane]:.9f}"

    write_scanimage(tmp_path / "n.tif", frames(flyback), state, headers=stamp)
    np.testing.assert_allclose(open_movie(tmp_path / "n.tif").plane_times, late, atol=1e-6)


def test_volumes_that_scanimage_did_not_save_are_gaps_in_time(tmp_path):
    kept = np.array([n for n in range(VOLUMES * SLICES) if n // SLICES not in (4, 5)])
    write_scanimage(tmp_path / "m.tif", frames()[kept], STATE, numbers=kept + 1)
    movie = open_movie(tmp_path / "m.tif")
    assert np.array_equal(movie.read(0, 99), np.delete(VALUES, [4, 5], axis=0))
    np.testing.assert_allclose(movie.seconds, np.delete(np.arange(VOLUMES), [4, 5]) / 10)
    assert movie.timeline.gaps() == (4,) == movie.timeline.breaks()


def test_acquisitions_of_a_recording_are_segments_at_their_own_times(tmp_path):
    def header(number):
        acquisition, within = divmod(number - 1, 6 * SLICES)
        stamp = acquisition * 20 + within / SLICES / 10
        return (
            f"acquisitionNumbers = {acquisition + 1}\nframeNumberAcquisition = {within + 1}\n"
            f"frameTimestamps_sec = {stamp:.6f}"
        )

    write_scanimage(tmp_path / "m.tif", frames(), STATE, headers=header)
    movie = open_movie(tmp_path / "m.tif")
    assert [(s.name, s.start) for s in movie.timeline.segments] == [("acquisition 1", 0), ("acquisition 2", 6)]
    np.testing.assert_allclose(movie.seconds[[5, 6, 7]], [0.5, 20, 20.1])


def test_bruker_and_thorlabs_and_scanbox(tmp_path):
    shape = (6, 3, 2, 5, 7)
    values = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    step = {"bruker": vendor_files.PERIOD, "thor": 1 / 60, "scanbox": 5 / 8000}
    for name, seconds in step.items():
        (tmp_path / name).mkdir()
        movie = open_movie(vendor_files.WRITERS[name](tmp_path / name, values), channel=0)
        np.testing.assert_allclose(movie.plane_times, np.arange(3) * seconds, atol=1e-9, err_msg=name)
    (tmp_path / "back").mkdir()
    both = open_movie(vendor_files.write_bruker(tmp_path / "back", values, both_ways=True), channel=0)
    assert not both.plane_times.any()  # a plane's time is not the same in each volume
    (tmp_path / "fly").mkdir()
    fly = open_movie(vendor_files.write_thor(tmp_path / "fly", values, flyback=2), channel=0)
    np.testing.assert_allclose(fly.plane_times, np.arange(3) / 60)


def test_ome_tiff_has_planes_and_gaps_by_its_stamps(tmp_path, values):
    starts = [0, 0.5, 1.0, 2.5, 3.0, 3.5]
    times = [t + 0.1 * z for t in starts for z in range(3)]
    labels = {"axes": "TZYX", "Plane": {"DeltaT": times}}
    tifffile.imwrite(tmp_path / "m.ome.tif", values, ome=True, metadata=labels)
    movie = open_movie(tmp_path / "m.ome.tif")
    np.testing.assert_allclose(movie.plane_times, [0, 0.1, 0.2], atol=1e-6)
    np.testing.assert_allclose(movie.seconds, starts, atol=1e-6)
    assert movie.timeline.breaks() == (3,)
    other = open_movie(tmp_path / "m.ome.tif", rate=20)  # then its stamps are wrong
    np.testing.assert_allclose(other.seconds, np.arange(6) / 20)
    part = cropped(movie, (2, 6), (1, 3), (0, 4), (0, 5))
    np.testing.assert_allclose(part.seconds, [0, 1.5, 2, 2.5], atol=1e-6)
    np.testing.assert_allclose(part.plane_times, [0.1, 0.2], atol=1e-6)


def test_times_that_are_given_win(tmp_path, values):
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, values, imagej=True, metadata={"axes": "TZYX"})
    np.testing.assert_allclose(open_movie(path, rate=2, plane_times=0.1).plane_times, [0, 0.1, 0.2])
    np.testing.assert_allclose(open_movie(path, rate=2, plane_times="0.2,0.1,0").plane_times, [0.2, 0.1, 0])
    sidecar = {"origin": "a", "fps": 2, "date": "20260131_142500", "plane_times": [0, 0.05, 0.1]}
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    assert open_movie(path).plane_times.tolist() == [0, 0.05, 0.1]
    assert not open_movie(path, plane_times="none").plane_times.any()
    with pytest.raises(UsageError, match="2 times, but the movie 3 planes"):
        open_movie(path, plane_times=[0, 0.1])
    with pytest.raises(UsageError, match="plane_times is 'soon'"):
        open_movie(path, plane_times="soon")
    assert "span 1 s, but a volume lasts 0.5 s" in " ".join(open_movie(path, plane_times=0.5).warnings)
    for wrong in ("x", [[0], [0.1, 0.2]]):
        path.with_suffix(".json").write_text(json.dumps(sidecar | {"plane_times": wrong}))
        with pytest.raises(InputError, match="plane_times"):
            open_movie(path)


def test_a_sidecar_has_the_last_word_on_times_of_planes(tmp_path):
    path = tmp_path / "m.tif"
    write_scanimage(path, frames(), STATE)
    sidecar = {"origin": "a", "fps": 10, "date": "20260131_142500"}
    path.with_suffix(".json").write_text(json.dumps(sidecar | {"plane_times": "none"}))
    assert not open_movie(path).plane_times.any()
    path.with_suffix(".json").write_text(json.dumps(sidecar | {"plane_times": [0, 0.01]}))
    movie = open_movie(path)
    np.testing.assert_allclose(movie.plane_times, np.arange(SLICES) * PERIOD)
    assert f"has times of 2 planes, and the movie {SLICES}" in " ".join(movie.warnings)


def test_files_are_segments_where_each_holds_several_volumes(tmp_path, values):
    long = np.concatenate([values] * (1 + 50 // len(values)))[:50]
    for n, part in enumerate((long[:20], long[20:])):
        tifffile.imwrite(tmp_path / f"trial_{n}.tif", part, imagej=True, metadata={"axes": "TZYX", "finterval": 0.2})
    movie = open_movie(tmp_path)
    assert [(s.name, s.start) for s in movie.timeline.segments] == [("trial_0.tif", 0), ("trial_1.tif", 20)]
    assert "segments" not in movie.metadata
    for n, part in enumerate((long[:5], long[5:10], long[10:15])):  # pieces of a stream
        tifffile.imwrite(tmp_path / f"piece_{n}.tif", part, imagej=True, metadata={"axes": "TZYX", "finterval": 0.2})
    assert open_movie(str(tmp_path / "piece_*.tif")).timeline.segments == ()
    for n, volume in enumerate(values):
        tifffile.imwrite(tmp_path / f"v{n}.tif", volume, imagej=True, metadata={"axes": "ZYX"})
    assert open_movie(str(tmp_path / "v*.tif"), rate=5).timeline.segments == ()


@pytest.mark.parametrize(
    ("second", "seconds"), [("2026-01-31T14:26:10", 70.0), ("2026-01-31T14:25:05", 4.0), ("2026-01-31T14:25:00", 4.0)]
)
def test_files_lie_as_far_apart_as_their_dates(tmp_path, values, second, seconds):
    long = np.concatenate([values] * (1 + 40 // len(values)))[:40]
    for n, date in enumerate(("2026-01-31T14:25:00", second)):
        text = {"axes": "TZYX", "TimeIncrement": 0.2, "TimeIncrementUnit": "s", "AcquisitionDate": date}
        tifffile.imwrite(tmp_path / f"m_{n}.ome.tif", long[20 * n : 20 * n + 20], metadata=text)
    movie = open_movie([tmp_path / "m_0.ome.tif", tmp_path / "m_1.ome.tif"])
    np.testing.assert_array_equal(movie.read(0, 40), long)
    np.testing.assert_allclose(movie.seconds[[0, 19, 20, 39]], [0, 3.8, seconds, seconds + 3.8])
    assert movie.timeline.starts == (20,) and movie.timeline.gaps() == ((20,) if seconds > 4 else ())


def test_recordings_of_scanimage_lie_as_far_apart_as_they_began(tmp_path):
    for n, (minute, second) in enumerate(((25, 0.5), (27, 1.25))):
        stamp = f"epoch = [2026 1 31 14 {minute} {second}]\nframeTimestamps_sec = "
        headers = lambda frame, stamp=stamp: f"{stamp}{(frame - 1) / 30:.6f}"  # noqa: E731
        write_scanimage(tmp_path / f"m_{n}.tif", frames(), STATE, headers=headers)
    movie = open_movie(tmp_path)
    assert movie.timeline.starts == (VOLUMES,)
    np.testing.assert_allclose(movie.seconds[[VOLUMES - 1, VOLUMES, VOLUMES + 1]], [1.1, 120.75, 120.85])


def dated(kind, folder, volumes, moment):
    """A file of a maker's program that began at a moment, opened by what this returns."""
    folder.mkdir()
    match kind:
        case "bruker":
            clock = f"{moment:%H:%M:%S}.{moment.microsecond:06d}7"
            return vendor_files.write_bruker(folder, volumes, date=(f"{moment:%m/%d/%Y %I:%M:%S %p}", clock))
        case "thor":
            path = vendor_files.write_thor(folder, volumes)
            path.write_text(path.read_text().replace("<Date ", f'<Date uTime="{moment.timestamp():.0f}" '))
            return path
        case "femtonics":
            path = vendor_files.write_femtonics(folder, volumes)
            with h5py.File(path, "a") as file:
                about = file["MSession_0/MUnit_0"].attrs
                about["MeasurementDatePosix"] = np.uint64(moment.timestamp())
                about["MeasurementDateNanoSecs"] = np.uint32(1000 * moment.microsecond)
            return path
        case "imaris":
            path = vendor_files.write_imaris(folder, volumes)
            with h5py.File(path, "a") as file:
                for t in range(len(volumes)):
                    stamp = (moment + timedelta(seconds=0.2 * t)).isoformat(sep=" ", timespec="microseconds")[:26]
                    file["DataSetInfo/TimeInfo"].attrs[f"TimePoint{t + 1}"] = np.frombuffer(stamp.encode(), "S1")
            return path
        case "leica":
            since = moment - datetime(1601, 1, 1)
            return vendor_files.write_leica(folder, volumes, filetime=10 * (since // timedelta(microseconds=1)))
        case "zeiss":
            return write_zeiss(folder, volumes, date=moment.isoformat() + "Z")
    write_nwb(folder / "m.nwb", volumes[:, :, 0].transpose(0, 3, 2, 1))
    with h5py.File(folder / "m.nwb", "a") as file:
        file["session_start_time"] = (moment - timedelta(seconds=3)).isoformat() + "+00:00"
        file["acquisition/TwoPhotonSeries/starting_time"][...] = 3.0
    return folder / "m.nwb"


LEICA = pytest.mark.skipif(find_spec("liffile") is None, reason="liffile (cnmf3d[leica]) isn't installed")


@pytest.mark.parametrize(
    "kind", ["bruker", "thor", "femtonics", "imaris", pytest.param("leica", marks=LEICA), "zeiss", "nwb"]
)
def test_files_of_all_makers_lie_as_far_apart_as_they_began(tmp_path, kind):
    shape = (5, 1 if kind == "femtonics" else 2, 2, 8, 8)
    volumes = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    first = datetime(2026, 1, 31, 11, 59, 30, 250000)
    later = first + timedelta(seconds=90)
    paths = [dated(kind, tmp_path / str(n), volumes, moment) for n, moment in enumerate((first, later))]
    movie = open_movie(paths, channel=None if kind == "nwb" else 1)
    own = np.arange(5) / movie.rate
    np.testing.assert_allclose(movie.seconds, [*own, *(90 + own)], atol=0.002)
    assert movie.timeline.gaps() == (5,)


def test_nikon_files_lie_as_far_apart_as_they_began(monkeypatch):
    def stamp(number):
        return SimpleNamespace(relativeTimeMs=200.0 * number, absoluteJulianDayNumber=2461071.5 + number / 432000)

    channel = lambda number: SimpleNamespace(time=stamp(number), channel=SimpleNamespace(name="GFP"))  # noqa: E731
    file = SimpleNamespace(
        sizes={"T": 5, "Y": 4, "X": 4},
        read_frame=lambda _: np.zeros((4, 4), np.uint16),
        frame_metadata=lambda number: SimpleNamespace(channels=[channel(number)]),
        voxel_size=lambda: SimpleNamespace(x=1.0, y=1.0, z=1.0),
        metadata=SimpleNamespace(channels=[channel(0)]),
        close=lambda: None,
    )
    monkeypatch.setattr(nikon, "library", lambda *_: SimpleNamespace(ND2File=lambda _: file))
    stored = nikon.open_recording(Place("m.nd2", None), None)
    (clock,) = stored.facts.metadata[BEGAN]
    assert clock == pytest.approx(datetime(2026, 1, 31, tzinfo=UTC).timestamp(), abs=1e-3)
    assert stored.facts.rate == pytest.approx(5)


@pytest.mark.parametrize(
    ("date", "clock", "moment"),
    [
        ("11/3/2022 11:20:34 PM", "23:20:34.9066674", "2022-11-03T23:20:34.906667+00:00"),
        ("11/3/2022 11:20:34 PM", "", "2022-11-03T23:20:34+00:00"),
        ("31.01.2026 23:20:34", "", "2026-01-31T23:20:34+00:00"),
        ("31/01/2026 23:20:34", "23:20:35", "2026-01-31T23:20:35+00:00"),
        ("11/3/2022 23:20:34", "", ""),  # the eleventh of March, or the third of November
        ("yesterday", "23:20:34", ""),
        ("", "", ""),
    ],
)
def test_dates_of_bruker_are_read_where_they_mean_one_day(tmp_path, date, clock, moment):
    path = vendor_files.write_bruker(tmp_path, np.zeros((2, 2, 1, 8, 8), np.uint16), date=(date, clock))
    facts = bruker.open_recording(Place(str(path), path), None).facts
    assert facts.metadata.get(BEGAN) == began(moment).get(BEGAN)


def test_dates_that_are_none():
    assert began("2026-01-31T14:25:00.5Z", 2) == began("2026-01-31T15:25:02.5+01:00")
    for text in ("", "2026-01-31", "yesterday 12:30", "31.1.2026 14:25"):
        assert began(text) == {}


def test_other_channels_are_opened_in_the_same_way(tmp_path, values):
    both = np.stack([values, values + 500], axis=2)
    tifffile.imwrite(tmp_path / "m.tif", both, imagej=True, metadata={"axes": "TZCYX"})
    movie = open_movie(tmp_path / "m.tif", channel=0, rate=2)
    assert np.array_equal(movie.channel(1).read(0, 6), values + 500)
    part = cropped(movie, (1, 4), (0, 2), (1, 3), (0, 5))
    assert np.array_equal(part.channel(1).read(0, 3), values[1:4, :2, 1:3] + 500)
    with pytest.raises(UsageError, match="channel is 2"):
        movie.channel(2)


def test_planes_without_a_time_of_their_own():
    rng = np.random.default_rng(0)
    even = np.arange(4) * 0.1 + np.arange(50)[:, None]
    assert plane_times(even + rng.normal(0, 0.002, even.shape))["plane_times_s"] == pytest.approx(
        [0, 0.1, 0.2, 0.3], abs=0.003
    )
    assert plane_times(np.where(np.arange(50)[:, None] % 2, even, even[:, ::-1])) == {}
    assert plane_times(np.full((5, 3), np.nan)) == {} and plane_times(np.ones((5, 3))) == {}


@pytest.mark.parametrize("name", ["segments", "time_stamps_s", "plane_times_s"])
@pytest.mark.parametrize("value", [5, "abc", [0, 1, 2, 3, 4, 5], [[1, 2, 3]]])
def test_attributes_of_others_are_no_times(tmp_path, values, name, value):
    tifffile.imwrite(tmp_path / "m.tif", values, photometric="minisblack", metadata={"axes": "TZYX", name: value})
    movie = open_movie(tmp_path / "m.tif", rate=5)
    (tmp_path / "m.json").write_text(json.dumps({"origin": "a", "fps": 5, "date": "20260131_142500", name: value}))
    for each in (movie, open_movie(tmp_path / "m.tif")):
        assert each.timeline.even and each.timeline.segments == () == each.timeline.planes
    assert open_movie(tmp_path / "m.tif").metadata[name] == value


def test_what_others_call_flyback_frames_or_motion_is_not_ours(tmp_path, values):
    tifffile.imwrite(tmp_path / "m.tif", values, imagej=True, metadata={"axes": "TZYX", "finterval": 0.5})
    sidecar = {"origin": "a", "fps": 5, "date": "20260131_142500", "flyback_frames": "two"}
    for motion, kept in (("strong", True), ({"digest": "x"}, False)):
        (tmp_path / "m.json").write_text(json.dumps(sidecar | {"motion": motion}))
        movie = open_movie(tmp_path / "m.tif")
        assert "says 2 Hz, but 5 Hz is used" in " ".join(movie.warnings)
        assert (movie.metadata.get("motion") == motion) == kept


def test_nikon_and_leica_have_planes_by_their_stamps():
    order = np.arange(24).reshape(6, 4)
    stamps = (np.arange(6)[:, None] * 0.5 + np.arange(4) * 0.11).ravel()
    late = nikon.planes_of(order, "tz", stamps.__getitem__)
    np.testing.assert_allclose(late["plane_times_s"], [0, 0.11, 0.22, 0.33])
    turned = nikon.planes_of(order.T, "zt", stamps.__getitem__)
    assert turned == late and nikon.planes_of(order, "!z", stamps.__getitem__) == {}
    clock = np.datetime64("2024-01-01T00:00:00.000") + (stamps * 1000).astype("timedelta64[ms]")
    assert leica.planes_of({"T": 6, "Z": 4, "Y": 3, "X": 3}, clock) == late
    assert leica.planes_of({"T": 6, "Z": 4, "C": 2, "Y": 3, "X": 3}, clock) == late
    assert leica.planes_of({"T": 6, "Z": 4, "C": 2, "Y": 3, "X": 3}, np.repeat(clock, 2)) == late
    by_channel = np.repeat(clock.reshape(6, 1, 4), 2, axis=1).ravel()
    assert leica.planes_of({"T": 6, "C": 2, "Z": 4, "Y": 3, "X": 3}, by_channel) == late
    assert leica.planes_of({"T": 6, "Z": 4}, clock[:-1]) == {} and leica.planes_of({"T": 6, "Z": 4}, None) == {}
