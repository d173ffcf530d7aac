"""The process that computes previews: ``python -m cnmf3d.viewer.preview_worker``.

It reads requests from its standard input, one JSON object a line, and answers on its standard output in the same way.
A new request ends the one that is computed; what is read and compiled stays for the next one. It ends with its input.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import Cnmf3dError
from cnmf3d.events import Event, to_json
from cnmf3d.movies import Movie, open_movie

if TYPE_CHECKING:
    from cnmf3d.parameters import CnmfParameters
    from cnmf3d.results import Results

READ = 25
"""Volumes between two looks whether the answer is still wanted."""


class Superseded(Exception):
    """Nobody waits for this answer any more."""


class Requests:
    """The latest request of standard input; those before it are dropped."""

    def __init__(self) -> None:
        self._new = threading.Condition()
        self._latest: dict[str, Any] | None = None
        self._taken = 0
        self._ended = False
        threading.Thread(target=self._listen, daemon=True).start()

    def next(self) -> dict[str, Any] | None:
        """Wait for a request; None once there is none to come."""
        with self._new:
            self._new.wait_for(lambda: self._ended or (self._latest is not None and self._latest["id"] > self._taken))
            if self._ended or self._latest is None:
                return None
            self._taken = self._latest["id"]
            return self._latest

    def check(self, number: int) -> None:
        """See whether a request is still the latest.

        Raises
        ------
        Superseded
            Where it isn't.
        """
        if self._ended or self._latest is None or self._latest["id"] != number:
            raise Superseded

    def _listen(self) -> None:
        for line in sys.stdin:
            with self._new:
                self._latest = json.loads(line)
                self._new.notify_all()
        with self._new:
            self._ended = True
            self._new.notify_all()


class Worker:
    """Answers requests; keeps the part of the movie that it read last."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self._read: tuple[str, Movie] | None = None

    def answer(self, request: Mapping[str, Any]) -> None:
        """Compute one request, and say how it went."""
        number = int(request["id"])
        try:
            self._compute(request, number)
        except Superseded:
            tell(number, kind="superseded")
        except Cnmf3dError as error:
            tell(number, kind="error", problem=error.problem, fix=error.fix)
        except Exception as error:  # noqa: BLE001 - whoever asked must hear of it
            tell(number, kind="error", problem=f"{type(error).__name__}: {error}", fix="Please report this.")

    def _compute(self, request: Mapping[str, Any], number: int) -> None:
        from cnmf3d.engine import run
        from cnmf3d.parameters import read_parameters
        from cnmf3d.results import write_results

        def report(event: Event) -> None:
            self.requests.check(number)
            tell(number, **json.loads(to_json(event)))

        movie = self._part(request, number)
        results = run(
            movie,
            of_stretch(read_parameters(request["parameters"]), *request["region"]["frames"]),
            reporter=report,
            workers=request.get("workers"),
            caches=request["folder"] + "/caches",
        )
        path = Path(request["folder"]) / f"preview-{number}.hdf5"
        write_results(without_length(results, movie), path)
        tell(number, kind="done", results=str(path))

    def _part(self, request: Mapping[str, Any], number: int) -> Movie:
        """The part of the movie that is asked for, in memory."""
        key = json.dumps([request[name] for name in ("source", "opening", "motion", "region", "rate")])
        if self._read is None or self._read[0] != key:
            movie = open_movie(request["source"], **request["opening"])
            values = self._values(movie, request["region"], number)
            self._read = (key, open_movie(values, rate=request["rate"], voxel_size=request["voxel_size"]))
        return self._read[1]

    def _values(self, movie: Movie, region: Mapping[str, Any], number: int) -> npt.NDArray[Any]:
        """(t, z, y, x) values of a box: where it can be had, only that is read."""
        (start, stop), (z0, z1), (y0, y1), (x0, x1) = (region[name] for name in ("frames", "z", "y", "x"))
        out = np.empty((stop - start, z1 - z0, y1 - y0, x1 - x0), movie.dtype)
        mapped = movie.contiguous()
        for time in range(start, stop):
            if (time - start) % READ == 0:
                self.requests.check(number)
                tell(number, kind="progress", stage="ingest", done=time - start, total=stop - start, unit="frames")
            if mapped is not None:
                out[time - start] = mapped[time, z0:z1, y0:y1, x0:x1]
                continue
            if "motion" in movie.metadata:  # registered a volume at a time, for each of its planes
                out[time - start] = movie.read(time, time + 1)[0, z0:z1, y0:y1, x0:x1]
                continue
            for plane in range(z0, z1):
                out[time - start, plane - z0] = movie.frames.read_rows(time, plane, slice(y0, y1))[:, x0:x1]
        return out


def of_stretch(parameters: CnmfParameters, start: int, stop: int) -> CnmfParameters:
    """Parameters of a movie for the frames from `start` to `stop`: frames that are named are those in it.

    A preview has no use for other channels, and none for a file of frames of the whole movie.
    """
    data, changes = parameters.data, dict[str, Any](structural=None, functional=(), exclude=None)
    for name in ("bad_frames", "segments"):
        if (given := getattr(data, name)) != "auto":
            changes[name] = tuple(frame - start for frame in given if start <= frame < stop)
    temporal = parameters.temporal.model_copy(update={"align_planes": False})
    return parameters.model_copy(update={"data": data.model_copy(update=changes), "temporal": temporal})


def without_length(results: Results, movie: Movie) -> Results:
    """Results without the caution that a movie is short: the part that was asked for is, the movie may not be."""
    from cnmf3d.engine.plausibility.length import check_length

    short = check_length(movie.shape[0], movie.rate).caution
    source = results.provenance
    return replace(results, provenance=replace(source, warnings=tuple(t for t in source.warnings if t != short)))


def tell(number: int, **values: Any) -> None:
    """Answer on standard output."""
    sys.stdout.write(json.dumps({"id": number, **values}) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Answer requests until there are no more."""
    requests = Requests()
    worker = Worker(requests)
    warm()
    tell(0, kind="ready")
    while (request := requests.next()) is not None:
        if request.get("kind") != "cancel":
            worker.answer(request)
    return 0


def warm() -> None:
    """Load the engine and its compiled kernels before they are needed; report it if they must be compiled first."""
    import cnmf3d.engine
    import cnmf3d.results  # noqa: F401
    from cnmf3d.engine.cache import kernel_type
    from cnmf3d.engine.parallel import cores
    from cnmf3d.engine.warmup import warmed_up

    def report(event: Event) -> None:
        tell(0, **json.loads(to_json(event)))

    with warmed_up(kernel_type(np.dtype(np.uint16)), report, cores()):
        pass


if __name__ == "__main__":
    sys.exit(main())
