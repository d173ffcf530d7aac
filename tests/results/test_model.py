"""What results say of themselves."""

from __future__ import annotations

import dataclasses

from cnmf3d.geometry import ZYX
from cnmf3d.results import load_results, write_results
from cnmf3d.results.curation.scene import cell_reach


def test_results_are_one_line_on_the_screen(tmp_path, random_results):
    results = random_results(300, (4, 20, 30), 500, 1)
    accepted = int(results.components.accepted.sum())
    for each in (results, load_results(write_results(results, tmp_path / "r.hdf5"), later=True)):
        text = repr(each)
        assert "\n" not in text and len(text) < 400
        assert f"300 components ({accepted} accepted)" in text and "500 frames of 30 × 20 × 4 voxels" in text
        assert len(repr(each.components)) < 300
    assert "traces" not in each.components.__dict__  # nothing was read for it
    assert len(repr(each.components.background)) < 100 and len(repr(each.components.kinetics)) < 100
    unknown = dataclasses.replace(results, voxel_size=None)
    assert "voxel size unknown" in repr(unknown)


def test_lengths_of_older_files_become_voxels(tmp_path, random_results):
    asked = {"data": {"lengths": "um", "voxel_size": [2.0, 2.0, 4.0]}, "init": {"gSig": [6, 6, 6], "gSiz": "auto"}}
    results = dataclasses.replace(random_results(3, (4, 8, 8), 40, 1), voxel_size=ZYX(4, 2, 2), parameters=asked)
    read = load_results(write_results(results, tmp_path / "r.hdf5"))
    assert read.parameters["init"] == {"gSig": [3.0, 3.0, 1.5], "gSiz": "auto"}
    assert read.parameters["data"]["lengths"] == "voxels" and cell_reach(read) == ZYX(3.75, 7.5, 7.5)
