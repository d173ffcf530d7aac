"""Files from strangers, names that nobody expects: what held in an attack, or was mended after one, goes on to hold."""

from __future__ import annotations

import ctypes
import gc
import io
import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest

from cnmf3d import open_movie, run
from cnmf3d.cli.app import call
from cnmf3d.results import load_results, write_results
from cnmf3d.simulate import simulate

posix = pytest.mark.skipif(os.name == "nt", reason="names, pipes or signals are other ones there")

NAMES = [
    '$\\frac{ a$b$c_{ {{7*7}} %s%n <script>alert(1)<b> "onload=alert(1) x',
    "-rf $(touch PWNED) `touch PWNED`;touch PWNED; [bold red]rich[",
    "new\nline \x1b[31mred",
]


def said(capsys, words):
    """Exit code and what a command said on both streams."""
    code = call([str(word) for word in words])
    out = capsys.readouterr()
    assert "Traceback" not in out.err and "went wrong inside" not in out.err, out.err
    return code, out.out + out.err


@pytest.fixture
def movie(tmp_path):
    """A movie that every format can hold."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "m.npy", rng.integers(100, 200, (40, 2, 12, 12), np.uint16))
    return tmp_path / "m.npy"


@pytest.fixture
def limited():
    """No more than a minute and 2 GB more than now, where the system can say so."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 2**31, before[1]))

    def late(*_):
        raise AssertionError("it takes longer than a minute")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    resource.setrlimit(resource.RLIMIT_AS, before)


@posix
@pytest.mark.parametrize("name", NAMES)
def test_any_name_serves_as_name(tmp_path, capsys, monkeypatch, random_results, name):
    monkeypatch.chdir(tmp_path)
    results = write_results(random_results(), tmp_path / f"{name}.hdf5")
    for words in (
        ["report", results, "-o", tmp_path / "r.html", "--title", name],
        ["export", "svg", results, tmp_path / "r.svg"],
        ["export", "csv", results, tmp_path / "csv"],
        ["project", "new", tmp_path / "p"],
        ["project", "add", tmp_path / "p", results, f"--animal={name}", "--trial", "1"],
        ["project", "list", tmp_path / "p"],
    ):
        code, text = said(capsys, words)
        refused = words[:2] == ["project", "add"] and "\n" in name and "animal ID" in text  # which is one line
        assert code == 0 or refused, text
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "<script>alert" not in page and '"onload=alert' not in page
    assert not (tmp_path / "PWNED").exists()


@posix
def test_names_that_are_no_utf_8_are_written_and_said(tmp_path, movie, random_results):
    results = os.fsencode(tmp_path) + b"/maus_\xfc.hdf5"
    write_results(random_results(), os.fsdecode(results))
    recording = os.fsencode(tmp_path) + b"/maus_\xfc.npy"
    movie.rename(os.fsdecode(recording))
    for words in (
        [b"info", recording, b"--axes", b"tzyx", b"--fps", b"10"],
        [b"info", results],
        [b"report", results],
        [b"curate", b"show", results],
    ):
        for encoding in ("utf-8", "ascii")[: 2 if words[0] == b"info" else 1]:
            done = subprocess.run(
                [os.fsencode(sys.executable), b"-m", b"cnmf3d", *words],
                env={**os.environ, "PYTHONIOENCODING": encoding},
                capture_output=True,
            )
            assert done.returncode == 0 and b"Traceback" not in done.stderr, (words, done.stderr)


@posix
@pytest.mark.parametrize("suffix", ["tif", "h5", "npy", "mat", "csv", "zip"])
def test_pipes_keep_nobody_waiting(tmp_path, capsys, limited, movie, random_results, suffix):
    pipe = tmp_path / f"p.{suffix}"
    os.mkfifo(pipe)
    results = write_results(random_results(), tmp_path / "r.hdf5")
    given = ["--axes", "tzyx", "--fps", "10"]
    for words in (
        ["info", pipe],
        ["run", pipe, "-o", tmp_path / "o.hdf5"],
        ["run", movie, *given, "-o", tmp_path / "o.hdf5", "--params", pipe],
        ["run", movie, *given, "-o", tmp_path / "o.hdf5", "--seeds", pipe],
        ["run", movie, *given, "-o", tmp_path / "o.hdf5", "--motion", pipe],
        ["run", movie, *given, "-o", tmp_path / "o.hdf5", "--bad-frames", pipe],
        ["report", pipe],
        ["curate", "show", pipe],
        ["score", results, pipe],
        ["deconvolve", pipe, "--fps", "10"],
        ["import", "caiman", pipe, tmp_path / "i.hdf5"],
        ["import", "imagej", pipe, tmp_path / "i.hdf5"],
        ["batch", "list", pipe],
        ["project", "list", pipe],
    ):
        code, text = said(capsys, words)
        assert code in (1, 2, 3), (words, text)


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghij", "bcdefghijk", strict=True))
    + '<!ENTITY file SYSTEM "file:///etc/passwd">]>'
)


