"""Motion: how the tissue moved in a recording, as registration found it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as of_default
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError

Float = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
Grid = tuple[Float, Float, Float]


@dataclass(frozen=True, eq=False)
class Motion:
    """Displacement of the tissue against a template, frame by frame.

    Displacements are in voxels, in the order z, y, x, and add up: at place p of the template the tissue of frame t lies
    at ``p + rigid[t] + field[t](p)`` of the recording; a recorded plane z shows it ``planes[z] + plane_shifts[t, z]``
    further along y, x, and odd rows ``scan_phase`` further along x. So registered(p) = recorded(p + shift).

    Attributes
    ----------
    rigid : (T, 3) float32
        Displacement of the whole volume.
    confidence : (T,) float32
        Between 0 (nothing tells where the frame is) and 1.
    planes : (Z, 2) float32
        y, x: constant offset of each recorded plane.
    plane_shifts : (T, Z, 2) float32 or None
        y, x: each recorded plane's own displacement beside `rigid` and `planes`.
    field : (T, gz, gy, gx, 3) float32 or None
        Displacement beside `rigid` at the points of a grid over the template; linear between them, constant beyond
        the outer ones.
    grid : three float32 arrays or None
        Positions of the grid's points along z, y and x, in voxels, increasing.
    bad_frames : (T,) bool
        Frames that show nothing that can be used.
    template : (Z, Y, X) float32
        The tissue at rest as the frames were registered to it, in the recording's units; NaN where it is not known.
    scan_phase : float
        x: offset of the odd rows (1, 3, ...) of every plane against the even ones.
    fingerprint : str
        `Movie.fingerprint` of the recording; empty where it isn't known.
    parameters : mapping
        What the estimation was asked and what it chose; plain values.
    versions : mapping
        Name of a package or program to its version.
    """

    rigid: Float
    confidence: Float
    planes: Float
    bad_frames: Bool
    template: Float
    plane_shifts: Float | None = None
    field: Float | None = None
    grid: Grid | None = None
    scan_phase: float = 0.0
    fingerprint: str = ""
    parameters: Mapping[str, Any] = of_default(default_factory=dict)
    versions: Mapping[str, str] = of_default(default_factory=dict)

    def __post_init__(self) -> None:
        """See that the arrays fit one another.

        Raises
        ------
        InputError
            Where they don't, or a displacement is no number.
        """
        frames, planes = len(self.rigid), self.template.shape[0] if self.template.ndim == 3 else -1
        shapes = {
            "rigid": (self.rigid, (frames, 3)),
            "confidence": (self.confidence, (frames,)),
            "bad_frames": (self.bad_frames, (frames,)),
            "planes": (self.planes, (planes, 2)),
            "plane_shifts": (self.plane_shifts, (frames, planes, 2)),
        }
        for name, (values, shape) in shapes.items():
            if values is not None and values.shape != shape:
                raise InputError(f"motion: {name} has the shape {values.shape} instead of {shape}", REMAKE)
        if (self.field is None) != (self.grid is None):
            raise InputError("motion: a field and its grid go together, and one is missing", REMAKE)
        if self.field is not None and self.grid is not None:
            shape = (frames, *(len(axis) for axis in self.grid), 3)
            if self.field.shape != shape:
                raise InputError(f"motion: the field has the shape {self.field.shape} instead of {shape}", REMAKE)
            if any(len(axis) == 0 or (np.diff(axis) <= 0).any() for axis in self.grid):
                raise InputError("motion: the grid's positions don't increase", REMAKE)
        for name in ("rigid", "planes", "plane_shifts", "field", "scan_phase"):
            values = getattr(self, name)
            if values is not None and not np.isfinite(values).all():
                raise InputError(f"motion: {name} holds a value that is no number", REMAKE)

    @property
    def frames(self) -> int:
        """Number of volumes of the recording."""
        return len(self.rigid)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, Y, X) of the recording."""
        z, y, x = self.template.shape
        return (z, y, x)

    @property
    def kind(self) -> str:
        """``rigid``, ``rigid, plane by plane`` or ``piecewise``."""
        if self.field is not None:
            return "piecewise"
        return "rigid" if self.plane_shifts is None else "rigid, plane by plane"

    @property
    def still(self) -> bool:
        """Whether nothing moves and every frame can be used."""
        moves = (self.rigid, self.planes, self.plane_shifts, self.field, self.scan_phase, self.bad_frames)
        return not any(np.any(values) for values in moves if values is not None)

    @property
    def largest(self) -> tuple[float, float, float]:
        """Largest rigid displacement along z, y, x in frames that aren't bad, against the median one."""
        rigid = self.rigid[~self.bad_frames]
        if not len(rigid):
            return (0.0, 0.0, 0.0)
        z, y, x = np.abs(rigid - np.median(rigid, axis=0)).max(axis=0)
        return (float(z), float(y), float(x))

    def digest(self) -> str:
        """32 hexadecimal digits that change with anything that moves or hides a voxel."""
        digest = hashlib.blake2b(digest_size=16)
        arrays = (self.rigid, self.planes, self.plane_shifts, self.field, *(self.grid or ()), self.bad_frames)
        for values in (*arrays, np.float64(self.scan_phase)):
            digest.update(b"none" if values is None else f"{values.shape}".encode())
            if values is not None:
                digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


REMAKE = "Make the motion file again: cnmf3d register MOVIE."
