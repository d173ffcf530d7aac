"""Cell size from the data: what "auto" means.

First guess from the images of the most active places; then cells are found with it in a window of the volume and
measured.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Bool, Float, VolumeShape, centroids_of
from cnmf3d.engine.block import Block, Fit, Footprints
from cnmf3d.engine.blocks import Box
from cnmf3d.engine.cache import Cache
from cnmf3d.engine.coarse import coarsen
from cnmf3d.engine.demix import correlate_residual, raw_traces
from cnmf3d.engine.seeding.activity import find_seeds
from cnmf3d.engine.solve import Settings, empty_fit, prune, search, with_neuropil
from cnmf3d.geometry import ZYX
from cnmf3d.traces import skewness

LEAST, MOST = 0.5, 15.0
"""Plausible sigmas in voxels."""

AGREE = 1.2
"""Factor within which the size that cells were sought with does for measuring them: that then comes out within 10 %."""

ENOUGH_BINS = 500
"""Time bins used to measure the size of cells: of a longer movie every second, third, ... is used, so that memory stays
bounded."""

TRANSIENT, ENOUGH_CELLS = 1.0, 10
"""Skewness of a trace with transients: neuropil, which is wider than small cells are, has less. Where so many have it,
only these are measured."""

HALF_HEIGHT = 1.7
"""Distance at half height over root of second moment: 1.18 for a Gaussian, 2.24 for a solid ellipsoid; between both."""


def window_of(cache: Cache, side: int = 64, depth: int = 16) -> Box:
    """The window of the volume with the most activity beyond noise, at most `side` × `side` × `depth` voxels."""
    z, y, x = cache.shape
    size = (min(z, depth), min(y, side), min(x, side))
    spread = cache.statistics.std / np.maximum(cache.statistics.noise, 1e-6)
    excess = np.where(cache.statistics.valid, np.clip(spread - 1, 0, 3), 0).reshape(cache.shape)
    sums = excess
    for axis, length in enumerate(size):
        total = np.insert(np.cumsum(sums, axis=axis), 0, 0, axis=axis)
        sums = np.take(total, np.arange(length, total.shape[axis]), axis) - np.take(
            total, np.arange(total.shape[axis] - length), axis
        )
    starts = np.unravel_index(int(np.argmax(sums)), sums.shape)
    ranges = [(int(start), int(start) + length) for start, length in zip(starts, size, strict=True)]
    outer = (ranges[0], ranges[1], ranges[2])
    return Box(outer=outer, core=outer)


@dataclass(frozen=True)
class CellSize:
    """Standard deviation of cells' footprints in voxels (``sigma``), and how it was found."""

    sigma: ZYX
    cells: int
    why: str


def default_size(shape: VolumeShape) -> ZYX:
    """Sigma where nothing can be measured: three voxels, half of that along z."""
    return ZYX(min(1.5, shape[0] / 4), 3.0, 3.0)


def first_guess(block: Block, rounds: int = 2) -> ZYX | None:
    """Sigma of cells from the images of the most active places.

    Places are sought at a small scale, where neuropil hardly counts. The data regressed on a place's trace show the
    cell there on a pedestal of neuropil: its width at half of its height above the pedestal is measured along each
    axis. The median over places is the scale at which they are sought again. None where nothing is active.
    """
    sigma = ZYX(min(1.0, block.shape[0] / 4), 2.0, 2.0)
    for round_ in range(rounds):
        settings = Settings(sigma, grid=2 if round_ == 0 else None)  # half the resolution will do to find places
        coarse = coarsen(block, sigma, settings.grid)
        fit = with_neuropil(block, coarse, empty_fit(block), settings)
        residual = coarse.residual(fit).reshape(*coarse.shape, block.bins)
        seeds = find_seeds(residual, coarse.bandpass, coarse.sigma, 8.0)
        seeds = seeds.take(np.arange(min(len(seeds.positions), 60)))
        if len(seeds.positions) < 3:
            return None
        centres = coarse.to_voxels(seeds.positions, block.shape)
        z, y, x = (_axis_width(block, fit, centres, seeds.traces, axis, sigma[axis]) for axis in range(3))
        sigma = ZYX(sigma.z if z is None else z, sigma.y if y is None else y, sigma.x if x is None else x)
    return sigma


def _axis_width(
    block: Block, fit: Fit, centres: npt.NDArray[np.int64], traces: Float, axis: int, sigma: float
) -> float | None:
    """Median sigma along one axis of the regression images around `centres`; None where it can't be measured."""
    reach = int(np.ceil(6 * sigma)) + 2
    if block.shape[axis] < 2:
        return None
    profiles = _profiles(block, fit, centres, traces, axis, reach)
    widths = [w for w in (_sigma_of_profile(p) for p in profiles) if w is not None]
    if len(widths) < 3:
        return None
    return float(np.clip(np.median(widths), LEAST, MOST))


