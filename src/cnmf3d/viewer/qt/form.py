"""The CNMF 3D form: parameters with search, keyword arguments, cache, preview, and Add to batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from cnmf3d.batch.engines import names
from cnmf3d.parameters.registering import KINDS
from cnmf3d.viewer.controllers.actions import actions_of
from cnmf3d.viewer.models.form import CNMF, EVALUATION, MEMMAP, FormModel
from cnmf3d.viewer.models.form_fields import GROUPS, fields
from cnmf3d.viewer.qt.fold import Fold
from cnmf3d.viewer.qt.form_fields import LABEL_WIDTH, Row
from cnmf3d.viewer.qt.parts import BAD, MUTED, Message, beside, button, drop
from cnmf3d.viewer.qt.preview import PreviewPanel

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.controllers.actions import Actions

TITLES = {"basic": "Basic", "patches": "Patches", "evaluation": "Evaluation", "advanced": "Advanced"}
FOLDED = ("advanced", "Keyword arguments", "Memmap (cache)")


ENGINE_TIP = (
    "Which engine computes the item. caiman runs your own CaImAn; what only it has is given as keyword arguments. "
    "Preview and estimates are of the native one."
)


REGISTER_TIP = (
    "Find the motion first, once for all items with this movie. auto: where a sample moves by what matters. Items "
    "of the engine caiman take movies as they are."
)
REGISTER_WORDS = "register first motion registration"
"""What the search finds it by."""


class FormDock(QWidget):
    """The form of an app.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self.actions: Actions = actions_of(app)
        self.form = self.actions.form
        self.rows: dict[str, Row] = {}
        self.groups: dict[str, Fold] = {}
        self.setMinimumWidth(360)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 6, 6, 6)
        box.setSpacing(4)
        box.addLayout(self._head())
        box.addWidget(self._body(), 1)
        self.preview = PreviewPanel(app)
        box.addWidget(self.preview)
        self.needs = QLabel()
        self.needs.setWordWrap(True)
        box.addWidget(self.needs)
        box.addLayout(self._foot())
        self.form.changed.connect(self._show)
        self.form.checked.connect(self._check)
        self.actions.foresight.told.connect(self._foretell)
        self.actions.foresight.look()
        self._foretell(self.actions.foresight.text, self.actions.foresight.good)
        self._check()

    def _head(self) -> QHBoxLayout:
        """Search, parameters from the data, defaults."""
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search parameters")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        measured = "Measure cell size, components in a patch and decay time on the visible part."
        self.estimate = button("Estimate from data", lambda: self.preview.ask("estimate"), measured)
        menu = QMenu(self)
        menu.addAction("Measured on the data (auto)", lambda: self.form.reset())
        menu.addAction("As in Mesmerize", lambda: self.form.reset(mesmerize=True))
        row = QHBoxLayout()
        row.addWidget(self.search, 1)
        row.addWidget(self.estimate)
        row.addWidget(drop("Defaults", menu))
        return row

    def _body(self) -> QScrollArea:
        """All groups."""
        inside = QWidget()
        box = QVBoxLayout(inside)
        box.setContentsMargins(0, 0, 4, 0)
        box.setSpacing(2)
        for group in GROUPS:
            content = QWidget()
            column = QVBoxLayout(content)
            column.setContentsMargins(8, 0, 0, 4)
            column.setSpacing(0)
            if group == "patches":
                column.addWidget(self._patches())
            for name, field in fields().items():
                if field.group == group:
                    self.rows[name] = Row(field, self.form)
                    column.addWidget(self.rows[name])
            if group == "basic":
                column.addWidget(self._register())
            self._group(box, group, TITLES[group], content)
        self.boxes = {name: KwargsBox(name, title, self.form) for name, title in BOXES.items()}
        kwargs = QWidget()
        column = QVBoxLayout(kwargs)
        column.setContentsMargins(8, 0, 0, 4)
        for each in self.boxes.values():
            column.addWidget(each)
        self._group(box, "Keyword arguments", "Keyword arguments", kwargs)
        self.memmap = MemmapBox(self._app)
        self._group(box, "Memmap (cache)", "Memmap (cache)", self.memmap)
        box.addStretch(1)
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return area

    def _group(self, box: QVBoxLayout, name: str, title: str, content: QWidget) -> None:
        fold = Fold(title, content, open_=name not in FOLDED)
        self.groups[name] = fold
        box.addWidget(fold)

    def _patches(self) -> QCheckBox:
        self.use_patches = QCheckBox("Use patches")
        self.use_patches.setToolTip("Solve the volume in patches. Off: as one (rf is None).")
        self.use_patches.setChecked(self.form.use_patches)
        self.use_patches.toggled.connect(lambda on: setattr(self.form, "use_patches", on))
        return self.use_patches

    def _register(self) -> QWidget:
        """Whether the movie is registered before its cells are looked for."""
        self.register = QComboBox()
        self.register.addItems(KINDS)
        self.register.setToolTip(REGISTER_TIP)
        self.register.currentTextChanged.connect(self.form.set_register)
        label = QLabel("Register first")
        label.setFixedWidth(LABEL_WIDTH)
        label.setToolTip(REGISTER_TIP)
        self.registering = beside(label, self.register)
        self._app.movie_changed.connect(self._show_register)
        self._show_register()
        return self.registering

    def _show_register(self, *_: object) -> None:
        """Show what is chosen; "none" where there is no choice."""
        free = self.form.registers(self._app.movie)
        self.register.setEnabled(free)
        with QSignalBlocker(self.register):
            self.register.setCurrentText(self.form.register if free else "none")

    def _foot(self) -> QHBoxLayout:
        """Name and Add to batch."""
        self.name = QLineEdit(self.form.item_name)
        self.name.setPlaceholderText("Name of the item")
        self.name.textChanged.connect(self.form.set_name)
        self.name.returnPressed.connect(self._add)
        self.engine = QComboBox()
        self.engine.addItems(sorted(names(), key=lambda name: name != "native"))
        self.engine.setToolTip(ENGINE_TIP)
        self.engine.currentTextChanged.connect(self.form.set_engine)
        self.add = button("Add to batch", self._add)
        row = QHBoxLayout()
        row.addWidget(self.name, 1)
        row.addWidget(self.engine)
        row.addWidget(self.add)
        return row

    def _add(self) -> None:
        self.actions.add_item()

    def _show(self, name: str) -> None:
        """Show what was changed."""
        if name in ("", "patch.rf"):
            self.use_patches.setChecked(self.form.use_patches)
            for row in self.rows.values():
                row.show_value()
            for box in self.boxes.values():
                box.show_value()
            self.memmap.show_value()
        elif name in self.rows:
            self.rows[name].show_value()
        elif name in self.boxes:
            self.boxes[name].show_value()
        self.engine.setCurrentText(self.form.engine)
        self._show_register()
        if self.name.text() != self.form.item_name:
            self.name.setText(self.form.item_name)

    def _check(self) -> None:
        """Show at every entry what was found."""
        for row in self.rows.values():
            row.show_message()
        for box in self.boxes.values():
            box.show_message()
        self.memmap.show_message()
        for group, fold in self.groups.items():
            told = {**self.form.errors, **self.form.remarks}
            wrong = any(self.rows[name].field.group == group for name in told if name in self.rows)
            wrong = wrong or (group == "Keyword arguments" and bool({CNMF, EVALUATION} & told.keys()))
            fold.set_title(f"{TITLES.get(group, group)}{'  ⚠' if wrong else ''}")
        missing = self.form.missing()
        self.add.setToolTip(missing or "Add the movie with these parameters to the batch (Enter)")

    def _foretell(self, text: str, good: bool) -> None:
        self.needs.setText(text)
        self.needs.setStyleSheet("" if good else f"color: {BAD}; background: transparent;")

    def _filter(self, text: str) -> None:
        """Show the parameters that are searched for, wherever they are."""
        for row in self.rows.values():
            row.setVisible(row.field.matches(text))
        for group, fold in self.groups.items():
            found = any(row.field.group == group and row.field.matches(text) for row in self.rows.values())
            special = group not in TITLES and text.lower() in group.lower()
            special = special or (group == "basic" and bool(text) and text.lower() in REGISTER_WORDS)
            fold.setVisible(not text or found or special)
            if text and (found or special):
                fold.open()
            elif not text:
                fold.open(group not in FOLDED)
        self.use_patches.setVisible(not text or "patch" in text.lower())
        self.registering.setVisible(not text or text.lower() in REGISTER_WORDS)


