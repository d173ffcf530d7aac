"""Axes and lengths: (x, y, z) as people write them, (z, y, x) as arrays hold them, µm and voxels.

Arrays are TZYX. A bare tuple that a user writes is (x, y, z), as in the CNMF 3D form and in CaImAn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

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


AxisValue = float | Sequence[float] | Mapping[str, float]
"""What a user may write for a quantity along the axes: one number, (x, y, z), or {"x": , "y": , "z": }."""


def along_axes(value: AxisValue, name: str = "value") -> ZYX:
    """Read a per-axis quantity.

    Parameters
    ----------
    value : float, sequence of 2 or 3 floats, or mapping
        One number for all axes, ``(x, y)`` (z as x), ``(x, y, z)``, or a mapping with keys ``x``, ``y``, ``z``.
    name : str
        What to call it in an error.

    Returns
    -------
    ZYX

    Raises
    ------
    UsageError
        Where the value has another number of entries or other keys.
    """
    try:
        return _along_axes(value, name)
    except OverflowError as error:
        raise UsageError(f"{name} has a number beyond all measure", "Give numbers of a usual size.") from error


def _along_axes(value: AxisValue, name: str) -> ZYX:
    """As `along_axes`; OverflowError for whole numbers that are larger than any float."""
    if isinstance(value, ZYX):
        return value
    if isinstance(value, Mapping):
        if set(value) != {"x", "y", "z"}:
            raise UsageError(f"{name} has the axes {sorted(value)}", 'Give all three: {"x": 4, "y": 4, "z": 2}.')
        return ZYX(z=float(value["z"]), y=float(value["y"]), x=float(value["x"]))
    if isinstance(value, (int, float)):
        return ZYX(float(value), float(value), float(value))
    entries = [float(entry) for entry in value]
    if len(entries) == 2:
        entries.append(entries[0])
    if len(entries) != 3:
        raise UsageError(f"{name} has {len(entries)} numbers", "Give one number, or three in the order x, y, z.")
    return ZYX(z=entries[2], y=entries[1], x=entries[0])


def voxel_size_of(value: AxisValue, name: str = "voxel_size") -> ZYX:
    """Read the size of a voxel in µm; two numbers would leave z to be guessed, so they are an error.

    Parameters
    ----------
    value : float, sequence of 3 floats, or mapping
    name : str
        What to call it in an error.

    Raises
    ------
    UsageError
        As `along_axes`.
    """
    if not isinstance(value, (Mapping, int, float)) and len(value) == 2:
        raise UsageError(f"{name} has 2 numbers", "Give one number, or three in the order x, y, z.")
    return along_axes(value, name)


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
