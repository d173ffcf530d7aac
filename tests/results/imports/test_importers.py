"""The table of importers, and CaImAn's files through it."""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest

from cnmf3d import plugins
from cnmf3d.cli.app import call
from cnmf3d.errors import InputError, UsageError
from cnmf3d.geometry import ZYX
from cnmf3d.results import Results, load_results, write_results
from cnmf3d.results.exports import export, export_of
from cnmf3d.results.imports import FLAGS, Given, Importer, import_results, importers
from cnmf3d.results.report import write_report


def test_every_importer_takes_only_what_there_is():
    names = {field.name for field in dataclasses.fields(Given)}
    assert set(FLAGS) == names
    for importer in importers().values():
        assert importer.takes <= names and importer.about


def test_caimans_file_through_the_command_line(tmp_path, data, capsys):
    theirs = data / "caiman_results/sim_tiny_patch_refit.hdf5"
    out = tmp_path / "ours.hdf5"
    words = ["import", "caiman", theirs, out, "--axes", "yxz", "--fps", "9", "--voxel-size", "1,2,3"]
    assert call([str(word) for word in words]) == 0
    before, after = load_results(theirs, axes="yxz"), load_results(out)
    assert after.rate == 9 and after.voxel_size == ZYX(3, 2, 1)
    assert (before.components.footprints != after.components.footprints).nnz == 0
    assert np.array_equal(before.components.traces, after.components.traces)
    assert f"{before.components.count} ROIs" in capsys.readouterr().out


def test_an_existing_file_stays_without_force(tmp_path, random_results, capsys):
    one, two = (write_results(random_results(seed=seed), tmp_path / f"{seed}.hdf5") for seed in (1, 2))
    before = two.read_bytes()
    assert call(["import", "caiman", str(one), str(two)]) == 2
    assert "--force" in capsys.readouterr().err
    assert two.read_bytes() == before
    assert call(["import", "caiman", str(one), str(two), "--force"]) == 0
    assert np.array_equal(load_results(one).components.traces, load_results(two).components.traces)


def test_the_formats_are_listed(capsys):
    assert call(["import", "--list"]) == 0
    assert set(importers()) == {line.split()[0] for line in capsys.readouterr().out.splitlines()}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["import"], 2, "FORMAT"),
        (["import", "caiman", "r.hdf5"], 2, "OUT"),
        (["import", "caimann", "r.hdf5", "o.hdf5"], 2, "Did you mean caiman?"),
        (["import", "caiman", "none.hdf5", "o.hdf5"], 3, "none.hdf5"),
        (["import", "caiman", "r.hdf5", "nowhere/o.hdf5"], 2, "nowhere"),
        (["import", "caiman", "r.hdf5", "."], 2, "folder"),
        (["import", "caiman", "r.hdf5", "r.hdf5", "--force"], 2, "is what is read"),
        (["import", "caiman", "r.hdf5", "o.hdf5", "--shape", "3,3,3"], 2, "--axes"),
        (["import", "caiman", "r.hdf5", "o.hdf5", "--shape", "3,3"], 2, "--shape 512,512,30"),
        (["import", "caiman", "r.hdf5", "o.hdf5", "--shape", "a"], 2, "commas"),
        (["import", "caiman", "r.hdf5", "o.hdf5", "--voxel-size", "1,2,3,4"], 2, "three"),
        (["import", "caiman", "r.hdf5", "o.hdf5", "--axes", "xyq"], 2, "yxz"),
        (["import", "caiman", "r.hdf5", "o.hdf5", "--fps=-1"], 2, "above 0"),
        (["import", "caiman", "r.hdf5", "o.hdf5", "--voxel-size", "1,0,2"], 2, "above 0"),
    ],
)
def test_mistakes_are_told_in_words(words, code, told, tmp_path, random_results, capsys, monkeypatch):
    write_results(random_results(), tmp_path / "r.hdf5")
    monkeypatch.chdir(tmp_path)
    assert call(words) == code
    assert told in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["r.hdf5"]


def test_files_of_rois_are_not_taken_for_the_movie(tmp_path):
    np.save(tmp_path / "labels.npy", np.eye(5, dtype=np.uint8)[None])
    results = import_results("labels", tmp_path / "labels.npy", Given(axes="zyx"))
    assert results.provenance.input_paths == ()
    assert results.parameters == {"imported": {"format": "labels", "file": str(tmp_path / "labels.npy")}}


def test_packages_of_others_can_add_theirs(tmp_path, monkeypatch):
    mine = Importer("mine", "a file of mine", lambda path, given: Results)
    entry = types.SimpleNamespace(load=lambda: mine)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == "cnmf3d.importers" else [])
    assert importers()["mine"] is mine
    with pytest.raises(UsageError, match="can't use --axes"):
        import_results("mine", tmp_path, Given(axes="xyz"))


def test_errors_for_scripts_too(tmp_path):
    with pytest.raises(UsageError, match="no import of"):
        import_results("none", tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        import_results("caiman", tmp_path / "r.hdf5")


def test_masks_without_traces_have_a_report_and_leave(tmp_path):
    labels = np.zeros((2, 20, 20), np.uint8)
    labels[0, 2:6, 2:6], labels[1, 9:14, 9:14] = 1, 2
    np.save(tmp_path / "labels.npy", labels)
    results = import_results("labels", tmp_path / "labels.npy", Given(axes="zyx"))
    page = write_report(results, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Where the cells are" in page and "Best traces" not in page
    for name in ("csv", "suite2p", "label-tiff", "ome-zarr"):
        export(name, results, tmp_path / {"label-tiff": "l.tif", "ome-zarr": "o.zarr"}.get(name, name))
    with pytest.raises(InputError, match="no ROIs with traces"):
        export("nwb", export_of(results, metadata={"session_start_time": "2026-01-31"}), tmp_path / "r.nwb")
