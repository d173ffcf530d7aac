"""Cropping: a part of the movie takes its place, and the history says which; it can be written to a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnmf3d.errors import InputError, UsageError
from cnmf3d.movies import Movie
from cnmf3d.movies.cropped import Span, cropped
from cnmf3d.viewer.controllers.metadata import write_sidecar
from cnmf3d.viewer.models.movie_array import contrast_of
from cnmf3d.viewer.opening import Opened, read_movie
from cnmf3d.workspace.environment import ViewerWorkEnv
from cnmf3d.workspace.imgdata import ImgData
from cnmf3d.workspace.sequence import Opened as Source
from cnmf3d.workspace.sequence import Sequence

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.tasks import Task

Spans = Mapping[str, Span]
"""``t``, ``z``, ``y``, ``x`` to (start, stop)."""


def seen_spans(app: App, width: float, height: float) -> dict[str, Span]:
    """What of the movie is on the screen: all of t and z, the rows and columns that are seen.

    Parameters
    ----------
    app : App
    width, height : float
        Of the canvas, in pixels.
    """
    movie = app.movie
    if movie is None:
        return {}
    frames, planes, rows, columns = movie.shape
    scale = (1.0, 1.0, 1.0) if app.layers is None else app.layers.scale
    camera = app.viewer.scene.camera
    out = {"t": (0, frames), "z": (0, planes)}
    for name, centre, size, pixels, length in (
        ("y", camera.center[1], scale[1], height, rows),
        ("x", camera.center[2], scale[2], width, columns),
    ):
        half = pixels / camera.zoom / 2
        start, stop = round((centre - half) / size + 0.5), round((centre + half) / size + 0.5)
        start, stop = max(0, min(start, length - 1)), min(length, max(stop, 1))
        out[name] = (start, stop) if stop > start else (0, length)
    return out


def crop(app: App, spans: Spans) -> bool:
    """Keep a part of the movie; ROIs and projections of the whole go.

    Parameters
    ----------
    app : App
    spans : mapping
        ``t``, ``z``, ``y``, ``x`` to (start, stop).

    Returns
    -------
    bool
        False where there is no movie, or the user keeps what is open.

    Raises
    ------
    UsageError
        For a part that there isn't.
    """
    old = app.environment
    if old.isEmpty:
        raise UsageError("there is no movie to crop", "Open one first.")
    part = cropped(old.imgdata.movie, spans["t"], spans["z"], spans["y"], spans["x"])
    if not app.may_discard():
        return False
    entry = {"crop": {name: list(span) for name, span in spans.items()}}
    environment = ViewerWorkEnv(
        ImgData(Sequence(Source(part, None, {})), old.imgdata.meta),
        comments=old.comments,
        stim_maps=old.stim_maps,
        history_trace=[*old.history_trace, entry],
    )
    app.show(Opened(environment, app.contrast or contrast_of(part)))
    app.mark_unsaved("crop")
    app.tell("Cropped. Save it as a file to run batches on it (CNMF 3D, Save movie as).")
    return True


def save_movie(app: App, path: str | Path) -> Task:
    """Write the movie to a TIFF file with its rate and voxel size beside it, and go on with that file.

    Parameters
    ----------
    app : App
    path : path
        Ends in ``.tif`` or ``.tiff``.

    Raises
    ------
    UsageError
        Where there is no movie, or the file is the one that is read.
    """
    target, environment = Path(path), app.environment
    if target.suffix.lower() not in (".tif", ".tiff"):
        raise UsageError(f"{target.name} is no TIFF", "Choose a name that ends in .tif.")
    if environment.isEmpty:
        raise UsageError("there is no movie to save", "Open one first.")
    movie = environment.imgdata.movie
    if any(Path(each).absolute() == target.absolute() for each in movie.paths):
        raise UsageError(f"{target} is the file that is read", "Choose another name.")
    size = environment.imgdata.voxel_size
    facts = {"fps": environment.imgdata.rate, "voxel_size": None if size is None else size.xyz}
    told = {**environment.imgdata.meta, **facts}
    known = {name: value for name, value in told.items() if value is not None and name not in ("axes", "format")}

    def work(task: Task) -> Opened:
        _write(movie, target, task)
        write_sidecar(target.with_suffix(".json"), known)
        opened = read_movie(target, task)
        opened.environment.history_trace = list(environment.history_trace)
        opened.environment.comments = environment.comments
        return opened

    return app.tasks.start(f"Saving {target.name}", work, lambda opened: app.show(opened, target), app.fail)


def _write(movie: Movie, path: Path, task: Task) -> None:
    """Write all volumes beside the name and rename at the end."""
    import tifffile

    beside = path.with_name(f".{path.name}.part")
    kind = movie.dtype if movie.dtype.kind == "u" and movie.dtype.itemsize <= 2 else np.dtype(np.float32)
    count = len(movie)

    def volumes() -> Any:
        for time in range(count):
            task.report(time, count)
            yield from np.ascontiguousarray(movie.read(time, time + 1)[0], kind)

    try:
        tifffile.imwrite(
            beside,
            volumes(),
            shape=movie.shape,
            dtype=kind,
            bigtiff=True,
            metadata={"axes": "TZYX"},
            photometric="minisblack",
        )
        beside.replace(path)
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror or error}", "Choose another folder.") from error
    finally:
        beside.unlink(missing_ok=True)
