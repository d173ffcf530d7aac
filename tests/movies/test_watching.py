"""A movie that somebody changes while it is used: a caution or an error, never a crash, never other results."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnmf3d
from cnmf3d.errors import InputError
from cnmf3d.events import Progress
from cnmf3d.movies import open_movie
from cnmf3d.movies.arrays import Mapped
from cnmf3d.movies.watching import Watch
from cnmf3d.simulate import simulate

SHAPE = (30, 2, 8, 9)


@pytest.fixture(params=["npy", "zarr"])
def path(request, tmp_path):
    values = np.random.default_rng(0).integers(0, 999, SHAPE).astype(np.uint16)
    path = tmp_path / f"m.{request.param}"
    if request.param == "npy":
        np.save(path, values)
    else:
        zarr = pytest.importorskip("zarr")
        zarr.create_array(str(path), shape=SHAPE, chunks=(5, 2, 8, 9), dtype="u2")[:] = values
    return path


def some_file(path):
    return (
        path
        if path.is_file()
        else next(each for each in sorted(path.rglob("*")) if each.suffix == "" and each.is_file())
    )


def overwritten(path):
    file = some_file(path)
    size = file.stat().st_size
    with file.open("r+b") as out:
        out.seek(size // 2)
        out.write(bytes(size // 4))


def shortened(path):
    os.truncate(some_file(path), some_file(path).stat().st_size // 3)


def removed(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def replaced(path):
    some_file(path).with_name("new").write_bytes(b"x" * 1000)
    some_file(path).with_name("new").replace(some_file(path))


@pytest.mark.parametrize("deed", [overwritten, shortened, removed, replaced])
def test_whatever_is_done_to_a_movie_is_reported(path, deed):
    watch = Watch.of(open_movie(path, axes="tzyx", rate=5))
    watch.check(content=True)
    deed(path)
    with pytest.raises(InputError, match="since the computation began"):
        watch.check()


def test_a_time_stamp_alone_is_a_caution(path):
    said = []
    watch = Watch.of(open_movie(path, axes="tzyx", rate=5), caution=said.append)
    os.utime(some_file(path))
    watch.check(content=True)
    assert len(said) == 1 and "was touched" in said[0]
    watch.check(content=True)
    assert len(said) == 1  # said once


@pytest.mark.parametrize("at", [0.1, 0.5, 0.93])
def test_a_value_that_changes_is_found_where_files_are_small(path, at):
    watch = Watch.of(open_movie(path, axes="tzyx", rate=5))
    file = some_file(path)
    with file.open("r+b") as out:
        out.seek(int(file.stat().st_size * at))
        old = out.read(1)[0]
        out.seek(-1, os.SEEK_CUR)
        out.write(bytes([old ^ 1]))
    with pytest.raises(InputError, match="was written to"):
        watch.check()


def test_places_are_spread_over_large_files(tmp_path, monkeypatch):
    monkeypatch.setattr("cnmf3d.movies.watching.PIECE", 64)
    path = tmp_path / "m.npy"
    np.save(path, np.ones(SHAPE, np.uint16))
    size = path.stat().st_size
    assert size > 256 * 64 * 0.5
    monkeypatch.setattr("cnmf3d.movies.watching.PIECES", 16)
    watch = Watch.of(open_movie(path, axes="tzyx", rate=5))
    for place in (0.3, 0.97):
        content = path.read_bytes()
        with path.open("r+b") as out:
            out.seek(int(size * place) - size // 16)
            out.write(bytes(size // 16))
        with pytest.raises(InputError, match="was written to"):
            watch.check()
        path.write_bytes(content)


def test_a_run_on_a_movie_that_is_touched_goes_on_with_a_caution(tmp_path):
    path = tmp_path / "m.tif"
    simulate(path, "tiny", seed=3, overrides={"size": (32, 32, 5), "cells": 6, "frames": 200})
    results = cnmf3d.run(
        open_movie(path), reporter=lambda event: os.utime(path) if isinstance(event, Progress) else None, workers=1
    )
    assert any("was touched" in text for text in results.provenance.warnings)


def test_values_that_change_without_a_time_stamp_are_reported(tmp_path):
    path = tmp_path / "m.npy"
    np.save(path, np.ones(SHAPE, np.uint16))
    watch, facts = Watch.of(open_movie(path, axes="tzyx")), path.stat()
    with path.open("r+b") as file:
        file.seek(128)
        file.write(bytes(2000))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    watch.check()
    with pytest.raises(InputError, match="has other values"):
        watch.check(content=True)


@pytest.mark.parametrize("stage", ["ingest", "blocks", "traces"])
@pytest.mark.parametrize("deed", [overwritten, shortened, removed])
def test_a_run_on_a_movie_that_changes_fails(tmp_path, stage, deed):
    path = tmp_path / "m.tif"
    simulate(path, "tiny", seed=3, overrides={"size": (32, 32, 5), "cells": 6, "frames": 200})
    done = []

    def act(event):
        if isinstance(event, Progress) and event.stage == stage and not done:
            done.append(deed(path))

    with pytest.raises(InputError, match=r"m\.tif"):
        cnmf3d.run(open_movie(path), reporter=act, workers=1)
    assert done


def test_a_file_that_is_cut_short_ends_no_process(tmp_path):
    """A memory map would: the operating system kills whoever looks behind the end of a file."""
    np.save(tmp_path / "m.npy", np.ones((40, 4, 128, 128), np.uint16))
    code = (
        "import os, cnmf3d\nfrom cnmf3d.errors import InputError\n"
        "m = cnmf3d.open_movie('m.npy', axes='tzyx')\nos.truncate('m.npy', 300000)\n"
        "for part in (slice(0, 40), slice(30, 31)):\n"
        "    try: m[part].sum()\n    except InputError as error: print('cut short' in str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "True\nTrue\n", done.stderr


@st.composite
def parts(draw):
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=5)))
    index = []
    for length in shape:
        if draw(st.booleans()):
            index.append(draw(st.integers(0, length - 1)))
        else:
            start = draw(st.integers(0, length))
            index.append(slice(start, draw(st.integers(start, length)), draw(st.integers(1, 3))))
    return shape, tuple(index), draw(st.integers(0, 3)), draw(st.sampled_from([1, 64, 2**16]))


@settings(max_examples=200, deadline=None)
@given(parts())
def test_parts_are_what_numpy_takes(tmp_path_factory, monkeypatch_module, chosen):
    shape, index, gap, small = chosen
    monkeypatch_module.setattr("cnmf3d.movies.arrays.SMALL", small)
    monkeypatch_module.setattr("cnmf3d.movies.arrays.PIECE_BYTES", 4 * small)
    values = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    inner = values[0].nbytes
    path = tmp_path_factory.getbasetemp() / "parts"
    path.write_bytes(b"head!" + b"".join(item.tobytes() + bytes(gap) for item in values))
    found = Mapped(path, values.dtype, shape, 5, inner + gap if gap else 0)[index]
    np.testing.assert_array_equal(found, values[index])
    assert np.shape(found) == values[index].shape


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch
