"""Batches of mesmerize-core: tables are read, everything else in a pickle is refused."""

from __future__ import annotations

import os
import pickle
import sys
import uuid
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from cnmf3d.batch.mesmerize import Row, read_mesmerize
from cnmf3d.errors import InputError

pd = pytest.importorskip("pandas")

HERE = Path(__file__).parent / "mesmerize"
MAIN = {"fr": 10, "p": 1, "gSig": np.array([4, 4, 2]), "K": np.int64(20), "rf": 20, "use_cnn": False}


def table(*rows, **columns):
    """A table as mesmerize-core's documentation describes it."""
    names = ["algo", "item_name", "input_movie_path", "params", "outputs", "comments", "uuid"]
    frame = pd.DataFrame(columns=names)
    for number, row in enumerate(rows):
        frame.loc[number] = row
    return frame.assign(**columns)


def row(name="cells", algorithm="cnmf", movie="m.tif", params=None):
    return [
        algorithm,
        name,
        movie,
        {"main": MAIN, "refit": True} if params is None else params,
        None,
        None,
        uuid.uuid4(),
    ]


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_table_of_todays_pandas_is_read(protocol, tmp_path):
    frame = table(row(), row("moved", "mcorr"))
    frame.to_pickle(tmp_path / "b.pickle", protocol=protocol)
    if protocol == 2:  # bytes are there written through _codecs.encode, which a table of mesmerize-core has no need of
        with pytest.raises(InputError, match="_codecs"):
            read_mesmerize(tmp_path / "b.pickle")
        return
    cells, moved = read_mesmerize(tmp_path / "b.pickle")
    assert (cells.name, cells.algorithm, cells.uuid) == ("cells", "cnmf", str(frame.loc[0, "uuid"]))
    assert cells.parameters == {"fr": 10, "p": 1, "gSig": [4, 4, 2], "K": 20, "rf": 20, "use_cnn": False, "refit": True}
    assert type(cells.parameters["K"]) is int
    assert moved.algorithm == "mcorr"


@pytest.mark.parametrize("version", ["1.5.3", "2.2.3"])
def test_tables_of_older_pandas_are_read(version):
    rows = read_mesmerize(HERE / f"pandas_{version}.pickle")
    assert [(each.name, each.algorithm) for each in rows] == [("moved", "mcorr"), ("cells", "cnmf"), ("ring", "cnmfe")]
    assert rows[1].parameters["gSig"] == [4, 4, 2] and rows[1].parameters["refit"] is True


def test_movies_are_sought_beside_the_batch_and_below_the_raw_data(tmp_path):
    for folder in ("batch", "raw"):
        (tmp_path / folder).mkdir()
    (tmp_path / "batch/moved.mmap").touch()
    (tmp_path / "raw/m.tif").touch()
    movies = (PurePosixPath("moved.mmap"), "m.tif", "gone.tif", "/elsewhere/m.tif")
    table(*(row(movie=movie) for movie in movies)).to_pickle(tmp_path / "batch/b.pickle")
    found = [each.movie for each in read_mesmerize(tmp_path / "batch/b.pickle", raw_data=tmp_path / "raw")]
    assert found[:3] == [tmp_path / "batch/moved.mmap", tmp_path / "raw/m.tif", tmp_path / "raw/gone.tif"]
    assert found[3] == Path("/elsewhere/m.tif")


def test_lengths_of_one_plane_get_a_third_axis():
    one = Row("a", "cnmf", "", Path("m"), {"gSig": [3, 4], "rf": 20, "K": 4, "gSiz": [9, 9, 5]})
    assert one.for_volume(1) == {"gSig": [4, 3, 1], "rf": 20, "K": 4, "gSiz": [9, 9, 5]}
    assert one.for_volume(5) == one.parameters


