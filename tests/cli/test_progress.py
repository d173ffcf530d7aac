"""What is shown while something runs."""

from __future__ import annotations

import json

from rich.console import Console
from rich.progress import Progress as Bars

from cnmf3d.cli.progress import Plain, Terminal, _bars, shown, speed
from cnmf3d.events import Caution, Note, Progress


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
    bars = _bars(Console(quiet=True))
    assert isinstance(bars, Bars)
    terminal = Terminal(bars)
    for stage in ("ingest", "blocks"):
        for done in (0, 1, 2):
            terminal(Progress(stage, done, 2, "blocks", done * 10**6))
    terminal(Caution("blocks", "a [bracket]"))
    assert [task.completed for task in bars.tasks] == [2, 2]
    assert bars.tasks[0].description == "reading the movie"


def test_a_stage_that_comes_again_has_a_new_line():
    terminal = Terminal(_bars())
    for done in (1, 2, 1, 2):
        terminal(Progress("traces", done, 2, "frames"))
    assert len(terminal.bars.tasks) == 2


def test_json_lines(capsys):
    with shown(as_json=True, quiet=False) as reporter:
        reporter(Progress("ingest", 1, 2, "frames", 5))
    assert json.loads(capsys.readouterr().out)["stage"] == "ingest"


def test_speed_is_told_where_it_says_something():
    assert speed(0, 1) == "" and speed(10**6, 0.01) == "" and speed(4 * 10**6, 2) == "2 Mvoxel/s"
