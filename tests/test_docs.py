"""What the pages print runs as it is printed."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cnmf3d.cli.app import call
from cnmf3d.simulate import simulate
from cnmf3d.workspace import Workspace

ROOT = Path(__file__).parents[1]
NAMES = ("index", "api", "movies", "results", "simulate", "scripts", "projects", "exports", "curation", "registration")
PAGES = ("README.md", *(f"docs/{name}.md" for name in NAMES))
SMALLER = {"small": "tiny", "17,23": "0,1", '"small"': '"tiny"', "[3, 5]": "[0, 1]"}
"""What stands for words of the pages, so that a small movie is enough."""

SESSION = "session_start_time=2026-01-31T14:00:00+01:00"
SCENE = {"size": (32, 32, 5), "cells": 6, "frames": 200}


def blocks(page, *languages):
    """Blocks of code of a page, in their order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [code for language, code in re.findall(r"```(\w+)\n(.*?)```", text, flags=re.S) if language in languages]


def commands(page):
    """Commands of a page that begin with cnmf3d, as words."""
    lines = "".join(blocks(page, "sh", "console")).replace("\\\n", " ").splitlines()
    found = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    return [words[1:] for words in found if words[:1] == ["cnmf3d"] and words[1] not in ("console", "view")]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What the pages speak of, small."""
    folder = tmp_path_factory.mktemp("pages")
    simulate(folder / "movie.tif", "tiny", seed=1, overrides=SCENE)
    values = tifffile.imread(folder / "movie.tif")
    for name in ("recording/part_1.tif", "recording/part_2.tif", "m.tiff", "recordings/a.tiff"):
        (folder / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(folder / name, values, metadata={"axes": "TZYX"}, imagej=True)
    both = np.stack([values, values], axis=2)
    tifffile.imwrite(folder / "rig.tif", both, metadata={"axes": "TZCYX"}, imagej=True)
    for name in ("m.json", "recordings/a.json"):
        (folder / name).write_text(json.dumps({"origin": "microscope A", "fps": 10.0, "date": "20260131_142500"}))
    (folder / "odours.csv").write_text("name,start,end\nrose,10,12.5\n")
    (folder / "tags.csv").write_text("roi,cell type\n0,pyramidal\n1,PV\n")
    shutil.copy(ROOT / "docs" / "examples" / "cnmf_3d.py", folder)
    results = folder / "movie.cnmf3d.hdf5"
    assert call(["run", str(folder / "movie.tif"), "-q"]) == 0
    shutil.copy(results, folder / "r.hdf5")
    (folder / "session.yaml").write_text(blocks("docs/exports.md", "yaml")[0])
    assert call(["export", "nwb", str(results), str(folder / "theirs.nwb"), "--set", SESSION]) == 0
    return folder


@pytest.fixture
def here(files, tmp_path, monkeypatch):
    shutil.copytree(files, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_as_it_is_printed(page, here, capsys):
    for words in commands(page):
        words = [SMALLER.get(word, word) for word in words]
        assert call(words) == 0, (words, capsys.readouterr())
    with Workspace() as space:
        names = space.names() if "scripts" in page else {}
        for code in blocks(page, "python"):
            if "RECORDINGS" in code or "new_batch" in code:  # run by tests/cli/test_script.py; a list of calls
                continue
            for word, smaller in SMALLER.items():
                code = code.replace(word, smaller) if word[0] in '"[' else code
            exec(compile(code, page, "exec"), names)
    assert np.sum([len(commands(page)), len(blocks(page, "python"))]) > 0


def test_the_links_between_pages_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_name_of_a_script_is_told():
    told = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8").partition("## Names")[2].partition("\n## ")[0]
    with Workspace() as space:
        assert [name for name in space.names() if not re.search(rf"`{name}\b", told)] == []
