"""The table of exporters, where they write, and tables of traces."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import subprocess
import sys
import types
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from cnmf3d import plugins
from cnmf3d.cli.app import call
from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.results import exports, write_results
from cnmf3d.results.exports import Export, Exporter, export, export_of, exporters
from cnmf3d.results.exports.roi_table import tag_column


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_csv_gives_every_value_back(tmp_path, random_results):
    results = random_results(4)
    export("csv", Export(results, np.array([3, 5, 8, 9]), {"kind": {5: 'a "b", ü'}}), tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"{name}.csv" for name in ("rois", "columns", "raw", "dff", "denoised", "spikes")
    }
    rois = rows_of(tmp_path / "out/rois.csv")
    assert [row["id"] for row in rois] == ["3", "5", "8", "9"]
    assert [row["kind"] for row in rois] == ["", 'a "b", ü', "", ""]
    assert [row["accepted"] == "True" for row in rois] == list(results.components.accepted)
    centres = results.components.centroids()
    assert np.allclose([float(row["z_um"]) for row in rois], 4 * centres[:, 0])
    assert np.allclose([float(row["x_voxels"]) for row in rois], centres[:, 2])
    assert [np.float32(row["snr"]) for row in rois] == list(results.components.quality["snr"])
    components = results.components
    for name, values in (("raw", components.raw), ("dff", components.dff), ("spikes", components.spikes)):
        table = rows_of(tmp_path / f"out/{name}.csv")
        assert list(table[0]) == ["seconds", "roi_3", "roi_5", "roi_8", "roi_9"]
        back = np.array([[row[f"roi_{i}"] for i in (3, 5, 8, 9)] for row in table], np.float32)
        assert np.array_equal(back.T, values)
        assert np.allclose([float(row["seconds"]) for row in table], np.arange(40) / 7.5)


def test_parquet_gives_every_value_back(tmp_path, random_results):
    parquet = pytest.importorskip("pyarrow.parquet")
    results = dataclasses.replace(random_results(3), rate=0.0, voxel_size=None)
    tags = {"kind": {1: "x"}, "good": {0: True, 1: False, 2: True}}
    export("parquet", Export(results, np.arange(3), tags), tmp_path / "out")
    rois = parquet.read_table(tmp_path / "out/rois.parquet").to_pydict()
    assert rois["good"] == [True, False, True] and rois["kind"] == ["", "x", ""] and "x_um" not in rois
    table = parquet.read_table(tmp_path / "out/denoised.parquet")
    assert table.column_names == ["volume", "roi_0", "roi_1", "roi_2"]
    assert np.array_equal(np.stack([table[f"roi_{i}"].to_numpy() for i in range(3)]), results.components.traces)


def test_tags_have_the_narrowest_type_that_holds_all():
    assert tag_column([1, 2]).dtype == np.int64 and tag_column([1.5, 2.0]).dtype == np.float64
    assert tag_column([True, False]).dtype == bool
    assert tag_column([1, None]) == ["1", ""] and tag_column([1, 2.5]) == ["1", "2.5"]
    assert tag_column([10**30, 1]) == [str(10**30), "1"] and tag_column(["a", True]) == ["a", "True"]
    assert list(tag_column([])) == []


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_no_rois_are_a_table_of_none(tmp_path, random_results, name):
    export(name, random_results(0), tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == (6 if name == "csv" else 5)


def test_csv_says_the_unit_of_every_column(tmp_path, random_results):
    results = random_results(3)
    export("csv", Export(results, np.arange(3), {"kind": {1: "x"}, "snr": {2: "low"}}), tmp_path / "out")
    told = {(row["table"], row["column"]): row for row in rows_of(tmp_path / "out/columns.csv")}
    assert len(told) == len(rows_of(tmp_path / "out/columns.csv")) and all(row["description"] for row in told.values())
    head = (tmp_path / "out/rois.csv").read_text(encoding="utf-8").partition("\n")[0].split(",")
    assert [column for table, column in told if table == "rois"] == head
    for axis in "xyz":
        assert told["rois", f"{axis}_voxels"]["unit"] == "voxels" and told["rois", f"{axis}_um"]["unit"] == "µm"
    assert told["rois", "snr"]["unit"] == "1" and told["rois", "tag_snr"]["description"] == "tag snr, given by people"
    assert told["rois", "kind"]["description"] == "tag kind, given by people"
    for name in ("raw", "denoised", "spikes"):
        assert (
            told[name, "roi_ID"]["unit"] == "movie units (footprint of norm 1)" and told[name, "seconds"]["unit"] == "s"
        )
    assert told["dff", "roi_ID"]["unit"] == "1"


def test_parquet_says_units_and_where_it_comes_from(tmp_path, random_results):
    parquet = pytest.importorskip("pyarrow.parquet")
    results = random_results(2)
    export("parquet", Export(results, np.arange(2), {"kind": {1: "x"}}), tmp_path / "out")
    units = {"raw": "movie units (footprint of norm 1)", "dff": "1"}
    for name in ("rois", "raw", "dff", "denoised", "spikes"):
        schema = parquet.read_schema(tmp_path / f"out/{name}.parquet")
        told = {field.name: {key.decode(): value.decode() for key, value in field.metadata.items()} for field in schema}
        assert all(set(each) >= {"unit", "description"} for each in told.values())
        assert told["x_um"]["unit"] == "µm" if name == "rois" else told["seconds"]["unit"] == "s"
        assert told["roi_1"]["unit"] == units[name] if name in units else True
        whole = {key.decode(): json.loads(value) for key, value in schema.metadata.items() if key[:7] == b"cnmf3d."}
        assert whole["cnmf3d.rate_hz"] == 7.5 and whole["cnmf3d.voxel_size_xyz_um"] == [1.5, 1, 4]
        assert whole["cnmf3d.movie"] == ["a folder/mövie.tif"] and whole["cnmf3d.software"] == {"cnmf3d": "0.1.0"}
        assert whole["cnmf3d.parameters"] == results.parameters and whole["cnmf3d.shape_xyz"] == [11, 9, 4]


def test_only_what_was_accepted(tmp_path, random_results, capsys):
    results = random_results(8, seed=4)
    path = write_results(results, tmp_path / "r.hdf5")
    assert call(["export", "csv", str(path), str(tmp_path / "out"), "--accepted"]) == 0
    keep = np.flatnonzero(results.components.accepted)
    assert f"{len(keep)} ROIs" in capsys.readouterr().out
    assert [int(row["id"]) for row in rows_of(tmp_path / "out/rois.csv")] == list(keep)


def test_a_folder_is_replaced_only_where_it_is_an_earlier_export(tmp_path, random_results):
    out = tmp_path / "out"
    out.mkdir()
    export("csv", random_results(2), out)  # an empty folder is as good as none
    with pytest.raises(UsageError, match="exists already"):
        export("csv", random_results(3), out)
    export("csv", random_results(3), out, force=True)
    assert len(rows_of(out / "rois.csv")) == 3
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="something else"):
        export("csv", random_results(4), out, force=True)
    assert (out / "thesis.txt").exists() and len(rows_of(out / "rois.csv")) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_export_that_fails_leaves_nothing_and_what_was_there(tmp_path, random_results, monkeypatch):
    def full(leaving, path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    broken = Exporter("broken", "fails", full, (".txt",))
    monkeypatch.setattr(exports, "BUILT_IN", (broken,))
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(Cnmf3dError, match="No space left"):
        export("broken", random_results(1), tmp_path / "a.txt", force=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_the_formats_are_listed(capsys):
    assert call(["export", "--list"]) == 0
    assert set(exporters()) == {line.split()[0] for line in capsys.readouterr().out.splitlines()}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["export"], 2, "RESULTS"),
        (["export", "nwb", "r.hdf5"], 2, "OUT"),
        (["export", "nwbb", "r.hdf5", "o"], 2, "Did you mean nwb?"),
        (["export", "csv", "none.hdf5", "o"], 3, "none.hdf5"),
        (["export", "csv", "r.hdf5", "nowhere/o"], 2, "nowhere"),
        (["export", "csv", "r.hdf5", "s.csv"], 2, "exists"),
        (["export", "csv", "r.hdf5", "s.csv", "--force"], 2, "something else"),
        (["export", "csv", "r.hdf5", ".", "--force"], 2, "is no name"),
        (["export", "csv", "r.hdf5", "..", "--force"], 2, "is no name"),
        (["export", "caiman", "r.hdf5", "r.hdf5", "--force"], 2, "is what is read"),
        (["export", "csv", "r.hdf5", "o", "--set", "lab=A"], 2, "nwb can"),
        (["export", "csv", "r.hdf5", "o", "--metadata", "none.yaml"], 3, "none.yaml"),
        (["export", "nwb", "r.hdf5", "o"], 2, "o.nwb"),
        (["export", "nwb", "r.hdf5", "o.nwb"], 2, "--set session_start_time="),
        (["export", "nwb", "r.hdf5", "o.nwb", "--set", "lab"], 2, "no '='"),
        (["export", "csv", "r.hdf5", "o", "--stimuli", "s.csv"], 2, "nwb can"),
        (["export", "nwb", "r.hdf5", "o.nwb", "--stimuli", "none.csv"], 3, "none.csv"),
        (["export", "nwb", "r.hdf5", "o.nwb", "--stimuli", "s.csv", "--stimuli-in", "days"], 2, "frames"),
        (["export", "nwb", "r.hdf5", "o.nwb", "--stimuli", "s.csv", "--stimuli", "s.csv"], 2, "two stimulus maps"),
        (["export", "nwb", "r.hdf5", "o.nwb", "--stimuli", "late.csv"], 3, "ends at"),
    ],
)
def test_mistakes_are_told_in_words(words, code, told, tmp_path, random_results, capsys, monkeypatch):
    write_results(random_results(), tmp_path / "r.hdf5")
    (tmp_path / "s.csv").write_text("name,start,end\na,0,1\n")
    (tmp_path / "late.csv").write_text("name,start,end\na,100,101\n")
    monkeypatch.chdir(tmp_path)
    assert call(words) == code
    assert told in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"r.hdf5", "s.csv", "late.csv"}


def test_packages_of_others_can_add_theirs(random_results, tmp_path, monkeypatch):
    def write(leaving, path):
        path.write_text(f"{len(leaving.ids)} ROIs")
        return ("Done.",)

    entry = types.SimpleNamespace(load=lambda: Exporter("mine", "a count", write, (".txt",)))
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == "cnmf3d.exporters" else [])
    assert export("mine", random_results(3), tmp_path / "r.txt") == ("Done.",)
    assert (tmp_path / "r.txt").read_text() == "3 ROIs"


@pytest.mark.parametrize(("group", "words"), [("exporters", ["export"]), ("importers", ["import"])])
def test_a_package_of_others_that_is_broken_is_named(group, words, monkeypatch, capsys):
    entry = EntryPoint("mine", "nothing_of_this_name:EXPORTER", f"cnmf3d.{group}")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == entry.group else [])
    assert call([*words, "--list"]) == 3
    told = capsys.readouterr().err
    assert f"the {group[:-1]} mine of another package can't be loaded (ModuleNotFoundError" in told and "Update" in told


@pytest.mark.parametrize(("name", "package"), [("nwb", "pynwb"), ("parquet", "pyarrow")])
def test_a_package_that_is_missing_is_named(tmp_path, random_results, monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    metadata = {"session_start_time": "2026-01-31"} if name == "nwb" else {}
    with pytest.raises(UsageError) as error:
        export(name, export_of(random_results(2), metadata=metadata), tmp_path / "r.nwb")
    assert package in error.value.problem and f"cnmf3d[{name}]" in error.value.fix
    assert list(tmp_path.iterdir()) == []


def test_what_few_need_is_not_loaded_for_all():
    code = "import sys, cnmf3d.results.imports, cnmf3d.results.exports; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pynwb", "hdmf", "pyarrow", "pandas", "matplotlib", "scipy.stats", "zarr"} & set(loaded)


def test_every_exporter_says_what_it_is(random_results):
    leaving = export_of(random_results(2))
    assert list(leaving.ids) == [0, 1] and leaving.tags == {}
    assert all(each.about and (each.suffixes or each.ours) for each in exporters().values())


@pytest.mark.parametrize("name", sorted(exporters()))
def test_names_that_are_no_utf_8_are_written_to(name, tmp_path, random_results):
    out = tmp_path / (os.fsdecode(b"\xff\xfe") + (exporters()[name].suffixes or ("",))[0])
    more = {"metadata": {"session": {"session_start_time": "2026-01-31T14:00:00+01:00"}}} if name == "nwb" else {}
    export(name, export_of(random_results(3), **more), out)
    assert [each for each in tmp_path.iterdir() if each.name.startswith(out.name)]
