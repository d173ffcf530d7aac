"""A session of curation: the ROIs of a results file, everything known of them, and all that can be done to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import UNSEEN, Bool, Components, Float, VolumeShape
from cnmf3d.errors import UsageError
from cnmf3d.results.curation.curation import as_found, state_of, with_log
from cnmf3d.results.curation.journal import Journal
from cnmf3d.results.curation.log import Entry, Value, What
from cnmf3d.results.curation.pool import Pool, View
from cnmf3d.results.curation.rois import no_rois, rows_of
from cnmf3d.results.curation.state import Change, State, after
from cnmf3d.results.curation.storing import save_curation
from cnmf3d.results.model import Results
from cnmf3d.results.reading import load_results
from cnmf3d.timeline import Timeline

Ints = npt.NDArray[np.int64]
Kind = Literal["raw", "dff", "denoised", "spikes"]
KINDS: Mapping[str, str] = {"raw": "traces", "dff": "dff", "denoised": "traces", "spikes": "spikes"}
"""Kind of trace to the field of `Components`; ``raw`` has the residuals beside."""

Ids = Iterable[int] | Ints
Part = Literal["accepted", "tags", "columns", "rois"]


class CurationSession:
    """The ROIs of one results file as curation leaves them; get one from `open` or `from_results`.

    Everything with one value for each ROI is in the order of `ids`. An ROI's id never changes and is never given to
    another one. Each method that changes something is one step, which `undo` takes back.

    Parameters
    ----------
    results : Results
        As `load_results` gives them, with the log so far.
    who : str, optional
        Whose name the log gets; the user of this computer by default.
    """

    def __init__(self, results: Results, who: str | None = None) -> None:
        self._state = state_of(results)
        self._results = as_found(results)
        found = self._results.components
        self._pool = Pool.of(found, no_rois(found) if results.curation is None else results.curation.made)
        self._view = View.of(self._pool, self._state)
        self._log: tuple[Entry, ...] = () if results.curation is None else results.curation.log
        self._who = who
        self._journal: Journal | None = None

    @classmethod
    def from_results(cls, results: Results, who: str | None = None, *, path: str | Path | None = None) -> Self:
        """The ROIs of `results` as their curation leaves them.

        Parameters
        ----------
        results : Results
        who : str, optional
            Whose name the log gets.
        path : path, optional
            The file that `load_results` read them from: then every step is saved at once in the journal beside it; see
            `save` and `close`.

        Raises
        ------
        UsageError
            Where another program curates this file.
        Cnmf3dError
            Where nothing can be written beside it.
        """
        store = cls(results, who)
        if path is not None:
            store.keep(path)
        return store

    @classmethod
    def open(cls, path: str | Path, who: str | None = None, *, axes: str | None = None) -> Self:
        """The ROIs of a results file, saved step by step; see `from_results`."""
        return cls.from_results(load_results(path, axes=axes), who, path=path)

    def keep(self, path: str | Path) -> None:
        """From now on save every step at once, in the journal beside the file that the results were read from.

        Raises
        ------
        UsageError
            Where another program curates this file.
        Cnmf3dError
            Where nothing can be written beside it.
        """
        self._journal = Journal.begin(path, self.results)

    @property
    def journal(self) -> Journal | None:
        """Where steps are saved at once; None for results that aren't curated in their file."""
        return self._journal

    def save(self) -> None:
        """Put all steps into the results file.

        Raises
        ------
        UsageError
            For a session that wasn't opened from a file.
        Cnmf3dError
            Where the file can't be written; file and journal are as they were. UsageError where another program has
            put other results into its place.
        """
        write, done = self.saving()
        write()
        done()

    def saving(self) -> tuple[Callable[[], None], Callable[[], None]]:
        """Two halves of `save`.

        The first one writes the file as of now and can run in another thread; the second one is called here once that
        has ended. Steps in between stay in the journal.

        Raises
        ------
        UsageError
            For a session that wasn't opened from a file.
        """
        journal, results = self._journal, self.results
        if journal is None:
            raise UsageError("these ROIs aren't curated in a file", "Open the results file itself.")

        def write() -> None:
            journal.check_same()
            save_curation(journal.path, results)

        return write, lambda: journal.forget(results)

    def close(self) -> None:
        """Let others curate the file. What wasn't saved stays in the journal and is there again at the next `open`."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def __enter__(self) -> Self:
        """Close the session at the end of a ``with``."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # what there is

    @property
    def results(self) -> Results:
        """The results with the curation so far: what `write_results` and `curated` take."""
        return with_log(self._results, self._log, self._pool.made.components)

    @property
    def log(self) -> tuple[Entry, ...]:
        """Everything that was done, oldest first."""
        return self._log

    @property
    def state(self) -> State:
        """What the log amounts to."""
        return self._state

    @property
    def ids(self) -> Ints:
        """(n,) ROI numbers, ascending."""
        return self._view.ids

    @property
    def shape(self) -> VolumeShape:
        """(Z, Y, X) of the volume."""
        return self._results.components.shape

    @property
    def frames(self) -> int:
        """Number of time points."""
        return self._results.components.frames

    @property
    def rate(self) -> float:
        """Volumes a second; 0 where it isn't known."""
        return self._results.rate

    @property
    def timeline(self) -> Timeline:
        """When volumes and planes were taken."""
        return self._results.timeline

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """(frames,) seconds of each volume since the first; numbers of frames where the rate isn't known."""
        return self._results.seconds

    @property
    def accepted(self) -> Bool:
        """(n,) whether each is taken for a cell."""
        return self._state.accepted[self.ids]

    @property
    def tags(self) -> Mapping[str, Mapping[int, Value]]:
        """Column to ROI to value, also of ROIs that were deleted (they come back with their tags)."""
        return self._state.tags

    @property
    def deleted(self) -> Ints:
        """ROIs that were deleted, merged or split and can be restored."""
        return np.flatnonzero(~self._state.alive)

    @property
    def footprints(self) -> sparse.csc_array[Any]:
        """(voxels, n) footprints, voxels in C order over (Z, Y, X)."""
        return self._view.footprints

    @property
    def boxes(self) -> Ints:
        """(n, 2, 3) first voxel and the one after the last, along z, y, x."""
        return self._view.shapes.box

    @property
    def centroids(self) -> npt.NDArray[np.float64]:
        """(n, 3) centres of mass in voxels, z, y, x."""
        return self._view.shapes.centroid

    @property
    def centroids_um(self) -> npt.NDArray[np.float64]:
        """(n, 3) centres of mass in µm from the first voxel's centre, z, y, x; in voxels where µm aren't known."""
        size = self._results.voxel_size
        return self.centroids * (np.ones(3) if size is None else np.array(size, np.float64))

    @property
    def metrics(self) -> Mapping[str, npt.NDArray[Any]]:
        """Name to (n,) values: the evaluation's measures and ``size`` in voxels. NaN: not measured."""
        return self._view.metrics

    def __len__(self) -> int:
        """Count the ROIs that are there."""
        return len(self.ids)

    def positions(self, ids: Ids) -> Ints:
        """Places of ROIs in everything that has the order of `ids`.

        Raises
        ------
        UsageError
            Where one isn't there.
        """
        wanted = np.asarray(list(ids) if not isinstance(ids, np.ndarray) else ids, np.int64)
        place = np.minimum(np.searchsorted(self.ids, wanted), max(len(self) - 1, 0))
        missing = wanted if not len(self) else wanted[self.ids[place] != wanted]
        if missing.size:
            raise UsageError(f"there is no ROI {missing[0]}", "It may have been deleted or merged; see `ids`.")
        return place

    @property
    def channels(self) -> tuple[str, ...]:
        """Functional channels beside the first."""
        return tuple(self._results.components.channels)

    def traces(self, kind: Kind, ids: Ids, channel: str = "") -> Float:
        """(k, T) traces of some ROIs: ``raw`` (demixed), ``dff``, ``denoised`` or ``spikes``; of the first channel."""
        if kind not in KINDS:
            raise UsageError(f"there are no {kind!r} traces", f"Ask for {', '.join(KINDS)}.")
        rows = self._view.rows[self.positions(ids)]
        out = np.full((len(rows), self.frames), np.nan, np.float32)
        for part, mine, columns in self._pool.among(rows):
            if channel:
                known = part.components.channels.get(channel)
                if known is not None:
                    some = known.select(columns)
                    out[mine] = some.raw if kind == "raw" else getattr(some, KINDS[kind])
                continue
            values = part.components.rows(KINDS[kind], columns)
            out[mine] = values + part.components.rows("residuals", columns) if kind == "raw" else values
        return out

    def errors(self, ids: Ids) -> Float | None:
        """(k, T) standard errors of the denoised traces of some ROIs, NaN where unknown; None where all are."""
        rows = self._view.rows[self.positions(ids)]
        out = np.full((len(rows), self.frames), np.nan, np.float32)
        known = False
        for part, mine, columns in self._pool.among(rows):
            if part.components.has("traces_sd"):
                out[mine], known = part.components.rows("traces_sd", columns), True
        return out if known else None

    def unseen(self, ids: Ids) -> npt.NDArray[np.bool_]:
        """(k, T) frames that show nothing of some ROIs."""
        rows = self._view.rows[self.positions(ids)]
        out = np.zeros((len(rows), self.frames), bool)
        for part, mine, columns in self._pool.among(rows):
            if part.components.seen is not None:
                out[mine] = part.components.rows("seen", columns) < UNSEEN
        return out

    def components(self, ids: Ids) -> Components:
        """Everything measured of some ROIs, in their order."""
        positions = self.positions(ids)
        found = rows_of(self._pool.base.components, self._pool.made.components, self._view.rows[positions])
        return dataclasses.replace(found, accepted=self.accepted[positions])

    # steps of curation

    def accept(self, ids: Ids) -> None:
        """Take ROIs for cells."""
        self._do("accept", self._known(ids))

    def reject(self, ids: Ids) -> None:
        """Take ROIs for something else; they are kept."""
        self._do("reject", self._known(ids))

    def judge(self, accepted: Bool) -> None:
        """Accept and reject all ROIs at once, (n,) verdicts in the order of `ids`; one step."""
        if accepted.shape != self.ids.shape:
            raise UsageError(f"there are {len(self)} ROIs and {accepted.size} verdicts", "Give one for each ROI.")
        different = np.flatnonzero(accepted != self.accepted)
        if different.size:
            self._do("judge", self.ids[different], accepted=[bool(v) for v in accepted[different]])

    def delete(self, ids: Ids) -> None:
        """Take ROIs away; they can be restored."""
        self._do("delete", self._known(ids))

    def restore(self, ids: Ids) -> None:
        """Bring deleted, merged or split ROIs back."""
        wanted = list(ids)
        missing = [i for i in wanted if not 0 <= i < self._state.known]
        if missing:
            raise UsageError(f"there never was an ROI {missing[0]}", "See `deleted`.")
        self._do("restore", wanted)

    def tag(self, ids: Ids, column: str, value: Value | None) -> None:
        """Give ROIs a tag; None takes it away. A column that isn't there is made."""
        known = self._known(ids)
        if value is not None and (not isinstance(value, Value) or value != value or value in (np.inf, -np.inf)):
            raise UsageError(f"a tag can't be {value!r}", "Give text, a finite number or a bool.")
        self._do("tag", known, column=_name(column), values=[value] * len(known))

    def add_column(self, column: str) -> None:
        """Make a tag column."""
        if column in self.tags:
            raise UsageError(f"there is already a tag column {column!r}", "Choose another name.")
        self._do("add column", (), column=_name(column))

    def drop_column(self, column: str) -> None:
        """Take a tag column away, with its tags."""
        if column not in self.tags:
            raise UsageError(f"there is no tag column {column!r}", f"There are: {', '.join(self.tags) or 'none'}.")
        self._do("drop column", (), column=column)

    def replace(self, gone: Ids, made: Components, **how: Any) -> Ints:
        """Put new ROIs in the place of others: a merge (one for several), a split, an added one (for none).

        Parameters
        ----------
        gone : ids
            These go, as if deleted.
        made : Components
            Of this volume and these frames; `made.accepted` says which are taken for cells. Tags that all of `gone`
            agree on pass on.
        **how
            What the log says of it: plain values.

        Returns
        -------
        (k,) int64
            Ids of the new ROIs.
        """
        known = self._known(gone)
        rows = self._fitting(made)
        new = self._state.known + np.arange(made.count)
        tags = [[c, k, v] for c, v in self._agreed(known) for k in range(made.count)]
        verdicts = [bool(v) for v in made.accepted]
        self._do("replace", known, made=new.tolist(), rows=rows, accepted=verdicts, tags=tags, data=made, how=how)
        return new

    def edit(self, ids: Ids, made: Components, **how: Any) -> None:
        """Give ROIs other footprints and traces, one of `made` each; their ids, verdicts and tags stay."""
        known = self._known(ids)
        if len(known) != made.count:
            raise UsageError(f"{made.count} footprints for {len(known)} ROIs", "Give one for each.")
        self._do("edit", known, rows=self._fitting(made), data=made, how=how)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return self._state.past is not None

    @property
    def can_redo(self) -> bool:
        """Whether a step was taken back."""
        return self._state.future is not None

    def undo(self) -> bool:
        """Take the last step back; False where there is none."""
        if self._state.past is None:
            return False
        self._do("undo", self._state.past[0].touched())
        return True

    def redo(self) -> bool:
        """Do again what was taken back last; False where there is nothing."""
        if self._state.future is None:
            return False
        self._do("redo", self._state.future[0].touched())
        return True

    # inside

    def _known(self, ids: Ids) -> Ints:
        wanted = np.asarray(list(ids) if not isinstance(ids, np.ndarray) else ids, np.int64)
        self.positions(wanted)
        return np.unique(wanted)

    def _fitting(self, made: Components) -> list[int]:
        """The rows that new data will have."""
        if made.shape != self.shape or made.frames != self.frames:
            raise UsageError("these ROIs are of another volume or length", "Take them from the same movie.")
        return list(range(self._pool.count, self._pool.count + made.count))

    def _agreed(self, ids: Ints) -> list[tuple[str, Value]]:
        """Tags that all of these have that have one in that column."""
        out = []
        for column, values in self.tags.items():
            found = [values[int(i)] for i in ids if int(i) in values]
            if found and all(v == found[0] and type(v) is type(found[0]) for v in found):
                out.append((column, found[0]))
        return out

    def _do(self, what: What, ids: Sequence[int] | Ints, data: Components | None = None, **values: Any) -> None:
        """One more entry, with the ROIs that it makes: kept, saved, and told."""
        if what in ("accept", "reject", "delete", "restore", "tag") and not len(ids):
            return
        entry, before = Entry.now(what, [int(i) for i in ids], self._who, **values), self._state
        state = after(before, entry)
        if self._journal is not None:
            self._journal.add(entry, data)
        if data is not None:
            self._pool = self._pool.with_more(data)
        self._state, self._log = state, (*self._log, entry)
        self._tell(self._change(entry))

    def _change(self, entry: Entry) -> Change:
        stack = self._state.future if entry.what == "undo" else self._state.past
        assert stack is not None
        return stack[0].reversed() if entry.what == "undo" else stack[0]

    def _tell(self, change: Change) -> None:
        """See what a step changed, and say so."""
        marks = zip(change.before, change.after, strict=True)
        accepted, alive, row = (not np.array_equal(a, b) for a, b in marks)
        if alive or row:
            self._view = View.of(self._pool, self._state)
            self._changed("rois", change.ids)
        if change.columns[0] != change.columns[1]:
            self._changed("columns", np.zeros(0, np.int64))
        if accepted:
            self._changed("accepted", change.ids[change.before.accepted != change.after.accepted])
        if change.tags:
            self._changed("tags", np.unique(np.array([i for _, i, _, _ in change.tags], np.int64)))

    def _changed(self, what: Part, ids: Ints) -> None:
        """Called after every step: ``accepted``, ``tags``, ``columns`` or ``rois``, and the ROIs it concerns."""


def _name(column: str) -> str:
    if not column.strip():
        raise UsageError("a tag column needs a name", "Give it one.")
    return column
