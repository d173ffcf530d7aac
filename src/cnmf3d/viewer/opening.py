"""From what a user points at to what the viewer shows: read in a thread, handed over whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.hdf5 import holds
from cnmf3d.movies import Movie
from cnmf3d.movies.formats import format_of
from cnmf3d.movies.places import locate
from cnmf3d.movies.registered import read_motion
from cnmf3d.movies.registered.frames import check_belongs
from cnmf3d.movies.registered.origin import motion_path
from cnmf3d.movies.registered.storing import holds_motion
from cnmf3d.results import Results, load_results
from cnmf3d.results.history import history_entry
from cnmf3d.viewer.models.movie_array import contrast_of
from cnmf3d.viewer.models.roi_store import RoiStore
from cnmf3d.workspace.environment import ViewerWorkEnv
from cnmf3d.workspace.rois import RoiManager

if TYPE_CHECKING:
    from cnmf3d.viewer.tasks import Task

Kind = Literal["movie", "results", "motion", "batch", "project"]


@dataclass(frozen=True)
class Opened:
    """A work environment that is ready to be shown.

    Attributes
    ----------
    environment : ViewerWorkEnv
    contrast : (float, float) or None
        Black and white of the movie.
    results_path : Path or None
        File that the ROIs come from, where they have one.
    rois : RoiStore or None
        The ROIs of the environment, where they were made ready for drawing.
    notes : tuple of str
        What the user should know.
    """

    environment: ViewerWorkEnv
    contrast: tuple[float, float] | None = None
    results_path: Path | None = None
    notes: tuple[str, ...] = ()
    rois: RoiStore | None = None


def kind_of(source: Any) -> Kind:
    """What a user points at: a movie, results, how a movie moved, a batch or a project.

    Raises
    ------
    InputError
        Where there is no such file or folder.
    """
    if not isinstance(source, (str, Path)) or "://" in str(source):
        return "movie"
    path = Path(source).expanduser()
    for database, kind in DATABASES.items():
        if (path / database).is_file() or (path.name == database and path.is_file()):
            return kind
    if path.suffix.lower() in HDF5 and path.is_file() and _holds_results(path):
        return "results"
    if path.suffix.lower() in HDF5 and path.is_file() and holds_motion(path):
        return "motion"
    if not path.exists() and not any(sign in path.name for sign in "*?["):
        raise InputError(f"{path} does not exist", "Check the name of the movie, results, batch or project.")
    return "movie"


def opens(path: str) -> Kind | None:
    """What we open a path as; None where it is nothing of ours."""
    try:
        kind = kind_of(path)
        known = kind != "movie" or all(format_of(place) is not None for place in locate(path))
    except Cnmf3dError:
        return None
    return kind if known else None


DATABASES: dict[str, Kind] = {"batch.sqlite": "batch", "project.sqlite": "project"}
"""What makes a folder a batch or a project."""

HDF5 = (".hdf5", ".h5", ".he5")


def _holds_results(path: Path) -> bool:
    """Whether an HDF5 file has components in CaImAn's schema."""
    return holds(path, "estimates/A")


def read_movie(source: Any, task: Task, **opening: Any) -> Opened:
    """Open a movie and look at a few of its planes.

    Parameters
    ----------
    source, **opening
        As for `ViewerWorkEnv.from_movie`.
    task : Task
    """
    environment = ViewerWorkEnv.from_movie(source, **opening)
    environment.comments = environment.comments or str(environment.imgdata.meta.get("comments", ""))
    task.report(1, 2)
    return Opened(environment, contrast_of(environment.imgdata.movie), notes=environment.warnings)


def read_results(path: str | Path, task: Task, movie: Any = None, **opening: Any) -> Opened:
    """Read a results file, and open the movie that it was computed from where that is found.

    Parameters
    ----------
    path : path
    task : Task
    movie : path, optional
        The movie; where the results say, or beside them, if not given.
    **opening
        Keywords of `cnmf3d.open_movie`.
    """
    file = Path(path).expanduser()
    results = load_results(file, later=True)
    task.report(1, 3)
    with ThreadPoolExecutor(1) as beside:
        rois = beside.submit(ready, results)
        environment, note = _environment_of(results, file, movie, opening)
        contrast = None if environment.isEmpty else contrast_of(environment.imgdata.movie)
        task.report(2, 3)
        environment.roi_manager = RoiManager(results)
        environment.history_trace.append({"cnmf_3d": history_entry(results)})
        notes = (*environment.warnings, *((note,) if note else ()))
        return Opened(environment, contrast, file, notes, rois.result())


