"""`cnmf3d convert`."""

from __future__ import annotations

import json

import numpy as np
import tifffile

from cnmf3d.cli.app import call
from cnmf3d.movies import open_movie


def test_a_channel_becomes_a_movie(tmp_path, capsys):
    values = np.random.default_rng(0).integers(0, 1000, (4, 3, 2, 6, 7), np.uint16)
    tifffile.imwrite(tmp_path / "m.ome.tif", values, metadata={"axes": "TZCYX"})
    out = tmp_path / "o.ome.zarr"
    words = ["convert", str(tmp_path / "m.ome.tif"), "-o", str(out), "--fps", "5", "--voxel-size", "1,1,5"]
    assert call(words) == 3
    assert "--channel 0" in capsys.readouterr().err and not out.exists()
    assert call([*words, "--channel", "1"]) == 0
    assert "4 volumes of 7 × 6 × 3 voxels (x × y × z), uint16, every value compared" in capsys.readouterr().out
    movie = open_movie(out)
    np.testing.assert_array_equal(movie.read(0, 4), values[:, :, 1])
    assert movie.rate == 5
    words[3] = str(tmp_path / "p.tif")
    assert call([*words, "--channel", "0", "--json", "--no-check"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["shape"] == [4, 3, 6, 7]
