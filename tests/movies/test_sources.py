"""Where each length, the rate and the size of a voxel were read, and what was left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from test_scanimage_choices import GONE, write_without
from vendor_files import write_thor

from cnmf3d import open_movie
from cnmf3d.cli.app import call

PAGES = np.arange(13 * 6 * 7, dtype=np.uint16).reshape(13, 6, 7)


def test_scanimage_says_what_it_left_out(tmp_path):
    sources = open_movie(write_without(tmp_path / "m.tif", GONE), channel=0).sources
    assert sources["time"] == "frame numbers of the pages of 1 file; 3 volumes that lack planes are left out"
    assert sources["z"] == "ScanImage's settings; 2 frames of flyback after each volume are left out"
    assert sources["channel"] == "2 channels, ScanImage's settings"
    assert sources["rate"] == "the file (settings)"


def test_given_numbers_are_said_to_be_given(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", PAGES, photometric="minisblack", metadata=None)
    sources = open_movie(tmp_path / "m.tif", planes=3, rate=2, voxel_size=1).sources
    assert sources["z"] == "planes= as given"
    assert sources["time"] == "pages of one list; the last 1 are left out"
    assert (sources["rate"], sources["voxel size"]) == ("what is given", "what is given")
    (tmp_path / "m.json").write_text(
        json.dumps({"origin": "a", "date": "20260131_142500", "fps": 3, "planes": 13 // 3})
    )
    sources = open_movie(tmp_path / "m.tif").sources
    assert sources["z"] == "the sidecar" and sources["rate"].startswith("the sidecar of")


def test_what_is_assumed_is_said_to_be_assumed(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", PAGES, photometric="minisblack", metadata=None)
    sources = open_movie(tmp_path / "m.tif", rate=1).sources
    assert sources["time"] == "assumed: the file doesn't name it" and sources["z"] == "one plane"


def test_names_of_files_and_files_one_after_the_other(tmp_path):
    for t in range(4):
        for z in range(3):
            tifffile.imwrite(tmp_path / f"m_T{t:03d}_Z{z:03d}.tif", PAGES[t * 3 + z])
    sources = open_movie(tmp_path, rate=1).sources
    assert sources["z"] == "the names of 12 files"
    for number in range(2):
        tifffile.imwrite(tmp_path / f"s{number}.tif", PAGES, photometric="minisblack", metadata={"axes": "TYX"})
    assert open_movie(str(tmp_path / "s*.tif"), rate=1).sources["time"].startswith("2 files, one after the other")


def test_flyback_of_thorimage(tmp_path):
    values = np.zeros((4, 3, 1, 5, 7), np.uint16)
    assert "2 frames of flyback" in open_movie(write_thor(tmp_path, values, flyback=2)).sources["z"]


@pytest.mark.parametrize("as_json", [False, True])
def test_info_has_a_line_for_each_axis(tmp_path, capsys, as_json):
    path = write_without(tmp_path / "m.tif", GONE)
    assert call(["info", str(path), *(["--json"] if as_json else [])]) == 0
    out = capsys.readouterr().out
    axes = json.loads(out)["axes"] if as_json else dict(line.split(None, 1) for line in out.splitlines())
    assert axes["time"].startswith("4 volumes; frame numbers of the pages")
    assert axes["z"].startswith("3 planes; ScanImage's settings; 2 frames of flyback")
    assert (axes["y"], axes["x"]) == ("4 rows; the file (ScanImage)", "5 columns; the file (ScanImage)")
    assert axes["channel"].startswith("2 channels")


def test_the_frame_rate_in_place_of_the_volume_rate_is_pointed_out(tmp_path, capsys):
    path = write_without(tmp_path / "m.tif", set())
    assert call(["info", str(path), "--fps", "30"]) == 0
    out = capsys.readouterr().out
    assert "a volume has 3 planes and 2 of flyback: 30 Hz looks like the frame rate" in out
    assert "rate           30 Hz, 0.3 s in all; what is given" in out
