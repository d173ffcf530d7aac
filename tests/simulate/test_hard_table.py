from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cnmf3d.errors import EngineError
from cnmf3d.simulate import load_truth

from .conftest import components_of

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def benchmark(name, monkeypatch):
    """A script of the benchmarks as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hard(monkeypatch, tmp_path):
    """The benchmark with an engine that knows the truth, and finds all but the first cell of `mixed`."""
    module = benchmark("hard", monkeypatch)
    monkeypatch.setattr(sys.modules["measuring"], "CACHE", tmp_path)

    def know(path, workers):
        truth = load_truth(path.with_suffix(".truth.h5"))
        if "borders" in path.name:
            raise EngineError("no room")
        found = components_of(truth.shape, truth.footprints, truth.traces, truth.spikes)
        if "mixed" in path.name:
            others = truth.others
            found = components_of(truth.shape, others.footprints, others.traces, others.traces)
        if "silent" in path.name:
            found = components_of(truth.shape, truth.others.footprints, truth.others.traces, truth.others.traces)
        return SimpleNamespace(components=found)

    monkeypatch.setattr(module, "cnmf3d", SimpleNamespace(open_movie=lambda path: path, run=know))
    return module


def test_the_table_tells_what_is_left_out_and_what_is_false(hard, monkeypatch, tmp_path, capsys):
    words = ["hard.py", "--presets", "mixed", "silent", "borders", "toy3d", "--seeds", "0", "1", "--set", "frames=8"]
    monkeypatch.setattr(sys, "argv", [*words, "--json", str(tmp_path / "rows.json")])
    hard.main()
    said = capsys.readouterr().out
    assert "| `mixed` | 0/45, 0/45 | 60 | 0.000 ✗ 0.95 |" in said
    assert "| `silent` | 43/0, 43/0 ✗ 1 | 0 |" in said
    assert "| `toy3d` | 3/3, 4/4 | 0 | 1.000 ✓ 0.97 |" in said
    assert "| `borders` | 0/45, 0/45 | 0 | – ✗ 0.95 | – |" in said
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["failure"] for row in rows if row["preset"] == "borders"] == ["no room"] * 2


@pytest.fixture
def noise(monkeypatch):
    return benchmark("noise", monkeypatch)


def test_noise_of_a_movie_with_known_noise(noise):
    rng = np.random.default_rng(0)
    white = rng.standard_normal((400, 1, 40, 41)).astype(np.float32)
    grain = white[..., 1:] + 0.5 * white[..., :-1]
    movie = 20 + grain[1:] + 0.5 * grain[:-1] + 0.4 * rng.standard_normal((399, 1, 1, 1)).astype(np.float32)
    found = noise.noise_of(movie)
    assert found.along_x == pytest.approx(0.4, abs=0.03) and found.along_y == pytest.approx(0, abs=0.03)
    assert found.lag_1 == pytest.approx(0.5 / 1.25, abs=0.1) and found.skewness == pytest.approx(0, abs=0.05)
    assert found.frame == pytest.approx(2, rel=0.15) and found.zeros == 0


def test_skewness_zeros_and_voxels_that_nobody_saw(noise):
    counts = np.random.default_rng(0).poisson(0.25, (600, 1, 30, 30)).astype(np.float32)
    counts[:, :, :4] = np.nan
    found = noise.noise_of(counts)
    assert found.skewness == pytest.approx(2, abs=0.15)
    assert found.zeros == pytest.approx(26 / 30 * np.exp(-0.25), abs=0.01)
    assert abs(found.along_x) < 0.03


def test_the_table_has_presets(noise, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["noise.py", "absent.tif", "--presets", "toy3d"])
    noise.main()
    said, told = capsys.readouterr()
    assert said.splitlines()[-1].startswith("| `toy3d` | 0.0") and "skipped absent.tif" in told
