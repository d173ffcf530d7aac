"""Which movies the words of a command line are: each word one, a pattern as many as it matches; or all of them one."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnmf3d.cli.flags import MovieFlags
    from cnmf3d.parameters import CnmfParameters


@dataclass(frozen=True)
class Source:
    """One movie.

    Attributes
    ----------
    name : str
        What to call it: its file without endings; with its folder where two would be called the same.
    paths : list of str
        Several where it is in several files.
    """

    name: str
    paths: list[str]


def sources(words: list[str], *, joined: bool) -> list[Source]:
    """The movies that are meant.

    Parameters
    ----------
    words : list of str
        Files, folders, patterns, URLs.
    joined : bool
        Whether all files together are one movie.

    Raises
    ------
    InputError
        For a pattern that matches nothing.
    """
    if joined:
        return [Source(stem(words[0]), list(words))]
    files = [file for word in words for file in _matches(word)]
    stems = [stem(file) for file in files]
    return [
        Source(name if stems.count(name) == 1 else f"{Path(file).absolute().parent.name}/{name}", [file])
        for name, file in zip(stems, files, strict=True)
    ]


def stem(path: str) -> str:
    """Name of a file, folder or URL without endings such as ``.ome.tif``."""
    name = Path(path.rstrip("/")).absolute().name
    return Path(name).stem.removesuffix(".ome") or name


def _matches(word: str) -> list[str]:
    """The files that match a pattern, in natural order; a word that is none as it is."""
    from cnmf3d.movies.places import is_url, locate

    if is_url(word) or not glob.has_magic(word) or Path(word).exists():
        return [word]
    return [str(place) for place in locate(word)]


def check(source: Source, opening: MovieFlags, parameters: CnmfParameters) -> None:
    """See that a movie can be opened and that its rate is known, before an item is made of it.

    Raises
    ------
    InputError
        Where it can't be, or isn't.
    """
    from cnmf3d.errors import InputError

    movie = opening.opened(source.paths)
    if movie.rate is None and parameters.data.fr is None:
        raise InputError(
            f"{source.paths[0]} does not tell its rate",
            'Give it in volumes a second: --fps 5, or {"fps": 5} in a .json file of the same name beside it.',
        )


def engine_options(python: str | None) -> dict[str, Any]:
    """The option of an item that names a Python with the engine in it; none where none is given.

    Raises
    ------
    UsageError
        Where there is no such program.
    """
    import shutil

    from cnmf3d.errors import UsageError

    if python is None:
        return {}
    path = shutil.which(python)
    if path is None:
        raise UsageError(f"there is no program {python}", "Give the path of a Python: --engine-python .../bin/python.")
    return {"engine_python": str(Path(path).absolute())}
