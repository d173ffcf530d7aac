"""What is shown while something runs."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console
from rich.progress import Progress as Bars

import cnmf3d
from cnmf3d import progress
from cnmf3d.cli.progress import shown
from cnmf3d.events import Caution, Note, Progress, silent
from cnmf3d.progress import Notebook, Plain, Terminal, bars_on, by_default, speed


def test_plain_lines_begin_and_end_of_a_stage():
    lines = []
    plain = Plain(lines.append)
    for done in range(1, 101):
        plain(Progress("ingest", done, 100, "frames", done * 1000))
    plain(Note("ingest", "gSig is 4"))
    plain(Caution("ingest", "no rate"))
    assert len(lines) == 3
    assert lines[0].startswith("reading the movie: 100/100 frames")
    assert lines[1:] == ["gSig is 4", "! no rate"]


def test_the_terminal_has_a_line_a_stage():
    bars = bars_on(Console(quiet=True))
    assert isinstance(bars, Bars)
    terminal = Terminal(bars)
    for stage in ("ingest", "blocks"):
        for done in (0, 1, 2):
            terminal(Progress(stage, done, 2, "blocks", done * 10**6))
    terminal(Caution("blocks", "a [bracket]"))
    assert [task.completed for task in bars.tasks] == [2, 2]
    assert bars.tasks[0].description == "reading the movie"


def test_a_stage_that_comes_again_has_a_new_line():
    terminal = Terminal(bars_on())
    for done in (1, 2, 1, 2):
        terminal(Progress("traces", done, 2, "frames"))
    assert len(terminal.bars.tasks) == 2


def test_json_lines(capsys):
    with shown(as_json=True, quiet=False) as reporter:
        reporter(Progress("ingest", 1, 2, "frames", 5))
    assert json.loads(capsys.readouterr().out)["stage"] == "ingest"


def test_speed_is_told_where_it_says_something():
    assert speed(0, 1) == "" and speed(10**6, 0.01) == "" and speed(4 * 10**6, 2) == "2 Mvoxel/s"


def test_brackets_in_a_text_stay():
    out = io.StringIO()
    Terminal(bars_on(Console(file=out, width=80)))(Caution("blocks", "give [rf] or [/x]"))
    assert out.getvalue().strip() == "! give [rf] or [/x]"


class Handle:
    def __init__(self, picture):
        self.pictures = [picture]

    def update(self, picture, raw):
        assert raw
        self.pictures.append(picture)


def test_a_notebook_shows_bars_and_texts_and_is_not_flooded(monkeypatch):
    display = pytest.importorskip("IPython.display")
    handles = []
    monkeypatch.setattr(
        display, "display", lambda picture, raw, display_id: handles.append(Handle(picture)) or handles[-1]
    )
    notebook = Notebook()
    for done in range(1001):
        notebook(Progress("blocks", done, 1000, "blocks"))
    notebook(Caution("blocks", "a <b> & more"))
    (handle,) = handles
    assert len(handle.pictures) < 100
    last = handle.pictures[-1]["text/html"]
    assert handle.pictures[-1]["text/plain"] == "⚠ a <b> & more\nfinding cells 1000/1000 blocks"
    assert "finding cells" in last and "1000/1000 blocks" in last and "⚠ a &lt;b&gt; &amp; more" in last


def test_by_default_terminals_and_notebooks_have_bars_and_others_nothing(monkeypatch):
    with by_default() as reporter:
        assert reporter is silent  # pytest is no terminal
    monkeypatch.setattr(progress.sys, "stderr", None)
    with by_default() as reporter:
        assert reporter is silent
    monkeypatch.setattr(progress.sys, "stderr", SimpleNamespace(isatty=lambda: True, write=len, flush=lambda: None))
    with by_default() as reporter:
        assert isinstance(reporter, Terminal)
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(config={"IPKernelApp": {}}))
    monkeypatch.setitem(progress.sys.modules, "IPython", kernel)
    with by_default() as reporter:
        assert isinstance(reporter, Notebook)


def test_a_run_shows_itself_where_nobody_says_otherwise(monkeypatch):
    heard = []

    @contextmanager
    def listening():
        yield heard.append

    monkeypatch.setattr(import_module("cnmf3d.engine.run"), "by_default", listening)
    movie = cnmf3d.open_movie(np.random.default_rng(0).normal(100, 5, (60, 2, 12, 12)).astype(np.float32), rate=5)
    cnmf3d.run(movie)
    assert any(isinstance(event, Progress) for event in heard)
    count = len(heard)
    cnmf3d.run(movie, reporter=cnmf3d.silent)
    assert len(heard) == count
