from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest
import tifffile

from cnmf3d import load_results
from cnmf3d.batch.engines.caiman import ENGINE
from cnmf3d.errors import EngineError, InputError, UsageError
from cnmf3d.events import Caution, Note, Progress, silent
from cnmf3d.trusted import trust


def told(tmp_path):
    return json.loads((tmp_path / "told.json").read_text())


def files_of(folder):
    return sorted(str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file())


def test_movie_to_results(folder, job, movie, standin, tmp_path, capfd):
    events = []
    ENGINE.run(folder, job(stride=2), events.append)
    assert files_of(folder) == ["results.hdf5"]
    results = load_results(folder.results)
    assert results.components.shape == (3, 4, 5)
    assert results.components.accepted.tolist() == [True, False]
    assert results.components.quality["snr"] == pytest.approx([5, 1])
    assert results.rate == 5.0
    assert results.voxel_size.xyz == (1, 1, 4)
    values = tifffile.imread(movie).astype(float)
    for name in ("mean", "max", "std"):
        assert results.projections[name] == pytest.approx(getattr(values, name)(axis=0), rel=1e-5, abs=1e-3)
    provenance = results.provenance
    assert provenance.versions["caiman"] == "0.0-standin"
    assert provenance.input_paths == (str(movie),)
    assert len(provenance.fingerprint) == 32
    assert {"ingest", "import", "fit", "evaluation", "save", "total"} <= provenance.timings.keys()
    assert results.parameters["init"]["gSiz"] == [5, 5, 3]
    stages = [event.stage for event in events if isinstance(event, Progress)]
    assert list(dict.fromkeys(stages)) == ["ingest", "compile", "blocks", "evaluate", "write"]
    assert next(event.text for event in events if isinstance(event, Note)).startswith("init.ssub: 2")
    assert "which prints where it likes" in capfd.readouterr().err
    seen = told(tmp_path)
    assert seen["shape"] == [24, 5, 4, 3]
    assert seen["corner"] == pytest.approx(values[0, 0, 0, 4], abs=1e-3)
    assert seen["groups"]["init"]["gSig"] == [2, 2, 1]
    assert seen["fits"] == 1 and not seen["workers"]


def test_results_stay_those_of_caiman(folder, job, standin):
    ENGINE.run(folder, job(), silent)
    with h5py.File(os.environ["STANDIN_RESULTS"]) as saved, h5py.File(folder.results) as file:
        assert set(file) == {*saved, "cnmf3d"}
        assert np.array_equal(file["estimates/C"], saved["estimates/C"])


def test_two_workers_and_refit(folder, job, standin, tmp_path):
    ENGINE.run(folder, job(workers=2, refit=True), silent)
    assert told(tmp_path)["fits"] == 2
    assert told(tmp_path)["workers"]
    assert "refit" in load_results(folder.results).provenance.timings


@pytest.mark.parametrize(("behaviour", "word"), [("none accepted", "nothing to fit once more"), ("no dff", "dF/F")])
def test_cautions_are_in_the_results(folder, job, standin, behaviour, word):
    standin(behaviour)
    events = []
    ENGINE.run(folder, job(refit=True), events.append)
    cautions = [event.text for event in events if isinstance(event, Caution)]
    assert any(word in text for text in cautions)
    assert list(load_results(folder.results).provenance.warnings) == cautions


def test_nothing_found(folder, job, standin):
    standin("nothing")
    ENGINE.run(folder, job(), silent)
    assert folder.results.exists()


