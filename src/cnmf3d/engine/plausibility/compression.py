"""Blocks that lossy compression leaves: noise differs more across their edges than within."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy import ndimage

from cnmf3d.engine.plausibility.check import Check
from cnmf3d.engine.plausibility.sample import Sample

SIDES = (8, 16)
"""Sides of the blocks of JPEG and of video codecs."""

EDGES = 0.05
"""How much larger differences across blocks' edges are than within them, along both axes, from which on that is
said."""

SURE = 5.0
"""Standard errors that they must be larger by."""


SIDE, PLANES, WIDEST = 8, 16, 256
"""Side of the blocks whose cosine transforms are looked at, planes, and their rows and columns at most."""

SMALL, ROUNDED = 0.1, 1.6
"""Standard deviations of a coefficient below which it is as good as zero, and how many times as often that must be in
blocks that begin with the plane as in those half a block on: compression rounds the former, and the latter are
mixed."""


def check_blocks(sample: Sample) -> Check:
    """Blocks of lossy compression: edges of 8 × 8 or 16 × 16 blocks in the noise, or rounded coefficients."""
    frames = np.concatenate([part[:2] for part in sample.stretches]).astype(np.float32)
    side, excess = 0, 0.0
    for length in SIDES:
        if min(frames.shape[2:]) < 4 * length:
            continue
        found = [block_edges(frames, axis, length) for axis in (2, 3)]
        if all(each > SURE for _, each in found) and min(each for each, _ in found) > EDGES:
            side, excess = length, min(each for each, _ in found)
            break
    rounded = rounded_blocks(frames)
    figures = {"side": side, "excess": excess, "rounded": rounded}
    if not side and rounded < ROUNDED:
        return Check("compression", "no blocks of lossy compression", figures)
    said = f"cosine coefficients of 8 × 8 blocks are zero {rounded:.1f} times as often as elsewhere"
    if side:
        said = f"values differ {excess:.0%} more across the edges of {side} × {side} blocks than within them"
    caution = (
        f"{said}: the movie was compressed with losses (JPEG, video). What the noise was like is lost, and so are dim "
        "transients. Use the movie as it was taken"
    )
    return Check("compression", said, figures, caution)


def rounded_blocks(frames: npt.NDArray[np.float32]) -> float:
    """How many times as often cosine coefficients are zero in blocks that begin with the plane as in shifted ones."""
    planes = frames.reshape(-1, *frames.shape[2:])
    planes = np.nan_to_num(planes[:: max(1, len(planes) // PLANES), :WIDEST, :WIDEST])
    if min(planes.shape[1:]) < 4 * SIDE:
        return 1.0
    shares = []
    for first in (0, SIDE // 2):
        part = planes[:, first:, first:]
        y, x = (length // SIDE for length in part.shape[1:])
        blocks = part[:, : y * SIDE, : x * SIDE].reshape(-1, y, SIDE, x, SIDE)
        coefficients = scipy.fft.dctn(blocks, axes=(2, 4), norm="ortho")
        spread = coefficients.std(axis=(0, 1, 3), keepdims=True)
        small = (np.abs(coefficients) < SMALL * spread).mean(axis=(0, 1, 3))
        shares.append(float(small[1:, 1:].mean()))
    return shares[0] / max(shares[1], 1e-6)


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
