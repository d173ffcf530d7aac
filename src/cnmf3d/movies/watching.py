"""Whether a movie is still the one that a computation began with: a run reads it several times.

Contents decide. A time stamp alone says little: backups, ``touch`` and network file systems set it. Where only it
differs, values are compared, and a caution says so where they are the same.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.movies.movie import Movie

MOST_FILES = 20_000
"""Files of a folder (Zarr) that are looked at; more take seconds on a network."""

PIECES, PIECE = 256, 2**18
"""Places in a movie's files that are read, and bytes in each: 64 MB, so of smaller movies all. More would find smaller
changes, and cost time at the beginning of every run, mostly for going to the places of a slow disk."""


@dataclass(frozen=True)
class State:
    """What one of a movie's files, or folders, was like.

    Attributes
    ----------
    files, size : int
        Number of files, and their bytes.
    changed : int
        The latest time of change (ns).
    digest : str
        Of bytes at places spread over all of it.
    """

    files: int
    size: int
    changed: int
    digest: str = ""


@dataclass(frozen=True)
class Watch:
    """What a movie's files were like at the beginning; get one by `Watch.of`.

    Attributes
    ----------
    movie : Movie
    states : list of State
        Of each path; None where there was nothing, or it is an address. A time stamp that was looked into is kept.
    fingerprint : str
        Of the content.
    caution : callable
        Called with a text where files were touched, and values are the same.
    """

    movie: Movie
    states: list[State | None]
    fingerprint: str
    caution: Callable[[str], None] = field(default=lambda text: None)

    @classmethod
    def of(
        cls, movie: Movie, fingerprint: str | None = None, caution: Callable[[str], None] = lambda text: None
    ) -> Watch:
        """Look at a movie.

        Parameters
        ----------
        movie : Movie
        fingerprint : str, optional
            Where it is known already.
        caution : callable, optional
            Takes texts.
        """
        states = [_state(path, read=True) for path in movie.paths]
        return cls(movie, states, movie.fingerprint() if fingerprint is None else fingerprint, caution)

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
        for number, (path, before) in enumerate(zip(self.movie.paths, self.states, strict=True)):
            if before is not None:
                self.states[number] = self._same(path, before)
        if not content:
            return
        place = self.movie.paths[0] if self.movie.paths else "the movie"
        try:
            same = self.movie.fingerprint() == self.fingerprint
        except (Cnmf3dError, OSError) as error:
            raise _changed(place, "can't be read any more") from error
        if not same:
            raise _changed(place, "has other values")

    def _same(self, path: str, before: State) -> State:
        """See that a file is as it was; its state now."""
        now = _state(path)
        if now is None:
            raise _changed(path, "is gone")
        if (now.files, now.size) != (before.files, before.size):
            raise _changed(path, f"has {now.size} bytes, and had {before.size}")
        if now.changed == before.changed:
            return before
        read = _state(path, read=True)
        if read is None or read.digest != before.digest:
            raise _changed(path, "was written to")
        self.caution(
            f"{path} was touched while it was used: its time stamp changed, the values that were compared didn't. "
            "If something wrote into it, run it again"
        )
        return read


def _changed(path: str, what: str) -> InputError:
    return InputError(
        f"{path} {what}, since the computation began: its results would be of no movie, and aren't kept",
        "See that nothing writes there (a recording, a copy that is under way), and run it again.",
    )


def _state(path: str, *, read: bool = False) -> State | None:
    """What a file is like, with a digest of sampled bytes if `read`; None for an address, and where nothing is."""
    if "://" in path:
        return None
    try:
        found = [(place, place.stat()) for place in _files(Path(path))]
        size = sum(facts.st_size for _, facts in found)
        latest = max((facts.st_mtime_ns for _, facts in found), default=0)
        return State(len(found), size, latest, _digest([(p, f.st_size) for p, f in found], size) if read else "")
    except (OSError, EOFError):
        return None


def _files(path: Path) -> Iterator[Path]:
    """A file, or those of a folder."""
    path.stat()
    if not path.is_dir():
        yield path
        return
    count = 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > MOST_FILES:
                return
            yield Path(folder, name)


def _digest(files: list[tuple[Path, int]], total: int) -> str:
    """Of bytes at places spread over all files, as if they were one; of all bytes where they are few."""
    digest = hashlib.blake2b(digest_size=16)
    step = 0 if total <= PIECES * PIECE else total // PIECES
    begin, at = 0, 0  # of the file, and of the next piece, in all files together
    for path, size in files:
        if at < begin + size:
            with path.open("rb", buffering=0) as file:
                while at < begin + size:
                    file.seek(at - begin)
                    data = file.read(min(PIECE, begin + size - at))
                    if not data:  # it became shorter meanwhile
                        raise EOFError(str(path))
                    digest.update(data)
                    at += step or len(data)
        begin += size
    return digest.hexdigest()
