"""Preview: the form's parameters on a part of the movie, in a process that stays warm between two looks."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from psygnal import Signal

from cnmf3d.batch.processes import end_tree
from cnmf3d.errors import Cnmf3dError, EngineError
from cnmf3d.geometry import ZYX, along_axes, to_voxels
from cnmf3d.movies import Movie
from cnmf3d.movies.movie import Frames
from cnmf3d.parameters import CnmfParameters
from cnmf3d.parameters.lengths import as_given
from cnmf3d.results import Results, load_results
from cnmf3d.viewer.models.batch_progress import STAGES
from cnmf3d.viewer.models.region import Region
from cnmf3d.viewer.tasks import Cancelled, Task, Tasks

LOOK = 0.05
"""Seconds between two looks whether something else is wanted."""


@dataclass(frozen=True)
class Wish:
    """What is to be computed.

    Attributes
    ----------
    movie : Movie
    source : path, paths or None
        Where another process finds the movie; None for one in memory.
    opening : mapping
        Keywords of `open_movie`.
    region : Region
    parameters : CnmfParameters
    kind : str
        ``"preview"``, or ``"estimate"`` for parameters from the data.
    """

    movie: Movie
    source: Any
    opening: Mapping[str, Any]
    region: Region
    parameters: CnmfParameters
    kind: str = "preview"


@dataclass(frozen=True)
class Answer:
    """What was computed, for which wish, and how long it took."""

    wish: Wish
    results: Results
    seconds: float


class Preview:
    """Computes one wish at a time; a new one ends that before it.

    Parameters
    ----------
    tasks : Tasks

    Attributes
    ----------
    answered : Signal
        An `Answer`.
    stage : Signal
        What is being done, in words; empty at the end.
    failed : Signal
        A `Cnmf3dError`.
    """

    answered = Signal(object)
    stage = Signal(str)
    failed = Signal(object)

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._task: Task | None = None
        self._wanted: Wish | None = None
        self._process: _Process | None = None
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._said = ""
        tasks.changed.connect(self._tell)

    @property
    def busy(self) -> bool:
        """Whether something is being computed."""
        return self._task is not None

    def warm_up(self) -> None:
        """Start the process, so that the first answer comes sooner."""
        with self._lock:
            self._alive()

    def ask(self, wish: Wish) -> None:
        """Compute a wish, instead of any other."""
        with self._lock:
            self._wanted = wish
        if self._task is None or self._task.cancelled:
            name = "Preview" if wish.kind == "preview" else "Estimating from the data"
            self._task = self._tasks.start(name, self._work, self._done, self._fail)

    def cancel(self) -> None:
        """Compute nothing any more."""
        with self._lock:
            self._wanted = None
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self.stage.emit("")

    def close(self) -> None:
        """End the process, and remove what it kept."""
        self.cancel()
        self._tasks.changed.disconnect(self._tell, missing_ok=True)
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.close()

    def _alive(self) -> _Process:
        """The process, started where there is none."""
        if self._process is None or not self._process.lives:
            if self._process is not None:
                self._process.close()
            self._process = _Process()
        return self._process

    def _work(self, task: Task) -> Answer:
        """Compute what is wanted, and then what is wanted instead (in a thread)."""
        with self._turn:  # one that was cancelled may still be leaving
            while True:
                with self._lock:
                    wish, self._wanted = self._wanted, None
                    process = self._alive() if wish is not None else None
                if wish is None or process is None:
                    raise Cancelled
                answer = self._one(task, process, wish)
                if answer is not None:
                    return answer

    def _one(self, task: Task, process: _Process, wish: Wish) -> Answer | None:
        """The answer to one wish; None where another one came."""
        begin = time.perf_counter()
        number = process.send(wish)
        while True:
            if task.cancelled:
                process.stop()
                raise Cancelled
            if self._wanted is not None:
                return None
            told = process.hear(LOOK)
            if told is None or told["id"] not in (number, 0):  # 0: of the process itself, which compiles its kernels
                continue
            if told["kind"] == "progress":
                self._said = STAGES.get(told["stage"], (told["stage"], 0.0))[0]
                task.report(int(told["done"]), int(told["total"]))
            elif told["kind"] == "error":
                raise EngineError(told["problem"], told["fix"])
            elif told["kind"] == "done":
                path = Path(told["results"])
                results = load_results(path)
                path.unlink(missing_ok=True)
                return Answer(wish, results, time.perf_counter() - begin)

    def _tell(self, running: list[Task]) -> None:
        """Say what is being done."""
        if self._task is not None and self._task in running:
            self.stage.emit(self._said)
        elif self._task is not None and self._task.cancelled:  # by its button in the status bar
            self._task = None
            self.stage.emit("")

    def _done(self, answer: Answer) -> None:
        self._task = None
        self.stage.emit("")
        if self._wanted is not None:
            self.ask(self._wanted)
        else:
            self.answered.emit(answer)

    def _fail(self, error: Cnmf3dError) -> None:
        self._task = None
        self.stage.emit("")
        if self._wanted is not None:
            self.ask(self._wanted)
        else:
            self.failed.emit(error)


class _Process:
    """A preview worker, with a folder of its own for what it keeps."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cnmf3d-preview-", ignore_cleanup_errors=True)
        self._log = (Path(self._folder.name) / "log.txt").open("wb")
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "cnmf3d.viewer.preview_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
        )
        self._number = 0
        self._heard: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._listener = threading.Thread(target=self._listen, name="cnmf3d preview listener", daemon=True)
        self._listener.start()
        self._array: tuple[Frames, Region, Path] | None = None

    @property
    def lives(self) -> bool:
        """Whether it can be asked."""
        return self._child.poll() is None

    def send(self, wish: Wish) -> int:
        """Ask; the number of the request."""
        self._number += 1
        source, opening, region = wish.source, dict(wish.opening), wish.region
        if source is None:
            source, opening, region = self._saved(wish)
        size = wish.parameters.data.voxel_size or (None if wish.movie.voxel_size is None else wish.movie.voxel_size.xyz)
        self._write(
            {
                "id": self._number,
                "source": source,
                "opening": opening,
                "motion": motion_in(wish.movie),
                "region": asdict(region),
                "rate": wish.parameters.data.fr or wish.movie.rate,
                "voxel_size": None if size is None else list(size),
                "parameters": parameters_of(wish),
                "folder": self._folder.name,
            }
        )
        return self._number

    def stop(self) -> None:
        """End what it computes; it stays for the next wish."""
        self._number += 1
        self._write({"id": self._number, "kind": "cancel"})

    def hear(self, seconds: float) -> dict[str, Any] | None:
        """The next thing that it says, or None for now.

        Raises
        ------
        EngineError
            Where it is gone.
        """
        try:
            return self._heard.get(timeout=seconds)
        except Empty:
            if self.lives:
                return None
        tail = (Path(self._folder.name) / "log.txt").read_text("utf-8", "replace").strip().splitlines()[-1:]
        raise EngineError(
            f"the preview's process ended by itself (exit code {self._child.returncode}) {' '.join(tail)}",
            "Had the machine no memory left? Zoom in, and try again.",
        )

    def close(self) -> None:
        """End it, and remove its folder."""
        if self.lives:
            end_tree(self._child.pid)
        self._child.wait()
        self._listener.join()
        for stream in (self._child.stdin, self._child.stdout, self._log):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # a pipe nobody reads any more
                    continue
        self._folder.cleanup()

    def _write(self, request: Mapping[str, Any]) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(request) + "\n")
            self._child.stdin.flush()
        except OSError:
            return  # it is gone: `hear` says so

    def _saved(self, wish: Wish) -> tuple[str, dict[str, Any], Region]:
        """A part of a movie in memory as a file."""
        r = wish.region
        z, y, x = r.shape
        inside = Region((0, r.frames[1] - r.frames[0]), (0, z), (0, y), (0, x))
        frames = wish.movie.frames
        if self._array is None or self._array[0] is not frames or self._array[1] != r:
            path = Path(self._folder.name) / f"part-{self._number}.npy"
            values = wish.movie.read(*r.frames)[:, slice(*r.z), slice(*r.y), slice(*r.x)]
            np.save(path, values)
            self._array = (frames, r, path)
        return str(self._array[2]), {"axes": "TZYX"}, inside

    def _listen(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            try:
                told = json.loads(line)
            except ValueError:
                continue  # something that a library printed
            if isinstance(told, dict) and "id" in told:
                self._heard.put(told)


def motion_in(movie: Movie) -> str | None:
    """What changes with the motion that a movie is registered by, whose file may be the same; None without one."""
    facts = movie.metadata.get("motion")
    return str(facts["digest"]) if isinstance(facts, dict) and "digest" in facts else None


def parameters_of(wish: Wish) -> dict[str, Any]:
    """Parameters for a part of the movie: what only fits the whole is left out."""
    values = wish.parameters.to_dict()
    values["init"]["seeds"] = None
    values["data"]["fr"] = None
    if wish.kind == "estimate":
        values["init"] |= {"K": "auto", "gSig": "auto", "gSiz": "auto", "ssub": "auto", "tsub": "auto"}
        values["data"]["decay_time"] = "auto"
        values["patch"] = {"rf": "auto", "stride": "auto"}
    return values


MOST = 3
"""Cautions that are shown; the others are counted."""


def doubts(answer: Answer) -> str:
    """What was said against the part of the movie and what was found in it, a line each; empty where nothing was."""
    texts = answer.results.provenance.warnings
    lines = [f"! {text}" for text in texts[:MOST]]
    if len(texts) > MOST:
        lines.append(f"! and {len(texts) - MOST} more cautions")
    return "\n".join(lines)


ROOM = 1.5
"""More components are looked for in a patch than a usual one has."""


def estimated(answer: Answer, shape: tuple[int, int, int, int]) -> dict[str, Any]:
    """What the data say of cell size, decay time, and components in a patch, for the form.

    Parameters
    ----------
    answer : Answer
        To a wish of the kind ``"estimate"``.
    shape : (T, Z, Y, X)
        Of the whole movie.

    Raises
    ------
    EngineError
        Where the part holds no cells.
    """
    wish, results = answer.wish, answer.results
    accepted = int(results.components.accepted.sum())
    if accepted == 0:
        raise EngineError(
            f"no cells in this part of the movie ({wish.region}): nothing can be estimated",
            "Move to where cells are active, or give another volume rate.",
        )
    used = results.parameters
    size = as_given(used["init"]["gSig"], wish.parameters.data.lengths, voxel_size(wish))
    out: dict[str, Any] = {
        "init.gSig": [round(v, 1) for v in size.xyz],
        "init.K": components_in_patch(accepted, wish, shape),
    }
    decay = used["data"]["decay_time"]
    if not isinstance(decay, str):
        out["data.decay_time"] = float(f"{decay:.2g}")
    return out


def voxel_size(wish: Wish) -> ZYX | None:
    """Size of a voxel in µm: as entered, or as the movie tells."""
    given = wish.parameters.data.voxel_size
    return wish.movie.voxel_size if given is None else along_axes(given)


def components_in_patch(count: int, wish: Wish, shape: tuple[int, int, int, int]) -> int:
    """Most components of a patch of the form, from those in a part of the movie."""
    rf, volume = wish.parameters.patch.rf, shape[1:]
    patch: tuple[float, ...] = volume
    if isinstance(rf, tuple):
        half = ZYX(*rf[::-1])
        size = voxel_size(wish)
        if wish.parameters.data.lengths == "um" and size is not None:
            half = to_voxels(half, size)
        patch = tuple(min(2 * h, n) for h, n in zip(half, volume, strict=True))
    density = count / float(np.prod(wish.region.shape))
    return max(1, int(np.ceil(ROOM * density * float(np.prod(patch)))))
