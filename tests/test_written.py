"""Files appear whole or not at all: through full disks, kills, links and long names."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from cnmf3d import hdf5, written
from cnmf3d.cli.app import call
from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.results import load_results, write_results
from cnmf3d.results.curation.session import CurationSession
from cnmf3d.results.placing import new_folder
from cnmf3d.written import check_name, check_place, sweep, temporary_name, whole


def names(folder):
    return sorted(each.name for each in folder.iterdir())


class Full:
    """A disk with room for so many bytes."""

    def __init__(self, room):
        self.room = room

    def write(self, handle, data):
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = REAL_WRITE(handle, memoryview(data)[: self.room])
        self.room -= done
        return done


REAL_WRITE = os.write


@pytest.fixture
def full(monkeypatch):
    def make(room):
        monkeypatch.setattr(hdf5.os, "write", Full(room).write)

    yield make
    monkeypatch.undo()


@pytest.mark.parametrize("part", np.linspace(0, 0.99, 12).tolist())
def test_results_on_a_full_disk_leave_what_was_there(tmp_path, random_results, full, part):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    before = path.read_bytes()
    full(int(part * len(before)))
    with pytest.raises(Cnmf3dError, match="No space left") as error:
        write_results(random_results(seed=2), path)
    assert "full" in error.value.fix and path.read_bytes() == before and names(tmp_path) == ["r.hdf5"]


@pytest.mark.parametrize("room", [0, 3000, 40_000, 90_000])
def test_an_nwb_file_on_a_full_disk_is_an_error_with_a_sentence(tmp_path, random_results, full, room, capsys):
    pytest.importorskip("pynwb")
    path = write_results(random_results(), tmp_path / "r.hdf5")
    full(room)
    started = "session_start_time=2026-01-31T14:00:00+01:00"
    assert call(["export", "nwb", str(path), str(tmp_path / "o.nwb"), "--set", started]) == 1
    assert "The disk is full" in capsys.readouterr().err and names(tmp_path) == ["r.hdf5"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_places_where_nothing_can_be_written_are_seen_before(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "sound").symlink_to(tmp_path / "there" / "x.hdf5")
    check_place(tmp_path / "sound")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "x.hdf5")
    with pytest.raises(UsageError, match=r"there is no folder .*nowhere"):
        check_place(tmp_path / "link")
    for command in (["register"], ["run"], ["export", "caiman"]):
        where = ["-o", str(tmp_path / "link")] if len(command) == 1 else [str(tmp_path / "link")]
        movie = tmp_path / "m.npy"
        np.save(movie, np.zeros((30, 3, 8, 8), np.uint16))
        given = [str(movie), "--axes", "tzyx", "--fps", "5"] if len(command) == 1 else [str(tmp_path / "r.hdf5")]
        assert call([*command, *given, *where]) in (2, 3)
    with pytest.raises(UsageError, match="has 250 bytes"):
        check_place(tmp_path / ("a" * 250), 20)
    with pytest.raises(UsageError, match="bytes"):
        check_place(tmp_path / ("a" * 300))


def test_what_somebody_else_left_in_a_shared_folder_keeps_nobody_from_working(tmp_path, monkeypatch):
    (theirs := tmp_path / temporary_name()).mkdir()
    (mine := tmp_path / temporary_name()).mkdir()
    real = type(tmp_path).exists

    def exists(path, **how):
        if path.parent == theirs:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, **how)

    monkeypatch.setattr(type(tmp_path), "exists", exists)
    monkeypatch.setattr(written, "_left", lambda *_: True)
    sweep(tmp_path)
    assert theirs.is_dir() and not mine.is_dir()


@pytest.mark.parametrize("part", [0.0, 0.001, 0.01])
def test_a_curation_on_a_full_disk_is_in_the_journal(tmp_path, random_results, full, part, monkeypatch):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    with CurationSession.open(path, "me") as session:
        session.reject([1, 2])
        full(int(part * path.stat().st_size))
        with pytest.raises(Cnmf3dError, match="No space left"):
            session.save()
    monkeypatch.undo()
    assert [entry.what for entry in load_results(path).curation.log] == ["reject"]


def test_a_write_that_really_fails_kills_no_process(tmp_path):
    """The same with a limit of the operating system, and with all of HDF5's own."""
    code = (
        "import resource, signal, sys, numpy as np\nfrom pathlib import Path\nfrom cnmf3d.hdf5 import written\n"
        "from cnmf3d.written import whole_file\nfrom cnmf3d.errors import Cnmf3dError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "for size in (100, 5000, 70000, 300000, 900000):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))\n"
        "    try:\n"
        "        with whole_file(Path('x.h5')) as part, written(part) as file:\n"
        "            for n in range(60):\n"
        "                file.create_dataset(f'g{n}/d', data=np.random.rand(99, 40), chunks=True, compression='gzip')\n"
        "                file[f'g{n}'].attrs['a'] = 'x' * 3000\n"
        "            assert all(file[f'g{n}/d'].shape == (99, 40) for n in range(60))\n"
        "            assert all(file[f'g{n}'].attrs['a'][0] == 'x' for n in range(60))\n"
        "        print('written')\n"
        "    except Cnmf3dError: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.split() == ["refused"] * 5, done.stderr
    assert names(tmp_path) == []


