"""Which movies the words of a command line are: each word one, a pattern as many as it matches; or all of them one."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnmf3d.batch import Batch
    from cnmf3d.cli.flags import MovieFlags
    from cnmf3d.movies import Movie
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


@dataclass(frozen=True)
class Given:
    """A movie that an item is to be made of.

    Attributes
    ----------
    name : str
        What to call it.
    source : str, list of str or Item
        What `Batch.add` takes.
    opening : dict
        Keywords of `open_movie`.
    movie : Movie
        As recorded.
    """

    name: str
    source: Any
    opening: dict[str, Any]
    movie: Movie


def given_by(
    batch: Batch,
    words: list[str],
    keys: list[str],
    opening: MovieFlags,
    *,
    joined: bool,
    parameters: CnmfParameters | None = None,
) -> list[Given]:
    """The movies that words and items of the batch name, each opened.

    Parameters
    ----------
    batch : Batch
    words : list of str
        Files, folders, patterns, URLs.
    keys : list of str
        Items whose movie is meant.
    opening : MovieFlags
    joined : bool
        Whether all files together are one movie.
    parameters : CnmfParameters, optional
        Cells are found in the first functional channel that they name, as `cnmf3d run` does; items of `keys` say
        themselves which channel theirs is.

    Raises
    ------
    UsageError, InputError
        Where there is none, or one can't be opened.
    """
    from cnmf3d.batch.jobs import movie_of
    from cnmf3d.errors import UsageError
    from cnmf3d.movies import open_movie

    if not words and not keys:
        raise UsageError("which movie?", "Name files, or an item that registers one: --on KEY.")
    taken = opening if parameters is None else opening.of_functional(parameters)
    given = []
    for source in sources(words, joined=joined) if words else []:
        place = source.paths[0] if len(source.paths) == 1 else source.paths
        given.append(Given(source.name, place, taken.keywords(), taken.opened(source.paths)))
    keywords = opening.keywords()
    for key in dict.fromkeys(keys):
        item = batch.item(key)
        paths = movie_of(batch, item)
        movie = open_movie(paths[0] if len(paths) == 1 else list(paths), **{**item.input.opening, **keywords})
        given.append(Given(item.name.removesuffix(" mcorr"), item, keywords, movie))
    return given


def engine_options(python: str | None) -> dict[str, Any]:
    """The option of an item that names a Python with the engine in it; none where none is given.

    Raises
    ------
    UsageError
        Where there is no such program.
    """
    from cnmf3d.trusted import trust

    return {} if python is None else {"engine_python": str(trust(python))}
