"""Curating: merge, split, add and reshape ROIs, from the movie where there is one; tags and verdicts by rule."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from cnmf3d.batch.processes import end_tree
from cnmf3d.components import Components
from cnmf3d.errors import Cnmf3dError, EngineError, InputError, UsageError
from cnmf3d.events import Event, Progress
from cnmf3d.movies import Movie
from cnmf3d.results.curation import making, splitting, storing
from cnmf3d.results.curation.scene import Scene, cell_reach, ellipsoid, read_voxels, scene_of
from cnmf3d.results.curation.shapes import shapes_of
from cnmf3d.results.curation.thresholds import Counts, Limits, counts, passing
from cnmf3d.results.footprints import Footprints, columns_of, footprints_of
from cnmf3d.viewer.models.roi_store import Ids, RoiStore
from cnmf3d.viewer.tasks import Cancelled, Task, Tasks

Ints = npt.NDArray[np.int64]
Way = Literal["parts", "watershed"]
LOOK = 0.05
"""Seconds between two looks at the process."""

ERRORS: Mapping[str, type[Cnmf3dError]] = {c.__name__: c for c in (EngineError, InputError, UsageError)}


@dataclass(frozen=True)
class Footage:
    """The movie behind the ROIs.

    Attributes
    ----------
    movie : Movie
    source : path, paths or None
        Where another process finds it; None for one in memory.
    opening : mapping
        Keywords of `open_movie`, plain values.
    """

    movie: Movie
    source: Any = None
    opening: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Plan:
    """ROIs to be demixed: which go, what is known of the new ones, and what to do with them."""

    name: str
    gone: Ints
    scene: Scene
    finish: Callable[[Components], None]


class Curator:
    """What is done to the ROIs of a store beyond a mark.

    With the movie, new ROIs are demixed from it in a process of its own and appear when that is done; without it, from
    the ROIs' own traces, at once.

    Parameters
    ----------
    store : RoiStore
    tasks : Tasks
    footage : Footage, optional

    Attributes
    ----------
    made : Signal
        Ids of new or changed ROIs.
    failed : Signal
        A `Cnmf3dError`.
    """

    made = Signal(object)
    failed = Signal(object)

    def __init__(self, store: RoiStore, tasks: Tasks, footage: Footage | None = None) -> None:
        self.store = store
        self.footage = footage
        self._tasks = tasks

    @property
    def filmed(self) -> bool:
        """Whether the movie of these ROIs is at hand: one of their volume and length."""
        shape = (self.store.frames, *self.store.shape)
        return self.footage is not None and self.footage.movie.shape == shape

    # by rule

    def count(self, limits: Mapping[str, Limits]) -> Counts:
        """What thresholds on measures would do."""
        return counts(self.store.metrics, limits, self.store.accepted)

    def judge(self, limits: Mapping[str, Limits]) -> None:
        """Accept the ROIs within all limits and reject the others, in one step."""
        self.store.judge(passing(self.store.metrics, limits))

    # new ROIs

    def merge(self, ids: Ids) -> Task | None:
        """Make one ROI of several."""
        gone = np.unique(np.asarray(list(ids), np.int64))
        one = making.merged(self.store.components(gone))
        return self._make("merge", gone, one, one.footprints, fixed=True)

    def split(self, roi: int, how: Way | Sequence[Ints] = "watershed", count: int | None = None) -> Task | None:
        """Make several ROIs of one.

        Parameters
        ----------
        roi : int
        how : ``"parts"``, ``"watershed"`` or voxels
            By its connected parts, by its hills, or: these flat voxel numbers are one, what is left another.
        count : int, optional
            Of hills, at the most.

        Raises
        ------
        UsageError
            Where it doesn't fall apart so.
        """
        whole = self.store.components([roi])
        parts = self._parts(whole, how, count)
        if len(parts) < 2:
            fix = "Try the other way, or draw one of the parts."
            raise UsageError(f"ROI {roi} has only one {'hill' if how == 'watershed' else 'part'}", fix)
        several = making.parted(whole, parts)
        [column] = columns_of(whole.footprints)
        every = [(column.voxels, np.ones(column.voxels.size, np.float32))] * several.count
        support = footprints_of(every, whole.footprints.shape[0])
        return self._make("split", np.array([roi]), several, support, fixed=False)

    def _parts(self, whole: Components, how: Way | Sequence[Ints], count: int | None) -> list[Ints]:
        if isinstance(how, str):
            if how == "parts":
                return splitting.connected_parts(whole)
            if how == "watershed":
                return splitting.watershed_parts(whole, count)
            raise UsageError(f"an ROI can't be split by {how!r}", "Give parts, watershed, or voxels.")
        [column] = columns_of(whole.footprints)
        drawn = [np.intersect1d(np.asarray(part, np.int64), column.voxels) for part in how]
        rest = np.setdiff1d(column.voxels, np.concatenate([np.zeros(0, np.int64), *drawn]))
        return [part for part in (*drawn, rest) if part.size]

    def reshape(self, roi: int, voxels: Iterable[int] | Ints) -> Task | None:
        """Give an ROI exactly these flat voxel numbers; it keeps its id, verdict and tags."""
        wanted = np.unique(np.asarray(list(voxels), np.int64))
        new = making.reshaped(self.store.components([roi]), wanted)
        return self._make("edit", np.array([roi]), new, new.footprints, fixed=True)

    def add_seed(self, place: tuple[int, int, int]) -> Task | None:
        """Find the cell at a voxel (z, y, x)."""
        start = ellipsoid(self.store.shape, place, cell_reach(self.store.results))
        return self._add(start, fixed=False, how={"seed": [int(p) for p in place]})

    def add_mask(self, voxels: Iterable[int] | Ints) -> Task | None:
        """Add an ROI on drawn flat voxel numbers."""
        drawn = np.unique(np.asarray(list(voxels), np.int64))
        size = int(np.prod(self.store.shape))
        if not drawn.size or drawn[0] < 0 or drawn[-1] >= size:
            raise UsageError("nothing was drawn inside the volume", "Draw the cell in one or more planes.")
        start = footprints_of([(drawn, np.ones(drawn.size, np.float32))], size)
        return self._add(start, fixed=True, how={"drawn": int(drawn.size)})

    def _add(self, start: Footprints, fixed: bool, how: Mapping[str, Any]) -> Task | None:
        if not self.filmed:
            what = "that isn't open" if self.footage is None else "the one that is open has another size or length"
            raise UsageError(f"an ROI is added from the movie, and {what}", "Open the movie of these results.")
        store = self.store
        scene = self._scene(start, start, np.zeros(0, np.int64), fixed)

        def finish(found: Components) -> None:
            self.made.emit(store.replace([], found, way="add", **how))

        return self._demix(_Plan("Adding an ROI", np.zeros(0, np.int64), scene, finish))

    def _make(self, way: str, gone: Ints, rough: Components, support: Footprints, *, fixed: bool) -> Task | None:
        """Put `rough` ROIs, or what the movie makes of them, in the place of others."""
        store = self.store

        def finish(found: Components, source: str = "movie") -> None:
            found = dataclasses.replace(found, accepted=rough.accepted)
            if way == "edit":
                store.edit(gone, found, way=way, source=source)
                self.made.emit(gone)
            else:
                self.made.emit(store.replace(gone, found, way=way, source=source))

        if not self.filmed:
            finish(rough, "traces")
            return None
        scene = self._scene(rough.footprints, support, gone, fixed)
        title = {"merge": "Merging ROIs", "split": "Splitting an ROI", "edit": "Reshaping an ROI"}[way]
        return self._demix(_Plan(title, gone, scene, finish))

    def _scene(self, start: Footprints, support: Footprints, gone: Ints, fixed: bool) -> Scene:
        """What the movie is demixed with: the ROIs that stay and lie in the box around the new ones."""
        store = self.store
        box = shapes_of(support, store.shape).box
        low, high = box[:, 0].min(axis=0), box[:, 1].max(axis=0)
        near = ((store.boxes[:, 0] < high) & (store.boxes[:, 1] > low)).all(axis=1) & ~np.isin(store.ids, gone)
        return scene_of(store.results, store.components(store.ids[near]), start, support, fixed)

    def _demix(self, plan: _Plan) -> Task:
        """Demix in a process, watched by a thread; the rest happens in the window's thread."""
        store, footage = self.store, self.footage
        assert footage is not None
        state = store.state

        def done(found: Components) -> None:
            now = store.state
            if not now.alive[plan.gone].all() or not np.array_equal(now.row[plan.gone], state.row[plan.gone]):
                self.failed.emit(UsageError("the ROIs were changed meanwhile", "Do it again."))
                return
            try:
                plan.finish(found)
            except Cnmf3dError as error:
                self.failed.emit(error)

        like = store.components(store.ids[:0])
        return self._tasks.start(
            plan.name, lambda task: demixed(footage, plan.scene, like, task), done, self.failed.emit
        )


