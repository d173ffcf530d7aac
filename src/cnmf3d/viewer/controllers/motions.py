"""Motions of the open movie: ready to be shown, in the history, and the files that they are kept in."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cnmf3d.errors import UsageError
from cnmf3d.movies import Movie
from cnmf3d.movies.registered import Motion, registered
from cnmf3d.movies.registered.frames import Registered
from cnmf3d.movies.registered.origin import motion_path
from cnmf3d.movies.registered.storing import holds_motion

ENTRY = "mcorr_3d"
"""Name of the step in the history."""

EDITED = "bad_frames_edited"
"""Whether bad frames of a motion were marked by hand, among its parameters."""


@dataclass(frozen=True)
class Found:
    """A motion that is ready to be shown.

    Attributes
    ----------
    motion : Motion
    path : Path
        File that it was read from: ours, or shifts of another program.
    moved : Movie
        The recording without it.
    notes : tuple of str
        What estimating it found.
    """

    motion: Motion
    path: Path
    moved: Movie
    notes: tuple[str, ...] = ()


def recorded_of(movie: Movie) -> Movie:
    """A movie as it was recorded, where it is a registered one; else itself."""
    if not isinstance(movie.frames, Registered):
        return movie
    metadata = {name: value for name, value in movie.metadata.items() if name != "motion"}
    return replace(movie, frames=movie.frames.source, metadata=metadata)


def check_writable(path: Path) -> None:
    """See that a motion file can be written, before anything is computed.

    Raises
    ------
    UsageError
        Where it can't, or something else has its name.
    """
    if not os.access(path.parent, os.W_OK):
        raise UsageError(
            f"{path.name} can't be written to {path.parent}", "Register elsewhere: cnmf3d register MOVIE -o FILE."
        )
    if path.exists() and not holds_motion(path):
        raise UsageError(f"{path} exists, and is no motion file", "Move it away, or give it another name.")


def own_file(path: Path, movie: Movie) -> Path:
    """The motion file that marked frames are kept in: what was read, or a file beside the movie for others' shifts.

    Raises
    ------
    UsageError
        Where the one beside the movie is there already, with another motion.
    """
    if path.is_file() and holds_motion(path):
        return path
    beside = motion_path(movie)
    if beside.exists():
        raise UsageError(f"{beside.name} is there already, with another motion", "Move it away to mark frames here.")
    return beside


def history_entry(found: Found) -> dict[str, Any]:
    """What the history says of a registered movie."""
    motion = found.motion
    asked = motion.parameters.get("asked")
    return {
        ENTRY: {
            "motion": str(found.path),
            "kind": motion.kind,
            "bad_frames": int(motion.bad_frames.sum()),
            "parameters": dict(asked) if isinstance(asked, dict) else {},
            "versions": dict(motion.versions),
        }
    }


def ready_movie(movie: Movie, motion: Motion) -> Movie:
    """The registered movie, its kernels compiled and loaded: so that the window needn't wait for its first frame."""
    moved = registered(movie, motion)
    first = next((int(frame) for frame, bad in enumerate(motion.bad_frames) if not bad), 0)
    moved.read(first, first + 1)
    return moved
