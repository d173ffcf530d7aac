"""The user's CaImAn itself: ``CNMF3D_CAIMAN_PYTHON=PATH pytest -m caiman``."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cnmf3d import load_results, open_movie, run, write_results
from cnmf3d.batch import Batch, Status
from cnmf3d.batch.engines.caiman.interpreter import VARIABLE, environment
from cnmf3d.batch.engines.caiman.memmap import file_name, write_memmap
from cnmf3d.batch.supervisor import supervise
from cnmf3d.events import silent
from cnmf3d.movies.registered import read_motion
from cnmf3d.simulate import load_truth, score, simulate
from cnmf3d.simulate.scene import Scene

pytestmark = [
    pytest.mark.caiman,
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"{VARIABLE} does not name the Python of a CaImAn"),
]

SCENE = Scene(size=(32, 28, 6), frames=300, cells=5, snr=9.0, neuropil=0.2)
GIVEN = {"K": 4, "gSig": (4, 4, 2), "decay_time": 0.85, "tsub": 1, "ssub": 1}

LOAD = """
import json, sys
from caiman.source_extraction.cnmf.cnmf import load_CNMF
model = load_CNMF(sys.argv[1])
estimates = model.estimates
told = {
    "A": list(estimates.A.shape),
    "C": float(estimates.C.sum()),
    "accepted": [int(i) for i in estimates.idx_components],
    "dims": [int(n) for n in model.dims],
    "rval_thr": float(model.params.quality["rval_thr"]),
}
print(json.dumps(told))
"""

SAVE = """
import sys, tifffile, caiman
movie = tifffile.imread(sys.argv[1]).transpose(0, 3, 2, 1)
print(caiman.save_memmap([movie], base_name=sys.argv[2], order="C", is_3D=True))
"""


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated") / "movie.tif"
    simulate(path, SCENE, seed=3)
    return path


def ask(code, folder, *words):
    """What a program says in CaImAn's Python: its last line."""
    command = [os.environ[VARIABLE], "-W", "ignore", "-c", code, *map(str, words)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environment(str(folder)))
    return answer.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "parameters",
    [
        {"rf": (10, 10, 6), "stride": (6, 6, 2), "nb_patch": 2},
        {"rf": (10, 10, 6), "stride": (6, 6, 2), "refit": True},
        {"rf": None, "p": 1},
    ],
    ids=["patches", "refit", "whole"],
)
def test_items(movie, tmp_path, parameters):
    with Batch.create(tmp_path / "a batch (ö)") as batch:
        item = batch.add(movie, {**GIVEN, **parameters}, name="real", engine="caiman")
        supervise(batch, workers=2)
        item = batch.item("real")
        assert item.status is Status.DONE, item.error
        folder = batch.run_folder(item)
    results = load_results(folder.results)
    assert not (folder.path / "scratch").exists()
    found = score(results.components, load_truth(movie.with_suffix(".truth.h5")))
    assert found.accepted.matches >= 3
    assert found.cosine > 0.7
    assert np.isfinite(results.components.dff).all()
    assert results.rate == SCENE.rate
    told = json.loads(ask(LOAD, tmp_path, folder.results))
    assert told["A"] == list(results.components.footprints.shape)
    assert told["accepted"] == np.flatnonzero(results.components.accepted).tolist()
    assert told["dims"] == list(SCENE.size)


def test_our_results_open_in_caiman(movie, tmp_path):
    results = run(open_movie(movie), workers=2)
    write_results(results, tmp_path / "ours.hdf5")
    told = json.loads(ask(LOAD, tmp_path, tmp_path / "ours.hdf5"))
    assert told["A"] == list(results.components.footprints.shape)
    assert told["C"] == pytest.approx(results.components.traces.sum(), rel=1e-4)
    assert told["accepted"] == np.flatnonzero(results.components.accepted).tolist()
    assert told["rval_thr"] == results.parameters["quality"]["rval_thr"]


def test_memory_map_is_the_one_that_caiman_writes(movie, tmp_path):
    values = tifffile.imread(movie)
    opened = open_movie(movie)
    assert values.shape == opened.shape
    ours = write_memmap(opened, tmp_path / file_name(opened, "ours"), silent)
    theirs = ask(SAVE, tmp_path, movie, tmp_path / "theirs")
    assert ours.name.removeprefix("ours") == Path(theirs).name.removeprefix("theirs")
    assert ours.read_bytes() == Path(theirs).read_bytes()


@pytest.mark.parametrize(
    "parameters", [{"pw_rigid": False}, {"pw_rigid": True, "strides": (24, 24, 6), "overlaps": (8, 8, 2)}]
)
def test_registration(tmp_path, parameters):
    """Rigid motion comes back with our sign and axes, and patches follow it, as far as CaImAn finds them."""
    moves = Scene(size=(64, 56, 6), frames=120, cells=14, snr=9.0, motion=(4.0, 4.0, 0.0))
    simulate(tmp_path / "m.tif", moves, seed=3)
    shifts = load_truth(tmp_path / "m.truth.h5").shifts
    with Batch.create(tmp_path / "b") as batch:
        asked = {"max_shifts": (10, 10, 1), **parameters}
        batch.add(tmp_path / "m.tif", asked, name="m", module="mcorr_3d", engine="caiman")
        supervise(batch, workers=1)
        item = batch.item("m")
        assert item.status is Status.DONE, item.error
        motion = read_motion(batch.run_folder(item).motion)
    for axis in (1, 2):
        assert np.corrcoef(motion.rigid[:, axis], shifts[:, axis])[0, 1] > 0.8
    if motion.field is not None:
        assert [len(each) for each in motion.grid] == [1, 2, 3]
