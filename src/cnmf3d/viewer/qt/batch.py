"""The Batch Manager: the list of items, what can be done with them, how the running one stands, and its output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPoint, Qt, QTime, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QProgressBar,
    QSizePolicy,
    QSplitter,
    QStackedLayout,
    QTimeEdit,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)

from cnmf3d.batch import Status
from cnmf3d.viewer.controllers.actions import actions_of
from cnmf3d.viewer.models.batch import COLOURS
from cnmf3d.viewer.qt.batch_panes import Panes
from cnmf3d.viewer.qt.batch_table import BatchTable
from cnmf3d.viewer.qt.parts import beside, button, drop, tool

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

LOOK = 500
"""Milliseconds between two looks at the batch."""

NONE = "No batch is open.\nMake a new one, or open one: a folder that holds items and their results."
EMPTY = "The batch is empty.\nSet parameters in the CNMF 3D form, name the item, and Add to batch."


class BatchDock(QWidget):
    """The Batch Manager of an app.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.actions_ = actions_of(app)
        self.batch = self.actions_.batch
        self.ask: Callable[[str], bool] = self._ask
        self.table, self.panes = BatchTable(self.batch), Panes(self.batch)
        self.hint = QLabel(NONE)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setWordWrap(True)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.hint)
        self._stack.addWidget(self.table)
        upper = QWidget()
        upper.setLayout(self._stack)
        self._split = split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(upper)
        split.addWidget(self.panes)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 6, 6, 6)
        box.setSpacing(4)
        box.addLayout(self._folder_row())
        box.addLayout(self._button_row())
        box.addWidget(split, 1)
        box.addLayout(self._progress_row())
        self._keys()
        self.table.chosen.connect(self._chosen)
        self.table.opened.connect(lambda uuid: self.actions_.load_output(uuid))
        self.table.customContextMenuRequested.connect(self._context)
        self.batch.reset.connect(self._reset)
        self.batch.updated.connect(self._updated)
        self.batch.progressed.connect(self._progressed)
        self.batch.supervised.connect(self._told)
        app.batch_changed.connect(self._reset)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK)
        self._timer.timeout.connect(self._look)
        self._timer.start()
        app.closed.connect(self._close)
        self._reset()

    def _folder_row(self) -> QHBoxLayout:
        """Which batch it is, and search."""
        self.folder = QLabel()
        self.folder.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find: name, status, movie, UUID")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self.table.proxy.search)
        self.search.setMaximumWidth(220)
        row = QHBoxLayout()
        row.addWidget(button("New…", self._new, "Make a new batch in an empty folder"))
        row.addWidget(button("Open…", self._open, "Open a batch"))
        row.addWidget(self.folder, 1)
        row.addWidget(self.search)
        return row

    def _button_row(self) -> QHBoxLayout:
        """What is done with the batch and with selected items."""
        alone = "Run everything that waits, in a process of its own: it goes on when the viewer is closed."
        self.start = tool("Start", self.actions_.start, alone, self._start_menu())
        which = "Abort the selected items; with none, the batch."
        self.stop = tool("Abort", self._abort, which, self._stop_menu())
        self.retry = tool("Retry", lambda: self.actions_.retry(self.table.selected()), "Make items wait again")
        self.delete = tool("Delete", self._delete, "Delete items with their data")
        self.input = tool("View input", self._view_input, "Show the item's movie")
        self.output = tool("Load output", self._load_output, "Show movie and components (or double-click)")
        more = drop("More", self._more_menu())
        row = QHBoxLayout()
        row.setSpacing(3)
        for part in (self.start, self.stop, self.retry, self.delete, self.input, self.output, more):
            row.addWidget(part)
        row.addStretch(1)
        return row

    def _keys(self) -> None:
        """Keys of the list."""
        for keys, do in (("Delete", self._delete), ("F2", self._rename), ("Return", self._load_output)):
            key = QShortcut(QKeySequence(keys), self.table)
            key.setContext(Qt.ShortcutContext.WidgetShortcut)
            key.activated.connect(do)

    def _start_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Start the batch", lambda: self.actions_.start())
        menu.addAction("Start at the selected item", self._start_at)
        later = menu.addMenu("Start later")
        self.time = QTimeEdit(QTime(22, 0))
        self.time.setDisplayFormat("HH:mm")
        go = button("Schedule", lambda: (menu.close(), self.schedule()))
        action = QWidgetAction(later)
        action.setDefaultWidget(beside(QLabel("at"), self.time, go))
        later.addAction(action)
        return menu

    def _stop_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Abort selected items", lambda: self.actions_.abort(self.table.selected()))
        menu.addAction("Abort the batch", self.actions_.abort_batch)
        return menu

    def _more_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Parameters to the form", self._fill_form)
        menu.addAction("Rename…", self._rename)
        menu.addAction("Copy UUID", lambda: QApplication.clipboard().setText("\n".join(self.table.selected())))
        menu.addSeparator()
        menu.addAction("Export SLURM scripts…", lambda: self._export("slurm"))
        menu.addAction("Export a shell script…", lambda: self._export("shell"))
        menu.addAction("Pick up results from elsewhere", self.actions_.sync)
        menu.addSeparator()
        self.work_dir = menu.addAction("Work directory…", self._choose_work_dir)
        self.work_dir.setToolTip("A fast disk: items are moved there while they are computed, and back.")
        menu.addAction("Compute at the movies' place", lambda: self._set_work_dir(None))
        self.threads = menu.addAction("Threads: all cores…", self._choose_threads)
        menu.setToolTipsVisible(True)
        return menu

    def _progress_row(self) -> QHBoxLayout:
        self.bar, self.state = QProgressBar(), QLabel()
        self.bar.setRange(0, 1000)
        self.bar.setFixedWidth(120)
        self.bar.setTextVisible(False)
        self.state.setWordWrap(True)
        self.state.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout()
        row.addWidget(self.bar)
        row.addWidget(self.state, 1)
        return row

    def resizeEvent(self, event: Any) -> None:
        """Put list and panes side by side where there is more width than height."""
        wide = self.width() > 1.6 * self.height()
        way = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if way != self._split.orientation():
            self._split.setOrientation(way)
            self._split.setSizes([600, 400])
        super().resizeEvent(event)

    def schedule(self) -> bool:
        """Start the batch at the time that is set."""
        done = self.actions_.start(at=self.time.time().toString("HH:mm"))
        self._told()
        return done

    def _look(self) -> None:
        self.actions_.poll()
        self._told()

    def _reset(self) -> None:
        """Show another batch, or other items."""
        batch = self._app.batch
        self.folder.setText("" if batch is None else f"<b>{batch.folder.name}</b>")
        self.folder.setToolTip("" if batch is None else str(batch.folder))
        self.hint.setText(NONE if batch is None else EMPTY)
        self._stack.setCurrentIndex(1 if self.batch.items else 0)
        for part in (self.start, self.stop, self.retry, self.delete, self.input, self.output):
            part.setEnabled(bool(self.batch.items))
        self._chosen()
        self._told()

    def _updated(self, rows: list[int]) -> None:
        """Show anew what is shown of items that changed."""
        changed = {self.batch.items[row].uuid for row in rows if row < len(self.batch.items)}
        if changed & set(self.table.selected()):
            self._chosen()
        self._told()

    def _chosen(self) -> None:
        chosen = self.table.selected()
        if not chosen and self.batch.running is not None:
            chosen = [self.batch.running.uuid]
        self.panes.show_items(chosen)

    def _progressed(self, item: Any, progress: Any) -> None:
        self.bar.setValue(0 if progress is None else round(1000 * progress.part))
        self._told()
        if item is not None and not self.table.selected() and self.panes.output.document().isEmpty():
            self._chosen()

    def _told(self, *_: object) -> None:
        """Say how the batch stands."""
        model = self.batch
        self.bar.setVisible(model.progress is not None)
        counts = ", ".join(
            f'<span style="color:{COLOURS[status]}">●</span> {n} {status.value}' for status, n in model.count().items()
        )
        at = self.actions_.scheduled
        if model.running is not None and model.progress is not None:
            moves = "moving · " if model.running.status is Status.MOVING else ""
            words = f"<b>{model.running.name}</b>: {moves}{model.progress}"
        elif at:
            words = f"starts at {at}"
        elif model.supervisor is not None:
            words = "running"
        else:
            words = ""
        self.state.setText(f"{words}{' — ' if words and counts else ''}{counts}")

    def _new(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "A new or empty folder for the batch")
        if path:
            self.actions_.open_batch(path)

    def _open(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of a batch")
        if path:
            self._app.open_batch(path)

    def _start_at(self) -> None:
        chosen = self.table.selected()
        if chosen:
            self.actions_.start(start_at=chosen[0])
        else:
            self._app.tell("Select the item to start at.")

    def _abort(self) -> None:
        chosen = self.table.selected()
        if chosen:
            self.actions_.abort(chosen)
        else:
            self.actions_.abort_batch()

    def _delete(self) -> None:
        chosen = self.table.selected()
        names = ", ".join(item.name for uuid in chosen[:5] if (item := self.batch.find(uuid)) is not None)
        more = f" and {len(chosen) - 5} more" if len(chosen) > 5 else ""
        users = ", ".join(item.name for item in self.actions_.users(chosen))
        used = f" They register the movie of {users}, which can't be computed again without them." if users else ""
        if chosen and self.ask(f"Delete {names}{more} with all their results? The movies stay.{used}"):
            self.actions_.delete(chosen, force=bool(users))

    def _view_input(self) -> None:
        for uuid in self.table.selected()[:1]:
            self.actions_.view_input(uuid)

    def _load_output(self) -> None:
        for uuid in self.table.selected()[:1]:
            self.actions_.load_output(uuid)

    def _fill_form(self) -> None:
        for uuid in self.table.selected()[:1]:
            self.actions_.fill_form(uuid)

    def _rename(self) -> None:
        for uuid in self.table.selected()[:1]:
            item = self.batch.find(uuid)
            name, given = QInputDialog.getText(self, "Rename", "Name", text=item.name if item else "")
            if given:
                self.actions_.rename(uuid, name)

    def _export(self, kind: str) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the scripts")
        if folder:
            self.actions_.export(self.table.selected(), folder, kind)

    def _choose_work_dir(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Fast disk on which items are computed")
        if folder:
            self._set_work_dir(Path(folder))

    def _set_work_dir(self, folder: Path | None) -> None:
        self.actions_.work_dir = folder
        self.work_dir.setText("Work directory…" if folder is None else f"Work directory: {folder}…")

    def _choose_threads(self) -> None:
        count, given = QInputDialog.getInt(
            self, "Threads", "Of an item; 0: all cores", self.actions_.workers or 0, 0, 999
        )
        if given:
            self.actions_.workers = count or None
            self.threads.setText(f"Threads: {count or 'all cores'}…")

    def _context(self, at: QPoint) -> None:
        menu = QMenu(self)
        for text, do in (
            ("Load output", self._load_output),
            ("View input", self._view_input),
            ("Parameters to the form", self._fill_form),
            ("Start at this item", self._start_at),
            ("Abort", self._abort),
            ("Retry", lambda: self.actions_.retry(self.table.selected())),
            ("Rename…", self._rename),
            ("Delete", self._delete),
        ):
            menu.addAction(text, do)
        if self.table.selected():
            menu.exec(self.table.viewport().mapToGlobal(at))

    def _ask(self, question: str) -> bool:
        return bool(QMessageBox.question(self, "cnmf3d", question) == QMessageBox.StandardButton.Yes)

    def _close(self) -> None:
        self._timer.stop()
