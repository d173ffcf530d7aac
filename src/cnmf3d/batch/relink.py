"""Finding movies again that were moved: by name, then by content."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cnmf3d.batch.item import Input
from cnmf3d.errors import Cnmf3dError
from cnmf3d.movies import Movie, open_movie

Index = Mapping[str, list[Path]]
"""Where there is a file or folder of each name that is sought."""


def found_again(lost: Sequence[Input], places: Iterable[str | Path]) -> Iterator[Movie | None]:
    """For each movie what has the same names and the same content below `places`, or None.

    Parameters
    ----------
    lost : sequence of Input
    places : folders
        An earlier one is looked at first.
    """
    there = index(places, {Path(path).name for source in lost for path in source.paths})
    for source in lost:
        yield next((each for each in _candidates(source, there) if _same(each, source)), None)


def index(places: Iterable[str | Path], names: set[str]) -> Index:
    """Where files and folders with some names are, below `places`; each folder is read once."""
    found: dict[str, list[Path]] = {}
    for place in places:
        for parent, folders, files in os.walk(place):
            folders.sort()
            for name in names.intersection((*files, *folders)):
                found.setdefault(name, []).append(Path(parent, name))
    return found


def _candidates(source: Input, there: Index) -> Iterator[Movie]:
    """Movies that have the same files by name; those of one movie are sought in one folder."""
    names = [Path(path).name for path in source.paths]
    for first in there.get(names[0], []):
        files = [first, *(_beside(first, name, there) for name in names[1:])]
        present = [file for file in files if file is not None]
        if len(present) < len(files):
            continue
        try:
            yield open_movie(present[0] if len(present) == 1 else present, **source.opening)
        except Cnmf3dError:
            continue


def _beside(first: Path, name: str, there: Index) -> Path | None:
    """The file of a name in the same folder; else, where there is only one, that one."""
    candidates = there.get(name, [])
    near = [path for path in candidates if path.parent == first.parent]
    return near[0] if near else candidates[0] if len(candidates) == 1 else None


def _same(movie: Movie, source: Input) -> bool:
    """Whether a movie has the content that was added."""
    try:
        return movie.fingerprint() == source.fingerprint
    except (Cnmf3dError, OSError):
        return False
