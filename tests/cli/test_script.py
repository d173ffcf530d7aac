"""`cnmf3d script` and `cnmf3d console`: scripts in a terminal, and the CNMF 3D page's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cnmf3d.batch import Batch, Status
from cnmf3d.cli.app import call
from cnmf3d.simulate import simulate

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "cnmf_3d.py"
DOCS = EXAMPLE.parents[1] / "scripts.md"
PAGE = Path(__file__).parents[2] / "../shared/spec/cnmf_3d.rst"
SCENE = {"size": (32, 32, 5), "cells": 6, "frames": 120}


@pytest.fixture
def script(tmp_path):
    def write(text, name="s.py"):
        (tmp_path / name).write_text(textwrap.dedent(text), encoding="utf-8")
        return tmp_path / name

    return write


def say(capsys, *words):
    """Run a command; exit code, stdout, stderr."""
    capsys.readouterr()
    try:
        code = call([str(word) for word in words])
    except SystemExit as stop:  # the script's own
        code = stop.code
    out = capsys.readouterr()
    return code, out.out, out.err


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two recordings, each a ``.tiff`` with its ``.json``."""
    folder = tmp_path_factory.mktemp("the möuse's recordings")
    for seed in (1, 2):
        simulate(folder / f"trial_{seed}.tif", "tiny", seed=seed, overrides=SCENE)
        (folder / f"trial_{seed}.tif").rename(folder / f"trial_{seed}.tiff")
        meta = {"origin": "microscope A", "fps": 10.0, "date": "20240131_142500", "animal": f"m{seed}"}
        (folder / f"trial_{seed}.json").write_text(json.dumps(meta))
    return folder


def three_of_each(folder):
    """The items of a batch, which must be three variants of each recording."""
    with Batch.open(folder) as batch:
        items = batch.items()
    assert [item.name for item in items] == ["trial_1"] * 3 + ["trial_2"] * 3
    for first, second, third in (items[:3], items[3:]):
        told = [
            (list(item.parameters["init"]["gSig"]), item.parameters["quality"]["min_SNR"])
            for item in (first, second, third)
        ]
        assert told == [([10, 10, 1], 3), ([12, 12, 1], 2.5), ([12, 12, 1], 2)]
        assert all(item.parameters["refit"] and item.parameters["patch"]["rf"] is None for item in items)
        assert not first.options.get("use_memmap")
        assert all(item.options["memmap_uuid"] == first.uuid and item.options["use_memmap"] for item in (second, third))
        assert all(item.input.opening["rate"] == 10 for item in items)
    return items


def reused_the_first(folder):
    """What the runs told: each first item of a recording has read it, the others took what that made of it."""
    with Batch.open(folder) as batch:
        told = [[event for _, event in batch.run_folder(item).events()] for item in batch.items()]
    notes = [" ".join(event["text"] for event in events if event["kind"] == "note") for events in told]
    assert ["bins of an earlier run are used again" in text for text in notes] == [False, True, True] * 2, notes
    assert ["use_memmap" in text for text in notes] == [False, True, True] * 2


def mended(page, folder):
    """The example of the CNMF 3D page, its four typing errors mended, for a folder."""
    block = page.partition(".. code-block:: python")[2]
    text = textwrap.dedent(
        "\n".join(line for line in block.splitlines() if line.startswith("    ") or not line.strip())
    )
    mends = (
        ('"memmap_uuid: ', '"memmap_uuid":'),
        ("keep_memmmap", "keep_memmap"),
        ("reset_parmas", "reset_params"),
        ("/full_path_to_raw_images", str(folder)),
    )
    for wrong, right in mends:
        assert wrong in text
        text = text.replace(wrong, right)
    return text  # the fourth, a glob that nobody imports, is a name that scripts have


def test_the_example_of_the_page_runs_as_it_is_written(recordings, tmp_path, capsys, script):
    if not PAGE.is_file():
        pytest.skip("the page is absent")
    file = script(mended(PAGE.read_text(encoding="utf-8"), recordings))
    code, said, told = say(capsys, "script", file, "--batch", tmp_path / "b")
    assert (code, said.splitlines()) == (0, ["Working on file 1 / 2", "Working on file 2 / 2"]), told
    three_of_each(tmp_path / "b")