def test_what_the_sink_writes_is_what_hdf5_writes(tmp_path):
    values = np.random.default_rng(0).random((300, 70))
    for name in ("ours.h5", "theirs.h5"):
        (tmp_path / name).touch()
        with hdf5.written(tmp_path / name) if name == "ours.h5" else h5py.File(tmp_path / name, "w") as file:
            file.create_dataset("a", data=values, chunks=True, compression="gzip")
            file.create_dataset("b", data=values)
    with hdf5.written(tmp_path / "ours.h5", "r+") as file:
        del file["a"]
        file["c"] = values[:, 0]
    with h5py.File(tmp_path / "ours.h5") as file:
        assert sorted(file) == ["b", "c"] and np.array_equal(file["b"], values)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_stays_one_and_its_target_is_replaced(tmp_path, random_results):
    (tmp_path / "disk").mkdir()
    real, link = tmp_path / "disk/real.hdf5", tmp_path / "r.hdf5"
    real.write_bytes(b"old")
    link.symlink_to("disk/real.hdf5")
    write_results(random_results(), link)
    with CurationSession.open(link, "me") as session:
        session.reject([0])
        session.save()
    assert link.is_symlink() and load_results(real).curation.log[0].what == "reject"


def test_names_that_are_too_long_are_told_before(tmp_path, random_results):
    check_name(tmp_path / ("r" * 250 + ".hdf5"))
    write_results(random_results(), tmp_path / ("r" * 250 + ".hdf5"))
    for name, longer in (("r" * 251 + ".hdf5", 0), ("細胞" * 41 + ".hdf5", written.BESIDE)):
        with pytest.raises(UsageError, match="bytes; there may be"):
            check_name(tmp_path / name, longer)
    with pytest.raises(UsageError, match="bytes"), whole(tmp_path / ("x" * 300)):
        pass


def test_what_killed_programs_left_is_swept(tmp_path, random_results):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine = temporary_name()
    left = mine.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    (tmp_path / left).write_bytes(b"half")
    (tmp_path / mine).write_bytes(b"being written")
    folder = temporary_name().replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    (tmp_path / folder / "deep").mkdir(parents=True)
    kept = temporary_name().replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    (tmp_path / kept / written.BEFORE).mkdir(parents=True)  # an export that was taken from its place
    (tmp_path / ".cnmf3d-of the user.part").touch()
    write_results(random_results(), tmp_path / "r.hdf5")
    assert names(tmp_path) == sorted([".cnmf3d-of the user.part", mine, kept, "r.hdf5"])
    sweep(tmp_path / "nowhere")


@pytest.mark.parametrize("exchanged", [True, False])
def test_a_folder_takes_the_place_of_another_one_at_once(tmp_path, monkeypatch, exchanged):
    out = tmp_path / "export"
    there = []
    if not exchanged:
        monkeypatch.setattr(written, "_exchange", lambda one, other: False)
    real = written.announce
    monkeypatch.setattr(written, "announce", lambda place: (there.append(place.is_dir()), real(place)))
    for text in ("old", "new"):
        with new_folder(out, force=True, ours=lambda folder: True) as draft:
            draft.mkdir()
            (draft / "file").write_text(text)
    assert (out / "file").read_text() == "new" and names(tmp_path) == ["export"] and there == [False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2")
def test_two_folders_are_exchanged_in_one_step(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not written._exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system can't")
    assert names(tmp_path / "a") == ["b"] and names(tmp_path / "b") == ["a"]


def test_a_stop_between_two_renames_puts_the_old_one_back(tmp_path, monkeypatch):
    monkeypatch.setattr(written, "_exchange", lambda one, other: False)
    out = tmp_path / "export"
    out.mkdir()
    (out / "file").write_text("old")
    real = written.Path.replace

    def stopped(self, target):
        if self.name == "export" and self.parent != tmp_path:
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(written.Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt), whole(out) as draft:
        draft.mkdir()
    assert (out / "file").read_text() == "old" and names(tmp_path) == ["export"]


def test_all_that_is_told_written_is_on_the_disk(tmp_path, random_results, monkeypatch):
    """Files are brought to the disk before they are renamed, and their folder afterwards."""
    deeds = []
    sync, replace = os.fsync, written.Path.replace
    monkeypatch.setattr(written.os, "fsync", lambda n: (deeds.append(os.path.realpath(f"/proc/self/fd/{n}")), sync(n)))
    monkeypatch.setattr(written.Path, "replace", lambda self, to: (deeds.append(f"-> {to}"), replace(self, to))[1])
    path = write_results(random_results(), tmp_path / "r.hdf5")
    assert deeds[0].endswith(".part") and deeds[1:] == [f"-> {path}", str(tmp_path)]
