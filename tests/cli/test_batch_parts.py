"""Parts of the batch commands: variants, sources, columns, the clock, flags."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from typer.exceptions import TyperException

from cnmf3d.cli.batch import clock
from cnmf3d.cli.batch.columns import NARROWEST, Cell, fitted, printed
from cnmf3d.cli.batch.facts import plain
from cnmf3d.cli.batch.sources import sources, stem
from cnmf3d.cli.batch.variants import variants
from cnmf3d.cli.flags import ParameterFlags, with_flags
from cnmf3d.errors import InputError, UsageError


def test_values_of_one_name_are_alternatives_and_names_multiply():
    found = variants(["gsig=4,4,2", "min-snr=2", "gSig=5,5,2"])
    assert [each.label for each in found] == ["gsig=4,4,2 min-snr=2", "gSig=5,5,2 min-snr=2"]
    assert found[1].changes == {"init.gSig": [5, 5, 2], "quality.min_SNR": 2}
    assert [(each.label, each.changes) for each in variants([])] == [("", {})]
    assert len(variants(["k=1", "k=2", "p=0", "p=1", "p=2", "refit=yes", "refit=no"])) == 12


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("K=5", "init.K", 5),
        ("k=auto", "init.K", "auto"),
        ("--min-snr=2.5", "quality.min_SNR", 2.5),
        ("quality.min_snr=2", "quality.min_SNR", 2),
        ("refit=true", "refit", True),
        ("rf=none", "patch.rf", "none"),
        ("gsig=(4, 4, 2)", "init.gSig", [4, 4, 2]),
        ("fps=7.5", "data.fr", 7.5),
        ("merge_thresh=0.6", "merge_thresh", 0.6),
    ],
)
def test_names_are_flags_parameters_or_caimans(text, name, value):
    assert variants([text])[0].changes == {name: value}
    ParameterFlags(rf="none").parameters(variants([text])[0].changes)


def test_none_varies_as_what_it_means_for_each_parameter():
    told = [ParameterFlags().parameters(variants([text])[0].changes) for text in ("rf=none", "bad-frames=none")]
    assert told[0].patch.rf is None and told[1].data.bad_frames == ()


def test_a_variant_wins_over_flags_and_file(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("init: {gSig: 2, K: 3}\nquality: {min_SNR: 4}\n")
    flags = ParameterFlags(params=file, gsig="3", kwargs="K=7")
    told = flags.parameters(variants(["gsig=5,5,2"])[0].changes)
    assert (told.init.gSig, told.init.K, told.quality.min_SNR) == ((5, 5, 2), 7, 4)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["gsig"], "--vary is 'gsig'"),
        (["gsig="], "--vary is"),
        (["=4"], "--vary is"),
        (["gsg=4"], "Did you mean gSig"),
        (["k=4", "K=4"], "twice"),
    ],
)
def test_variants_that_cannot_be_meant(texts, told):
    with pytest.raises(UsageError, match=told):
        variants(texts)


def test_a_pattern_is_many_movies_and_joined_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("t10.tif", "t2.tif", "a/m.ome.tif", "b/m.tif", "odd[1].tif"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"II")
    found = sources(["t*.tif", "a/m.ome.tif", "b/m.tif", "odd[1].tif"], joined=False)
    assert [each.name for each in found] == ["t2", "t10", "a/m", "b/m", "odd[1]"]
    assert all(len(each.paths) == 1 for each in found)
    assert sources(["t2.tif", "t10.tif"], joined=True) == [type(found[0])("t2", ["t2.tif", "t10.tif"])]
    with pytest.raises(InputError, match="no file matches"):
        sources(["none_*.tif"], joined=False)


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/m.tif", "m"), ("a/", "a"), ("2026.01.31.tif", "2026.01.31"), ("s3://b/m.zarr", "m"), (".hidden", ".hidden")],
)
def test_what_a_movie_is_called(path, name):
    assert stem(path) == name


@given(st.lists(st.integers(0, 200), min_size=1, max_size=9), st.integers(20, 200))
def test_columns_fit_a_line_where_they_can(widths, total):
    out = fitted(widths, total)
    assert all(new == old or NARROWEST <= new < old for new, old in zip(out, widths, strict=True))
    gaps = 2 * (len(widths) - 1)
    assert sum(out) + gaps <= total or max(out) <= NARROWEST or out == widths


def drawn(console_width, *rows):
    out = io.StringIO()
    printed(("name", "what"), rows, Console(file=out, width=console_width, force_terminal=True, color_system="256"))
    return out.getvalue().splitlines()


def test_columns_have_colours_and_ellipses_on_a_terminal():
    lines = drawn(24, (Cell("möviefilms 細胞 of many days"), Cell("failed", "red")), (Cell("b"), Cell("done", "green")))
    assert "\x1b[31mfailed" in lines[1] and "…" in lines[1] and "\x1b[32mdone" in lines[2]


def test_columns_are_whole_and_bare_in_a_file():
    out = io.StringIO()
    rows = [(Cell("long " * 50 + "end"), Cell("failed", "red")), (Cell("細胞"), Cell("done", "green"))]
    printed(("name", "what"), rows, Console(file=out, width=20))
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue() and "end  failed" in lines[1]
    assert cell_len(lines[2].partition("done")[0]) == cell_len(lines[0].partition("what")[0])


def test_no_colour_where_none_is_wanted(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert not any("\x1b" in line for line in drawn(80, (Cell("a"), Cell("failed", "red"))))


def test_a_text_cannot_steer_the_terminal():
    assert plain("a\x1b[2Jb\nc\u202ed") == "a [2Jb c d"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("23:00", "2026-01-31 23:00"),
        ("7:30", "2026-02-01 07:30"),
        ("12:00", "2026-02-01 12:00"),
        ("0:00", "2026-02-01"),
    ],
)
def test_the_next_time_of_day(text, expected):
    assert clock.next_time(text, datetime(2026, 1, 31, 12, 0)) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("text", ["24:00", "7", "7:60", "noon", "-1:00", "07:00:00", ""])
def test_no_time_of_day(text):
    with pytest.raises(UsageError, match="--at 23:00"):
        clock.next_time(text, datetime(2026, 1, 31))


def test_waiting_ends_at_the_time(capsys):
    moment = datetime.now() + timedelta(seconds=0.2)
    clock.wait_until(moment, quiet=False)
    assert datetime.now() >= moment and "Ctrl-C" in capsys.readouterr().err


@dataclass(frozen=True)
class Size:
    """Flags of a test."""

    width: Annotated[int, typer.Option(min=1)]
    depth: int = 3


@with_flags
def measure(name: str, size: Size, loud: bool = False) -> None:
    """Tell the size."""
    typer.echo(f"{name} {size} {loud}")


def test_a_dataclass_becomes_options(capsys):
    app = typer.Typer()
    app.command()(measure)
    app(["x", "--width", "2", "--loud"], standalone_mode=False)
    assert capsys.readouterr().out == "x Size(width=2, depth=3) True\n"
    for words in (["x"], ["x", "--width", "0"]):
        with pytest.raises(TyperException):
            app(words, standalone_mode=False)
