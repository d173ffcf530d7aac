"""The Script Editor: tabs that no crash loses, run on what is open or in a process, record what is done."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, cast

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from cnmf3d.errors import Cnmf3dError
from cnmf3d.viewer.controllers.actions import actions_of
from cnmf3d.viewer.controllers.script_runs import ProcessRun, Run, ThreadRun
from cnmf3d.viewer.controllers.scripts import NEW, Script, Scripts, examples
from cnmf3d.viewer.qt.batch_panes import Output
from cnmf3d.viewer.qt.editor_tabs import CodeEdit
from cnmf3d.viewer.qt.parts import drop, tool

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

KEEP, LOOK = 1500, 60
"""Milliseconds after a change when a copy is kept, and between two looks at what a script printed."""

HERE = "Run in the viewer (F5): on what is open, in a thread. What computes for long is run as a process."
APART = "Run as a process (Shift+F5): cnmf3d script FILE, with the open batch. It may compute as it likes."


class ScriptEditor(QWidget):
    """The Script Editor of an app.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app, self.actions_ = app, actions_of(app)
        self.scripts = Scripts()
        self.run: Run | None = None
        self._called = ("\0", "")
        self.tabs = QTabWidget()
        self.tabs.setTabsClosable(True)
        self.tabs.setMovable(True)
        self.tabs.setDocumentMode(True)
        self.tabs.tabCloseRequested.connect(self.close_tab)
        self.output = Output()
        self.output.setPlaceholderText("What scripts print.")
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.tabs)
        split.addWidget(self.output)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 6, 6, 6)
        box.setSpacing(4)
        box.addLayout(self._buttons())
        box.addWidget(split, 1)
        self._keeping, self._looking = QTimer(self), QTimer(self)
        self._keeping.setSingleShot(True)
        self._keeping.setInterval(KEEP)
        self._keeping.timeout.connect(self.keep)
        self._looking.setInterval(LOOK)
        self._looking.timeout.connect(self._look)
        self._keys()
        self.actions_.recorder.changed.connect(self._recording)
        app.closed.connect(self._close)
        app.viewer.events.theme.connect(self._restyle)
        for script in self.scripts.kept():
            self._add(script)
        if self.tabs.count() == 0:
            self.new()

    @property
    def current(self) -> CodeEdit | None:
        """The tab that is seen."""
        return cast("CodeEdit | None", self.tabs.currentWidget())

    def new(self, text: str | None = None, title: str = "") -> CodeEdit:
        """A new script in a tab."""
        return self._add(self.scripts.new(title=title) if text is None else self.scripts.new(text, title))

    def open(self, path: str | Path) -> CodeEdit | None:
        """Open a script, or show its tab."""
        for place in range(self.tabs.count()):
            if self._edit(place).script.path == Path(path):
                self.tabs.setCurrentIndex(place)
                return self._edit(place)
        try:
            return self._add(self.scripts.open(path))
        except Cnmf3dError as error:
            self._app.fail(error)
            return None

    def save(self, path: str | Path | None = None) -> bool:
        """Write the script that is seen; asks for a file where it has none."""
        edit = self.current
        if edit is None:
            return False
        if path is None and edit.script.path is None:
            path, _ = QFileDialog.getSaveFileName(self, "Save script", f"{edit.script.name}.py", "Python (*.py)")
            if not path:
                return False
        try:
            self.scripts.save(edit.script, path)
        except Cnmf3dError as error:
            self._app.fail(error)
            return False
        self._entitle(self.tabs.currentIndex())
        self._app.tell(f"Saved {edit.script.path}")
        return True

    def close_tab(self, place: int) -> None:
        """Close a tab; one that isn't saved keeps its copy until it is emptied or saved."""
        edit = self._edit(place)
        script = edit.script
        if script.changed and script.text.strip() and script.path is not None:
            self.scripts.keep(script)
            self._app.tell(f"{script.name} was not saved; its text comes back with the next window.")
        elif script.path is None and script.text.strip() and not _is_new(script):
            self.scripts.keep(script)
            self._app.tell(f"{script.name} has no file; its text comes back with the next window.")
        else:
            self.scripts.forget(script)
        self.tabs.removeTab(place)
        edit.deleteLater()
        if self.tabs.count() == 0:
            self.new()

    def run_here(self) -> None:
        """Run the script that is seen in a thread of the viewer."""
        self._start(apart=False)

    def run_apart(self) -> None:
        """Run the script that is seen in a process of its own."""
        self._start(apart=True)

    def stop(self) -> None:
        """End the script that runs."""
        if self.run is not None:
            self.run.stop()

    def keep(self) -> None:
        """Keep copies of what isn't saved."""
        for place in range(self.tabs.count()):
            script = self._edit(place).script
            if not _is_new(script):
                self.scripts.keep(script)

    def _start(self, *, apart: bool) -> None:
        edit = self.current
        if edit is None:
            return
        if self.run is not None and self.run.running:
            self._app.tell("A script runs already: stop it first.")
            return
        try:
            words = shlex.split(self.words.text())
            path = self.scripts.runnable(edit.script)
        except (ValueError, OSError) as error:
            self.output.add_lines([f"✗ the script can't be run: {error}"])
            return
        self.output.add_lines([f"· {edit.script.name} {self.words.text()}".rstrip()])
        self._called = (str(path), edit.script.name)
        batch = self._app.batch
        if apart:
            self.run = ProcessRun(path, words, None if batch is None else batch.folder.resolve())
        else:
            self.run = ThreadRun(path, self.actions_.space.names(), self._app.tasks, words)
        self._show_state()
        self._looking.start()

    def _look(self) -> None:
        """Show what was printed, and whether the script still runs."""
        run = self.run
        if run is None:
            return
        over = not run.running
        self.output.add_text(run.take().replace(*self._called))
        if over:
            self._looking.stop()
            if isinstance(run, ThreadRun):
                self.actions_.script_ended.emit(run.left)
            self._show_state()
            self.actions_.batch.poll()

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(3)
        self.here = tool("▶ Run", self.run_here, HERE)
        self.apart = tool("Run as process", self.run_apart, APART)
        self.halt = tool("■ Stop", self.stop, "End the script that runs")
        self.words = QLineEdit()
        self.words.setPlaceholderText("arguments (sys.argv)")
        self.words.setMinimumWidth(90)
        self.words.setMaximumWidth(200)
        self.record = tool("● Record", self.record_, "Write what I do in the window as a script")
        self.record.setCheckable(True)
        more = drop("Examples", self._examples(), "Scripts of the documentation")
        parts = [
            tool("New", self.new, "A new script (Ctrl+N)"),
            tool("Open…", self._ask, "Open a script (Ctrl+O)"),
            tool("Save", self.save, "Save the script (Ctrl+S)"),
            more,
            self.here,
            self.apart,
            self.halt,
            self.words,
            self.record,
        ]
        for part in parts:
            row.addWidget(part)
        row.addStretch(1)
        self.halt.setEnabled(False)
        return row

    def _examples(self) -> QMenu:
        menu = QMenu(self)
        for path in examples():
            menu.addAction(path.stem, lambda path=path: self.new(path.read_text(encoding="utf-8"), path.stem))
        if menu.isEmpty():
            menu.addAction("None are installed").setEnabled(False)
        return menu

    def _keys(self) -> None:
        """Keys that work while the editor has the focus."""
        for keys, do in (
            ("F5", self.run_here),
            ("Shift+F5", self.run_apart),
            ("Ctrl+S", lambda: self.save()),
            ("Ctrl+N", lambda: self.new()),
            ("Ctrl+O", self._ask),
        ):
            key = QShortcut(QKeySequence(keys), self)
            key.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            key.activated.connect(do)

    def _ask(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open script", "", "Python (*.py);;All files (*)")
        if path:
            self.open(path)

    def record_(self) -> None:
        """Begin to record, or show what was recorded."""
        recorder = self.actions_.recorder
        if not recorder.on:
            recorder.start()
            return
        text = recorder.stop()
        if text:
            self.new(text, "recorded")
        else:
            self._app.tell("Nothing was recorded.")

    def _recording(self) -> None:
        recorder = self.actions_.recorder
        self.record.setChecked(recorder.on)
        self.record.setText(f"● Recording ({len(recorder.lines)} lines)" if recorder.on else "● Record")

    def _add(self, script: Script) -> CodeEdit:
        edit = CodeEdit(script, self._style())
        edit.edited.connect(lambda: self._edited(edit))
        place = self.tabs.addTab(edit, script.name)
        self.tabs.setCurrentIndex(place)
        self._entitle(place)
        return edit

    def _edited(self, edit: CodeEdit) -> None:
        self._entitle(self.tabs.indexOf(edit))
        self._keeping.start()

    def _entitle(self, place: int) -> None:
        script = self._edit(place).script
        self.tabs.setTabText(place, f"{script.name}{'*' if script.changed else ''}")
        self.tabs.setTabToolTip(place, str(script.path or "not saved; a copy is kept"))

    def _style(self) -> str:
        """Colours that go with the window's theme."""
        from napari.utils.theme import get_theme

        return str(get_theme(self._app.viewer.theme).syntax_style)

    def _restyle(self) -> None:
        for place in range(self.tabs.count()):
            self._edit(place).set_style(self._style())

    def _edit(self, place: int) -> CodeEdit:
        return cast("CodeEdit", self.tabs.widget(place))

    def _show_state(self) -> None:
        runs = self.run is not None and self.run.running
        self.here.setEnabled(not runs)
        self.apart.setEnabled(not runs)
        self.halt.setEnabled(runs)

    def _close(self) -> None:
        """Keep what isn't saved, and end what runs."""
        self._keeping.stop()
        self._looking.stop()
        self._app.viewer.events.theme.disconnect(self._restyle)
        self.keep()
        if self.run is not None and self.run.running:
            self.run.stop()


def _is_new(script: Script) -> bool:
    """Whether nobody has written anything."""
    return script.path is None and script.text.strip() in ("", NEW.strip())
