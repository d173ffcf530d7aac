"""Times of volumes and planes, segments and further channels: kept in files, shown in tables, right after curation."""

from __future__ import annotations

import csv
import dataclasses

import h5py
import numpy as np
import pytest

from cnmf3d.components import ERRORS, TRACES, RestingLight, Traced, hidden_traces, time_offsets
from cnmf3d.errors import InputError
from cnmf3d.project.sample import Info
from cnmf3d.project.sources import see_stimuli
from cnmf3d.project.stimuli import Period, StimulusMap
from cnmf3d.results import load_results, write_results
from cnmf3d.results.curation.making import merged, parted
from cnmf3d.results.curation.rois import joined
from cnmf3d.results.curation.session import CurationSession
from cnmf3d.results.exports import export
from cnmf3d.results.imports import import_results
from cnmf3d.timeline import Segment, Timeline

PLANES = (0.0, 0.1, 0.25, 0.3)


@pytest.fixture
def timed(random_results):
    """Results whose planes have times, with a gap of 5 s, two segments, a frame left out and a second channel."""
    results = random_results(count=5)
    parts = results.components
    planes = PLANES[: parts.shape[0]]
    rng = np.random.default_rng(0)
    other = Traced(*(rng.random(parts.traces.shape, np.float32) for _ in TRACES))
    seconds = np.arange(parts.frames) / results.rate
    seconds[20:] += 5
    line = Timeline((Segment("a.tif", 0), Segment("b.tif", 20)), seconds, planes, "given", {"mean > 9": (3, 7)})
    parts = dataclasses.replace(parts, plane_times=planes, channels={"channel1": other}).timed()
    return dataclasses.replace(results, components=parts, timeline=line)


def alike(one, other):
    """Whether two timelines say the same."""
    return one.to_json() == other.to_json() and np.array_equal(one.stamps, other.stamps)


def test_the_time_of_a_roi_is_that_of_its_planes_by_squared_weights(timed):
    parts, shape = timed.components, timed.components.shape
    planes = np.repeat(PLANES[: shape[0]], shape[1] * shape[2])
    for k in range(parts.count):
        column = parts.footprints[:, [k]].toarray().ravel() ** 2
        assert parts.quality["time_offset"][k] == pytest.approx(column @ planes / column.sum(), abs=1e-6)
    assert time_offsets(parts.footprints, shape, ()) is None


@pytest.mark.parametrize("later", [False, True])
def test_what_is_written_is_read_again(tmp_path, timed, later):
    found = load_results(write_results(timed, tmp_path / "r.hdf5"), later=later)
    assert alike(found.timeline, timed.timeline) and np.array_equal(found.seconds, timed.timeline.stamps)
    assert found.components.plane_times == timed.components.plane_times
    for name in TRACES:
        assert np.array_equal(
            getattr(found.components.channels["channel1"], name), getattr(timed.components.channels["channel1"], name)
        )
    assert found.components.quality["time_offset"] == pytest.approx(timed.components.quality["time_offset"])


