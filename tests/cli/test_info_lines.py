"""`cnmf3d info` as a user reads it: sizes that say something, and what helps where a file is no movie."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import zarr
from scipy.io import savemat

from cnmf3d.cli.app import call
from cnmf3d.components import TRACES, Traced
from cnmf3d.results import write_results


@pytest.fixture
def info(capsys):
    """What is printed, on either side."""

    def run(*words):
        call(["info", *map(str, words)])
        found = capsys.readouterr()
        return found.out + found.err

    return run


def test_sizes_of_small_files_and_of_pixels(tmp_path, info):
    one = {"axes": "TYX", "finterval": 1 / 3, "spacing": 4.0}
    tifffile.imwrite(
        tmp_path / "p.tif", np.zeros((5, 64, 32), np.uint16), imagej=True, metadata=one, resolution=(0.5, 0.5)
    )
    text = info(tmp_path / "p.tif", "--voxel-size", "2,3,4")
    assert "20 KiB" in text and "2 × 3 µm (x × y);" in text
    text = info(tmp_path / "p.tif", "--planes", "1", "--fps", "3")
    assert "64 × 32" not in text and "32 × 64 × 1 voxels" in text
    np.save(tmp_path / "m.npy", np.zeros((5, 4, 200, 200), np.float32))
    text = info(tmp_path / "m.npy", "--voxel-size", "2,3,4")
    assert "3.05 MiB" in text and "2 × 3 × 4 µm (x × y × z)" in text


@pytest.mark.parametrize(
    ("axes", "shape", "what"),
    [
        ("ZYX", (5, 8, 9), "one volume of 9 × 8 × 5"),
        ("TZYX", (1, 5, 8, 9), "one volume of 9 × 8 × 5"),
        ("TCZYX", (1, 2, 5, 8, 9), "one volume of 9 × 8 × 5"),
        ("CYX", (3, 8, 9), "one picture of 9 × 8"),
        ("TYX", (1, 8, 9), "one picture of 9 × 8"),
    ],
)
@pytest.mark.parametrize("suffix", [".ome.tif", ".zarr"])
def test_one_volume_is_no_movie_and_what_is_proposed_opens(tmp_path, info, axes, shape, what, suffix):
    path, values = tmp_path / f"m{suffix}", np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    if suffix == ".zarr":
        zarr.create_array(path, data=values, dimension_names=list(axes.lower()))
        what = what if "T" in axes else f"no time axis: it is {'5 planes' if 'Z' in axes else 'one picture'}"
    else:
        tifffile.imwrite(path, values, metadata={"axes": axes})
    flags = ["--channel", "0"] if "C" in axes else []
    text = info(path, *flags)
    assert what in text
    if "Z" not in axes:
        assert "several times: give all files" in text
        return
    (proposed,) = re.findall(r"--axes (\w+)", text)
    assert "volumes        5" in info(path, *flags, "--axes", proposed)


def test_a_folder_says_what_is_in_it(tmp_path, info):
    (tmp_path / "notes.md").write_text("a")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert "It holds 1 other file and the folders one, two." in info(tmp_path)


def test_files_that_stand_for_others(tmp_path, info):
    pointer = tmp_path / "m.tif"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:74a1f746\nsize 534482094\n")
    assert "Git LFS" in info(pointer) and "git lfs pull" in info(pointer)
    savemat(tmp_path / "x_000.mat", {"info": {"sz": [8, 8]}})
    assert "older kind than 7.3" in info(tmp_path / "x_000.mat")
    (tmp_path / "x_000.sbx").write_bytes(b"1234")
    assert "x_000.sbx: this file is found by it" in info(tmp_path / "x_000.mat")


def test_results_name_their_other_channels_and_labels(tmp_path, random_results, info):
    results = random_results(4)
    parts = results.components
    other = Traced(*(getattr(parts, name) for name in TRACES))
    label = {"red_z": np.array([9, 1, 6, np.nan], np.float32)}
    parts = replace(parts, channels={"channel1": other}, quality=label, accepted=np.array([True, True, False, True]))
    text = info(write_results(replace(results, components=parts), tmp_path / "r.hdf5"))
    assert "other traces   channel1" in text and "1 of 3 accepted cells (red_z > 5)" in text
    assert "labelled" not in info(write_results(results, tmp_path / "plain.hdf5"))