@pytest.mark.parametrize(
    ("name", "root"),
    [("m.companion.ome", "OME"), ("m.xml", "PVScan"), ("Experiment.xml", "ThorImageExperiment"), ("m.xml", "SpimData")],
)
def test_entities_in_xml_grow_to_nothing(tmp_path, capsys, limited, name, root):
    for entity in ("k", "file"):
        (tmp_path / name).write_text(f"{LAUGHS}<{root} Name='&{entity};'><Image>&{entity};</Image></{root}>")
        code, text = said(capsys, ["info", tmp_path / name])
        assert code == 3 and "root:" not in text and "a" * 50 not in text


def bomb(path: Path, name: str) -> None:
    """A zip file whose member is 3 GB of zeros; made of one packed block that comes again and again."""
    size = 2**24
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    block = packer.compress(bytes(size)) + packer.flush(zlib.Z_FULL_FLUSH)
    data, length = block * 180 + zlib.compressobj(1, zlib.DEFLATED, -15).flush(), 180 * size
    inside = name.encode()
    head = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(data), length, len(inside), 0)
    central = struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 8, 0, 0, 0, len(data), length, len(inside), 0, 0, 0, 0, 0, 0)
    start = b"PK\3\4" + head + inside + data
    listed = b"PK\1\2" + central + inside
    path.write_bytes(start + listed + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(listed), len(start), 0))


def test_what_is_packed_small_takes_no_memory(tmp_path, capsys, limited, movie, random_results):
    results = write_results(random_results(), tmp_path / "r.hdf5")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**11,)})
    bombs = {"rois.zip": "a.roi", "m.zarr.zip": "zarr.json", "t.npz": "footprints.npy"}
    for name, member in bombs.items():
        bomb(tmp_path / name, member)
    with zipfile.ZipFile(tmp_path / "t.npz") as archive, archive.open("footprints.npy") as file:
        assert file.read(9) == bytes(9)
    with zipfile.ZipFile(tmp_path / "h.npz", "w") as archive:
        archive.writestr("data.npy", header.getvalue())
    for words in (
        ["import", "imagej", tmp_path / "rois.zip", tmp_path / "i.hdf5", "--shape", "9,9,1"],
        ["info", tmp_path / "m.zarr.zip"],
        ["score", results, tmp_path / "t.npz"],
        ["score", results, tmp_path / "h.npz"],
        ["run", movie, "--axes", "tzyx", "--fps", "10", "--seeds", tmp_path / "h.npz", "-o", tmp_path / "o.hdf5"],
    ):
        code, text = said(capsys, words)
        assert code in (1, 2, 3), (words, text)


def test_zip_files_are_unpacked_nowhere(tmp_path, capsys):
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    for name in ("rois.zip", "m.zarr.zip"):
        with zipfile.ZipFile(folder / name, "w") as archive:
            for member in ("../../escaped.roi", f"{tmp_path}/escaped.roi", "../zarr.json"):
                archive.writestr(member, b"Iout" + bytes(100))
    before = set(tmp_path.rglob("*"))
    said(capsys, ["import", "imagej", folder / "rois.zip", folder / "i.hdf5", "--shape", "9,9,1"])
    said(capsys, ["info", folder / "m.zarr.zip"])
    assert set(tmp_path.rglob("*")) - before <= {folder / "i.hdf5"}


@pytest.mark.parametrize("whole", [True, False])
def test_a_header_of_40_gigabytes_takes_no_memory(tmp_path, capsys, limited, whole):
    path = tmp_path / "m.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<u2", "fortran_order": False, "shape": (20_000, 10, 316, 316)}
        )
        if whole:
            file.truncate(file.tell() + 2 * 20_000 * 10 * 316 * 316)
    code, text = said(capsys, ["info", path, "--axes", "tzyx", "--fps", "10"])
    assert (code, "20000 volumes" in text.replace(",", "")) == ((0, True) if whole else (3, False)), text


