from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cnmf3d.errors import EngineError
from cnmf3d.simulate import load_truth, scene_of

from .conftest import components_of

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "accuracy.py"


@pytest.fixture
def accuracy(monkeypatch, tmp_path):
    """The benchmark with small presets and an engine that knows the truth, unless it is told wrongly."""
    spec = importlib.util.spec_from_file_location("accuracy", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "accuracy", module)
    spec.loader.exec_module(module)
    presets = {
        "tiny": scene_of("tiny", {"size": "60,60,5", "cells": 12, "frames": 20}),
        "noise": scene_of("noise", {"size": "20,20,5", "frames": 20}),
    }

    def know(movie, parameters, workers):
        truth = load_truth(Path(movie).with_suffix(".truth.h5"))
        components = components_of(truth.shape, truth.footprints, truth.traces, truth.spikes)
        if "decay_time" in parameters.get("data", {}):
            return SimpleNamespace(components=components.select(np.arange(9)))
        if "gSig" in parameters.get("init", {}) and parameters["init"]["gSig"][0] > 5:
            raise EngineError("too large")
        return SimpleNamespace(components=components)

    engine = SimpleNamespace(
        open_movie=lambda path, **opening: path,
        CnmfParameters=SimpleNamespace(model_validate=dict),
        run=know,
        __version__="0",
    )
    monkeypatch.setattr(module, "cnmf3d", engine)
    monkeypatch.setattr(module, "PRESETS", presets)
    monkeypatch.setattr(module, "LOOKS", {})
    monkeypatch.setattr(module, "SHARED", tmp_path / "absent")
    return module


def test_tables_tell_targets_reached_and_missed(accuracy, tmp_path, monkeypatch, capsys):
    saved = tmp_path / "rows.json"
    words = ["accuracy.py", "--seeds", "0", "1", "--cache", str(tmp_path / "movies"), "--json", str(saved)]
    monkeypatch.setattr(sys, "argv", words)
    accuracy.main()
    said, told = capsys.readouterr()
    assert "| tiny | 2 | 1.000 ✓ 0.96 | 1.000 |" in said
    assert "| tiny, gSig × 0.75 | 1.000 | 0.000 ✓ 0.05 |" in said
    assert "| tiny, gSig × 1.5 | – |" in said and "too large" in said
    assert "| tiny, decay × 0.6 | 0.857 | 0.143 ✗ 0.05 |" in said
    assert "| tiny, patches of 48 | 1.000 | 0.000 ✓ 0.05 |" in said
    assert "0 components in 4,000 voxels: 0.000 ✓ 1 in 10⁶ voxels" in said
    assert "### first and last planes" in said
    assert "skipped sim_tiny" in told and "simulating tiny-0" in told
    rows = json.loads(saved.read_text())
    assert {row["table"] for row in rows} == {"automatic", "cell size given", "wrong parameters", "blocks"}
    assert sum(bool(row["failure"]) for row in rows) == 2


def test_movies_are_simulated_once(accuracy, tmp_path):
    scene = accuracy.PRESETS["tiny"]
    movie, truth = accuracy.cached(scene, "tiny", 0, tmp_path)
    made = movie.stat().st_mtime_ns
    assert accuracy.cached(scene, "tiny", 0, tmp_path) == (movie, truth)
    assert movie.stat().st_mtime_ns == made and truth.exists()
    other = scene.model_copy(update={"snr": 3.0})
    assert accuracy.cached(other, "tiny", 0, tmp_path)[0] != movie


def test_other_looks_can_be_drawn():
    spec = importlib.util.spec_from_file_location("accuracy", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["accuracy"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["accuracy"]
    from cnmf3d.simulate import draw

    for preset, overrides in module.LOOKS.values():
        assert draw(scene_of(preset, overrides), 1).truth.count >= 60
