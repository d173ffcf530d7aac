"""Rate and length of a movie, and the size of its voxels."""

from __future__ import annotations

import math

from cnmf3d.engine.plausibility.check import Check
from cnmf3d.geometry import ZYX

FEW_FRAMES, FEW_SECONDS = 150, 15.0
"""Volumes and seconds below which results are worth a caution: dim cells are lost in noise, and cells that are silent
for most of the time aren't seen."""

SLOWEST, FASTEST = 0.05, 500.0
"""Volumes a second: beyond, a rate was likely given in other units."""

LARGE_VOXEL = 8.0
"""µm along x or y from which on voxels are as large as cells (cell bodies have 5 to 20 µm)."""

STEEP = 1.5
"""Least ratio of a pixel's sides for a caution."""


def check_length(frames: int, rate: float | None) -> Check:
    """Number of volumes, rate and duration."""
    seconds = frames / rate if rate else math.nan
    said = f"{frames} volumes" + (f", {seconds:.4g} s at {rate:g} Hz" if rate else ", their rate is unknown")
    problems = []
    if frames < FEW_FRAMES:
        problems.append(f"the movie has only {frames} volumes: dim cells may be lost in noise. 500 and more are better")
    elif seconds < FEW_SECONDS:
        problems.append(
            f"the movie lasts only {seconds:.3g} s at {rate:g} volumes a second: cells that are silent meanwhile "
            "aren't found. Is "
            "the rate that of whole volumes (--fps)?"
        )
    if rate and not SLOWEST <= rate <= FASTEST:
        problems.append(
            f"{rate:g} volumes a second is not a usual rate: give it in Hz, for whole volumes and not planes (--fps)"
        )
    return Check("length", said, {"volumes": frames, "seconds": seconds}, ". ".join(problems))


def check_voxels(size: ZYX | None) -> Check:
    """Size of a voxel."""
    if size is None:
        return Check("voxels", "their size is unknown")
    said = f"{size} µm (x × y × z)"
    sides = [side for side in (size.x, size.y) if not math.isnan(side)]
    problems = []
    if sides and max(sides) >= LARGE_VOXEL:
        problems.append(f"voxels of {said} are as large as cells: one may hold several, which then are one component")
    if len(sides) == 2 and max(sides) > STEEP * min(sides):
        problems.append(
            f"voxels of {said} aren't square in the plane: give the voxel size if that is wrong (--voxel-size x,y,z), "
            "and gSig "
            "along x and y apart (--gsig)"
        )
    return Check("voxels", said, {"x": size.x, "y": size.y, "z": size.z}, ". ".join(problems))