BOXES = {CNMF: "Use CNMF kwargs", EVALUATION: "Use evaluation params"}


class KwargsBox(QWidget):
    """A text box of keyword arguments, with a switch and a message.

    Parameters
    ----------
    name, title : str
    form : FormModel
    """

    def __init__(self, name: str, title: str, form: FormModel) -> None:
        super().__init__()
        self._name, self._form = name, form
        self.used = QCheckBox(title)
        self.used.toggled.connect(lambda on: form.set_box(name, used=on))
        self.text = QPlainTextEdit()
        self.text.setPlaceholderText("gSig=(4, 4, 2), nb=2" if name == CNMF else "'min_SNR': 3.0, 'rval_thr': 0.75")
        self.text.setToolTip("K=5, gSig=(4, 4, 2), a Python dict or JSON; either quotes. They win over the form.")
        self.text.setFixedHeight(46)
        self.text.setStyleSheet(f"QPlainTextEdit {{ border: 1px solid {MUTED}; }}")
        self.text.setTabChangesFocus(True)
        self.text.textChanged.connect(lambda: form.set_box(name, text=self.text.toPlainText()))
        self.message = Message()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        for part in (self.used, self.text, self.message):
            box.addWidget(part)
        self.show_value()

    def show_value(self) -> None:
        """Show what the model has."""
        box = self._form.box(self._name)
        self.used.setChecked(box.used)
        if self.text.toPlainText() != box.text:
            self.text.setPlainText(box.text)
        self.text.setEnabled(box.used)

    def show_message(self) -> None:
        """Show what can't be read."""
        self.text.setEnabled(self._form.box(self._name).used)
        if self._name in self._form.errors:
            self.message.bad(self._form.errors[self._name])
        else:
            self.message.clear()