def read_movie_of(results_path: Path, source: Any, task: Task, **opening: Any) -> Opened:
    """Open the movie that results lack, together with them; one that isn't theirs is opened alone.

    Parameters
    ----------
    results_path : Path
    source, task, **opening
        As for `read_movie`.
    """
    try:
        return read_results(results_path, task, movie=source, **opening)
    except Cnmf3dError:
        return read_movie(source, task, **opening)


def ready(results: Results) -> RoiStore:
    """The ROIs of results, with what drawing and listing them needs worked out."""
    store = RoiStore.from_results(results)
    store.paint(np.zeros(len(store), np.uint8), outline=True)
    _ = store.centroids  # of the table; kept
    return store


def _environment_of(results: Results, file: Path, movie: Any, opening: dict[str, Any]) -> tuple[ViewerWorkEnv, str]:
    """The movie of results as a work environment, and what to say where there is none."""
    given = movie is not None
    source = movie if given else movie_of(results, file)
    size = results.voxel_size
    known = {"rate": results.rate or None, "voxel_size": None if size is None else list(size.xyz), **opening}
    problem = ""
    if source is not None:
        try:
            environment = ViewerWorkEnv.from_movie(source, **known)
        except Cnmf3dError as error:
            if given:
                raise
            problem = error.problem
        else:
            check_fits(environment.imgdata.movie, results)
            motion = None if "motion" in known else motion_of_results(environment.imgdata.movie, results)
            if motion is not None:
                environment = ViewerWorkEnv.from_movie(source, **known, motion=str(motion))
            return environment, ""
    environment = ViewerWorkEnv()
    environment.imgdata.meta = {"fps": known["rate"]} if known["rate"] else {}
    if size is not None:
        environment.imgdata.meta["voxel_size"] = dict(zip("xyz", size.xyz, strict=True))
    names = ", ".join(results.provenance.input_paths) or "the results name none"
    why = f" ({problem})" if problem else ""
    return environment, f"The movie of these results was not found ({names}){why}: drop it on the window to see it."


def motion_of_results(movie: Movie, results: Results) -> Path | None:
    """The motion file beside a movie, where results were computed on the registered movie; None where they weren't.

    Parameters
    ----------
    movie : Movie
        As recorded.
    results : Results
    """
    path, computed_on = motion_path(movie).absolute(), results.provenance.fingerprint
    if not computed_on or not path.is_file() or not holds_motion(path) or movie.fingerprint() == computed_on:
        return None
    try:
        check_belongs(read_motion(path), movie)
    except Cnmf3dError:
        return None
    return path


def movie_of(results: Results, file: Path) -> list[str] | str | None:
    """Where the movie of results is: as they say, or a file of that name beside them."""
    told = list(results.provenance.input_paths)
    if not told:
        return None
    if any("://" in path for path in told):
        return told if len(told) > 1 else told[0]
    found = []
    for path in told:
        places = (Path(path), file.parent / path, file.parent / Path(path.replace("\\", "/")).name)
        there = next((place for place in places if place.exists()), None)
        if there is None:
            return None
        found.append(str(there))
    return found if len(found) > 1 else found[0]


def check_fits(movie: Movie, results: Results) -> None:
    """See that a movie has the size that results were computed on; ROIs without traces fit any number of volumes.

    Raises
    ------
    InputError
        Where it hasn't.
    """
    components = results.components
    theirs = (components.frames, *components.shape)
    if movie.shape[1:] != components.shape or components.frames not in (0, movie.shape[0]):
        raise InputError(
            f"the movie is {movie.shape} (t, z, y, x), the results were computed on {theirs}",
            "Open the movie that belongs to them, or the results alone.",
        )
