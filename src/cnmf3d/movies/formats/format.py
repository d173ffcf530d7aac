"""What a movie format is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnmf3d.movies.stored import Place, Stored


@dataclass(frozen=True)
class Format:
    """A way to read movies.

    Attributes
    ----------
    name : str
        As the field calls it.
    suffixes : tuple of str
        Lower-case suffixes of its files, with dot: for messages and for files in a folder. None where a file of many
        (`described_in`) is opened for all.
    recognises : callable
        Whether a `Place` is of this format. Must be quick and must not raise.
    open : callable
        ``open(place, dataset) -> Stored``; `dataset` names what to read of a file that holds several arrays,
        or is None. Raises `InputError` for a broken file, and where it holds several and none was named.
    open_together : callable, optional
        ``open_together(places, dataset) -> Stored or None`` opens several files as the one recording that they say
        they are, with all its volumes; None where they are files of their own.
    described_in : callable, optional
        ``described_in(folder) -> Path or None``: the file of a folder that describes the recording in it, and is opened
        in place of the folder's files. Must be quick and must not raise.
    """

    name: str
    suffixes: tuple[str, ...]
    recognises: Callable[[Place], bool]
    open: Callable[[Place, str | None], Stored]
    open_together: Callable[[Sequence[Place], str | None], Stored | None] | None = None
    described_in: Callable[[Path], Path | None] | None = None
