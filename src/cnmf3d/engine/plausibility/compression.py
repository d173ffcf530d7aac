"""Blocks that lossy compression leaves: noise differs more across their edges than within."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.engine.plausibility.check import Check
from cnmf3d.engine.plausibility.sample import Sample

SIDES = (8, 16)
"""Sides of the blocks of JPEG and of video codecs."""

EDGES = 0.05
"""How much larger differences across blocks' edges are than within them, along both axes, from which on that is "
"said."""

SURE = 5.0
"""Standard errors that they must be larger by."""


def check_blocks(sample: Sample) -> Check:
    """Edges of 8 × 8 or 16 × 16 blocks in the noise."""
    frames = np.concatenate([part[:2] for part in sample.stretches]).astype(np.float32)
    side, excess = 0, 0.0
    for length in SIDES:
        if min(frames.shape[2:]) < 4 * length:
            continue
        found = [block_edges(frames, axis, length) for axis in (2, 3)]
        if all(each > SURE for _, each in found) and min(each for each, _ in found) > EDGES:
            side, excess = length, min(each for each, _ in found)
            break
    if not side:
        return Check("compression", "no blocks of lossy compression", {"side": 0, "excess": 0.0})
    said = f"values differ {excess:.0%} more across the edges of {side} × {side} blocks than within them"
    caution = (
        f"{said}: the movie was compressed with losses (JPEG, video). What the noise was like is lost, and so are dim "
        "transients. Use the movie as it was taken"
    )
    return Check("compression", said, {"side": side, "excess": excess}, caution)


def block_edges(frames: npt.NDArray[np.float32], axis: int, side: int) -> tuple[float, float]:
    """How much larger differences are across every `side`-th border of voxels, and in how many standard errors."""
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(frames, axis=axis))
    profile = np.nan_to_num(steps).mean(axis=tuple(a for a in range(4) if a != axis), dtype=np.float64)
    around = ndimage.median_filter(profile, side + 1, mode="nearest")
    relative = profile / np.maximum(around, 1e-12) - 1
    phases = np.arange(profile.size) % side
    means = np.array([np.median(relative[phases == phase]) for phase in range(side)])
    best = int(np.argmax(means))
    others = relative[phases != best]
    error = 1.25 * 1.4826 * np.median(np.abs(others - np.median(others))) / np.sqrt(max((phases == best).sum(), 1))
    excess = float(means[best] - np.median(others))
    return excess, excess / max(float(error), 1e-12)