def test_files_from_before_have_even_times(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    with h5py.File(path, "r+") as file:
        del file["cnmf3d"].attrs["timeline"]
    found = load_results(path)
    assert found.timeline.even and found.timeline.segments == () and found.components.channels == {}
    np.testing.assert_allclose(found.seconds, np.arange(found.components.frames) / found.rate)


def test_curation_keeps_times_and_channels_right(tmp_path, timed):
    parts, path = timed.components, write_results(timed, tmp_path / "r.hdf5")
    both = merged(parts.select(np.array([0, 1])))
    expected = time_offsets(both.footprints, both.shape, both.plane_times)
    assert both.quality["time_offset"] == pytest.approx(expected) and not np.isnan(expected).any()
    weights = (both.footprints.T @ parts.select(np.array([0, 1])).footprints).toarray()
    assert np.allclose(both.channels["channel1"].traces, weights @ parts.channels["channel1"].traces[:2], atol=1e-4)
    voxels = parts.footprints.indices[parts.footprints.indptr[2] : parts.footprints.indptr[3]]
    pieces = parted(parts.select(np.array([2])), [voxels[: len(voxels) // 2], voxels[len(voxels) // 2 :]])
    apart = time_offsets(pieces.footprints, pieces.shape, pieces.plane_times)
    assert pieces.quality["time_offset"] == pytest.approx(apart) and apart[0] < apart[1]
    with CurationSession.open(path) as session:
        [new] = session.replace([0, 1], merged(session.components([0, 1])))
        session.save()
    found = load_results(path)
    assert found.components.count == 4 and len(found.components.channels["channel1"].dff) == 4
    assert np.isfinite(found.components.quality["time_offset"]).all()
    with CurationSession.open(path) as session:
        assert session.channels == ("channel1",)
        row = session.traces("denoised", [new], "channel1")
        assert np.allclose(row, both.channels["channel1"].traces, atol=1e-4)
        assert np.allclose(session.seconds, timed.timeline.stamps)


def test_a_merged_roi_has_gaps_in_every_channel_and_nothing_where_a_part_is_unknown(timed):
    parts = timed.components
    seen = np.ones_like(parts.traces)
    seen[:2, 4:6] = 0
    other = Traced(*(hidden_traces(getattr(parts.channels["channel1"], name), seen) for name in TRACES))
    hidden = {name: hidden_traces(getattr(parts, name), seen) for name in TRACES}
    parts = dataclasses.replace(parts, **hidden, seen=seen, channels={"channel1": other})
    one = merged(parts.select(np.array([0, 1]))).channels["channel1"]
    for name in TRACES:
        assert np.flatnonzero(np.isnan(getattr(one, name)[0])).tolist() == [4, 5]
    without = dataclasses.replace(parts.select(np.array([1])), channels={})
    unknown = merged(joined(parts.select(np.array([0])), without)).channels["channel1"]
    assert all(np.isnan(getattr(unknown, name)).all() for name in TRACES)


def test_stimuli_of_a_recording_with_gaps_may_begin_after_its_frames_would_last(timed):
    last = timed.seconds[-1]
    see_stimuli(Info("a", "1", stimuli={"odour": StimulusMap((Period("x", last, last + 1),), "seconds")}), timed)
    with pytest.raises(InputError):
        see_stimuli(
            Info("a", "1", stimuli={"odour": StimulusMap((Period("x", last + 1, last + 2),), "seconds")}), timed
        )


def test_tables_have_times_segments_and_channels(tmp_path, timed):
    export("csv", timed, tmp_path / "t")

    def rows(name):
        with (tmp_path / "t" / f"{name}.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    assert [float(row["seconds"]) for row in rows("raw")] == pytest.approx(timed.seconds)
    assert [(r["segment"], r["first_volume"], float(r["seconds"])) for r in rows("segments")] == [
        ("a.tif", "0", 0.0),
        ("b.tif", "20", pytest.approx(timed.seconds[20])),
    ]
    assert [(r["volume"], r["why"]) for r in rows("left_out")] == [("3", "mean > 9"), ("7", "mean > 9")]
    first = [float(row["roi_2"]) for row in rows("raw_channel1")]
    assert first == pytest.approx(timed.components.channels["channel1"].raw[2], rel=1e-6)
    told = {(row["table"], row["column"]): row["unit"] for row in rows("columns")}
    assert told["rois", "time_offset"] == "s" and ("dff_channel1", "roi_ID") in told
    export("csv", timed, tmp_path / "t", force=True)  # it knows its own folder
    assert float(rows("rois")[1]["time_offset"]) == pytest.approx(timed.components.quality["time_offset"][1])


def test_nwb_has_time_stamps_segments_and_channels_and_comes_back(tmp_path, timed):
    pynwb = pytest.importorskip("pynwb")
    from cnmf3d.results.exports import Interval, export_of

    rng = np.random.default_rng(1)
    parts = timed.components
    errors = {name: rng.random(parts.traces.shape, np.float32) for name in ERRORS}
    kinetics = dataclasses.replace(parts.kinetics, g=np.zeros((parts.count, 0), np.float32))  # p = 0
    resting = RestingLight(100.0, 2.0, 20.0, 30, (20,), "own")
    timed = dataclasses.replace(
        timed, components=dataclasses.replace(parts, **errors, kinetics=kinetics, resting=resting)
    )
    leaving = export_of(
        timed,
        metadata={"session": {"session_start_time": "2026-01-31T14:00:00+01:00"}},
        stimuli={"segments": [Interval("odour", 1.0, 2.0)]},
    )
    export("nwb", leaving, tmp_path / "r.nwb")
    with pynwb.NWBHDF5IO(str(tmp_path / "r.nwb"), "r") as io:
        file = io.read()
        raw = file.processing["ophys"]["Fluorescence"]["Raw"]
        assert raw.rate is None and raw.timestamps[:] == pytest.approx(timed.seconds)
        table = file.intervals["segments"].to_dataframe()
        assert list(table["segment"]) == ["a.tif", "b.tif"]
        assert list(table["start_time"]) == pytest.approx([0, timed.seconds[20]])
        other = file.processing["ophys"]["Fluorescence"]["Denoised_channel1"].data[:]
        assert np.array_equal(other.T, timed.components.channels["channel1"].traces)
        assert list(file.intervals["stimuli_segments"].to_dataframe()["stimulus"]) == ["odour"]
    back = import_results("nwb", tmp_path / "r.nwb")
    assert back.components.resting == resting and back.components.kinetics.g.shape == (parts.count, 0)
    assert all(np.array_equal(getattr(back.components, name), errors[name]) for name in ERRORS)
    assert alike(back.timeline, timed.timeline) and back.rate == timed.rate
    assert np.array_equal(back.components.traces, timed.components.traces)
    for name in TRACES:
        assert np.array_equal(
            getattr(back.components.channels["channel1"], name), getattr(timed.components.channels["channel1"], name)
        )


def test_stimuli_follow_the_times_of_volumes():
    seconds = np.array([0, 1, 2, 12, 13.0])
    told = StimulusMap((Period("a", 1, 3), Period("b", 3, 5)), "frames").within("seconds", 1.0, seconds)
    assert [(p.start, p.end) for p in told] == [(1, 12), (12, 14)]
    back = StimulusMap((Period("a", 1, 12), Period("b", 12, 14)), "seconds").within("frames", 1.0, seconds)
    assert [(p.start, p.end) for p in back] == [(1, 3), (3, 5)]