def test_the_example_of_the_docs_runs_and_its_items_are_processed(recordings, tmp_path, capsys, script):
    folder = tmp_path / "a bätch"
    code, said, told = say(capsys, "script", EXAMPLE, recordings, "--batch", folder)
    assert code == 0 and len(said.splitlines()) == 2, told
    items = three_of_each(folder)
    code, said, told = say(capsys, "batch", "run", folder, "--workers", 1)
    assert code == 0 and "6 done" in said, told
    reused_the_first(folder)
    look = script(
        """
        import json
        batch = get_batch_manager()
        for item in batch.items:
            batch.load_item_output(vi, item.uuid)
            entry = get_workEnv().history_trace[-1]["cnmf_3d"]
            print(json.dumps([get_meta()["animal"], len(get_workEnv().roi_manager), entry]))
        """
    )
    code, said, told = say(capsys, "script", look, "--batch", folder)
    assert code == 0, told
    told = [json.loads(line) for line in said.splitlines()]
    assert [animal for animal, _, _ in told] == ["m1"] * 3 + ["m2"] * 3
    assert all(count > 0 for _, count, _ in told)
    for (_, _, entry), item in zip(told, items, strict=True):
        used = entry["parameters"]
        assert used["init"]["gSig"] == list(item.parameters["init"]["gSig"])
        assert used["quality"]["min_SNR"] == item.parameters["quality"]["min_SNR"]
        assert entry["fingerprint"] == item.input.fingerprint and entry["item_uuid"] == item.uuid
        assert "auto" not in json.dumps(used) and "cnmf3d" in entry["versions"] and entry["timings"]["total"] > 0


def test_the_page_of_the_docs_shows_the_example():
    assert f"```python\n{EXAMPLE.read_text(encoding='utf-8')}```" in DOCS.read_text(encoding="utf-8")


def test_what_follows_the_script_is_the_scripts(script, capsys):
    file = script("import sys; print(sys.argv[1:], __name__)")
    assert say(capsys, "script", file, "a b", "7")[1] == "['a b', '7'] __main__\n"
    assert say(capsys, "script", file, "--fast", "-n", "3")[1] == "['--fast', '-n', '3'] __main__\n"
    assert say(capsys, "script", file, "--", "--batch", "x")[1] == "['--batch', 'x'] __main__\n"


def test_a_movie_without_rate_is_told_of(script, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "m.tif", np.zeros((6, 3, 5, 4), np.uint16), photometric="minisblack")
    file = script(f"vi.viewer.workEnv = ViewerWorkEnv.from_tiff({str(tmp_path / 'm.tif')!r})\nvi.update_workEnv()")
    code, said, told = say(capsys, "script", file)
    assert (code, said) == (0, "") and told.startswith("! ") and "rate" in told


def test_an_exception_ends_the_script_with_its_own_lines(script, capsys, tmp_path):
    file = script("params = {'item_name': 'm'}\nget_module('cnmf_3d', hide=True).add_to_batch(params)")
    code, said, told = say(capsys, "script", file, "--batch", tmp_path / "b")
    assert (code, said) == (1, "") and "from_tiff" in told
    assert [line for line in told.splitlines() if "File" in line] == [f'  File "{file}", line 2, in <module>']


def test_an_exception_can_be_caught(script, capsys):
    file = script(
        """
        from cnmf3d.errors import Cnmf3dError
        try:
            ViewerWorkEnv.from_tiff("none.tif")
        except Cnmf3dError as error:
            print(error.problem, "|", error.fix)
        """
    )
    code, said, told = say(capsys, "script", file)
    assert (code, told) == (0, "") and "none.tif does not exist" in said and "|" in said


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit()", 0, ""),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("x = (", 1, "SyntaxError: '(' was never closed"),
        ("nothing", 1, "NameError"),
        ("get_module('cnmf3d')", 1, "Did you mean cnmf_3d"),
    ],
)
def test_how_a_script_ends(text, code, told, script, capsys):
    got, _, errors = say(capsys, "script", script(text))
    assert (got or 0) == code and told in errors and "inside cnmf3d" not in errors
    assert told or not errors


