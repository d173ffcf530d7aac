"""Movies as files of their own: every value, rate and voxel size come back, and damage is seen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.movies import open_movie, writing
from cnmf3d.movies.kept_times import with_kept
from cnmf3d.movies.resuming import Work
from cnmf3d.movies.stored import Stored
from cnmf3d.movies.writing import write_movie
from cnmf3d.timeline import Segment, Timeline


@pytest.mark.parametrize("name", ["o.tif", "o.ome.zarr"])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "i2", "f4", "f8", "?"])
def test_values_and_sizes_come_back(tmp_path, values, name, dtype):
    movie = open_movie(values.astype(dtype), axes="tzyx", rate=4.0, voxel_size=(1.5, 2, 10))
    path = write_movie(movie, tmp_path / name)
    again = open_movie(path)
    np.testing.assert_array_equal(again.read(0, 6), values.astype(dtype))
    assert again.rate == pytest.approx(4.0) and again.voxel_size == pytest.approx((10, 2, 1.5))


@pytest.mark.parametrize("name", ["o.tif", "o.ome.zarr", "big.tif"])
def test_times_of_planes_volumes_and_segments_come_back(tmp_path, monkeypatch, name):
    if name == "big.tif":
        monkeypatch.setattr(writing, "IMAGEJ_LIMIT", 0)
    values = np.arange(45 * 3 * 4 * 5, dtype=np.uint16).reshape(45, 3, 4, 5)
    seconds = np.arange(45) * 0.5 + np.where(np.arange(45) >= 25, 7.25, 0)
    timeline = Timeline((Segment("erste ä.tif", 0), Segment("b", 25)), seconds, (0.0, 0.1, 0.2), "what is given")
    movie = replace(open_movie(values, rate=2.0), timeline=timeline)
    again = open_movie(write_movie(movie, tmp_path / name))
    np.testing.assert_array_equal(again.read(0, 45), values)
    assert again.timeline.segments == timeline.segments and again.rate == pytest.approx(2)
    np.testing.assert_array_equal(again.seconds, seconds)
    np.testing.assert_array_equal(again.plane_times, (0, 0.1, 0.2))
    assert again.timeline.gaps() == (25,)


@given(
    text=st.one_of(
        st.text(),
        st.builds(
            json.dumps,
            st.dictionaries(
                st.sampled_from(["cnmf3d", "volumes", "plane_times_s", "time_stamps_s", "segments"]),
                st.one_of(
                    st.just(1),
                    st.just(4),
                    st.floats(),
                    st.text(),
                    st.lists(st.one_of(st.floats(), st.text(), st.lists(st.integers(-1, 5)))),
                ),
            ),
        ),
    )
)
def test_times_of_others_are_left_alone(text):
    stored = Stored(np.zeros((4, 2, 3, 3)), "tzyx", "TIFF")
    kept = with_kept(stored, text).facts.metadata
    assert len(kept.get("time_stamps_s", range(4))) == 4
    assert all(np.isfinite(kept.get(name, ())).all() for name in ("time_stamps_s", "plane_times_s"))


def test_what_is_opened_is_what_is_written(tmp_path, values):
    tifffile.imwrite(tmp_path / "m.tif", values, metadata={"axes": "TZYX"}, imagej=True)
    movie = open_movie(tmp_path / "m.tif", axes="ztyx", rate=1)
    again = open_movie(write_movie(movie, tmp_path / "o.tif"))
    np.testing.assert_array_equal(again.read(0, 3), values.swapaxes(0, 1))


@settings(max_examples=20, deadline=None)
@given(chunk=st.integers(1, 4000))
def test_chunks_of_any_length_make_the_same_file(tmp_path_factory, values, chunk):
    folder = tmp_path_factory.mktemp("chunks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "CHUNK_BYTES", chunk)
        path = write_movie(open_movie(values, rate=1), folder / "o.tif")
    np.testing.assert_array_equal(open_movie(path).read(0, 6), values)


def test_a_disk_that_changes_values_is_seen(tmp_path, values, monkeypatch):
    real = writing._Tiff.put

    def damaged(self, start, frames):
        real(self, start, frames)
        content = bytearray(self._path.read_bytes())
        content[content.index(values[3].astype("<u2").tobytes()) + 5] ^= 1
        self._path.write_bytes(content)

    monkeypatch.setattr(writing._Tiff, "put", damaged)
    with pytest.raises(Cnmf3dError, match="other values than were written, in frames 0 to 5"):
        write_movie(open_movie(values, rate=1), tmp_path / "o.tif")
    assert not list(tmp_path.iterdir())


def test_names_that_cannot_be_written(tmp_path, values):
    movie = open_movie(values, rate=1)
    with pytest.raises(UsageError, match=r"Let it end in \.tif"):
        write_movie(movie, tmp_path / "o.avi")
    (tmp_path / "o.tif").write_bytes(b"mine")
    with pytest.raises(InputError, match="is there already"):
        write_movie(movie, tmp_path / "o.tif")
    assert (tmp_path / "o.tif").read_bytes() == b"mine"


KILLED = """
import os, signal, sys
from cnmf3d.movies import open_movie, writing
writing.CHUNK_BYTES = 100
def report(progress):
    if progress.done == 4 and progress.stage == "write":
        os.kill(os.getpid(), signal.SIGKILL)
