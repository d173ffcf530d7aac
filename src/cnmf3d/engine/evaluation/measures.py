"""Quality measures under CaImAn's names, as published (Giovannucci et al. 2019, eLife 8:e38173)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine.block import Footprints, entry_columns
from cnmf3d.geometry import ZYX


def active_frames(traces: Float, window: int) -> Float:
    """Flags (0 or 1) of the frames in which each component is most active: about ten transients.

    Parameters
    ----------
    traces : (components, frames) float32
        Denoised.
    window : int
        Length of a typical transient in frames.
    """
    frames = traces.shape[1]
    count = int(np.clip(10 * window, min(10, frames), max(frames // 4, 1)))
    cut = np.partition(traces, frames - count, axis=1)[:, frames - count]
    return ((traces >= cut[:, None]) & (traces > 0)).astype(np.float32)


def spatial_correlation(footprints: Footprints, images: Float) -> Float:
    """Space correlation (``r_values``): footprint against the mean image of its active frames, on its support.

    Parameters
    ----------
    footprints : csc (voxels, components)
    images : (entries,) float32
        Mean residual images at the footprints' entries, other components and neuropil taken out.
    """
    columns = entry_columns(footprints)
    count = footprints.shape[1]
    size = np.maximum(np.bincount(columns, minlength=count), 1)

    def centred(values: Float) -> npt.NDArray[np.float64]:
        mean = np.bincount(columns, values, minlength=count) / size
        return np.asarray(values - mean[columns], np.float64)

    a, b = centred(footprints.data), centred(images)
    product = np.bincount(columns, a * b, minlength=count)
    power = np.sqrt(np.bincount(columns, a * a, minlength=count) * np.bincount(columns, b * b, minlength=count))
    return np.asarray(np.where(power > 0, product / np.maximum(power, 1e-30), 0), np.float32)


def compactness(footprints: Footprints, shape: VolumeShape, sigma: ZYX) -> Float:
    """How much a footprint looks like one cell: its cosine with a Gaussian of a cell's size, at the best of few places.

    A cell reaches 0.8 and more, one of half or twice that size 0.7. The edges of a bright cell that moves, and what
    noise leaves, are scattered or far too small.

    Parameters
    ----------
    footprints : csc (voxels, components)
        Not negative.
    shape : (Z, Y, X)
    sigma : ZYX
        Standard deviation of a cell's footprint in voxels.

    Returns
    -------
    (components,) float32
        0 for an empty footprint.
    """
    columns, count = entry_columns(footprints), footprints.shape[1]
    weights = footprints.data.astype(np.float64)
    voxel = np.unravel_index(footprints.indices, shape)
    position = np.stack(voxel, axis=1).astype(np.float64)
    mass = np.maximum(np.bincount(columns, weights, minlength=count), 1e-30)
    length = np.sqrt(np.maximum(np.bincount(columns, weights**2, minlength=count), 1e-30))
    sums = np.stack([np.bincount(columns, weights * axis, minlength=count) for axis in position.T], axis=1)
    centre = sums / mass[:, None]
    peak = centre.copy()
    order = np.argsort(weights, kind="stable")
    peak[columns[order]] = position[order]
    found = np.zeros(count)
    for wide in (1.0, 1.4):
        width = wide * np.maximum(np.array(sigma), 0.5)
        for place in (centre, peak, (centre + peak) / 2):
            values, whole = weights, np.ones(count)
            for axis, extent in enumerate(shape):
                offset = (np.arange(extent)[None, :] - place[:, axis, None]) / width[axis]
                gaussian = np.exp(-0.5 * offset**2)
                values = values * gaussian[columns, voxel[axis]]
                whole *= (gaussian**2).sum(axis=1)
            product = np.bincount(columns, values, minlength=count)
            found = np.maximum(found, product / (length * np.sqrt(whole)))
    return found.astype(np.float32)
