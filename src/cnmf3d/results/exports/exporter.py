"""What an exporter is, and what leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.results.curation import Entry, Value
from cnmf3d.results.model import Results


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
        With the ROIs that leave, as curation left them.
    ids : (n,) int64
        Numbers of the ROIs, which never change; in the order of the components.
    tags : mapping of column to mapping of id to value
        A column may lack ROIs.
    stimuli : mapping of name to sequence of Interval
        Stimulus maps.
    metadata : mapping
        Of session, subject and imaging, for NWB.
    log : tuple of Entry
        What people did to the ROIs.
    """

    results: Results
    ids: npt.NDArray[np.int64]
    tags: Mapping[str, Mapping[int, Value]] = field(default_factory=dict)
    stimuli: Mapping[str, Sequence[Interval]] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    log: tuple[Entry, ...] = ()


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
        Of its names, lower case with dot; empty where any name will do.
    ours : callable or None
        Where it writes a folder: whether one is an earlier export, which may be replaced. None where it writes a file.
    takes : frozenset of str
        What it uses beside results: ``metadata``, ``stimuli``.
    """

    name: str
    about: str
    write: Callable[[Export, Path], tuple[str, ...]]
    suffixes: tuple[str, ...] = ()
    ours: Callable[[Path], bool] | None = None
    takes: frozenset[str] = frozenset()
