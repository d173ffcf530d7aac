"""`cnmf3d info` on files that hold several movies: it lists them, and doesn't fail."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from cnmf3d.cli.app import call


@pytest.fixture
def two_channels(tmp_path: Path) -> Path:
    path = tmp_path / "m.ome.tif"
    values = np.zeros((4, 3, 2, 6, 7), np.uint16)
    tifffile.imwrite(path, values, metadata={"axes": "TZCYX", "Channel": {"Name": ["green", "red"]}})
    return path


def test_channels_are_listed_with_what_is_common(two_channels, capsys):
    assert call(["info", str(two_channels)]) == 0
    out = capsys.readouterr().out
    assert "0: green" in out and "1: red" in out and "7 × 6 × 3 voxels" in out and "--channel 0" in out
    assert call(["info", str(two_channels), "--channel", "1"]) == 0
    assert "--channel" not in capsys.readouterr().out


def test_datasets_are_listed(tmp_path, capsys):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["raw"], file["moved"] = np.zeros((4, 3, 6, 7)), np.zeros((5, 3, 6, 7))
    assert call(["info", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [text.split()[0] for text in told["datasets"]] == ["/moved", "/raw"]
    assert call(["info", str(path)]) == 0
    assert "/raw (4, 3, 6, 7)" in capsys.readouterr().out


def test_a_check_needs_to_know_which(two_channels, capsys):
    assert call(["info", str(two_channels), "--check"]) == 3
    assert "Say which one to read" in capsys.readouterr().err
