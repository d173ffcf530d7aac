"""`cnmf3d project` and `cnmf3d sample`: from results to samples, tables, checks and runs of old histories."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from cnmf3d.cli.app import call
from cnmf3d.engine import run
from cnmf3d.movies import open_movie
from cnmf3d.project import Project
from cnmf3d.results import write_results


@pytest.fixture
def told(capsys):
    """Run a command; what it prints, and its exit code."""

    def command(*words, code=0):
        capsys.readouterr()
        assert call([str(word) for word in words]) == code, capsys.readouterr()
        output = capsys.readouterr()
        return output.out + output.err

    return command


@pytest.fixture
def folder(tmp_path, told):
    """A project with columns."""
    path = tmp_path / "my prøject"
    assert "made the project" in told("project", "new", path)
    told(
        *("project", "config", path, "--add-roi-type", "cell type", "--add-stimulus", "odour"),
        *("--add-custom", "age:whole", "--add-custom", "line=wild type", "--add-custom", "awake:bool=yes"),
    )
    return path


@pytest.fixture
def results(tmp_path, random_results):
    """A results file."""
    return write_results(random_results(), tmp_path / "r.hdf5")


def test_columns_are_shown_previewed_changed_and_changed_back(folder, told):
    lines = told("project", "config", folder).splitlines()
    assert lines[0].split(maxsplit=3)[3] == "cell type" and "line (text, default wild type)" in lines[2]
    assert "no sample's values change" in told("project", "config", folder, "--rename", "age=age in days", "--preview")
    told("project", "config", folder, "--rename", "age=age in days", "--remove", "line", "--visible", "animal, roi")
    now = json.loads(told("project", "config", folder, "--json"))
    assert [each["name"] for each in now["columns"]] == ["cell type", "odour", "age in days", "awake"]
    assert now["visible"] == ["animal", "roi"]
    assert "undone: show animal, roi" in told("project", "undo", folder)
    assert "undone: remove the column line" in told("project", "undo", folder)
    assert "done again: remove the column line" in told("project", "redo", folder)
    assert told("project", "log", folder).count("(undone)") == 1
    assert len(json.loads(told("project", "log", folder, "--json"))) == 8


def test_from_results_to_a_table(folder, results, told, tmp_path):
    (tmp_path / "o.csv").write_text("Name;Start;End\nrose;0;10\nnone;10;20\n")
    (tmp_path / "t.csv").write_text("roi; cell type\n0;pyr\n\n3;PV\n")
    made = json.loads(
        told(
            *("project", "add", folder, results, "--animal", "m1", "--trial", "3", "--set", "age=12"),
            *("--stimulus", f"odour={tmp_path / 'o.csv'}", "--stimuli-in", "frames", "--tags", tmp_path / "t.csv"),
            *("--date", "2026-05-17", "--json"),
        ).splitlines()[0]
    )
    assert made["sample"] == "m1/3" and made["rois"] == 5
    assert "has a sample m1/3 already" in told(
        "project", "add", folder, results, "--animal", "m1", "--trial", "3", code=2
    )
    again = told(
        "project", "add", folder, results, "--animal", "m1", "--trial", "3", "--overwrite", "--tags", tmp_path / "t.csv"
    )
    assert again.startswith(made["uuid"])
    assert "m1      3      2026-05-17  5" in told("project", "list", folder)
    shown = told("project", "show", folder, "m1/3")
    assert "2 stimuli in frames: rose, none" in shown and "1 pyr, 1 PV" in shown and "wild type" in shown
    assert json.loads(told("project", "show", folder, made["uuid"][:8], "--json"))["custom"]["age"] == 12
    assert told("project", "show", folder, "--where", "cell type: pyr|=PV").count("m1") == 2
    query = told("project", "show", folder, "--where", "cell type: pyr|=PV", "--where", "age > 3", "--query").strip()
    assert len(json.loads(told("project", "show", folder, "--json"))) == 5
    told("project", "export", folder, tmp_path / "all.csv")
    table = pd.read_csv(tmp_path / "all.csv", keep_default_na=False)
    assert table.query(query)["roi"].tolist() == [0, 3]
    told("project", "export", folder, tmp_path / "some.parquet", "--where", "cell type: pyr", "--curves", "dff")
    assert len(pd.read_parquet(tmp_path / "some.parquet")["dff"][0]) == 40
    told("project", "export", folder, tmp_path / "s.xlsx", "--samples")
    assert "exists already" in told("project", "export", folder, tmp_path / "s.xlsx", "--samples", code=2)


def test_a_sample_leaves_as_nwb_with_what_is_known_of_it(folder, results, told, tmp_path):
    pynwb = pytest.importorskip("pynwb")
    (tmp_path / "o.csv").write_text("name,start,end\nrose,0,1\n")
    (tmp_path / "t.csv").write_text("roi,cell type\n0,pyr\n")
    told(
        *("project", "add", folder, results, "--animal", "m1", "--trial", "3", "--date", "2026-05-17T10:00:00+02:00"),
        *("--stimulus", f"odour={tmp_path / 'o.csv'}", "--tags", tmp_path / "t.csv"),
    )
    out = tmp_path / "m.nwb"
    assert "5 ROIs" in told("project", "export", folder, out, "m1/3", "--set", "species=Mus musculus")
    with pynwb.NWBHDF5IO(out, "r") as io:
        file = io.read()
        assert (file.subject.subject_id, file.subject.species, file.session_id) == ("m1", "Mus musculus", "3")
        assert file.session_start_time.isoformat() == "2026-05-17T10:00:00+02:00"
    assert "no export to 'nbw'" in told("project", "export", folder, out, "m1/3", "--format", "nbw", code=2)
    told("project", "add", folder, results, "--animal", "m1", "--trial", "4")
    assert "5 ROIs" in told("project", "export", folder, tmp_path / "one.csv", "m1/4")
    assert pd.read_csv(tmp_path / "one.csv")["sample"].unique().tolist() == ["m1/4"]
    told("project", "export", folder, tmp_path / "csv", "m1/3", "--format", "csv", "--accepted")
    assert (tmp_path / "csv" / "rois.csv").exists()


def test_samples_are_edited_renamed_and_deleted(folder, results, told):
    for trial in ("1", "2"):
        told("project", "add", folder, results, "--animal", "m1", "--trial", trial)
    told("project", "edit", folder, "m1/1", "--set", "age=3", "--set", "line=", "--comments", "x")
    shown = json.loads(told("project", "show", folder, "m1/1", "--json"))
    assert shown["custom"] == {"awake": True, "age": 3} and shown["comments"] == "x"
    assert "m1 is now m2 in 2 samples" in told("project", "rename", folder, "m1", "m2")
    assert "m2/2 is now m2/two" in told("project", "rename", folder, "m2/2", "m2/two")
    assert "nobody is there to be asked" in told("project", "delete", folder, "m2/1", code=2)
    assert "deleted m2/1" in told("project", "delete", folder, "m2/1", "--yes")
    with Project.open(folder) as project:
        assert [each.id for each in project.samples()] == ["m2/two"]


def test_check_tells_what_is_wrong(folder, results, told, tmp_path, random_results):
    known = random_results()
    known = dataclasses.replace(known, provenance=dataclasses.replace(known.provenance, input_paths=(), fingerprint=""))
    told("project", "add", folder, write_results(known, tmp_path / "k.hdf5"), "--animal", "a", "--trial", "1")
    assert "1 samples, all is well" in told("project", "check", folder)
    assert "! its movie is not in" in told("project", "add", folder, results, "--animal", "a", "--trial", "2")
    wrong = told("project", "check", folder, code=3)
    assert "a/2: the movie of a/2 is not in" in wrong and "1 problems" in wrong
    assert json.loads(told("project", "check", folder, "--quick", "--json", code=3))[0]["what"] == "movie"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["list", "nowhere"], "nowhere is no project"),
        (["config", "DIR", "--add-custom", "age:hole"], "no type 'hole'"),
        (["config", "DIR", "--rename", "age"], "Write NAME=VALUE"),
        (["config", "DIR", "--remove", "agee"], "Did you mean age"),
        (["add", "DIR", "gone.hdf5", "--animal", "a", "--trial", "1"], "gone.hdf5 does not exist"),
        (["add", "DIR", "R", "--animal", "a"], "Missing option '--trial'"),
        (
            ["add", "DIR", "R", "--animal", "a", "--trial", "1", "--stimulus", "odour=gone.csv"],
            "gone.csv can't be read",
        ),
        (
            ["add", "DIR", "R", "--animal", "a", "--trial", "1", "--stimuli-in", "hours"],
            "'hours' is not one of 'seconds', 'frames'",
        ),
        (["add", "DIR", "R", "--animal", "a", "--trial", "1", "--tags", "R"], "can't be read"),
        (["show", "DIR", "x/y"], "no sample x/y"),
        (["show", "DIR", "--where", "snrr > 5"], "names no column"),
        (["show", "DIR", "--query"], "there are no filters"),
        (["edit", "DIR", "x/y"], "nothing to change"),
        (["export", "DIR", "out.csv", "--curves", "dff"], "holds no curves"),
        (["export", "DIR", "out.txt"], "no name of a table"),
        (["undo", "DIR/.."], "is no project"),
    ],
)
def test_mistakes_are_named(folder, results, told, words, problem):
    words = [word.replace("DIR", str(folder)).replace("R", str(results)) if word == "R" else word for word in words]
    words = [str(folder) + word[3:] if word.startswith("DIR") else word for word in words]
    code = call(["project", *words])
    assert code in (2, 3)
    assert problem in told("project", *words, code=code)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("number,cell type\n0,pyr\n", "t.csv has no column roi"),
        ("roi,cell type\n0,pyr\n1.5,PV\n", "t.csv: row 2 is of the ROI '1.5'"),
        ("roi,cell type\n,pyr\n", "t.csv: row 1 is of the ROI ''"),
        ("roi\tcell type\n9\tpyr\n", "tags the ROI 9, which is not there"),
    ],
)
def test_tags_that_are_none_are_named(folder, results, told, tmp_path, text, problem):
    (tmp_path / "t.csv").write_text(text)
    words = ("project", "add", folder, results, "--animal", "a", "--trial", "1", "--tags", tmp_path / "t.csv")
    assert problem in told(*words, code=3 if "t.csv" in problem else 2)


def test_a_rerun_is_identical_and_tells_what_is_not(folder, movie, told, tmp_path, monkeypatch):
    results = run(open_movie(movie))
    told("project", "add", folder, write_results(results, tmp_path / "m.hdf5"), "--animal", "a", "--trial", "1")
    monkeypatch.chdir(folder / "samples")
    assert "a/1: identical" in told("sample", "rerun", "a/1")
    other = dataclasses.replace(results, components=results.components.select(np.arange(results.components.count - 1)))
    with Project.open(folder) as project:
        project.add(other, animal="a", trial="2")
    shown = told("sample", "rerun", "a/2", "--project", folder, "--json", code=1)
    found = json.loads(shown.splitlines()[0])
    assert found["components"] == [results.components.count - 1, results.components.count]
    assert not found["identical"] and found["matched"] == results.components.count - 1
    assert found["cosine"] > 0.99999 and found["correlation"] > 0.99999
    monkeypatch.chdir(tmp_path)
    assert "this folder is in no project" in told("sample", "rerun", "a/1", code=2)
    movie_less = dataclasses.replace(results, parameters={"caiman": {}})
    with Project.open(folder) as project:
        project.add(movie_less, animal="a", trial="3")
    assert "has no run of cnmf3d" in told("sample", "rerun", "a/3", "--project", folder, code=3)


def test_moved_movies_are_found_again_and_the_others_told(folder, told, random_results, tmp_path):
    movie = tmp_path / "m.npy"
    np.save(movie, np.zeros((30, 3, 8, 8), np.uint16))
    made = random_results()
    source = dataclasses.replace(made.provenance, fingerprint=open_movie(movie, rate=5).fingerprint())
    results = write_results(dataclasses.replace(made, provenance=source), tmp_path / "r.hdf5")
    told("project", "add", folder, results, "--animal", "m1", "--trial", "1", "--movie", movie, "--fps", "5")
    (tmp_path / "new").mkdir()
    moved = movie.rename(tmp_path / "new" / "m.npy")
    assert "is no folder" in told("project", "relink", folder, tmp_path / "nowhere", code=3)
    (tmp_path / "empty").mkdir()
    assert f"m1/1  not found: {movie}" in told("project", "relink", folder, tmp_path / "empty", code=1)
    assert told("project", "relink", folder, tmp_path / "new") == f"m1/1  {moved}\nall movies are there\n"
