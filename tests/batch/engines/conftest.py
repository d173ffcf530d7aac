"""A stand-in for the Python that has the user's CaImAn, and a job for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from scipy import sparse

from cnmf3d.batch import Input, Job, RunFolder
from cnmf3d.components import Background, Components, Kinetics
from cnmf3d.parameters import read_parameters
from cnmf3d.results import Results, write_results
from cnmf3d.trusted import trust

STANDIN = Path(__file__).with_name("standin")
SHAPE = (24, 3, 4, 5)  # T, Z, Y, X


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., str]:
    """A Python that finds the stand-in instead of CaImAn (or what else is in a folder)."""

    def make(packages: Path = STANDIN) -> str:
        script = tmp_path / "a python's (folder)" / "python"
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            f"#!{sys.executable}\n"
            "import runpy, sys\n"
            f"sys.path.insert(0, {str(packages)!r})\n"
            "sys.argv.pop(0)\n"
            "if sys.argv[0] == '-c':\n"
            "    exec(sys.argv[1])\n"
            "else:\n"
            "    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        )
        script.chmod(0o755)
        return str(trust(str(script)))

    return make


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A movie of volumes."""
    path = tmp_path / "a movie ö.tif"
    values = np.random.default_rng(0).integers(0, 2000, SHAPE).astype(np.uint16)
    tifffile.imwrite(path, values, metadata={"axes": "TZYX"}, ome=False, imagej=False, photometric="minisblack")
    return path


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Sets how the stand-in behaves; its results are those of CaImAn, without our group."""
    file = tmp_path / "as caiman saves it.hdf5"
    voxels, frames = int(np.prod(SHAPE[1:])), SHAPE[0]
    rng = np.random.default_rng(1)
    components = Components(
        shape=(3, 4, 5),
        footprints=sparse.random_array((voxels, 2), density=0.2, rng=rng, dtype=np.float32).tocsc(),
        traces=rng.random((2, frames), np.float32),
        residuals=np.zeros((2, frames), np.float32),
        spikes=np.zeros((2, frames), np.float32),
        background=Background(np.zeros((voxels, 1), np.float32), np.zeros((1, frames), np.float32)),
        kinetics=Kinetics(*(np.zeros(shape, np.float32) for shape in ((2, 2), 2, 2, 2, 2))),
        dff=np.zeros((2, frames), np.float32),
        quality={"snr": np.array([5, 1], np.float32), "r_value": np.array([0.9, 0.1], np.float32)},
        accepted=np.array([True, False]),
    )
    write_results(Results(components, read_parameters().to_dict(), 5.0), file)
    with h5py.File(file, "r+") as opened:
        del opened["cnmf3d"]
    monkeypatch.setenv("STANDIN_RESULTS", str(file))
    monkeypatch.setenv("STANDIN_TOLD", str(tmp_path / "told.json"))
    return lambda behaviour: monkeypatch.setenv("STANDIN", behaviour)


@pytest.fixture
def job(movie: Path, python: Callable[..., str]) -> Callable[..., Job]:
    """A job for the engine caiman."""

    def make(options: dict[str, Any] | None = None, workers: int = 1, **parameters: Any) -> Job:
        given = {"fr": 5.0, "K": 3, "gSig": (2, 2, 1), "decay_time": 1.0, **parameters}
        source = Input((str(movie),), opening={"axes": "TZYX", "voxel_size": (1.0, 1.0, 4.0)})
        chosen = dict(options or {})
        if "engine_python" not in chosen:
            chosen["engine_python"] = python()
        return Job("cnmf_3d", "caiman", source, read_parameters(given).to_dict(), chosen, workers)

    return make


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """An empty run folder."""
    path = tmp_path / "items" / "0a1b2c"
    path.mkdir(parents=True)
    return RunFolder(path)
