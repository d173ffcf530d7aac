"""Axes and lengths: (x, y, z) as people write them, (z, y, x) as arrays hold them, µm and voxels.

Arrays are TZYX. A bare tuple that a user writes is (x, y, z), as in the CNMF 3D form and in CaImAn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import NamedTuple, cast

from cnmf3d.errors import UsageError


class ZYX(NamedTuple):
    """Three numbers along the volume's axes, in the order of the arrays."""

    z: float
    y: float
    x: float

    @property
    def xyz(self) -> tuple[float, float, float]:
        """The same numbers as a user writes them: (x, y, z)."""
        return (self.x, self.y, self.z)

    def __str__(self) -> str:
        """Write as ``x × y × z``."""
        return " × ".join(f"{value:.4g}" for value in self.xyz)


AxisValue = float | Sequence[float] | Mapping[str, float] | str
"""What a user may write for a quantity along the axes: one number, (x, y, z), {"x": , "y": , "z": }, or text."""


def along_axes(value: AxisValue, name: str = "value") -> ZYX:
    """Read a per-axis quantity.

    Parameters
    ----------
    value : float, sequence of 3 floats, mapping or str
        One number for all axes, ``(x, y, z)``, a mapping with keys ``x``, ``y``, ``z``, or text with one number or
        three: ``"4, 4, 2"``. Two numbers are an error, as z would have to be guessed.
    name : str
        What to call it in an error.

    Returns
    -------
    ZYX

    Raises
    ------
    UsageError
        Where the value has another number of entries or other keys, or is made of something else than numbers.
    """
    try:
        return _along_axes(value, name)
    except OverflowError as error:
        raise UsageError(f"{name} has a number beyond all measure", "Give numbers of a usual size.") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} is {value!r}", f"Give {NUMBERS}.") from error


NUMBERS = "one number, or three in the order x, y, z, as (4, 4, 2) (of a movie of one plane as (4, 4, 1))"
"""What a quantity along the axes is written as."""


def _along_axes(value: AxisValue, name: str) -> ZYX:
    """As `along_axes`; errors of Python where a value is no number, or larger than any float."""
    if isinstance(value, ZYX):
        return value
    if isinstance(value, Mapping):
        if set(value) != {"x", "y", "z"}:
            raise UsageError(f"{name} has the axes {sorted(value)}", 'Give all three: {"x": 4, "y": 4, "z": 2}.')
        return ZYX(z=float(value["z"]), y=float(value["y"]), x=float(value["x"]))
    if isinstance(value, str):
        parts = [float(part) for part in re.split(r"[,×]", re.sub(r"\s*[µμu]m\s*$", "", value))]
        value = parts[0] if len(parts) == 1 else parts
    if isinstance(value, Real):
        return ZYX(float(value), float(value), float(value))
    entries = [float(entry) for entry in cast("Sequence[float]", value)]
    if len(entries) != 3:
        missing = ": the one along z is missing" if len(entries) == 2 else ""
        raise UsageError(f"{name} has {len(entries)} numbers{missing}", f"Give {NUMBERS}.")
    return ZYX(z=entries[2], y=entries[1], x=entries[0])


SIGMA_A_HALF_SIZE = 0.72
"""Standard deviation of a cell's footprint (``sigma``) over the cell's half-size (``gSig``).

Measured on simulated somata: solid ellipsoids with dim nuclei, blurred, of which gSig is two thirds of the radius. For
cells that are Gaussians gSig is 1.4 times their standard deviation.
"""


def sigma_of(half_size: ZYX) -> ZYX:
    """Standard deviation along each axis of the footprint of a cell with the half-size gSig.

    The half-size is what users give and what results say; everything that computes with cells takes the standard
    deviation, always called ``sigma``. Only this function and `half_size_of` lead from one to the other.
    """
    return ZYX(*(length * SIGMA_A_HALF_SIZE for length in half_size))


def half_size_of(sigma: ZYX) -> ZYX:
    """The half-size gSig of cells whose footprints have the standard deviation `sigma` along each axis."""
    return ZYX(*(length / SIGMA_A_HALF_SIZE for length in sigma))


def to_voxels(micrometres: ZYX, voxel_size: ZYX) -> ZYX:
    """Lengths in µm as lengths in voxels, for voxels of `voxel_size` µm."""
    return ZYX(*(length / size for length, size in zip(micrometres, voxel_size, strict=True)))


def to_micrometres(voxels: ZYX, voxel_size: ZYX) -> ZYX:
    """Lengths in voxels as lengths in µm, for voxels of `voxel_size` µm."""
    return ZYX(*(length * size for length, size in zip(voxels, voxel_size, strict=True)))