@pytest.mark.parametrize("name", ["p.json", "p.yaml"])
def test_nesting_without_end_is_a_sentence(tmp_path, capsys, movie, name):
    (tmp_path / name).write_text("[" * 100_000 if name == "p.yaml" else '{"a":' * 100_000)
    (tmp_path / "m.json").write_text('{"fps": ' + "[" * 100_000)
    given = ["run", movie, "--axes", "tzyx", "-o", tmp_path / "o.hdf5"]
    assert said(capsys, [*given, "--fps", "10", "--params", tmp_path / name])[0] in (2, 3)
    assert said(capsys, [*given])[0] in (2, 3)


SQL = "a'; drop table samples; --"


def test_sql_in_names_and_filters_is_text(tmp_path, capsys, random_results):
    results, project = write_results(random_results(), tmp_path / "r.hdf5"), tmp_path / "p"
    assert said(capsys, ["project", "new", project])[0] == 0
    assert said(capsys, ["project", "add", project, results, "--animal", SQL, "--trial", "1"])[0] == 0
    for words in (
        ["show", project, "--where", f"kind: {SQL}"],
        ["show", project, "--where", "snr > 1 or 1=1"],
        ["config", project, "--add-roi-type", "x'); drop table samples;--"],
        ["edit", project, f"{SQL}/1", "--set", f"kind={SQL}"],
    ):
        said(capsys, ["project", *words])
    code, text = said(capsys, ["project", "list", project])
    assert code == 0 and "drop table" in text
    with sqlite3.connect(project / "project.sqlite") as file:
        assert file.execute("select count(*) from samples").fetchone() == (1,)
    file.close()


@pytest.mark.parametrize(
    "rule",
    [
        "__import__('os').system('touch {}')",
        "snr.__class__.__mro__",
        "(lambda: 1)()",
        "[x for x in ()]",
        "9**9**9 > 1",
        "snr > " + "(" * 5000 + "1" + ")" * 5000,
        "not " * 5000 + "accepted",
        "'a' * 10**10 == 'b'",
    ],
)
def test_rules_are_a_language_of_their_own(tmp_path, capsys, limited, random_results, rule):
    results = write_results(random_results(), tmp_path / "r.hdf5")
    code, text = said(capsys, ["curate", "reject", results, rule.format(tmp_path / "run")])
    assert code in (2, 3), text
    assert not (tmp_path / "run").exists()


OPERATIONS = ("write", "fsync", "ftruncate", "rename", "replace", "link", "unlink", "chmod", "open")
"""Calls of the operating system at which a program that writes results may be killed."""


