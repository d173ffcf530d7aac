"""Where a footprint may be split: its connected parts, or its hills."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.components import Components, Float, VolumeShape
from cnmf3d.errors import UsageError
from cnmf3d.results.footprints import columns_of

Ints = npt.NDArray[np.int64]


def connected_parts(roi: Components) -> list[Ints]:
    """Voxels of the footprint's connected parts (faces), the heaviest first."""
    box, origin = window_of(roi)
    labels, count = ndimage.label(box > 0)
    return _by_mass(box, labels, count, origin, roi.shape)


def watershed_parts(roi: Components, count: int | None = None, sigma: float = 1.0) -> list[Ints]:
    """Voxels of the footprint's hills, divided along the valleys between them, the heaviest first.

    Parameters
    ----------
    roi : Components
        One.
    count : int, optional
        So many of the highest peaks; all of them by default.
    sigma : float
        Standard deviation, in voxels, by which the footprint is smoothed before peaks are sought.
    """
    box, origin = window_of(roi)
    smooth = ndimage.gaussian_filter(box, sigma, mode="constant")
    smooth[box <= 0] = 0
    peaks = (smooth == ndimage.maximum_filter(smooth, size=3)) & (smooth > 0.1 * smooth.max())
    seeds, found = ndimage.label(peaks, structure=np.ones((3, 3, 3)))
    if count is not None and found > count:
        heights = ndimage.maximum(smooth, seeds, np.arange(1, found + 1))
        low = 1 + np.argsort(-heights, kind="stable")[count:]
        seeds[np.isin(seeds, low)] = 0
    labels = flooded(smooth, seeds, box > 0)
    names = np.unique(labels[labels > 0])
    return _by_mass(box, np.searchsorted(names, labels) + (labels > 0), len(names), origin, roi.shape)


def flooded(height: Float, seeds: npt.NDArray[Any], within: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Watershed: labels grow from the seeds, always on from the highest voxel reached, over faces (Meyer 1991)."""
    padded = np.pad(within, 1)
    labels = np.pad(np.where(within, seeds, 0), 1).astype(np.int64)
    tall, shape = np.pad(height, 1), padded.shape
    steps = (shape[1] * shape[2], shape[2], 1)
    flat, open_, high = labels.ravel(), (padded & (labels == 0)).ravel(), tall.ravel()
    queue = [(-float(high[v]), order, int(v)) for order, v in enumerate(np.flatnonzero(flat))]
    heapq.heapify(queue)
    order = len(queue)
    while queue:
        _, _, voxel = heapq.heappop(queue)
        for near in (voxel + sign * step for step in steps for sign in (-1, 1)):
            if open_[near]:
                open_[near] = False
                flat[near] = flat[voxel]
                heapq.heappush(queue, (-float(high[near]), order, near))
                order += 1
    return flat.reshape(shape)[1:-1, 1:-1, 1:-1]


def _by_mass(box: Float, labels: npt.NDArray[Any], count: int, origin: Ints, shape: VolumeShape) -> list[Ints]:
    mass = ndimage.sum_labels(box, labels, np.arange(1, count + 1))
    places = [np.argwhere((labels == 1 + k) & (box > 0)) + origin for k in np.argsort(-mass, kind="stable")]
    return [np.ravel_multi_index(tuple(p.T), shape).astype(np.int64) for p in places if len(p)]


def window_of(roi: Components) -> tuple[Float, Ints]:
    """The footprint as a small dense box, and where that begins."""
    [footprint] = columns_of(roi.footprints)
    kept = footprint.weights > 0
    if not kept.any():
        raise UsageError("this ROI has no footprint", "Delete it, or give it voxels.")
    places = np.stack(np.unravel_index(footprint.voxels[kept], roi.shape), axis=1)
    origin = places.min(axis=0)
    box = np.zeros(places.max(axis=0) - origin + 1, np.float32)
    box[tuple((places - origin).T)] = footprint.weights[kept]
    return box, origin.astype(np.int64)
