"""Cell size and decay time from the data: what "auto" means.

First guess from how activity correlates between neighbouring voxels; then a few cells are found with it in a window
of the volume and measured, twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine.block import STEP, Block, Fit, Footprints
from cnmf3d.engine.blocks import Box
from cnmf3d.engine.cache import Cache
from cnmf3d.engine.solve import Settings, solve
from cnmf3d.geometry import ZYX

LEAST, MOST = 0.5, 15.0
"""Plausible half-widths in voxels."""


def window_of(cache: Cache, side: int = 64, depth: int = 16) -> Box:
    """The window of the volume with the most activity beyond noise, at most `side` × `side` × `depth` voxels."""
    z, y, x = cache.shape
    size = (min(z, depth), min(y, side), min(x, side))
    spread = cache.statistics.std / np.maximum(cache.statistics.noise, 1e-6)
    excess = np.where(cache.statistics.valid, np.clip(spread - 1, 0, 3), 0).reshape(cache.shape)
    smooth = ndimage.uniform_filter(excess.astype(np.float32), size=size, mode="constant")
    best = np.unravel_index(int(np.argmax(smooth)), cache.shape)
    ranges = []
    for centre, length, extent in zip(best, size, cache.shape, strict=True):
        start = int(np.clip(centre - length // 2, 0, extent - length))
        ranges.append((start, start + length))
    outer = (ranges[0], ranges[1], ranges[2])
    return Box(outer=outer, core=outer)


@dataclass(frozen=True)
class CellSize:
    """Half-width of cells in voxels, and how it was found."""

    sigma: ZYX
    cells: int
    why: str


def lag_covariance(rows: npt.NDArray[np.float32], axis: int, most: int) -> npt.NDArray[np.float64]:
    """Mean product of the traces of voxels 0, 1, … `most` apart along an axis of a (Z, Y, X, bins) array."""
    length = rows.shape[axis]
    out = []
    for lag in range(min(most, length - 1) + 1):
        here = np.take(rows, np.arange(length - lag), axis=axis)
        there = np.take(rows, np.arange(lag, length), axis=axis)
        out.append(float(np.einsum("zyxt,zyxt->", here, there, dtype=np.float64) / here.size))
    return np.array(out)


def first_guess(block: Block) -> ZYX:
    """Half-width of cells from the covariance of neighbouring voxels' traces.

    The covariance of two voxels d apart in a Gaussian cell of half-width s goes as ``exp(−d²/4s²)``; white noise adds
    one at d = 0 only; neuropil adds a broad pedestal.
    """
    rows = block.rows.reshape(*block.shape, block.bins).astype(np.float32) / STEP
    rows -= rows.mean(axis=3, keepdims=True)
    rows -= rows.mean(axis=(0, 1, 2), keepdims=True)
    guesses = []
    for axis in range(3):
        covariance = lag_covariance(rows, axis, 24)
        guesses.append(_width(covariance))
    known = [g for g in guesses if g is not None]
    fallback = float(np.median(known)) if known else 3.0
    z, y, x = (fallback if g is None else g for g in guesses)
    if guesses[0] is None:
        z = min(z, 1.0) if block.shape[0] > 1 else 0.5
    return ZYX(z, y, x)


def _width(covariance: npt.NDArray[np.float64]) -> float | None:
    if covariance.size < 2:
        return None
    pedestal = float(covariance[-1]) if covariance.size > 12 else min(0.0, float(covariance.min()))
    signal = covariance - pedestal
    signal[0] -= 1.0
    if signal[1] <= 0:
        return None
    if covariance.size > 3 and signal[1] > signal[2] > 0:
        ratio = np.log(signal[1] / signal[2])
        width = np.sqrt(3 / (4 * ratio))
    elif signal[0] > signal[1]:
        width = np.sqrt(1 / (4 * np.log(signal[0] / signal[1])))
    else:
        return None
    return float(np.clip(width, LEAST, MOST))


def measured_size(footprints: Footprints, shape: VolumeShape) -> npt.NDArray[np.float64]:
    """(components, 3) root of the second moments of each footprint along z, y, x, in voxels."""
    out = np.zeros((footprints.shape[1], 3))
    for k in range(footprints.shape[1]):
        span = slice(footprints.indptr[k], footprints.indptr[k + 1])
        position = np.stack(np.unravel_index(footprints.indices[span], shape), axis=1).astype(np.float64)
        weight = footprints.data[span] / max(float(footprints.data[span].sum()), 1e-12)
        centre = weight @ position
        out[k] = np.sqrt(weight @ (position - centre) ** 2)
    return out


def cell_size(block: Block, rounds: int = 3) -> CellSize:
    """Half-width of cells, measured on the strongest ones in a block.

    Parameters
    ----------
    block : Block
        A window of the volume.
    rounds : int
        How often cells are found and measured; each time with the size measured before.
    """
    sigma = first_guess(block)
    cells = 0
    for _ in range(rounds):
        fit = solve(block, Settings(sigma, rounds=2))
        best = strongest(fit, 20)
        inside = _whole(fit.footprints, block.shape, best, sigma)
        cells = inside.size
        if cells < 3:
            break
        sizes = measured_size(_columns(fit.footprints, inside), block.shape)
        z, y, x = np.clip(np.median(sizes, axis=0), LEAST, MOST)
        sigma = ZYX(float(z), float(y), float(x))
    why = f"median of {cells} cells measured" if cells >= 3 else "from the covariance of neighbouring voxels: few cells"
    return CellSize(sigma, cells, why)


def strongest(fit: Fit, count: int) -> npt.NDArray[np.intp]:
    """Indices of the components with the largest traces."""
    return np.argsort(-np.linalg.norm(fit.traces, axis=1), kind="stable")[:count]


def _columns(footprints: Footprints, index: npt.NDArray[np.intp]) -> Footprints:
    from scipy import sparse

    return sparse.csc_array(footprints[:, index])


def _whole(footprints: Footprints, shape: VolumeShape, index: npt.NDArray[np.intp], sigma: ZYX) -> npt.NDArray[np.intp]:
    """Those not cut by the window's border in y and x (in z, thin volumes cut most cells)."""
    from cnmf3d.engine.supports import centroids

    centre = centroids(_columns(footprints, index), shape)
    inside = np.ones(index.size, bool)
    for axis in (1, 2):
        margin = min(1.5 * sigma[axis], shape[axis] / 4)
        inside &= (centre[:, axis] >= margin) & (centre[:, axis] <= shape[axis] - 1 - margin)
    return index[inside]


def decay_time(traces: Float, rate: float) -> float | None:
    """Decay time in seconds, from the autocorrelation of demixed traces at lags one and up (noise is in lag zero).

    Parameters
    ----------
    traces : (cells, frames) float32
        Raw demixed traces of strong cells.
    rate : float
        Samples a second.
    """
    if len(traces) == 0 or traces.shape[1] < 20:
        return None
    centred = (traces - np.median(traces, axis=1, keepdims=True)).astype(np.float64)
    most = min(traces.shape[1] // 4, max(4, int(6 * rate)))
    products = np.array([(centred[:, : -lag or None] * centred[:, lag:]).mean(axis=1) for lag in range(1, most)])
    usable = products[0] > 0
    if not usable.any():
        return None
    curve = np.median(products[:, usable] / products[0, usable], axis=1)
    low = np.flatnonzero(curve < 0.37)
    if low.size == 0:
        return None
    end = int(low[0])
    if end == 0:
        return 1.0 / rate
    fraction = (curve[end - 1] - 0.37) / max(curve[end - 1] - curve[end], 1e-9)
    return float((end + fraction) / rate)


