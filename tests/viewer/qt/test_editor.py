"""The Script Editor and the console on a screen."""

from __future__ import annotations

import pytest


@pytest.fixture
def editor(qtbot, app):
    from cnmf3d.viewer.qt.editor import ScriptEditor

    made = ScriptEditor(app)
    qtbot.addWidget(made)
    made.resize(600, 500)
    made.show()
    yield made
    made.stop()


def wait(editor, qtbot, app):
    def over():
        app.tasks.deliver()
        editor._look()
        return editor.run is not None and not editor.run.running and editor.here.isEnabled()

    qtbot.waitUntil(over, timeout=60_000)


def write(editor, text):
    editor.new("")
    editor.current.setPlainText(text)


def test_a_script_runs_here_and_apart(editor, qtbot, app, tmp_path):
    editor.actions_.open_batch(tmp_path / "b")
    write(editor, "import time\ntime.sleep(1)\nprint('from', get_batch_manager().folder.name)\n")
    editor.here.click()
    assert editor.halt.isEnabled() and not editor.here.isEnabled()
    wait(editor, qtbot, app)
    assert "from b\n[done]" in editor.output.toPlainText()
    editor.output.clear()
    editor.words.setText("'a b' c")
    editor.current.setPlainText("import sys\nprint(sys.argv[1:], get_batch_manager().folder.name)\n")
    editor.apart.click()
    wait(editor, qtbot, app)
    assert "['a b', 'c'] b\n[done]" in editor.output.toPlainText()
    editor.words.setText("'never closed")
    editor.here.click()
    assert "can't be run" in editor.output.toPlainText()


def test_the_window_stays_usable_and_a_script_can_be_stopped(editor, qtbot, app):
    write(editor, "while True:\n    x = 1\n")
    editor.here.click()
    ticks = []
    qtbot.waitUntil(lambda: bool(ticks.append(1)) or len(ticks) > 5, timeout=10_000)
    told = []
    app.told.connect(told.append)
    editor.run_here()
    assert "runs already" in told[-1]
    editor.halt.click()
    wait(editor, qtbot, app)
    assert "[stopped]" in editor.output.toPlainText()


def test_tabs_are_kept_over_a_crash_and_saved(editor, qtbot, app, tmp_path):
    from cnmf3d.viewer.qt.editor import ScriptEditor

    write(editor, "x = 1\n")
    assert editor.tabs.tabText(editor.tabs.currentIndex()).endswith("*")
    editor.keep()
    again = ScriptEditor(app)
    qtbot.addWidget(again)
    assert again.current.toPlainText() == "x = 1\n"
    path = tmp_path / "s.py"
    assert again.save(path)
    assert path.read_text() == "x = 1\n" and again.tabs.tabText(again.tabs.currentIndex()) == "s.py"
    assert again.open(path) is again.current
    again.close_tab(again.tabs.currentIndex())
    assert again.tabs.count() >= 1 and not list(again.scripts.folder.glob("*.json"))
    failed = []
    app.failed.connect(lambda problem, fix: failed.append(problem))
    assert again.open(tmp_path / "none.py") is None and "can't be read" in failed[-1]


def test_typing_indents_and_comments(editor, qtbot):
    from qtpy.QtCore import Qt

    write(editor, "")
    edit = editor.current
    qtbot.keyClicks(edit, "for x in y:")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    qtbot.keyClicks(edit, "z")
    assert edit.toPlainText() == "for x in y:\n    z"
    edit.selectAll()
    qtbot.keyClick(edit, Qt.Key.Key_Tab)
    assert edit.toPlainText() == "    for x in y:\n        z"
    qtbot.keyClick(edit, Qt.Key.Key_Backtab)
    qtbot.keyClick(edit, Qt.Key.Key_Slash, Qt.KeyboardModifier.ControlModifier)
    assert edit.toPlainText() == "# for x in y:\n#     z"
    qtbot.keyClick(edit, Qt.Key.Key_Slash, Qt.KeyboardModifier.ControlModifier)
    assert edit.toPlainText() == "for x in y:\n    z"
    qtbot.keyClick(edit, Qt.Key.Key_End)  # without Ctrl, which Qt would take to be held down from here on


def test_text_is_highlighted_and_numbered(editor):
    write(editor, "def f():\n    return 'x'\n")
    edit = editor.current
    formats = edit.document().firstBlock().layout().formats()
    assert len({each.format.foreground().color().name() for each in formats}) > 1
    edit.setPlainText('"""More\nthan one line."""\nx = 1\n')
    colours = [
        [part.format.foreground().color().name() for part in edit.document().findBlockByNumber(n).layout().formats()]
        for n in (0, 1)
    ]
    assert colours[0][0] == colours[1][0]
    edit.setPlainText("\n" * 1200)
    assert edit.margin() > 3 * edit.fontMetrics().horizontalAdvance("9")
    assert not edit.grab().isNull()


def test_examples_open_as_new_scripts(editor):
    from qtpy.QtWidgets import QToolButton

    buttons = [each for each in editor.findChildren(QToolButton) if each.text().startswith("Examples")]
    (action,) = [each for each in buttons[0].menu().actions() if each.text() == "cnmf_3d"]
    action.trigger()
    assert "add_to_batch" in editor.current.toPlainText() and editor.current.script.path is None


def test_what_is_done_is_recorded_into_a_tab(editor, app, tmp_path):
    editor.record.click()
    assert editor.actions_.recorder.on and "Recording" in editor.record.text()
    editor.actions_.open_batch(tmp_path / "b")
    editor.record.click()
    assert "open_or_make" in editor.current.toPlainText() and "Recorded" in editor.current.toPlainText()
    assert editor.record.text() == "● Record"


def test_the_console_has_the_names_and_what_scripts_leave(window, qtbot, movie_file, capsys):
    window.app.open(movie_file)
    qtbot.waitUntil(lambda: window.app.movie is not None and not window.app.tasks.running, timeout=20_000)
    window.scripting.console.show()
    shell = window.canvas_host.console.shell
    qtbot.waitUntil(lambda: "get_workEnv" in shell.user_ns, timeout=5_000)
    shell.run_cell("shape = get_image().shape; wrong = get_module")
    assert shell.user_ns["shape"] == (12, 4, 9, 11)
    capsys.readouterr()
    shell.run_cell("get_module('cnmf_4d')")
    told = capsys.readouterr()
    assert "Did you mean cnmf_3d?" in told.out + told.err and "Traceback" not in told.out + told.err
    editor = window.show_dock("Script Editor")
    write(editor, "left = get_image().shape[0]\n")
    editor.here.click()
    qtbot.waitUntil(lambda: "left" in shell.user_ns, timeout=20_000)
    assert shell.user_ns["left"] == 12
    shell.run_cell("get_module('cnmf_3d')")
    assert window.docks["CNMF 3D"].isVisible()
    window.scripting.record.trigger()
    assert editor.actions_.recorder.on
    window.scripting.record.trigger()
    assert not editor.actions_.recorder.on
