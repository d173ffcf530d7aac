"""docs/batch.md: its commands and its Python run as they are printed, one after the other."""

from __future__ import annotations

import re
import shlex
import shutil
import uuid
from pathlib import Path

import numpy as np
import pytest

from cnmf3d.cli.app import call
from cnmf3d.cli.batch import clock
from cnmf3d.simulate import simulate

PAGE = Path(__file__).parents[2] / "docs" / "batch.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The files that the page speaks of, small, and the places."""
    pandas = pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    for name in ("recordings", "old", "scratch", "archive", "raw"):
        Path(name).mkdir()
    simulate(Path("recordings/fish1.tif"), "tiny", seed=1, overrides={"size": (32, 32, 5), "cells": 6, "frames": 200})
    for name in ("recordings/fish2", "chunk_1", "chunk_2", "raw/m"):
        for suffix in (".tif", ".json"):
            shutil.copy(f"recordings/fish1{suffix}", f"{name}{suffix}")
    row = {"algo": "cnmf", "item_name": "old", "input_movie_path": "m.tif", "uuid": uuid.uuid4()}
    row["params"] = {"main": {"fr": 10, "gSig": np.array([4, 4, 2]), "K": 5}}
    pandas.DataFrame([row], dtype=object).to_pickle("old/batch.pickle", protocol=4)
    monkeypatch.setattr(clock, "wait_until", lambda moment, quiet: None)
    return tmp_path


def test_the_page_runs_as_it_is_printed(here, capsys):
    places = {"/scratch": "scratch", "/mnt/archive": "archive", "/data/raw": "raw"}
    said = ""
    for line in "".join(blocks("sh")).splitlines():
        words = [places.get(word, word) for word in shlex.split(line, comments=True)]
        assert words[0] == "cnmf3d" and call(words[1:]) == 0, (words, capsys.readouterr())
        said += capsys.readouterr().out
    assert "4 items: 4 done" in said and "4 done\n" in said and "told to end" not in said and "old\n" in said
    for code in blocks("python"):
        exec(compile(code, PAGE.name, "exec"), {})
    assert "Outcome(done=4, failed=0, aborted=0)" in capsys.readouterr().out
