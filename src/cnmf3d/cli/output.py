"""Where a run's results may go: never over the movie, and not over somebody's work unasked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cnmf3d.errors import UsageError
from cnmf3d.written import BESIDE, check_place, target_of

if TYPE_CHECKING:
    from cnmf3d.movies import Movie


def beside(movie: Movie) -> Path:
    """Results file beside a local movie, else in the working folder."""
    if not movie.paths or "://" in movie.paths[0]:
        return Path("results.cnmf3d.hdf5")
    path = Path(movie.paths[0])
    return path.with_name(f"{path.name.split('.')[0]}.cnmf3d.hdf5")


def check_output(out: Path, movie: Movie, *, force: bool) -> None:
    """See that results can be written to a file, before anything is computed.

    Parameters
    ----------
    out : Path
    movie : Movie
    force : bool
        Whether anything but the movie may be replaced. Without it only results that nobody has curated are.

    Raises
    ------
    UsageError
        Where they can't, or what is there is something else.
    """
    check_place(out, BESIDE)
    if out.is_dir():
        raise UsageError(f"{out} is a folder", "Give the name of a file: -o results.hdf5.")
    check_room(out, movie)
    if not out.exists():
        return
    from cnmf3d.results.curation.journal import refuse_curated_elsewhere

    if any(out.samefile(path) for path in movie.paths if "://" not in path and Path(path).exists()):
        raise UsageError(f"{out} is the movie itself", "Give the results another name: -o results.hdf5.")
    refuse_curated_elsewhere(out)
    kept = None if force else _worth_keeping(out)
    if kept is not None:
        raise UsageError(f"{out} exists, and {kept}", "Choose another name (-o), or replace it with --force.")


LEAST_BYTES = 24
"""Bytes of results for each voxel of the volume, without any cell: four projections and the noise, not compressed."""


def check_room(out: Path, movie: Movie) -> None:
    """See that there is room for results at all: a full disk is reported before the run, not after it.

    Raises
    ------
    UsageError
        Where there isn't.
    """
    import math
    import shutil

    needed, free = LEAST_BYTES * math.prod(movie.shape[1:]), shutil.disk_usage(target_of(out).parent).free
    if free < needed:
        raise UsageError(
            f"{out.parent} has {free / 1e6:.0f} MB left, and results take at least {needed / 1e6:.0f} MB",
            "Free some space, or write them to another disk (-o).",
        )


def _worth_keeping(path: Path) -> str | None:
    """Why a file isn't replaced unasked; None where it holds results that a new run makes again."""
    from cnmf3d.hdf5 import holds
    from cnmf3d.results.curation.journal import journal_path
    from cnmf3d.results.curation.storing import GROUP

    if not holds(path, "estimates"):
        return "is no results file"
    return "somebody has curated it" if holds(path, GROUP) or journal_path(path).exists() else None
