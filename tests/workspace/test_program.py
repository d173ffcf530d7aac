"""Scripts run as Python runs them; their errors show their own lines."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cnmf3d.errors import InputError, UsageError
from cnmf3d.workspace.program import compiled, ours, run_program, told


@pytest.fixture
def script(tmp_path):
    def write(text, name="s.py"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def error_of(path, **names):
    program = compiled(path)
    with pytest.raises(BaseException) as error:
        run_program(program, names)
    return error.value, told(error.value, program.path)


def test_a_script_runs_as_python_runs_it(script, monkeypatch):
    script("value = 7", "beside.py")
    path = script(
        "import sys, __main__, beside, pickle\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Point:\n"
        "    x: int\n"
        "def f():\n"
        "    return Point(beside.value)\n"
        "seen.append((__name__, __file__, sys.argv, sys.path[0], __main__.f is f, pickle.loads(pickle.dumps(f())).x))\n"
    )
    before = sys.modules["__main__"], sys.argv, list(sys.path)
    seen = []
    run_program(compiled(path), {"seen": seen}, ["--fast", "a b"])
    assert seen == [("__main__", str(path), [str(path), "--fast", "a b"], str(path.parent), True, 7)]
    assert (sys.modules["__main__"], sys.argv, sys.path) == before
    monkeypatch.delitem(sys.modules, "beside")


def test_futures_of_ours_are_not_inherited(script):
    seen = []
    run_program(compiled(script("def f(x: 1 + 1): pass\nseen.append(f.__annotations__)")), {"seen": seen})
    assert seen == [{"x": 2}]


def test_encodings(script):
    seen = []
    run_program(compiled(script("# coding: latin-1\nseen.append('é')".encode("latin-1"))), {"seen": seen})
    run_program(compiled(script(b"\xef\xbb\xbfseen.append('\xc3\xa9')\r\n")), {"seen": seen})
    assert seen == ["é", "é"]


def test_a_traceback_is_pythons(script):
    path = script("def f():\n    return 1 / 0\n\nf()\n")
    by_python = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False).stderr
    assert error_of(path)[1] == by_python


def test_a_chain_is_shown_whole(script):
    path = script("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e\n")
    by_python = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False).stderr
    assert error_of(path)[1] == by_python


@pytest.mark.parametrize("text", ["x = (\n", "def f(:\n  pass", "x = 1\n  y", "a = 1\nreturn 2", "'unclosed"])
def test_a_syntax_error_is_pythons(script, text):
    path = script(text)
    by_python = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False).stderr
    with pytest.raises(SyntaxError) as error:
        compiled(path)
    assert told(error.value, path) == by_python


@pytest.mark.parametrize("text", [b"x = 1\0", "é".encode("latin-1"), b"# coding: klingon\n"])
def test_bytes_that_are_no_text(script, text):
    path = script(text)
    with pytest.raises(SyntaxError) as error:
        compiled(path)
    assert told(error.value, path).rstrip().splitlines()[-1].startswith("SyntaxError: ")


def test_inside_cnmf3d_nothing_is_shown(script):
    from cnmf3d.parameters import read_parameters

    path = script("def mine():\n    read(K='many')\n\nmine()\n")
    error, text = error_of(path, read=read_parameters)
    assert isinstance(error, UsageError) and not ours(error)
    assert [line for line in text.splitlines() if line.startswith("  File")] == [
        f'  File "{path}", line 4, in <module>',
        f'  File "{path}", line 2, in mine',
    ]
    assert "pydantic" not in text and "direct cause" not in text
    assert text.splitlines()[0].startswith("Traceback") and "cnmf3d params K" in text


def test_a_users_function_that_we_call_is_shown(script):
    from cnmf3d.movies import open_movie
    from cnmf3d.workspace.environment import ViewerWorkEnv
    from cnmf3d.workspace.viewer import Viewer

    assert open_movie and ViewerWorkEnv
    path = script("def mine(env):\n    env.nothing\n\nviewer.updated.append(mine)\nviewer.update()\n")
    _, text = error_of(path, viewer=Viewer())
    assert "line 5, in <module>" in text and "line 2, in mine" in text and "viewer.py" not in text


def test_libraries_that_the_script_calls_are_shown(script):
    _, text = error_of(script("import json\njson.loads('{')\n"))
    assert "decoder.py" in text and "line 2, in <module>" in text


def test_a_mistake_of_ours_is_known_as_one(script):
    from cnmf3d.movies.units import plain_unit

    error, text = error_of(script("f(None)\n"), f=plain_unit)
    assert ours(error) and "AttributeError" in text and "units.py" not in text
    error, _ = error_of(script("f()\n"), f=plain_unit)
    assert not ours(error)


def test_exits_pass(script):
    for text, code in (("import sys; sys.exit(7)", 7), ("raise SystemExit('words')", "words"), ("exit()", None)):
        with pytest.raises(SystemExit) as stop:
            run_program(compiled(script(text)), {"exit": sys.exit})
        assert stop.value.code == code


def test_scripts_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        compiled(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        compiled(tmp_path / "none.py")