def test_whatever_is_printed_does_no_harm(folder, job, standin, capfd):
    standin("prints")
    ENGINE.run(folder, job(), silent)
    assert folder.results.exists()
    assert "not JSON" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("behaviour", "problem", "fix"),
    [
        ("fails", "CaImAn failed: RuntimeError: no components", "log"),
        ("killed", r"killed \(SIGKILL\)", "memory"),
        ("exits", "exit code 0 and no result", "log"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_failures(folder, job, standin, behaviour, problem, fix, workers, capfd):
    standin(behaviour)
    with pytest.raises(EngineError, match=problem) as failure:
        ENGINE.run(folder, job(workers=workers), silent)
    assert fix in failure.value.fix
    assert files_of(folder) == []
    if behaviour == "fails":
        assert "Traceback" in capfd.readouterr().err


def test_who_ends_caiman_ends_the_run(folder, job, standin):
    standin("asked to end")
    with pytest.raises(KeyboardInterrupt):
        ENGINE.run(folder, job(workers=2), silent)
    assert files_of(folder) == []


def gone(pids, seconds=10.0):
    """Whether processes end in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        alive = [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
        if not alive:
            return True
        time.sleep(0.05)
    return False


def test_no_process_is_left_after_a_kill(folder, job, standin, tmp_path, monkeypatch):
    monkeypatch.setenv("STANDIN_PIDS", str(tmp_path / "pids"))
    standin("killed")
    with pytest.raises(EngineError, match="killed"):
        ENGINE.run(folder, job(workers=2), silent)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 3
    assert gone(pids)


def test_no_process_is_left_after_an_interruption(folder, job, standin, tmp_path, monkeypatch):
    monkeypatch.setenv("STANDIN_PIDS", str(tmp_path / "pids"))
    standin("hangs")

    def interrupt(event):
        if event.stage == "blocks":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ENGINE.run(folder, job(workers=2), interrupt)
    assert gone([int(pid) for pid in (tmp_path / "pids").read_text().split()])
    assert files_of(folder) == []


def test_caiman_does_not_outlive_its_worker(folder, job, standin, tmp_path, monkeypatch):
    monkeypatch.setenv("STANDIN_PIDS", str(tmp_path / "pids"))
    standin("hangs")
    folder.write(job(workers=2))
    code = (
        "import sys; from pathlib import Path; from cnmf3d.batch import RunFolder;"
        "from cnmf3d.batch.engines.caiman import ENGINE;"
        "folder = RunFolder(Path(sys.argv[1])); ENGINE.run(folder, folder.job, lambda event: None)"
    )
    worker = subprocess.Popen([sys.executable, "-c", code, str(folder.path)])
    try:
        end = time.monotonic() + 60
        while not (tmp_path / "pids").exists() or len((tmp_path / "pids").read_text().split()) < 3:
            assert time.monotonic() < end and worker.poll() is None
            time.sleep(0.05)
    finally:
        worker.kill()
        worker.wait()
    assert gone([int(pid) for pid in (tmp_path / "pids").read_text().split()])


def test_memory_map_is_kept_and_reused(folder, job, standin, tmp_path):
    ENGINE.run(folder, job({"keep_memmap": True}), silent)
    (kept,) = (folder.path / "memmap").iterdir()
    before = kept.stat().st_mtime_ns
    second = type(folder)(folder.path.parent / "9f8e7d")
    second.path.mkdir()
    events = []
    ENGINE.run(second, job({"use_memmap": True, "memmap_uuid": "0a1b"}), events.append)
    assert files_of(second) == ["results.hdf5"]
    assert not any(isinstance(event, Progress) and event.stage == "ingest" for event in events)
    assert kept.stat().st_mtime_ns == before


def test_memory_map_that_is_not_there(folder, job, standin):
    with pytest.raises(UsageError, match="no memory map of this movie that the item 'dead' kept"):
        ENGINE.run(folder, job({"use_memmap": True, "memmap_uuid": "dead"}), silent)


def test_what_a_killed_attempt_left_is_removed(folder, job, standin):
    scratch = folder.path / "scratch"
    scratch.mkdir()
    (scratch / "old_d1_5_d2_4_d3_3_order_C_frames_24.mmap").write_bytes(b"half")
    ENGINE.run(folder, job(), silent)
    assert files_of(folder) == ["results.hdf5"]


def test_one_plane_is_refused(folder, job, standin, movie):
    tifffile.imwrite(movie, np.zeros((24, 1, 4, 5), np.uint16), photometric="minisblack")
    with pytest.raises(InputError, match="one plane"):
        ENGINE.run(folder, job(), silent)


def test_rate_has_to_be_known(folder, job, standin):
    with pytest.raises(InputError, match="does not tell its rate"):
        ENGINE.run(folder, job(fr=None), silent)


def test_unsuitable_parameters_are_named(job):
    assert ENGINE.unsuitable(job()) is None
    assert "init.gSig is 'auto'" in ENGINE.unsuitable(job(gSig="auto"))
    assert "has no module mcorr_4d" in ENGINE.unsuitable(type(job())(**{**vars(job()), "module": "mcorr_4d"}))


def test_a_python_that_is_not_there(job, monkeypatch):
    monkeypatch.delenv("CNMF3D_CAIMAN_PYTHON", raising=False)
    for options, word in (({"engine_python": None}, "no Python"), ({"engine_python": "/no/python"}, "/no/python")):
        reason = ENGINE.unsuitable(job(options))
        assert word in reason
        assert "conda create -n caiman -c conda-forge caiman" in reason
        assert "CNMF3D_CAIMAN_PYTHON" in reason


def test_a_python_without_caiman(job, python, tmp_path):
    assert "has no CaImAn" in ENGINE.unsuitable(job({"engine_python": python(tmp_path / "empty")}))


def test_another_package_of_that_name(job, python, tmp_path):
    other = tmp_path / "packages" / "caiman"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("")
    reason = ENGINE.unsuitable(job({"engine_python": python(other.parent)}))
    assert "another one of that name" in reason
    assert "conda-forge" in reason


def test_what_is_no_python(job, tmp_path):
    script = tmp_path / "no-python"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    trust(str(script))
    assert "isn't a Python that works" in ENGINE.unsuitable(job({"engine_python": str(script)}))


def test_python_from_the_environment(job, python, monkeypatch):
    chosen = python()
    monkeypatch.setenv("CNMF3D_CAIMAN_PYTHON", chosen)
    assert ENGINE.unsuitable(job({"engine_python": None})) is None


def test_our_python_path_is_not_theirs(monkeypatch, tmp_path: Path):
    from cnmf3d.batch.engines.caiman.interpreter import environment

    monkeypatch.setenv("PYTHONPATH", "/ours")
    values = environment(str(tmp_path))
    assert "PYTHONPATH" not in values
    assert values["OPENBLAS_NUM_THREADS"] == "1"
