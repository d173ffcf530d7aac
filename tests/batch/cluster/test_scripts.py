from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.batch.cluster.scripts import MARK, choice, comment, quoted, render, template_text, word, write_script
from cnmf3d.errors import InputError, UsageError

VALUES = {
    "title": "t",
    "mark": MARK,
    "version": "1",
    "folders": ["'/a b'"],
    "command": 'python -m cnmf3d.batch.worker "$folder"',
}

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(st.lists(names.map(lambda name: Path(f"/{name}")), min_size=1, max_size=5, unique=True))
def test_any_path_is_one_word_and_each_number_gets_its_own(paths: list[Path]) -> None:
    program = choice("N", paths) + "\nprintf '%s' \"$folder\"\n"
    for number, path in enumerate(paths, 1):
        done = subprocess.run(
            ["bash", "-u"], input=program.encode(), capture_output=True, env={"N": str(number)}, check=True
        )
        assert done.stdout == os.fsencode(path)


@pytest.mark.parametrize("number", ["0", "3", "x", "", "$(touch made)", None])
def test_a_number_without_folder_stops_the_job(tmp_path: Path, number: str | None) -> None:
    program = choice("N", [Path("/a"), Path("/b")]) + "\ntouch reached\n"
    environment = {} if number is None else {"N": number}
    done = subprocess.run(
        ["bash", "-u", "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert "it must be 1 to 2" in done.stderr
    assert list(tmp_path.iterdir()) == []


@given(st.text())
def test_words_and_comments_stay_on_their_line(text: str) -> None:
    assert word(text).isascii()
    assert word(text)[0].isalnum()
    assert not set(word(text)) & set(" \n\r\t/%\\\"'$`#")
    assert len(comment(text).splitlines()) <= 1


def test_words_stay_readable() -> None:
    assert word("Möuse 3: gsig=4,4,2 (ä)") == "Mouse-3-gsig-4-4-2-a"
    assert word("--wrap=rm") == "wrap-rm"
    assert word("鼠") == "item"


def test_a_template_may_extend_ours(tmp_path: Path) -> None:
    own = tmp_path / "own.sh"
    own.write_text('{% extends "shell.sh" %}\n{% block setup %}\nmodule load python\n{% endblock %}\n')
    assert "\nmodule load python\n" in render("shell.sh", own, VALUES)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ partition }} {{ command }}", "partition.*undefined"),
        ("{% if %}", "line 1"),
        ("{{ command.__class__.__mro__ }}", "unsafe"),
        ('{% include "/etc/passwd" %}', "passwd"),
        ("{{ 1 / 0 }}", "division"),
        ("{{ command + 1 }}", "str"),
        ("{% for i in range(10 ** 9) %}{% endfor %}", "Range"),
        ("echo hello", "never runs the worker"),
    ],
)
def test_a_template_that_cant_be_used_is_named(tmp_path: Path, text: str, told: str) -> None:
    own = tmp_path / "own.sh"
    own.write_text(text)
    with pytest.raises(UsageError, match=told) as error:
        render("shell.sh", own, VALUES)
    assert "own.sh" in error.value.problem
    assert error.value.fix


def test_a_template_that_isnt_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        render("shell.sh", tmp_path / "none", VALUES)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="no text"):
        render("shell.sh", tmp_path / "binary", VALUES)


def test_only_our_own_scripts_are_replaced(tmp_path: Path) -> None:
    script = write_script(tmp_path / "a.sh", "no mark here\n")
    assert script.stat().st_mode & 0o111
    write_script(script, "again\n")
    assert script.read_text().startswith("again\n")
    foreign = tmp_path / "mine.sh"
    foreign.write_text("precious\n")
    with pytest.raises(InputError, match="not written by cnmf3d"):
        write_script(foreign, "x\n")
    assert foreign.read_text() == "precious\n"
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder"):
        write_script(tmp_path / "folder", "x\n")
    with pytest.raises(InputError, match="can't be written"):
        write_script(tmp_path / "none" / "a.sh", "x\n")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.sh", "folder", "mine.sh"]


def test_templates_delete_nothing() -> None:
    for name in ("slurm.sh", "shell.sh"):
        words = template_text(name).split()
        assert not {"rm", "rmdir", "mv", "unlink", "find", "rsync", ">"} & set(words)


def test_paths_that_are_no_text(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    script = write_script(tmp_path / "a.sh", f"printf %s {quoted(folder)}\n")
    assert subprocess.run(["bash", script], capture_output=True, check=True).stdout == os.fsencode(folder)