class MemmapBox(QWidget):
    """What becomes of the item's cache: kept, or that of another item used.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app, self._actions = app, actions_of(app)
        self._form = form = self._actions.form
        self.keep = QCheckBox("Keep memmap")
        self.keep.setToolTip("Keep the item's cache for others. Variants of a movie find it without being told, too.")
        self.keep.toggled.connect(lambda on: form.set_memmap(keep=on))
        self.use = QCheckBox("Use memmap of")
        self.use.toggled.connect(lambda on: form.set_memmap(use=on))
        self.item = QComboBox()
        self.item.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.item.currentIndexChanged.connect(self._chosen)
        self.message = Message()
        row = QHBoxLayout()
        row.addWidget(self.use)
        row.addWidget(self.item, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 0, 0, 4)
        box.addWidget(self.keep)
        box.addLayout(row)
        box.addWidget(self.message)
        self._filling = False
        self._actions.batch.reset.connect(self.show_value)
        app.movie_changed.connect(self.show_value)
        self.show_value()

    def show_value(self) -> None:
        """Show what the model has, and the items that can be chosen."""
        form, movie = self._form, self._app.movie
        self._filling = True
        self.item.clear()
        self.item.addItem("choose an item", "")
        for item in self._actions.batch.reusable(() if movie is None else movie.paths):
            self.item.addItem(f"{item.name} ({item.uuid[:8]}, {item.status.value})", item.uuid)
        place = self.item.findData(form.memmap_uuid)
        if place < 0:
            self.item.addItem(form.memmap_uuid[:8], form.memmap_uuid)
            place = self.item.count() - 1
        self.item.setCurrentIndex(place)
        self._filling = False
        self.keep.setChecked(form.keep_memmap)
        self.use.setChecked(form.use_memmap)

    def show_message(self) -> None:
        """Show what is missing."""
        form = self._form
        self.keep.setChecked(form.keep_memmap)
        self.use.setChecked(form.use_memmap)
        self.item.setEnabled(form.use_memmap)
        if MEMMAP in form.errors:
            self.message.bad(form.errors[MEMMAP])
        else:
            self.message.clear()

    def _chosen(self, place: int) -> None:
        if not self._filling:
            self._form.set_memmap(uuid=self.item.itemData(place) or "")