writing.write_movie(open_movie(sys.argv[1], axes="tzyx", rate=2), sys.argv[2], reporter=report)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("name", ["o.tif", "o.ome.zarr"])
def test_a_conversion_that_was_killed_goes_on(tmp_path, values, name, monkeypatch):
    np.save(tmp_path / "m.npy", values)
    words = [sys.executable, "-c", KILLED, str(tmp_path / "m.npy"), str(tmp_path / name)]
    assert subprocess.run(words, check=False).returncode == -9
    assert not (tmp_path / name).exists()
    monkeypatch.setattr(writing, "CHUNK_BYTES", 100)
    read = []
    movie = open_movie(tmp_path / "m.npy", axes="tzyx", rate=2)
    real = type(movie.frames).read
    monkeypatch.setattr(
        type(movie.frames),
        "read",
        lambda self, start, stop, step=1: read.append(start) or real(self, start, stop, step),
    )
    write_movie(movie, tmp_path / name, check=False)
    assert read == [4, 5]
    np.testing.assert_array_equal(open_movie(tmp_path / name).read(0, 6), values)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(["m.npy", name])


@pytest.mark.parametrize("name", ["o.tif", "o.ome.zarr"])
@pytest.mark.parametrize("damage", ["movie", "last chunk", "journal", "draft", "first chunk"])
def test_a_conversion_that_cannot_go_on_begins_anew(tmp_path, values, name, damage, monkeypatch):
    np.save(tmp_path / "m.npy", values)
    monkeypatch.setattr(writing, "CHUNK_BYTES", 100)

    def stop(progress):
        if progress.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_movie(open_movie(tmp_path / "m.npy", axes="tzyx", rate=2), tmp_path / name, reporter=stop)
    part = tmp_path / f".{name}.part"
    wanted = values
    if damage == "movie":
        wanted = values + 1
        np.save(tmp_path / "m.npy", wanted)
    elif damage == "journal":
        (part / "journal.jsonl").write_text("{")
    elif damage == "draft":
        shutil.rmtree(part / name) if name.endswith("zarr") else (part / name).unlink()
    else:
        frame = 3 if damage == "last chunk" else 0
        sink = writing._resumed(Work(part, name, {}), open_movie(values), values.dtype)
        offset = json.loads((part / "journal.jsonl").read_text().split("\n")[0])["made"]["offset"]
        sink = type(sink)(part / name, offset, values.shape, values.dtype)
        sink.put(frame, values[frame : frame + 1] + 9)
    movie = open_movie(tmp_path / "m.npy", axes="tzyx", rate=2)
    if damage == "first chunk":
        with pytest.raises(Cnmf3dError, match="in frames 0 to 0"):
            write_movie(movie, tmp_path / name)
    write_movie(movie, tmp_path / name)
    np.testing.assert_array_equal(open_movie(tmp_path / name).read(0, 6), wanted)
    assert not part.exists()


def test_two_programs_do_not_write_one_file(tmp_path, values):
    np.save(tmp_path / "m.npy", values)
    movie = open_movie(tmp_path / "m.npy", axes="tzyx", rate=2)

    def again(progress):
        write_movie(movie, tmp_path / "o.tif")

    with pytest.raises(InputError, match="is being written by another program"):
        write_movie(movie, tmp_path / "o.tif", reporter=again)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_draft_that_is_a_link_is_not_written_through(tmp_path, values):
    (tmp_path / "mine").mkdir()
    (tmp_path / ".o.tif.part").symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match="is a link"):
        write_movie(open_movie(values, rate=2), tmp_path / "o.tif")
    assert not list((tmp_path / "mine").iterdir())
