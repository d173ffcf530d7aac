"""The command line end to end: what it prints, writes and returns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import tifffile

from cnmf3d.cli.app import COMMANDS, call
from cnmf3d.results import load_results, write_results


def say(capsys, *words):
    """Run a command; exit code, stdout, stderr."""
    capsys.readouterr()
    code = call([str(word) for word in words])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_a_movie_becomes_cells(movie, tmp_path, capsys):
    out = tmp_path / "r.hdf5"
    code, said, told = say(capsys, "run", movie, "-o", out, "--min-snr", "2.5", "--p", "2")
    assert code == 0
    assert "cells (" in said and str(out) in said
    assert "finding cells" in told and "Traceback" not in told
    results = load_results(out)
    assert 9 <= results.components.accepted.sum() <= 14
    code, said, _ = say(capsys, "score", out, movie.with_suffix(".truth.h5"), "--json")
    assert code == 0 and json.loads(said)["accepted"]["f1"] > 0.85
    code, said, _ = say(capsys, "report", out)
    assert code == 0 and (tmp_path / "r.html").stat().st_size > 50_000
    code, said, _ = say(capsys, "info", out)
    assert code == 0 and "accepted" in said and "gSig" in said and "m.tif" in said


def test_results_stand_beside_the_movie_by_default(tmp_path, capsys, movie):
    copy = tmp_path / "copy.ome.tif"
    values = tifffile.imread(movie)
    tifffile.imwrite(copy, values, metadata={"axes": "TZYX"}, ome=True)
    assert say(capsys, "run", copy, "--fps", 10, "--quiet")[0] == 0
    assert (tmp_path / "copy.cnmf3d.hdf5").exists()


def test_a_movie_is_never_written_over(movie, tmp_path, capsys, monkeypatch):
    copy = tmp_path / "copy.tif"
    copy.write_bytes(movie.read_bytes())
    monkeypatch.chdir(tmp_path)
    before = copy.read_bytes()
    for words in (["-o", "copy.tif"], ["-o", "copy.tif", "--force"], ["-o", str(copy)]):
        code, _, told = say(capsys, "run", "copy.tif", "--fps", 10, *words)
        assert code == 2 and "the movie itself" in told
    assert copy.read_bytes() == before


def test_only_results_are_written_over_unasked(movie, tmp_path, capsys, random_results):
    out = tmp_path / "r.hdf5"
    words = ["run", movie, "-q", "-o", out]
    out.write_text("a novel")
    code, _, told = say(capsys, *words)
    assert code == 2 and "no results file" in told and "--force" in told and out.read_text() == "a novel"
    assert say(capsys, *words, "--force")[0] == 0  # now it holds results, which may be made again
    assert say(capsys, *words)[0] == 0
    (tmp_path / "r.hdf5.curation.jsonl").write_text("{}\n")
    code, _, told = say(capsys, *words)
    assert code == 2 and "curated" in told
    (tmp_path / "r.hdf5.curation.jsonl").unlink()
    with h5py.File(out, "r+") as file:
        file.create_group("cnmf3d/curation")
    assert say(capsys, *words)[0] == 2


def test_a_report_is_a_page_and_replaces_nothing_else(tmp_path, capsys, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    for name in (path, tmp_path / "movie.tif"):
        code, _, told = say(capsys, "report", path, "-o", name)
        assert code == 2 and ".html" in told
    assert load_results(path).components.count == 5 and not (tmp_path / "movie.tif").exists()


def test_events_as_json_lines(movie, tmp_path, capsys):
    code, said, told = say(capsys, "run", movie, "-o", tmp_path / "r.hdf5", "--json")
    events = [json.loads(line) for line in said.splitlines()]
    assert code == 0 and told == ""
    assert {"progress", "note", "done"} <= {event["kind"] for event in events}
    assert events[-1]["accepted"] > 8 and events[-1]["output"] == str(tmp_path / "r.hdf5")


def test_quiet_tells_only_the_result(movie, tmp_path, capsys):
    code, said, told = say(capsys, "run", movie, "-o", tmp_path / "r.hdf5", "-q")
    assert (code, told) == (0, "") and len(said.splitlines()) == 2


def test_a_dry_run_writes_nothing(movie, tmp_path, capsys):
    code, said, _ = say(capsys, "run", movie, "-o", tmp_path / "r.hdf5", "--dry-run")
    assert code == 0 and list(tmp_path.iterdir()) == []
    assert all(word in said for word in ("memory", "disk", "time", "40 × 40 × 8"))
    code, said, _ = say(capsys, "run", movie, "--dry-run", "--json")
    assert json.loads(said)["memory"] > 0


def test_parameters_from_file_text_and_flags(movie, tmp_path, capsys):
    file = tmp_path / "p.yaml"
    file.write_text("temporal: {p: 1}\nquality: {min_SNR: 3}\n")
    out = tmp_path / "r.hdf5"
    words = ["--params", file, "--kwargs", "min_SNR=4, merge_thresh=0.7", "--min-snr", 5, "--gsig", "4,4,1.5"]
    words += ["--rf", "none", "--k", "20", "--nb", "auto", "--decay-time", "0.8", "--refit", "--workers", "1"]
    assert say(capsys, "run", movie, "-o", out, "-q", *words)[0] == 0
    used = load_results(out).parameters
    assert (used["temporal"]["p"], used["quality"]["min_SNR"], used["merging"]["merge_thr"]) == (1, 5, 0.7)
    assert used["patch"]["rf"] is None and used["init"]["K"] == 20 and used["refit"]
    assert used["init"]["gSig"] == [4, 4, 1.5] and used["data"]["decay_time"] == 0.8


def test_seeds_from_a_label_file(movie, tmp_path, capsys):
    labels = np.zeros((8, 40, 40), np.uint16)
    labels[2:5, 10:18, 10:18] = 7
    tifffile.imwrite(tmp_path / "seeds.tif", labels)
    out = tmp_path / "r.hdf5"
    assert say(capsys, "run", movie, "-o", out, "-q", "--seeds", tmp_path / "seeds.tif")[0] == 0
    assert load_results(out).components.count == 1


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["run"], 2, "MOVIE"),
        (["run", "MOVIE", "--bad"], 2, "--bad"),
        (["run", "MOVIE", "--p", "7"], 2, "--p"),
        (["run", "MOVIE", "--gsig", "a,b"], 2, "--gsig 4,4,2"),
        (["run", "MOVIE", "--gsig=-1"], 2, "above 0"),
        (["run", "MOVIE", "--k", "many"], 2, "init.K"),
        (["run", "MOVIE", "--kwargs", "K=f()"], 2, "literals"),
        (["run", "MOVIE", "--kwargs", "gsig=3"], 2, "Did you mean gSig?"),
        (["run", "MOVIE", "--kwargs", "method_init='corr_pnr'"], 2, "2D"),
        (["run", "MOVIE", "--rf", "8", "--stride", "16"], 2, "stride"),
        (["run", "MOVIE", "--params", "none.json"], 3, "none.json"),
        (["run", "MOVIE", "-o", "nowhere/r.hdf5"], 2, "nowhere"),
        (["run", "MOVIE", "-o", "."], 2, "folder"),
        (["run", "MOVIE", "--axes", "tzy"], 2, "lacks y or x"),
        (["run", "none.tif"], 3, "does not exist"),
        (["run", "MOVIE", "--seeds", "none.tif"], 3, "none.tif"),
        (["info", "none.tif"], 3, "none.tif"),
        (["report", "none.hdf5"], 3, "none.hdf5"),
        (["score", "none.hdf5", "none.h5"], 3, "none.hdf5"),
        (["params", "gsig"], 2, "Did you mean gSig?"),
        (["params", "--defaults", "--format", "xml"], 2, "yaml"),
        (["simulate", "m.png"], 2, ".tif"),
        (["simulate", "m.tif", "--preset", "tinny"], 2, "tinny"),
        (["nothing"], 2, "nothing"),
    ],
)
def test_mistakes_are_told_in_words(words, code, told, movie, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [str(movie) if word == "MOVIE" else word for word in words]
    got, said, errors = say(capsys, *words)
    assert (got, said) == (code, "")
    assert told in errors and "Traceback" not in errors and "inside cnmf3d" not in errors
    assert list(tmp_path.iterdir()) == []


def test_a_movie_without_rate_says_how_to_give_it(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "m.tif", np.zeros((40, 3, 8, 8), np.uint16), photometric="minisblack")
    code, _, told = say(capsys, "run", tmp_path / "m.tif")
    assert code == 3 and "--fps" in told


def test_a_movie_without_cells_ends_well(tmp_path, capsys):
    values = np.random.default_rng(0).poisson(100, (200, 4, 30, 30)).astype(np.uint16)
    np.save(tmp_path / "m.npy", values)
    code, said, told = say(capsys, "run", tmp_path / "m.npy", "--fps", 10, "-o", tmp_path / "r.hdf5")
    assert code == 0 and said.startswith("0 cells")
    assert "looked for" in told
    assert say(capsys, "report", tmp_path / "r.hdf5")[0] == 0


def test_errors_as_json_too(tmp_path, capsys):
    code, said, _ = say(capsys, "run", tmp_path / "none.tif", "--json")
    event = json.loads(said)
    assert (event["kind"], event["exit_code"], code) == ("error", 3, 3) and event["fix"]


def test_our_own_mistakes_leave_a_log_and_no_traceback(tmp_path, capsys, monkeypatch, random_results):
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path)
    path = write_results(random_results(), tmp_path / "r.hdf5")
    monkeypatch.setattr("cnmf3d.results.load_results", lambda *_, **__: 1 / 0)
    code, _, told = say(capsys, "report", path)
    assert code == 1 and "ZeroDivisionError" in told and "Traceback" not in told
    assert "Traceback" in (tmp_path / "errors.log").read_text()


@pytest.mark.parametrize("layout", ["json", "yaml", "toml"])
def test_defaults_are_a_file_that_is_read(layout, tmp_path, capsys):
    file = tmp_path / f"p.{layout}"
    file.write_text(say(capsys, "params", "--defaults", "--format", layout)[1])
    code, said, _ = say(capsys, "params", "--check", file, "--format", layout)
    assert code == 0 and said == file.read_text()


def test_the_schema_is_json(capsys):
    assert "init" in json.loads(say(capsys, "params", "--schema")[1])["properties"]


def test_all_parameters_are_listed(capsys):
    code, said, _ = say(capsys, "params")
    assert code == 0 and "quality.reliability_z" in said


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_is_there(name, capsys):
    code, said, _ = say(capsys, *([name] if name else []), "--help")
    assert code == 0 and "Usage" in said


def test_version(capsys):
    assert say(capsys, "--version")[1].startswith("cnmf3d ")


def test_info_of_a_movie_as_json(movie, capsys):
    facts = json.loads(say(capsys, "info", movie, "--json")[1])
    assert facts["volumes"] == 400 and "10 Hz" in facts["rate"] and facts["warnings"] == []


def test_info_checks_a_movie(movie, capsys):
    code, said, _ = say(capsys, "info", movie, "--check")
    assert code == 0 and "successive volumes share noise" in said and "nothing is wrong" in said


def test_info_names_what_is_wrong_as_json(tmp_path, capsys):
    path = tmp_path / "moves.tif"
    rng = np.random.default_rng(0)
    dark = rng.poisson(0.5, (60, 2, 40, 40)).astype(np.uint16)
    tifffile.imwrite(path, dark)
    facts = json.loads(say(capsys, "info", path, "--axes", "tzyx", "--check", "--json")[1])
    told = {check["name"]: check for check in facts["checks"]}
    assert "length" in told and "60 volumes" in told["length"]["caution"]
    assert told["length"]["figures"] == {"volumes": 60, "seconds": None}
    assert told["darkness"]["figures"]["share"] > 0.5 and "photons are few" in told["darkness"]["caution"]
    assert told["motion"]["caution"] == ""


def test_info_check_of_results(tmp_path, capsys):
    path = tmp_path / "r.hdf5"
    with h5py.File(path, "w") as file:
        file.create_group("estimates")
    code, _, told = say(capsys, "info", path, "--check")
    assert code == 2 and "--check looks at movies" in told


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupt_stops_cleanly(longer, tmp_path):
    scratch = tmp_path / "scratch"
    command = [sys.executable, "-m", "cnmf3d", "run", str(longer), "-o", str(tmp_path / "r.hdf5"), "--json"]
    process = subprocess.Popen(
        [*command, "--scratch", str(scratch)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if "ingest" in line:
            process.send_signal(signal.SIGINT)
            break
    began = time.monotonic()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "Stopped" in told and "Traceback" not in told
    assert time.monotonic() - began < 20
    assert not (tmp_path / "r.hdf5").exists() and list(scratch.iterdir()) == []


def test_a_run_in_a_process_of_its_own(movie, tmp_path):
    out = tmp_path / "r.hdf5"
    done = subprocess.run(
        [sys.executable, "-m", "cnmf3d", "run", str(movie), "-o", str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cells (" in done.stdout and out.exists()


def test_info_on_channels_in_a_flat_list(tmp_path, capsys):
    import numpy as np
    import tifffile

    path = tmp_path / "m.tif"
    tifffile.imwrite(path, np.zeros((60, 8, 9), np.uint16), photometric="minisblack", metadata=None)
    flags = ["--planes", "5", "--channels", "2", "--fps", "3", "--json"]
    code, said, _ = say(capsys, "info", path, *flags)
    assert code == 0 and json.loads(said)["channels"] == ["channel 0", "channel 1"]
    facts = json.loads(say(capsys, "info", path, *flags, "--channel", "1")[1])
    assert facts["volumes"] == 6 and "9 × 8 × 5" in facts["size"]


def test_traces_of_another_program_are_deconvolved(tmp_path, capsys):
    rng = np.random.default_rng(0)
    kernel = np.exp(-np.arange(40) / 6.0)
    traces = np.array([np.convolve(rng.random(400) < 0.03, kernel)[:400] for _ in range(3)])
    np.save(tmp_path / "t.npy", (traces + 0.1 * rng.standard_normal(traces.shape)).astype(np.float32))
    assert call(["deconvolve", str(tmp_path / "t.npy")]) == 2
    assert "--fps 30" in capsys.readouterr().err
    words = ["deconvolve", str(tmp_path / "t.npy"), "--fps", "10", "--plot", str(tmp_path / "p.png"), "-q"]
    assert call(words) == 0
    assert "3 cells, 400 frames" in capsys.readouterr().out
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    with np.load(tmp_path / "t.spikes.npz") as file:
        assert file["spikes"].shape == (3, 400) and (file["decay"] > 0).all()
    assert call(words) == 2  # what exists isn't replaced
    assert "--force" in capsys.readouterr().err