def test_a_mistake_of_ours_in_a_script_leaves_a_log(script, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path)
    file = script("from cnmf3d.movies.units import plain_unit\nplain_unit(None)")
    code, _, told = say(capsys, "script", file)
    assert code == 1 and "inside cnmf3d" in told and "line 2, in <module>" in told
    assert "units.py" in (tmp_path / "errors.log").read_text()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["script"], 2, "FILE"),
        (["script", "none.py"], 3, "none.py does not exist"),
        (["script", "."], 3, "is a folder"),
        (["script", "s.py", "--batch", "s.py"], 2, "s.py"),
        (["console", "--batch", "s.py"], 2, "s.py"),
        (["console", "more"], 2, "more"),
    ],
)
def test_mistakes_are_told_in_words(words, code, told, script, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script("print(1)")
    got, said, errors = say(capsys, *words)
    assert (got, said) == (code, "") and told in errors and "Traceback" not in errors


def test_a_folder_that_is_no_batch_is_made_one_only_where_it_can_be(script, tmp_path, capsys):
    file = script("print(get_batch_manager().folder, len(get_batch_manager().items))")
    for _ in range(2):
        assert say(capsys, "script", file, "--batch", tmp_path / "b")[1] == f"{tmp_path / 'b'} 0\n"
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "batch.sqlite").write_bytes(b"no database" * 1000)
    code, _, told = say(capsys, "script", file, "--batch", tmp_path / "d")
    assert code == 3 and "batch.sqlite" in told


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_a_running_batch(longer, script, tmp_path):
    file = script(
        f"""
        vi.viewer.workEnv = ViewerWorkEnv.from_movie({str(longer)!r}, rate=10)
        get_module("cnmf_3d").add_to_batch({{"item_name": "m"}})
        get_batch_manager().process_batch(workers=1)
        """
    )
    command = [sys.executable, "-m", "cnmf3d", "script", str(file), "--batch", str(tmp_path / "b")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "reading the movie" in line:
            process.send_signal(signal.SIGINT)
            break
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "KeyboardInterrupt" in told and "cnmf3d/batch" not in told
    with Batch.open(tmp_path / "b") as batch:
        assert batch.item("m").status is Status.INTERRUPTED


def console(words, typed, folder):
    """What a console shows of what is typed into it."""
    home = {**os.environ, "IPYTHONDIR": str(folder / "ipython"), "TERM": "dumb", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "cnmf3d", "console", *map(str, words)]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, env=home, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_a_console_has_the_names_and_tells_errors_in_two_lines(recordings, tmp_path):
    typed = (
        f"vi.viewer.workEnv = ViewerWorkEnv.from_tiff({str(recordings / 'trial_1.tiff')!r})\n"
        "vi.update_workEnv()\n"
        "print('shape', get_image().shape)\n"
        "get_module('cnmf_3d').add_to_batch({'item_name': 'm', 'cnmf_kwargs': {'gsig': 3}})\n"
        "get_module('cnmf_3d').add_to_batch({'item_name': 'm'})\n"
        "1 / 0\n"
        "exit\n"
    )
    code, said = console(["--batch", tmp_path / "b"], typed, tmp_path)
    assert code == 0 and "shape (120, 5, 32, 32)" in said, said
    assert "get_workEnv" in said and str(tmp_path / "b") in said
    assert "Did you mean gSig" in said and "reading.py" not in said and "ZeroDivisionError" in said
    with Batch.open(tmp_path / "b") as batch:
        assert [item.name for item in batch.items()] == ["m"]


def test_a_console_without_ipython_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython.terminal.ipapp", None)
    code, _, told = say(capsys, "console")
    assert code == 2 and "cnmf3d[console]" in told


def test_what_a_script_leaves_open_is_closed_when_it_ends(script, tmp_path):
    file = script(
        """
        class Last:
            def __del__(self):
                open("last.txt", "w").close()

        last = Last()
        """
    )
    command = [sys.executable, "-m", "cnmf3d", "script", str(file)]
    subprocess.run(command, check=True, cwd=tmp_path)
    assert (tmp_path / "last.txt").exists()
