"""What a run found: whether cells have a plausible size, number and kinetics, and how many were rejected."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine.plausibility.check import Check
from cnmf3d.geometry import ZYX, half_size_of

RADIUS = 1.5
"""Radius of a cell in half-sizes (gSig)."""

FEW = 3
"""Cells below which nothing is said of their size and number."""

NARROW = 0.75
"""Sigma of a cell in voxels, along x and y, below which a voxel may hold several: such cells are three voxels wide."""

GRAINY, BARELY = 0.2, 1.6
"""Correlation of neighbours' noise from which on its grain counts, and how much wider than that cells must be."""

DIAMETERS = (3.0, 45.0)
"""µm; cell bodies have 5 to 20, those of flies 3, and a measured size is good to a quarter. Narrower limits would find
smaller mistakes of the voxel size, and would warn of boutons and large cells that are right."""

DECAYS = (0.05, 10.0)
"""Decay times of calcium indicators in seconds, from the fastest to slow ones in nuclei. Outside of them the rate is
likely wrong; narrower limits would find smaller mistakes, and would warn of odd but right recordings."""

CROWDED = 1.0
"""Share of the volume that accepted cells fill, as ellipsoids of their size, above which they are too many: tissue
that is all cells has 0.6 to 0.8."""

REJECTED, MANY = 0.9, 50
"""Share of rejected components that gets a caution, where there are at least so many components."""


@dataclass(frozen=True)
class Found:
    """What a run found.

    Attributes
    ----------
    shape : (Z, Y, X)
    voxel_size : ZYX or None
        µm.
    sigma : ZYX
        Standard deviation of a cell's footprint in voxels.
    measured : bool
        Whether the size was measured, not given.
    grain : (3, lags) float32
        Correlation of the noise along z, y and x.
    accepted, rejected : int
        Components.
    """

    shape: VolumeShape
    voxel_size: ZYX | None
    sigma: ZYX
    measured: bool
    grain: Float
    accepted: int
    rejected: int


def check_results(found: Found) -> list[Check]:
    """Size, number and acceptance of cells."""
    return [check_size(found), check_density(found), check_rejected(found)]


def check_size(found: Found) -> Check:
    """Cells as small as a voxel or as the noise's grain, or of a size that no cell has."""
    half = half_size_of(found.sigma)
    said = f"cells' half-size gSig is {half} voxels (x × y × z)"
    figures = {"x": half.x, "y": half.y, "z": half.z}
    if found.accepted < FEW:
        return Check("cell size", said, figures)
    narrow = min(found.sigma.x, found.sigma.y)
    grain = max(_grain_sigma(float(found.grain[axis, 1])) for axis in (1, 2))
    diameter = _diameter(found)
    problems = []
    if found.measured and grain and narrow < BARELY * grain:
        problems.append(
            f"{said}: hardly larger than the grain of the noise, which neighbours share. What was found may be noise: "
            "look at "
            "footprints, or give the half-size of a cell (--gsig)"
        )
    elif narrow < NARROW:
        problems.append(
            f"{said}: voxels are about as large as cells, and one may hold several. Record with smaller voxels, or "
            "take "
            "components for groups of cells"
        )
    if not math.isnan(diameter):
        figures["diameter"] = diameter
        if not DIAMETERS[0] <= diameter <= DIAMETERS[1]:
            problems.append(
                f"cells are {diameter:.2g} µm wide, where cell bodies have 5 to 20: is the voxel size right "
                "(--voxel-size)? "
                "Or give their half-size (--gsig)"
            )
    return Check("cell size", said, figures, ". ".join(problems))


def check_density(found: Found) -> Check:
    """More cells than there is room for."""
    z, y, x = found.shape
    half = half_size_of(found.sigma)
    deep = min(max(4 / 3 * RADIUS * half.z, 1.0), z)  # an ellipsoid has the volume of a cylinder so deep
    room = math.pi * (RADIUS * half.y) * (RADIUS * half.x) * deep
    filled = found.accepted * room / (z * y * x)
    said = f"accepted cells fill {filled:.0%} of the volume"
    caution = ""
    if filled > CROWDED and found.accepted >= FEW:
        caution = (
            f"{found.accepted} accepted cells of this size would fill {filled:.0%} of the volume: more than there is "
            "room for. "
            "Parts of cells or noise are among them: is the movie registered, is the size right (--gsig)?"
        )
    return Check("density", said, {"filled": filled}, caution)


def check_rejected(found: Found) -> Check:
    """Most components rejected."""
    total = found.accepted + found.rejected
    share = found.rejected / max(total, 1)
    said = f"{share:.0%} of {total} components were rejected"
    caution = ""
    if share > REJECTED and total >= MANY and found.accepted:
        caution = (
            f"{said}: motion, noise that lasts or cells near the threshold do that. Look at the best of them before "
            "you trust the "
            "others (cnmf3d info --check MOVIE says what is wrong with a movie)"
        )
    return Check("rejected", said, {"share": share}, caution)


def check_decay(decay: float, rate: float) -> Check:
    """Decay time that no indicator has, or transients shorter than a volume.

    Parameters
    ----------
    decay : float
        Seconds, measured.
    rate : float
        Volumes a second.
    """
    said = f"decay time {decay:.3g} s at {rate:g} volumes a second"
    low, high = DECAYS
    caution = ""
    if not low <= decay <= high:
        caution = (
            f"{said}; calcium indicators have {low:g} to {high:g} s. "
            "Is the rate that of whole volumes, in volumes a second (--fps)?"
        )
    elif decay * rate < 1:
        caution = (
            f"{said}: transients are shorter than a volume, and can't be told from noise by how they last. Is the "
            "rate right "
            "(--fps)? Record fewer planes faster"
        )
    return Check("decay", said, {"seconds": decay, "volumes": decay * rate}, caution)


def _grain_sigma(correlation: float) -> float:
    """Sigma of a Gaussian blur whose noise has this correlation between neighbours; 0 for little of it."""
    return 0.0 if correlation < GRAINY else math.sqrt(-1 / (4 * math.log(min(correlation, 0.99))))


def _diameter(found: Found) -> float:
    """Diameter of a cell in µm, across the plane; not-a-number where the voxel size isn't known."""
    if found.voxel_size is None:
        return math.nan
    half = half_size_of(found.sigma)
    return 2 * RADIUS * math.sqrt(half.x * found.voxel_size.x * half.y * found.voxel_size.y)
