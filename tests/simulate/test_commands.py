from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
import typer
from typer.testing import CliRunner

from cnmf3d.cli.score import score
from cnmf3d.cli.simulate import simulate
from cnmf3d.errors import InputError, UsageError
from cnmf3d.results import Results, write_results

app = typer.Typer()
app.command("simulate")(simulate)
app.command("score")(score)
SMALL = ["--set", "size=30,24,5", "--set", "frames=12", "--set", "cells=4"]


def call(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_simulate_says_what_it_wrote(tmp_path):
    said = call("simulate", tmp_path / "m.tif", "--preset", "tiny", "--seed", 3, *SMALL)
    assert "30 × 24 × 5" in said and "12 volumes at 10 Hz" in said and "4 cells, median peak SNR 5.0" in said
    assert tifffile.imread(tmp_path / "m.tif").shape == (12, 5, 24, 30)


def test_simulate_names_what_is_not_asked_for(tmp_path):
    said = call("simulate", tmp_path / "m.tif", "--preset", "silent", "--set", "frames=6", "--set", "silent=3")
    assert "0 cells" in said and "aren't asked for: 3 silent, 3 vessel" in said


def test_simulate_as_json_lines(tmp_path):
    lines = call("simulate", tmp_path / "m.tif", "--json", "--preset", "noise", *SMALL[:4]).splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["kind"] for event in events] == ["progress"] * 12 + ["figures"]
    assert events[-1]["cells"] == 0 and events[-1]["overlap"] is None


@pytest.mark.parametrize(("pair", "said"), [("cells", "no '='"), ("cels=3", "mean cells?"), ("frames=x", "frames")])
def test_simulate_refuses_fields_that_are_none(tmp_path, pair, said):
    with pytest.raises(UsageError, match=said):
        call("simulate", tmp_path / "m.tif", "--set", pair)


def test_score_tells_tables_and_json(tmp_path, perfect, recording):
    from cnmf3d.simulate import save_truth

    save_truth(recording.truth, tmp_path / "m.truth.h5")
    some = perfect.select(np.arange(20))
    write_results(Results(components=some, parameters={}, rate=10.0), tmp_path / "m.hdf5")
    said = call("score", tmp_path / "m.hdf5", tmp_path / "m.truth.h5")
    assert "0.889" in said and "missed cells: 20, 21, 22, 23, 24" in said
    numbers = json.loads(call("score", tmp_path / "m.hdf5", tmp_path / "m.truth.h5", "--json"))
    assert numbers["accepted"]["recall"] == 0.8
    assert numbers["trace_mean"] == pytest.approx(1)
    with pytest.raises(InputError, match="absent"):
        call("score", tmp_path / "m.hdf5", tmp_path / "absent.h5")


def test_score_reads_results_of_caiman(data):
    said = call(
        "score",
        data / "caiman_results" / "sim_tiny_patch_refit.hdf5",
        data / "sim_tiny_gt.npz",
        "--json",
        "--axes",
        "yxz",
    )
    numbers = json.loads(said)
    assert numbers["accepted"]["f1"] == pytest.approx(0.889, abs=6e-4)
    assert numbers["spikes_mean"] == pytest.approx(0.855, abs=6e-4)