def _profiles(
    block: Block, fit: Fit, centres: npt.NDArray[np.int64], traces: Float, axis: int, reach: int
) -> npt.NDArray[np.float64]:
    """(places, reach + 1) data regressed on each place's trace, against distance along an axis; nan outside."""
    offsets = np.zeros((2 * reach + 1, 3), np.int64)
    offsets[:, axis] = np.arange(-reach, reach + 1)
    points = centres[:, None, :] + offsets[None]
    inside = ((points >= 0) & (points < np.array(block.shape))).all(axis=2)
    flat = (points[..., 0] * block.shape[1] + points[..., 1]) * block.shape[2] + points[..., 2]
    indptr = np.concatenate([[0], np.cumsum(inside.sum(axis=1))]).astype(np.int32)
    bars = sparse.csc_array(
        (np.ones(int(indptr[-1]), np.float32), flat[inside].astype(np.int32), indptr),
        shape=(block.rows.shape[0], len(centres)),
    )
    place = dataclasses.replace(fit, footprints=bars, traces=traces)
    values = np.full(inside.shape, np.nan)
    values[inside] = correlate_residual(block, place, traces)
    folded = np.stack([values[:, reach:], values[:, reach::-1]])
    count = np.isfinite(folded).sum(axis=0)
    total = np.nansum(folded, axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _sigma_of_profile(profile: npt.NDArray[np.float64]) -> float | None:
    """Sigma of a cell from its width at half of its height above the pedestal."""
    known = profile[np.isfinite(profile)]
    if known.size < 2 or known[0] <= 0:
        return None
    pedestal = float(np.clip(known.min(), 0, None)) if known.size > 4 else 0.0
    half = pedestal + 0.5 * (known[0] - pedestal)
    below = np.flatnonzero(known < half)
    if below.size == 0:
        return None
    end = int(below[0])
    fraction = (known[end - 1] - half) / max(known[end - 1] - known[end], 1e-12)
    return float((end - 1 + fraction) / HALF_HEIGHT)


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


def cell_size(block: Block, rounds: int = 2) -> CellSize:
    """Sigma of cells, measured on the strongest ones in a block.

    Parameters
    ----------
    block : Block
        A window of the volume.
    rounds : int
        How often cells are found and measured at most; each time with the size measured before, until both `AGREE`.
    """
    sigma = first_guess(block)
    cells = 0
    if sigma is None:
        return CellSize(default_size(block.shape), 0, "a usual soma: nothing is active here")
    for _ in range(rounds):
        settings = Settings(sigma, rounds=1)
        fit = prune(block, search(block, coarsen(block, sigma), settings)[0], settings)
        best = strongest(fit, 40, skewness(raw_traces(block, fit), 1) > TRANSIENT)
        inside = _whole(fit.footprints, block.shape, best, sigma)
        cells = inside.size
        if cells < 3:
            break
        sizes = measured_size(_columns(fit.footprints, inside), block.shape)
        z, y, x = np.clip(median_by_area(sizes), LEAST, MOST)
        used, sigma = sigma, ZYX(float(z), float(y), float(x))
        if all(1 / AGREE < new / old < AGREE for new, old in zip(sigma, used, strict=True)):
            break
    why = f"median of {cells} cells measured" if cells >= 3 else "from images of the most active places: few cells"
    return CellSize(sigma, cells, why)


def median_by_area(sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Median size along each axis, each component counted by its area in the plane.

    Thin processes, boutons and cells that a border cuts may be many, but cover less than whole cell bodies.

    Parameters
    ----------
    sizes : (components, 3) along z, y, x
    """
    area = sizes[:, 1] * sizes[:, 2]
    order = np.argsort(sizes, axis=0)
    share = np.cumsum(area[order], axis=0) / area.sum()
    middle = (share < 0.5).sum(axis=0)
    return np.asarray(sizes[order[middle, range(3)], range(3)])


def strongest(fit: Fit, count: int, preferred: Bool) -> npt.NDArray[np.intp]:
    """Indices of the components with the largest traces, of those `preferred` where these are enough."""
    among = np.flatnonzero(preferred) if preferred.sum() >= ENOUGH_CELLS else np.arange(fit.count)
    return among[np.argsort(-np.linalg.norm(fit.traces[among], axis=1), kind="stable")[:count]]


def _columns(footprints: Footprints, index: npt.NDArray[np.intp]) -> Footprints:
    return sparse.csc_array(footprints[:, index])


def _whole(footprints: Footprints, shape: VolumeShape, index: npt.NDArray[np.intp], sigma: ZYX) -> npt.NDArray[np.intp]:
    """Those not cut by the window's border in y and x (in z, thin volumes cut most cells)."""
    centre = centroids_of(_columns(footprints, index), shape)
    inside = np.ones(index.size, bool)
    for axis in (1, 2):
        margin = min(1.5 * sigma[axis], shape[axis] / 4)
        inside &= (centre[:, axis] >= margin) & (centre[:, axis] <= shape[axis] - 1 - margin)
    return index[inside]
