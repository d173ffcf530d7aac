"""Whether a component is what motion left over: its trace then follows the motion.

Its footprint would be a slope of the resting image (Lucas & Kanade 1981), but says nothing: the cosine with the nearest
slope is 0.1 to 0.75 for cells, which lie beside bright things, and 0.2 to 0.6 for what motion leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnmf3d.components import Float, VolumeShape, centroids_of
from cnmf3d.engine.block import Footprints
from cnmf3d.engine.blocks import Box
from cnmf3d.engine.motion_courses import orthonormal
from cnmf3d.traces import binned


def following(
    raw: Float, width: int, footprints: Footprints, volume: VolumeShape, boxes: Sequence[Box], courses: Sequence[Float]
) -> Float:
    """How far each trace follows the motion where it is: multiple correlation, (components,) float32.

    Without what as many courses of chance would reach (the adjusted coefficient of determination, Ezekiel 1930); zero
    where a block has no motion.

    Parameters
    ----------
    raw : (components, frames) float32
    width : int
        Frames a bin.
    footprints : csc (voxels, components)
    volume : (Z, Y, X)
    boxes : sequence of Box
    courses : sequence of (n, bins) float32
        Of each box, orthonormal.
    """
    out = np.zeros(len(raw), np.float32)
    if not any(len(each) for each in courses):
        return out
    traces, places = binned(raw, width).astype(np.float64), centroids_of(footprints, volume)
    power = np.maximum((traces**2).sum(axis=1), 1e-30)
    for box, mine in zip(boxes, courses, strict=True):
        here = np.flatnonzero(box.owns(places, volume, 0.0))
        free = traces.shape[1] - 1 - len(mine)
        if not len(mine) or free < 1:
            continue
        share = ((traces[here] @ mine.T) ** 2).sum(axis=1) / power[here]
        out[here] = np.sqrt(np.maximum(1 - (1 - share) * (traces.shape[1] - 1) / free, 0))
    return out


def courses_of(known: Float | None, found: Float) -> Float:
    """Courses of a block's motion: those that registration tells, and those found in its background; orthonormal."""
    parts = [found] if known is None else [known, found]
    whole = np.concatenate(parts).astype(np.float64)
    return orthonormal(whole - whole.mean(axis=1, keepdims=True))
