"""What is curated is kept: in the file, in the journal, through crashes at any byte; files of others are left alone."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.results import Results, curated, load_results, write_results
from cnmf3d.results.curation import Entry, joined, no_rois, storing, with_log
from cnmf3d.results.curation.journal import Journal, journal_path, refuse_curated_elsewhere, with_journal
from cnmf3d.results.curation.session import CurationSession
from cnmf3d.results.placing import refuse_existing


def entries(count: int, made: int) -> list[Entry]:
    """A log that fits results of `count` components, of which `made` steps make an ROI."""
    log = [Entry.now("accept", [0], "å"), Entry.now("tag", [1, 2], "å", column="type ö", values=["PV", 2.5])]
    for k in range(made):
        new = {"made": [count + k], "rows": [count + k], "accepted": [k % 2 == 0], "tags": [], "how": {"seed": (1, 2)}}
        log.append(Entry.now("replace", [k], "å", **new))
    return log


def with_curation(results: Results, made: int, random_results) -> Results:
    components = results.components
    rois = random_results(made, components.shape, components.frames, 3).components
    return with_log(results, entries(components.count, made), rois)


def assert_same(one: Results, other: Results) -> None:
    assert (one.curation is None) == (other.curation is None)
    if one.curation is None or other.curation is None:
        return
    assert one.curation.log == other.curation.log
    a, b = curated(one), curated(other)
    assert np.array_equal(a.ids, b.ids)
    assert a.tags == b.tags
    for name in ("traces", "residuals", "spikes", "dff", "accepted"):
        assert np.array_equal(getattr(a.results.components, name), getattr(b.results.components, name)), name
    for name, values in a.results.components.quality.items():
        assert np.array_equal(values, b.results.components.quality[name], equal_nan=True)
    assert (a.results.components.footprints != b.results.components.footprints).nnz == 0
    assert np.array_equal(a.results.components.kinetics.g, b.results.components.kinetics.g)


def saved(journal: Journal, results: Results) -> None:
    """What `CurationSession.save` does."""
    storing.save_curation(journal.path, results)
    journal.forget(results)


def begun(path: Path, results: Results, steps: int) -> Journal:
    """A journal with the first steps of the curation of `results`, left open."""
    assert results.curation is not None
    components, made = results.components, results.curation.made
    journal = Journal.begin(path, load_results(path))
    row = 0
    for entry in results.curation.log[:steps]:
        rois = None
        if entry.what == "replace":
            rois, row = made.select(np.array([row])), row + 1
        journal.add(entry, rois)
    assert row <= made.count
    assert components.count
    return journal


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(3, 6), made=st.integers(0, 3), frames=st.integers(1, 20))
def test_a_curation_that_is_written_is_read_again(tmp_path, random_results, count, made, frames):
    results = with_curation(random_results(count, (2, 5, 6), frames), made, random_results)
    assert_same(results, load_results(write_results(results, tmp_path / "r.hdf5")))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.integers(0, 3), kept=st.floats(0, 1), saves=st.sets(st.integers(1, 4), max_size=2))
def test_a_crash_at_any_byte_loses_at_most_the_step_being_written(tmp_path, random_results, made, kept, saves):
    path = tmp_path / "r.hdf5"
    journal_path(path).unlink(missing_ok=True)
    original = random_results(4, (2, 5, 6), 9)
    results = with_curation(original, made, random_results)
    write_results(original, path)
    journal = Journal.begin(path, load_results(path))
    assert results.curation is not None
    sizes, row, now = [0], 0, original
    for number, entry in enumerate(results.curation.log):
        rois = results.curation.made.select(np.array([row])) if entry.what == "replace" else None
        row += rois is not None
        journal.add(entry, rois)
        so_far = results.curation.made.select(np.arange(row, dtype=np.int64))
        now = with_log(now, results.curation.log[: number + 1], so_far)
        if number in saves:
            saved(journal, now)
            sizes = [0] * (number + 2)
        else:
            sizes.append(journal_path(path).stat().st_size)
        assert_same(now, load_results(path))
    journal.close()
    place = journal_path(path)
    if not place.exists():
        return
    size = int(kept * place.stat().st_size)
    with place.open("r+b") as file:
        file.truncate(size)
    after_crash = load_results(path)
    whole = max(number for number, end in enumerate(sizes) if end <= size)
    log = () if after_crash.curation is None else after_crash.curation.log
    assert log == results.curation.log[:whole]
    again = Journal.begin(path, after_crash)
    again.add(Entry.now("reject", [3]))
    again.close()
    last = load_results(path).curation
    assert last is not None
    assert last.log[:-1] == results.curation.log[:whole]
    assert last.log[-1].what == "reject"


def test_saving_puts_the_journal_into_the_file(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    results = with_curation(random_results(), 2, random_results)
    journal = begun(path, results, 9)
    assert journal.unsaved == 4
    bytes_before = {name: h5py.File(path)[name][()].tobytes() for name in ("estimates/C", "estimates/YrA")}
    saved(journal, results)
    journal.close()
    assert not journal_path(path).exists()
    assert_same(results, load_results(path))
    for name, before in bytes_before.items():
        assert h5py.File(path)[name][()].tobytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".lock"] == ["r.hdf5"]


def test_a_crash_between_saving_and_forgetting_the_journal_does_nothing_twice(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    results = with_curation(random_results(), 2, random_results)
    journal = begun(path, results, 9)
    shutil.copy(journal_path(path), tmp_path / "kept")
    saved(journal, results)
    journal.close()
    shutil.copy(tmp_path / "kept", journal_path(path))
    assert_same(results, load_results(path))


def test_a_save_that_fails_leaves_file_and_journal(tmp_path, random_results, monkeypatch):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    results = with_curation(random_results(), 1, random_results)
    journal = begun(path, results, 9)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(storing, "write_curation", full)
        with pytest.raises(Cnmf3dError, match="No space left"):
            saved(journal, results)
    assert path.read_bytes() == before
    assert_same(results, load_results(path))
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))
    journal.close()


def test_a_journal_of_other_results_is_set_aside_not_lost(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    begun(path, with_curation(random_results(), 1, random_results), 9).close()
    write_results(random_results(seed=7), path)
    results = load_results(path)
    assert results.curation is None
    journal = Journal.begin(path, results)
    assert journal.aside is not None
    assert len(journal.aside.read_bytes().splitlines()) == 4
    journal.add(Entry.now("accept", [0]))
    journal.close()
    now = load_results(path).curation
    assert now is not None
    assert len(now.log) == 1


def test_steps_that_another_program_saved_are_not_overwritten(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    old = load_results(path)
    other = begun(path, with_curation(random_results(), 0, random_results), 2)
    with pytest.raises(UsageError, match="another program"):
        Journal.begin(path, old)
    saved(other, with_curation(random_results(), 0, random_results))
    other.close()
    with pytest.raises(UsageError, match="other steps"):
        Journal.begin(path, old)
    Journal.begin(path, load_results(path)).close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "nothing\n",
        "[1]\n",
        '{"format": 99, "results": "x", "entries": 0}\n',
        '{"format": 1, "results": "x", "entries": 0}\n',
        '{"format": 1, "results": "x", "entries": null}\n',
    ],
)
def test_a_journal_that_is_none_changes_nothing(tmp_path, random_results, text):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    journal_path(path).write_text(text)
    assert load_results(path).curation is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1), what=st.binary(min_size=1, max_size=8))
def test_a_damaged_journal_never_stops_the_file_from_being_read(tmp_path, random_results, where, what):
    path = tmp_path / "r.hdf5"
    place = journal_path(path)
    results = random_results(3, (1, 3, 3), 4)
    if not (tmp_path / "good").exists():
        write_results(results, path)
        begun(path, with_curation(results, 2, random_results), 9).close()
        shutil.copy(place, tmp_path / "good")
    good = (tmp_path / "good").read_bytes()
    at = int(where * len(good))
    place.write_bytes(good[:at] + what + good[at + len(what) :])
    read = with_journal(results, path)
    if read.curation is not None:
        curated(read)


def test_a_file_of_caiman_is_curated_like_ours(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    with h5py.File(path, "r+") as file:
        del file["cnmf3d"]
    results = load_results(path)
    theirs = with_curation(results, 1, random_results)
    curation = theirs.curation
    journal = begun(path, theirs, 9)
    saved(journal, theirs)
    journal.close()
    again = load_results(path)
    assert "caiman" in again.parameters
    assert again.curation is not None
    assert curation is not None
    assert again.curation.log == curation.log


def test_a_newer_curation_is_named(tmp_path, random_results):
    path = write_results(with_curation(random_results(), 0, random_results), tmp_path / "r.hdf5")
    with h5py.File(path, "r+") as file:
        file["cnmf3d/curation"].attrs["format"] = 9
    with pytest.raises(InputError, match=r"r\.hdf5.*newer cnmf3d"):
        load_results(path)


def test_a_damaged_curation_is_named(tmp_path, random_results):
    path = write_results(with_curation(random_results(), 1, random_results), tmp_path / "r.hdf5")
    with h5py.File(path, "r+") as file:
        del file["cnmf3d/curation/rois/traces"]
    with pytest.raises(InputError, match=r"r\.hdf5 holds results that are damaged"):
        load_results(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path, random_results, monkeypatch):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    journal = Journal.begin(path, load_results(path))
    monkeypatch.setattr(Path, "open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(Cnmf3dError, match="journal beside"):
        journal.add(Entry.now("accept", [0]))
    monkeypatch.undo()
    journal.close()


def test_the_log_can_be_read_by_other_programs(tmp_path, random_results):
    path = write_results(with_curation(random_results(), 1, random_results), tmp_path / "r.hdf5")
    with h5py.File(path) as file:
        told = [json.loads(text) for text in file["cnmf3d/curation/log"].asstr()[()]]
    assert [step["what"] for step in told] == ["accept", "tag", "replace"]
    assert told[1]["values"] == {"column": "type ö", "values": ["PV", 2.5]}


def test_what_one_has_measured_and_the_other_not_is_unknown(random_results):
    one, other = random_results(2, seed=1).components, random_results(3, seed=2).components
    other = dataclasses.replace(other, quality={"extra": np.ones(3, np.float32)})
    both = joined(one, other)
    assert np.isnan(both.quality["extra"]).tolist() == [True, True, False, False, False]
    assert np.isnan(both.quality["snr"]).tolist() == [False, False, True, True, True]
    assert no_rois(one).count == 0


def test_steps_made_while_the_file_is_written_stay_in_the_journal(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    session = CurationSession.open(path)
    session.reject([1])
    write, done = session.saving()
    session.delete([2])
    write()
    session.tag([3], "type", "x")
    assert len(logged(path)) == 3
    done()
    assert session.journal is not None
    assert session.journal.unsaved == 2
    assert [entry.what for entry in logged(path)] == ["reject", "delete", "tag"]
    session.undo()
    assert len(logged(path)) == 4
    session.save()
    assert not journal_path(path).exists()
    session.close()
    assert [entry.what for entry in logged(path)] == ["reject", "delete", "tag", "undo"]


def logged(path: Path) -> tuple[Entry, ...]:
    curation = load_results(path).curation
    return () if curation is None else curation.log


class Full:
    """A file on a disk that gets full: half of a line is written, then none."""

    def __init__(self, file) -> None:
        self.file, self.full = file, True

    def write(self, line: bytes) -> int:
        if self.full:
            self.file.write(line[: len(line) // 2])
            self.file.flush()
            raise OSError(28, "No space left on device")
        return self.file.write(line)

    def __getattr__(self, name):
        return getattr(self.file, name)


def test_a_disk_that_was_full_damages_no_later_step(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    session = CurationSession.open(path)
    session.reject([1])
    assert session.journal is not None
    session.journal._file = Full(session.journal._file)  # type: ignore[assignment]
    with pytest.raises(Cnmf3dError, match="No space left"):
        session.reject([2])
    assert [entry.ids for entry in session.log] == [(1,)]
    session.reject([3])
    session.close()
    assert [entry.ids for entry in logged(path)] == [(1,), (3,)]


def test_a_save_that_ends_after_closing_leaves_the_journal_alone(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    session = CurationSession.open(path)
    session.reject([1])
    write, done = session.saving()
    session.close()
    write()
    with CurationSession.open(path) as other:
        other.reject([2])
        done()
        other.reject([3])
    assert [entry.ids for entry in logged(path)] == [(1,), (2,), (3,)]


def test_what_a_killed_save_left_is_swept(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r [1].hdf5")
    old, new, other = (tmp_path / name for name in (".r [1].hdf5.a.part", ".r [1].hdf5.b.part", ".r.hdf5.c.part"))
    for part in (old, new, other):
        part.write_bytes(b"half")
        if part is not new:
            os.utime(part, (1, 1))
    CurationSession.open(path).close()
    assert [part.exists() for part in (old, new, other)] == [False, True, True]


def test_a_curation_is_not_saved_into_other_results(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    with CurationSession.open(path, "me") as session:
        session.reject([1])
        session.save()
        session.accept([1])
        write_results(random_results(seed=7), path)
        before = path.read_bytes()
        with pytest.raises(UsageError, match="other results now"):
            session.save()
    assert path.read_bytes() == before and load_results(path).curation is None
    write_results(
        random_results(), path
    )  # the old ones again, from a copy: the log that was saved is gone with the file
    with CurationSession.open(path, "me") as session:
        assert session.journal is not None and session.journal.aside is not None


def test_a_copy_of_the_same_results_takes_a_curation(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    with CurationSession.open(path, "me") as session:
        session.reject([1])
        write_results(random_results(), path)
        session.save()
    assert [entry.what for entry in load_results(path).curation.log] == ["reject"]


def test_results_that_somebody_curates_are_not_replaced(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    with CurationSession.open(path, "me"):
        for check in (refuse_curated_elsewhere, lambda out: refuse_existing(out, force=True)):
            with pytest.raises(UsageError, match="curated in another program"):
                check(path)
    refuse_existing(path, force=True)