def demixed(footage: Footage, scene: Scene, like: Components, task: Task) -> Components:
    """New ROIs from the movie, computed in a process of its own.

    Raises
    ------
    Cancelled
        Where `task` was; the process is ended.
    Cnmf3dError
        What that process says.
    """
    with tempfile.TemporaryDirectory(prefix="cnmf3d-rois-") as name:
        folder = Path(name)
        scene.save(folder / "scene.npz")
        source = footage.source
        plain = [str(s) for s in source] if isinstance(source, (list, tuple)) else source and str(source)
        if source is None:

            def report(event: Event) -> None:
                if isinstance(event, Progress):
                    task.report(event.done, event.total)

            np.save(folder / "values.npy", read_voxels(footage.movie, scene, report))
        (folder / "job.json").write_text(json.dumps({"source": plain, "opening": dict(footage.opening)}), "utf-8")
        command = [sys.executable, "-P", "-m", "cnmf3d.engine.manual", name]
        with (folder / "log").open("wb") as log, (folder / "events").open("wb") as events:
            process = subprocess.Popen(command, stdout=events, stderr=log)
            try:
                _watch(process, folder / "events", task)
            except BaseException:
                end_tree(process.pid)
                process.wait()
                raise
        return _answer(folder, like)


def _watch(process: subprocess.Popen[bytes], events: Path, task: Task) -> None:
    """Pass progress on until the process ends."""
    with events.open("rb") as told:
        while process.poll() is None:
            if task.cancelled:
                raise Cancelled
            for line in told:
                if line.endswith(b"\n") and (event := json.loads(line))["kind"] == "progress":
                    task.report(int(event["done"]), int(event["total"]))
            time.sleep(LOOK)


def _answer(folder: Path, like: Components) -> Components:
    told = folder / "error.json"
    if told.exists():
        error = json.loads(told.read_text("utf-8"))
        raise ERRORS.get(error["kind"], EngineError)(error["problem"], error["fix"])
    if not (folder / "rois.npz").exists():
        last = (folder / "log").read_text("utf-8", errors="replace").strip().splitlines()
        raise EngineError(f"demixing stopped: {last[-1] if last else 'its process was killed'}", "Try it again.")
    with np.load(folder / "rois.npz", allow_pickle=False) as file:
        return storing.rois_of(dict(file), like)
