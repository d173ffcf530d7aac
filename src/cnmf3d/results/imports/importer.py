"""What an importer is: a reader of ROIs that another program found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cnmf3d.components import VolumeShape
from cnmf3d.geometry import ZYX
from cnmf3d.results.model import Results


@dataclass(frozen=True)
class Given:
    """What the user says beside the file; a format that can't use something that was given refuses it.

    Attributes
    ----------
    axes : str or None
        Order of the file's axes, for formats that don't say.
    rate : float or None
        Volumes a second.
    voxel_size : ZYX or None
        µm.
    shape : (Z, Y, X) or None
        Size of the volume in voxels.
    member : str or None
        Which of several things that the file holds.
    """

    axes: str | None = None
    rate: float | None = None
    voxel_size: ZYX | None = None
    shape: VolumeShape | None = None
    member: str | None = None


@dataclass(frozen=True)
class Importer:
    """A way to read ROIs.

    Attributes
    ----------
    name : str
        As the command line calls it.
    about : str
        What it reads, for help texts.
    read : callable
        ``read(path, given) -> Results``. What the format doesn't hold is empty: without traces, no frames; without
        a judgement, all are accepted; the provenance names a movie only where the file does. Raises `InputError` for
        a file that can't be used.
    takes : frozenset of str
        Fields of `Given` that it uses.
    """

    name: str
    about: str
    read: Callable[[Path, Given], Results]
    takes: frozenset[str] = frozenset()
