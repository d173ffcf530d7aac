"""Components far fainter than a movie's cells: what scattered light makes in dark places, where noise is small.

Scattered light of bright cells, and light of what lies out of focus, reaches places where nothing is. There it stands
out of the noise, lasts as calcium does and has a cell's size, so that no other measure says what it is; but beside the
cells it is faint.
"""

from __future__ import annotations

import numpy as np

from cnmf3d.components import Bool, Float, VolumeShape, centroids_of
from cnmf3d.engine.block import Footprints, entry_columns
from cnmf3d.engine.evaluation.kinds import outlined
from cnmf3d.traces import binned

FAINT = 0.2
"""Change of light beside the median of the sure components' below which one needs a clear trace. More would reject dim
cells: of regions drawn by hand in the mouse cortex one in a hundred is lost with 0.2, one in six of what nobody drew;
with 0.25 three in a hundred. Less would keep what scattered light makes: 0.06 to 0.2 in dark places."""

ENOUGH = 10
"""Sure components that say how bright cells are: of a plane where it has so many, as light fades with depth."""


def change_of_light(footprints: Footprints, raw: Float, width: int, scale: Float) -> Float:
    """How much brighter each component gets at its most, in the movie's units, within its outline; (n,) float32.

    Parameters
    ----------
    footprints : csc (voxels, components)
        In units of noise.
    raw : (components, frames) float32
        Demixed traces before deconvolution.
    width : int
        Frames a bin.
    scale : (voxels,) float32
        Noise of each voxel, in the movie's units.
    """
    inside = outlined(footprints)
    columns, count = entry_columns(footprints)[inside], footprints.shape[1]
    light = footprints.data[inside] * scale[footprints.indices[inside]]
    peak = np.bincount(columns, light, minlength=count) / np.maximum(np.bincount(columns, minlength=count), 1)
    traces = binned(raw, width)
    return np.asarray((traces.max(axis=1) - np.median(traces, axis=1)) * peak, np.float32)


def is_faint(light: Float, sure: Bool, footprints: Footprints, shape: VolumeShape) -> Bool:
    """Which components are far fainter than the sure ones of their plane, or of the volume; (n,) bool.

    None is where fewer than `ENOUGH` are sure.

    Parameters
    ----------
    light : (n,) float32
        As `change_of_light` gives it.
    sure : (n,) bool
        Components that are cells whatever their brightness.
    footprints : csc (voxels, n)
    shape : (Z, Y, X)
    """
    if sure.sum() < ENOUGH:
        return np.zeros(light.size, bool)
    usual = np.full(light.size, np.median(light[sure]))
    plane = np.rint(centroids_of(footprints, shape)[:, 0]).astype(int)
    for z in range(shape[0]):
        if (sure & (plane == z)).sum() >= ENOUGH:
            usual[plane == z] = np.median(light[sure & (plane == z)])
    return np.asarray(light < FAINT * usual)
