"""What leads from a motion file to the recording that it is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnmf3d.movies.movie import Movie
from cnmf3d.movies.registered.motion import Motion


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
    told: dict[str, Any] = {
        "movie": {"paths": [str(Path(path).resolve()) for path in local(movie)], "opening": dict(opening)}
    }
    if other is not None:
        told["registered_on"] = {"channel": other[0], "fingerprint": other[1]}
    return replace(motion, fingerprint=movie.fingerprint(), parameters={**motion.parameters, **told})


def local(movie: Movie) -> tuple[str, ...]:
    """The movie's files; none where they are addresses."""
    return () if any("://" in path for path in movie.paths) else movie.paths
