"""A project as the browser shows it: tabs of filtered tables, cells that can be edited, curves. Knows no Qt."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from cnmf3d.components import Float
from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.project import Config, Kind, Period, Project
from cnmf3d.project.curves import seconds_of, timeline_of
from cnmf3d.project.filters import And, Filter, kept, read_filter, read_filters
from cnmf3d.project.rois import tag
from cnmf3d.project.schema import FILE

if TYPE_CHECKING:
    import pandas as pd

Rows = Literal["rois", "samples"]
OF_SAMPLES = ("animal", "trial", "date", "comments")
"""Columns of samples that every project has, and that can be edited."""

HIDDEN = ("sample", "uuid", "added", "changed")
"""Columns that are not shown unless the project says so."""

MOST_VALUES = 500
"""Unique values of a column that are listed."""


@dataclass(frozen=True)
class View:
    """A tab of the browser.

    Attributes
    ----------
    name : str
    rows : str
        What has a row: ``rois`` or ``samples``.
    filters : tuple of (column, text)
        All must hold.
    """

    name: str
    rows: Rows = "rois"
    filters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Drawn:
    """A curve to draw.

    Attributes
    ----------
    name : str
        Sample and ROI.
    seconds, values : (frames,) arrays
        Frames where the rate is not known.
    """

    name: str
    seconds: Float
    values: Float


FIRST = (View("ROIs"), View("Samples", "samples"))


class ProjectModel:
    """What is shown of a project.

    Attributes
    ----------
    project : Project or None
    views : list of View
        The tabs.
    current : int
        The tab that is seen.
    frame : DataFrame or None
        Its rows.
    reset : Signal
        There is another project, or other tabs.
    changed : Signal
        There are other rows.
    failed : Signal
        ``(error,)`` of something that could not be done.
    """

    reset = Signal()
    changed = Signal()
    failed = Signal(object)

    def __init__(self) -> None:
        self.project: Project | None = None
        self.views: list[View] = list(FIRST)
        self.current = 0
        self.frame: pd.DataFrame | None = None
        self.config = Config()
        self._whole: dict[str, pd.DataFrame] = {}
        self._order: tuple[str, bool] | None = None
        self._watch: sqlite3.Connection | None = None
        self._version = 0

    @property
    def view(self) -> View:
        """The tab that is seen."""
        return self.views[self.current]

    def take(self, project: Project | None) -> None:
        """Show another project, or none."""
        self.project, self.views, self.current, self._order = project, list(FIRST), 0, None
        self._whole, self.frame, self.config = {}, None, Config()
        self.close()
        if project is not None:
            self._watch = sqlite3.connect(project.folder / FILE)
            self._try(self._read)
        self.reset.emit()
        self.changed.emit()

    def close(self) -> None:
        """Watch no project any more."""
        if self._watch is not None:
            self._watch.close()
        self._watch = None

    def poll(self) -> None:
        """Read the project again where a script or another program has changed it."""
        if self._watch is not None and self._version != self._current():
            self.refresh()

    def _current(self) -> int:
        """A number that changes with every change of the database."""
        assert self._watch is not None
        return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def refresh(self) -> None:
        """Read the project again: somebody changed it."""
        if self.project is not None:
            self._try(self._read)
        self.changed.emit()

    def _read(self) -> None:
        assert self.project is not None
        self._version = self._current()
        self.config = self.project.config
        self._whole = {"rois": self.project.dataframe(), "samples": self.project.sample_dataframe()}
        self._arrange()

    def _arrange(self) -> None:
        """Filter and sort the rows of the tab; filters of columns that are gone are dropped."""
        frame = self._whole[self.view.rows]
        good = tuple(each for each in self.view.filters if each[0] in frame.columns)
        self.views[self.current] = replace(self.view, filters=good)
        frame = kept(frame, *self._filters(frame))
        if self._order is not None and self._order[0] in frame.columns:
            frame = frame.sort_values(self._order[0], ascending=self._order[1], kind="stable")
        self.frame = frame.reset_index(drop=True)

    def _filters(self, frame: pd.DataFrame) -> list[Filter]:
        return [read_filter(frame, column, text) for column, text in self.view.filters]

    @property
    def columns(self) -> list[str]:
        """Names of the columns that are shown."""
        if self.frame is None:
            return []
        there = [str(name) for name in self.frame.columns]
        chosen = [name for name in self.config.visible if name in there]
        return chosen or [name for name in there if name not in HIDDEN]

    def unique(self, column: str) -> list[tuple[str, int]]:
        """Values of a column in the rows that are shown, with how often each is there; the most frequent first."""
        if self.frame is None or column not in self.frame.columns:
            return []
        counts = self.frame[column].value_counts(dropna=True).head(MOST_VALUES)
        return [(text_of(value), int(number)) for value, number in counts.items()]

    # tabs and filters

    def show(self, tab: int) -> None:
        """See another tab."""
        if self.frame is not None and 0 <= tab < len(self.views):
            self.current, self._order = tab, None
            self._try(self._arrange)
            self.changed.emit()

    def add_view(self, name: str = "") -> None:
        """Keep the rows that are shown as a tab of their own."""
        self.views.append(replace(self.view, name=name.strip() or f"{self.view.name} {len(self.views)}"))
        self.current = len(self.views) - 1
        self.reset.emit()
        self.changed.emit()

    def close_view(self, tab: int) -> None:
        """Close a tab; the first two stay."""
        if tab < len(FIRST):
            return
        del self.views[tab]
        self.current = min(self.current, len(self.views) - 1)
        if self.frame is not None:
            self._try(self._arrange)
        self.reset.emit()
        self.changed.emit()

    def add_filter(self, text: str) -> bool:
        """Keep fewer rows: ``cell type: pyr``, ``snr > 5``; whether that can be meant."""
        if self.frame is None:
            return False
        frame = self._whole[self.view.rows]

        def add() -> None:
            read_filters(frame, text)
            names = sorted((str(name) for name in frame.columns), key=len, reverse=True)
            column = next(name for name in names if text.strip().startswith(name))
            self.filter(column, text.strip()[len(column) :].strip().removeprefix(":").strip())

        return self._try(add)

    def filter(self, column: str, text: str) -> None:
        """Keep only rows whose cell is like that."""
        read_filter(self._whole[self.view.rows], column, text)
        self._refilter((*self.view.filters, (column, text)))

    def drop_filter(self, number: int) -> None:
        """Take a filter away."""
        self._refilter(tuple(each for n, each in enumerate(self.view.filters) if n != number))

    def _refilter(self, filters: tuple[tuple[str, str], ...]) -> None:
        self.views[self.current] = replace(self.view, filters=tuple(dict.fromkeys(filters)))
        self._arrange()
        self.changed.emit()

    def query(self) -> str:
        """The filters of the tab as a query of pandas; empty where there are none."""
        if self.frame is None or not self.view.filters:
            return ""
        return And(tuple(self._filters(self._whole[self.view.rows]))).query()

    def sort(self, column: str, ascending: bool = True) -> None:
        """Sort the rows."""
        if self.frame is not None and column in self.frame.columns:
            self._order = (column, ascending)
            self._try(self._arrange)
            self.changed.emit()

    # cells

    def editable(self, column: str) -> bool:
        """Whether the cells of a column can be edited."""
        known = {each.name: each.kind for each in self.config.columns}
        if column in known:
            of_rois = known[column] is Kind.ROI and self.view.rows == "rois"
            return of_rois or known[column] is Kind.CUSTOM
        return column in OF_SAMPLES or (column == "accepted" and self.view.rows == "rois")

    def edit(self, rows: Sequence[int], column: str, value: Any) -> bool:
        """Write a value into cells of a column; whether it could be. It can be undone.

        Parameters
        ----------
        rows : sequence of int
            Of the tab.
        column : str
        value
            As people write it; empty takes it away.
        """
        if not self._try(lambda: self._edit(rows, column, value)):
            return False
        self.changed.emit()
        return True

    def _edit(self, rows: Sequence[int], column: str, value: Any) -> None:
        assert self.project is not None and self.frame is not None
        if not self.editable(column):
            raise UsageError(f"{column} can't be edited here", "Tags, verdicts and what is said of samples can.")
        picked = self.frame.iloc[list(rows)]
        if self.view.rows == "rois" and (column == "accepted" or column in self.config.names(Kind.ROI)):
            if column == "accepted":
                value = value if isinstance(value, bool) else str(value).strip().lower() in ("yes", "true", "1")
            for uuid, some in picked.groupby("uuid", sort=False):
                self.project.edit_rois(str(uuid), column, dict.fromkeys(some["roi"].tolist(), value))
                self._written(str(uuid), column, some["roi"].tolist(), value)
            self._version = self._current()
            self._arrange()
            return
        for uuid in dict.fromkeys(picked["uuid"]):
            if column in OF_SAMPLES:
                self.project.edit(str(uuid), **{column: value})
            else:
                self.project.edit(str(uuid), custom={column: value})
        self._read()

    def _written(self, uuid: str, column: str, ids: list[int], value: Any) -> None:
        """Write into the tables what was written into the project: reading 100,000 ROIs anew takes a second."""
        rois, samples = self._whole["rois"], self._whole["samples"]
        mine = rois["uuid"] == uuid
        rois.loc[mine & rois["roi"].isin(ids), column] = value if column == "accepted" else tag(column, value) or ""
        samples.loc[samples["uuid"] == uuid, "accepted"] = int(rois.loc[mine, "accepted"].sum())

    def undo(self) -> str:
        """Take back the last change of cells or columns; what it was, empty where there was none."""
        return self._turn("undo")

    def redo(self) -> str:
        """Do again what was undone last."""
        return self._turn("redo")

    def _turn(self, word: str) -> str:
        done: list[str] = []
        if self.project is None:
            return ""
        turn: Callable[[], str] = getattr(self.project, word)
        if self._try(lambda: done.append(turn())):
            self.refresh()
        return done[0] if done else ""

    # curves

    def curves(self, rows: Sequence[int], kind: str) -> list[Drawn]:
        """Curves of rows of ROIs."""
        if self.project is None or self.frame is None or self.view.rows != "rois" or not len(rows):
            return []
        picked = self.frame.iloc[list(rows)]
        values = self.project.curves(picked, kind)
        times: dict[str, npt.NDArray[np.float32]] = {}
        drawn = []
        for (_, row), curve in zip(picked.iterrows(), values, strict=True):
            seconds = times.get(row["uuid"])
            if seconds is None:
                seconds = times[row["uuid"]] = seconds_of(self.project, row["uuid"]).astype(np.float32)
            drawn.append(Drawn(f"{row['sample']} ROI {row['roi']}", seconds, curve))
        return drawn

    def periods(self, row: int) -> dict[str, tuple[Period, ...]]:
        """Stimuli of a row's sample, in seconds, by column."""
        if self.project is None or self.frame is None:
            return {}
        sample = self.project.sample(str(self.frame["uuid"].iloc[row]))
        units: Literal["frames", "seconds"] = "seconds" if sample.rate > 0 else "frames"
        found: dict[str, tuple[Period, ...]] = {}
        for name, told in sample.info.stimuli.items():
            try:
                found[name] = told.within(units, sample.rate, timeline_of(self.project, sample.uuid).stamps)
            except Cnmf3dError:
                continue
        return found

    def uuid(self, row: int) -> str:
        """Of a row's sample."""
        assert self.frame is not None
        return str(self.frame["uuid"].iloc[row])

    def _try(self, do: Callable[[], object]) -> bool:
        """Do something; tell what went wrong."""
        try:
            do()
        except Cnmf3dError as error:
            self.failed.emit(error)
            return False
        return True


def text_of(value: Any) -> str:
    """A cell as people read it."""
    if value is None or type(value).__name__ == "NAType" or value != value:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
