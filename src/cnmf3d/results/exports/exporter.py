"""What an exporter is, and what leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.results.model import Results

Value = str | int | float | bool
"""What a tag may be."""


@dataclass(frozen=True)
class Interval:
    """A period of a stimulus.

    Attributes
    ----------
    name : str
        Which stimulus.
    start, end : float
        Seconds from the first volume.
    """

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Export:
    """What leaves: results, and what is known beside them.

    Attributes
    ----------
    results : Results
        With the ROIs that leave.
    ids : (n,) int64
        Numbers of the ROIs, which never change; in the order of the components.
    tags : mapping of column to mapping of id to value
        A column may lack ROIs.
    stimuli : mapping of name to sequence of Interval
        Stimulus maps.
    metadata : mapping
        Of session, subject and imaging, for NWB.
    """

    results: Results
    ids: npt.NDArray[np.int64]
    tags: Mapping[str, Mapping[int, Value]] = field(default_factory=dict)
    stimuli: Mapping[str, Sequence[Interval]] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Exporter:
    """A way to write results.

    Attributes
    ----------
    name : str
        As the command line calls it.
    about : str
        What it writes and what opens that, for help texts.
    write : callable
        ``write(export, path) -> notes``: makes the file or folder `path`, at which there is nothing yet, and returns
        what the user should know.
    suffixes : tuple of str
        Of its files, lower case with dot; empty for a folder.
    ours : callable or None
        For folders: whether one is an earlier export, which may be replaced.
    takes : frozenset of str
        What it uses beside results: ``metadata``, ``stimuli``.
    """

    name: str
    about: str
    write: Callable[[Export, Path], tuple[str, ...]]
    suffixes: tuple[str, ...] = ()
    ours: Callable[[Path], bool] | None = None
    takes: frozenset[str] = frozenset()