def written_until(results, path, calls):
    """Write results in a process that ends before that call; how many calls it took where it got to the end."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        count = 0

        def counted(call):
            def instead(*words, **more):
                nonlocal count
                if count == calls:
                    os._exit(9)
                count += 1
                return call(*words, **more)

            return instead

        tell = os.write
        for name in OPERATIONS:
            setattr(os, name, counted(getattr(os, name)))
        write_results(results, path)
        tell(writing, str(count).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        return int(file.read() or -1)


@posix
def test_a_kill_at_any_call_leaves_old_or_new_results(tmp_path, random_results):
    """An end of the process before calls by which results are written: no file is ever half written."""
    old, new = random_results(seed=0), random_results(seed=1)
    path = write_results(old, tmp_path / "r.hdf5")
    total = written_until(new, path, -1)
    assert total > 20
    write_results(old, path)
    middle = np.linspace(5, total - 8, 12).astype(int).tolist()
    seen = []
    for at in [*range(5), *middle, *range(total - 8, total)]:
        assert written_until(new, path, at) == -1
        found = load_results(path).components.traces
        seen.append("old" if np.array_equal(found, old.components.traces) else "new")
        assert seen[-1] == "old" or np.array_equal(found, new.components.traces)
    assert seen == sorted(seen, reverse=True) and set(seen) == {"old", "new"}, seen
    write_results(new, path)
    assert [each.name for each in tmp_path.iterdir()] == ["r.hdf5"]


@posix
def test_a_folder_that_is_exported_is_on_the_disk_before_it_has_its_name(tmp_path, capsys, monkeypatch, random_results):
    results, deeds = write_results(random_results(), tmp_path / "r.hdf5"), []
    sync, exists = os.fsync, (tmp_path / "out").exists

    def noted(number):
        path = Path(os.path.realpath(f"/proc/self/fd/{number}"))
        deeds.append((path.name if path.is_file() else path, exists()))
        sync(number)

    monkeypatch.setattr(os, "fsync", noted)
    assert said(capsys, ["export", "csv", results, tmp_path / "out"])[0] == 0
    files = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files and files <= {name for name, named in deeds if not named}
    assert (tmp_path, True) in deeds


@posix
def test_batches_and_projects_of_others_can_be_looked_at(tmp_path, movie, powerless, random_results):
    """With permissions that count, also for root: nothing there can be written to, and nothing is."""
    results, others = write_results(random_results(), tmp_path / "r.hdf5"), tmp_path / "others"
    others.mkdir()
    for words in (
        ["batch", "new", others / "b"],
        ["batch", "add", others / "b", movie, "--axes", "tzyx", "--fps", "10", "--name", "x"],
        ["project", "new", others / "p"],
        ["project", "add", others / "p", results, "--animal", "a", "--trial", "1"],
    ):
        assert call([str(word) for word in words]) == 0
    places = [others, *others.rglob("*")]
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    try:
        for words, code, told in (
            (["batch", "list", others / "b"], 0, "pending"),
            (["project", "show", others / "p"], 0, "roi"),
            (["project", "export", others / "p", tmp_path / "t.csv"], 0, ""),
            (["batch", "run", others / "b"], 3, "others"),
            (["project", "delete", others / "p", "a/1", "--yes"], 2, "can't be written to"),
        ):
            done = powerless([sys.executable, "-m", "cnmf3d", *map(str, words)])
            text = done.stdout + done.stderr
            assert done.returncode == code and told in text and "Traceback" not in text, (words, text)
        assert sorted([others, *others.rglob("*")]) == sorted(places)
    finally:
        for place in places:
            place.chmod(0o755)


def test_no_room_for_results_is_said_before_a_run_begins(tmp_path, capsys, monkeypatch, movie):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10})())
    code, text = said(capsys, ["run", movie, "--axes", "tzyx", "--fps", "10", "-o", tmp_path / "r.hdf5"])
    assert code == 2 and "results take at least" in text and "reading" not in text, text
    assert not (tmp_path / "r.hdf5").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory that the allocator keeps is given back otherwise there")
def test_many_runs_in_one_process_keep_no_memory(tmp_path):
    """Whoever kept a movie of each run (2 MB) would keep 32 MB; the allocator takes 7 MB more now and then."""
    simulate(tmp_path / "m.tif", "tiny", seed=1, overrides={"size": "30,30,4", "cells": "6", "frames": "300"})
    taken = []
    for number in range(26):
        write_results(run(open_movie(tmp_path / "m.tif")), tmp_path / "r.hdf5")
        if number in (9, 25):
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)
            taken.append(psutil.Process().memory_info().rss / 2**20)
    assert taken[1] - taken[0] < 20, taken


def test_a_clock_that_was_set_back_holds_nobody_up(tmp_path, capsys, monkeypatch, movie):
    """Rows and locks with times of the future are no reason to wait or to refuse."""
    batch = tmp_path / "b"
    assert said(capsys, ["batch", "new", batch])[0] == 0
    assert said(capsys, ["batch", "add", batch, movie, "--axes", "tzyx", "--fps", "10", "--name", "x"])[0] == 0
    with sqlite3.connect(batch / "batch.sqlite") as file:
        for table, column in (("items", "added"), ("changes", "time"), ("changes", "at")):
            names = [row[1] for row in file.execute(f"pragma table_info({table})")]
            if column in names:
                file.execute(f"update {table} set {column} = '2093-01-01T00:00:00.000000+00:00'")
    file.close()
    assert said(capsys, ["batch", "list", batch])[0] == 0
    code, text = said(capsys, ["batch", "show", batch, "x"])
    assert code == 0 and "2093" in text
    assert said(capsys, ["batch", "abort", batch, "x"])[0] == 0
    assert json.loads(said(capsys, ["batch", "list", batch, "--json"])[1])