class Evil:
    """Whose pickle runs a command."""

    def __init__(self, call, *given):
        self.call, self.given = call, given

    def __reduce__(self):
        return self.call, self.given


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("call", "told"), [(os.system, "system"), (eval, "eval"), (open, "open"), (np.load, "load"), (getattr, "getattr")]
)
def test_nothing_in_a_pickle_is_run(call, told, protocol, tmp_path):
    mark = tmp_path / "mark"
    given = {
        "system": (f"touch {mark}",),
        "eval": (f"open({str(mark)!r}, 'w')",),
        "open": (str(mark), "w"),
        "load": (str(mark),),
        "getattr": (os, "system"),
    }[told]
    file = tmp_path / "b.pickle"
    with file.open("wb") as out:
        if told == "getattr":
            out.write(b"cbuiltins\ngetattr\n.")
        else:
            pickle.dump(Evil(call, *given), out, protocol=protocol)
    with pytest.raises(InputError, match=rf"b.pickle: it holds .*{told}.*nothing in it was run"):
        read_mesmerize(file)
    assert not mark.exists()


def test_evil_inside_a_table_is_refused(tmp_path):
    mark = tmp_path / "mark"
    table(row(params={"main": {"K": Evil(os.system, f"touch {mark}")}})).to_pickle(tmp_path / "b.pickle")
    with pytest.raises(InputError, match="nothing in it was run"):
        read_mesmerize(tmp_path / "b.pickle")
    assert not mark.exists()


def test_attributes_of_what_is_allowed_are_refused(tmp_path):
    (tmp_path / "b.pickle").write_bytes(b"\x80\x04\x8c\x06pandas\x8c\x13DataFrame.to_pickle\x93.")
    with pytest.raises(InputError, match=r"DataFrame\.to_pickle"):
        read_mesmerize(tmp_path / "b.pickle")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "damaged"),
        (b"not a pickle at all", "damaged"),
        (pickle.dumps({"algo": 1}), "columns"),
        (pickle.dumps([1, 2]), "columns"),
        (b"\x80\x04\x8c\x06pandas", "damaged"),
    ],
)
def test_files_that_are_no_batch(content, told, tmp_path):
    (tmp_path / "b.pickle").write_bytes(content)
    with pytest.raises(InputError, match=told) as error:
        read_mesmerize(tmp_path / "b.pickle")
    assert "b.pickle" in error.value.problem and error.value.fix


@pytest.mark.parametrize("length", [40, 400, 900])
def test_a_file_that_was_cut_short(length, tmp_path):
    table(row()).to_pickle(tmp_path / "b.pickle")
    content = (tmp_path / "b.pickle").read_bytes()
    (tmp_path / "b.pickle").write_bytes(content[:length])
    with pytest.raises(InputError, match="damaged"):
        read_mesmerize(tmp_path / "b.pickle")


def test_a_missing_file_and_other_columns(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_mesmerize(tmp_path / "b.pickle")
    pd.DataFrame({"a": [1]}).to_pickle(tmp_path / "b.pickle")
    with pytest.raises(InputError, match="input_movie_path"):
        read_mesmerize(tmp_path / "b.pickle")
    table(row(params=[1, 2])).to_pickle(tmp_path / "b.pickle")
    with pytest.raises(InputError, match="'cells' are"):
        read_mesmerize(tmp_path / "b.pickle")


def test_pandas_is_not_needed(tmp_path, monkeypatch):
    table(row()).to_pickle(tmp_path / "b.pickle")
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert [each.name for each in read_mesmerize(tmp_path / "b.pickle")] == ["cells"]


def test_rows_tell_whose_output_they_work_on(tmp_path):
    moved, other = row("moved", "mcorr"), row("other", "mcorr")
    output = f"{moved[-1]}/{moved[-1]}_memmap_d1_8_d2_9.mmap"
    cells, alone = row("cells", movie=output), row("alone", movie=f"{uuid.uuid4()}/x.mmap")
    table(row("early", movie=output), other, moved, cells, alone).to_pickle(tmp_path / "b.pickle")
    told = {each.name: each.registered_by for each in read_mesmerize(tmp_path / "b.pickle")}
    assert told == {"early": "", "other": "", "moved": "", "cells": str(moved[-1]), "alone": ""}


def test_lengths_of_motion_correction_in_one_plane_become_xyz():
    given = {"max_shifts": [24, 20], "strides": (48, 40), "overlaps": [12, 10], "max_deviation_rigid": 3}
    wanted = {"max_shifts": [20, 24, 0], "strides": [40, 48, 1], "overlaps": [10, 12, 0], "max_deviation_rigid": 3}
    each = Row("moved", "mcorr", "u", Path("m.tif"), given)
    assert each.for_volume(1) == wanted and each.for_volume(5) == given
