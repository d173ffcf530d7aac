"""Where a motion file lies, and what leads from it back to the movie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnmf3d.movies.movie import Movie
from cnmf3d.movies.registered.motion import Motion
from cnmf3d.movies.registered.storing import SUFFIX


def motion_path(movie: Movie) -> Path:
    """Motion file beside a local movie, else in the working folder."""
    if not local(movie):
        return Path(f"movie{SUFFIX}")
    path = Path(movie.paths[0])
    return path.with_name(path.name.split(".")[0] + SUFFIX)


def local(movie: Movie) -> tuple[str, ...]:
    """The movie's files; none where they are addresses."""
    return () if any("://" in path for path in movie.paths) else movie.paths


def of_movie(motion: Motion, movie: Movie, opening: Mapping[str, Any], other: tuple[int, str] | None = None) -> Motion:
    """A motion with what leads from its file to the movie.

    Parameters
    ----------
    motion : Motion
    movie : Movie
        The recording that it is to be applied to.
    opening : mapping
        How it was opened.
    other : (channel, fingerprint), optional
        The channel that it was estimated on, where that is another one.
    """
    about: dict[str, Any] = {
        "movie": {"paths": [str(Path(path).resolve()) for path in local(movie)], "opening": dict(opening)}
    }
    if other is not None:
        about["registered_on"] = {"channel": other[0], "fingerprint": other[1]}
    return replace(motion, fingerprint=movie.fingerprint(), parameters={**motion.parameters, **about})


def opening_of(motion: Motion) -> dict[str, Any]:
    """How the recording of a motion was opened: keywords of `open_movie`."""
    return {name: value for name, value in dict(_told(motion).get("opening", {})).items() if name != "motion"}


def recordings_of(motion: Motion, file: Path) -> list[list[Path]]:
    """Where the recording of a motion may be: where it was, and beside the motion's file, as far as there are files.

    Parameters
    ----------
    motion : Motion
    file : Path
        That it was read from.
    """
    paths = [Path(path) for path in _told(motion).get("paths", ())]
    places = (paths, [file.parent / path.name for path in paths])
    return [place for place in places if place and all(path.exists() for path in place)]


def _told(motion: Motion) -> dict[str, Any]:
    about = motion.parameters.get("movie")
    return about if isinstance(about, dict) else {}
