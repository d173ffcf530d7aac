"""Whether a movie is still the one that a computation began with: a run reads it several times."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.movies.movie import Movie

MOST_FILES = 20_000
"""Files of a folder (Zarr) that are looked at; more take seconds on a network."""

State = tuple[int, int, int]
"""Number of files, their bytes, and the latest time of change (ns)."""


@dataclass(frozen=True)
class Watch:
    """What a movie's files were like at the beginning; get one by `Watch.of`.

    Attributes
    ----------
    movie : Movie
    states : tuple
        Of each path; None where there was nothing, or it is an address.
    fingerprint : str
        Of the content.
    """

    movie: Movie
    states: tuple[State | None, ...]
    fingerprint: str

    @classmethod
    def of(cls, movie: Movie, fingerprint: str | None = None) -> Watch:
        """Look at a movie.

        Parameters
        ----------
        movie : Movie
        fingerprint : str, optional
            Where it is known already.
        """
        states = tuple(_state(path) for path in movie.paths)
        return cls(movie, states, movie.fingerprint() if fingerprint is None else fingerprint)

    def check(self, *, content: bool = False) -> None:
        """See that nobody has changed it.

        Parameters
        ----------
        content : bool
            Look at sampled values, too, which takes as long as reading 16 MB.

        Raises
        ------
        InputError
            Where somebody has, or it is gone.
        """
        for path, before in zip(self.movie.paths, self.states, strict=True):
            if before is None:
                continue
            now = _state(path)
            if now == before:
                continue
            if now is None:
                raise _changed(path, "is gone")
            raise _changed(
                path, "was written to" if now[:2] == before[:2] else f"has {now[1]} bytes, and had {before[1]}"
            )
        if not content:
            return
        try:
            same = self.movie.fingerprint() == self.fingerprint
        except (Cnmf3dError, OSError) as error:
            raise _changed(
                self.movie.paths[0] if self.movie.paths else "the movie", "can't be read any more"
            ) from error
        if not same:
            raise _changed(self.movie.paths[0] if self.movie.paths else "the movie", "has other values")


def _changed(path: str, what: str) -> InputError:
    return InputError(
        f"{path} {what}, since the computation began: its results would be of no movie, and aren't kept",
        "See that nothing writes there (a recording, a copy that is under way), and run it again.",
    )


def _state(path: str) -> State | None:
    if "://" in path:
        return None
    try:
        facts = Path(path).stat()
        if not Path(path).is_dir():
            return 1, facts.st_size, facts.st_mtime_ns
        count = total = latest = 0
        for folder, _, names in os.walk(path):
            for name in names:
                count += 1
                if count > MOST_FILES:
                    return count, total, latest
                each = Path(folder, name).stat()
                total, latest = total + each.st_size, max(latest, each.st_mtime_ns)
        return count, total, latest
    except OSError:
        return None
