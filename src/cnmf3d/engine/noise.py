"""The noise as the detector makes it: how far neighbouring voxels share it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.components import Bool, Float, VolumeShape
from cnmf3d.engine.block import Footprints, entry_columns

REACH = 4
"""Voxels up to which shared noise is measured; detectors and interpolation reach one to three."""

SQUARE = 7
"""Side of the squares whose mean power scales the noise of their pixels; in smaller ones each pixel's own few frames
would scale it."""

MOST_LIGHT = 4.0
"""Times that the variance of noise may grow with a cell's light: where a detector's offset wasn't taken off, or read
noise is most of it, the growth is less than the light's, never more."""

GROUPS, SURE = 20, 3.0
"""Groups of voxels with like light whose noise is compared, and standard errors that its growth must have."""

AROUND, STANDS_OUT = 1.0, 3.0
"""Voxels over which the noise of neighbours is averaged (Gaussian), and standard deviations of the scatter from which a
voxel keeps its own: wider and laxer makes smoother footprints, and blurs the noise of small bright things."""

TILE, TILES = 24, 16
"""Side of the windows in which it is measured, and their number: the median over windows leaves out the few that hold
bright active cells."""


def windows(shape: VolumeShape) -> list[tuple[slice, slice, slice]]:
    """Windows spread evenly over a volume, `TILE` voxels wide and up to three planes deep."""
    z, y, x = shape
    depth = min(z, 3)
    places = [
        (a, b, c)
        for a in sorted({int(v) for v in np.linspace(0, z - depth, min(4, z))})
        for b in range(0, max(y - TILE // 2, 1), TILE)
        for c in range(0, max(x - TILE // 2, 1), TILE)
    ]
    step = max(1, len(places) / TILES)
    chosen = [places[int(i * step)] for i in range(min(TILES, len(places)))]
    return [(slice(a, a + depth), slice(b, min(b + TILE, y)), slice(c, min(c + TILE, x))) for a, b, c in chosen]


def shared_noise(frames: npt.NDArray[np.generic], shape: VolumeShape) -> npt.NDArray[np.float64]:
    """Products of neighbours' noise in consecutive frames.

    Parameters
    ----------
    frames : (frames, voxels)
        At least three; the noise is what second differences leave.
    shape : (Z, Y, X)

    Returns
    -------
    (windows, 3, REACH + 1, 2) float64
        For z, y and x and each lag: sum of the products of pairs, and sum of their mean power.

    Notes
    -----
    Pairs are not scaled by their own power in these few frames: a correlation coefficient of ten values is 5 to 8 % too
    low. They are scaled by the power around them, so that bright places don't outweigh the others.
    """
    places = windows(shape)
    out = np.zeros((len(places), 3, REACH + 1, 2))
    volume = frames.reshape(len(frames), *shape)
    for n, place in enumerate(places):
        part = volume[(slice(None), *place)].astype(np.float64)
        bend = part[:-2] - 2 * part[1:-1] + part[2:]
        alive = (bend != 0).any(axis=0)
        around = ndimage.uniform_filter((bend**2).mean(axis=0), (1, SQUARE, SQUARE), mode="nearest")
        unit = bend / np.sqrt(np.where(alive, np.maximum(around, 1e-12), 1))
        power = (unit**2).mean(axis=0)
        for axis in range(3):
            length = unit.shape[axis + 1]
            for lag in range(min(REACH, length - 1) + 1):
                first = (*([slice(None)] * axis), slice(0, length - lag))
                other = (*([slice(None)] * axis), slice(lag, length))
                both = alive[first] & alive[other]
                product = (unit[:, *first] * unit[:, *other]).mean(axis=0)
                out[n, axis, lag] = product[both].sum(), (power[first] + power[other])[both].sum() / 2
    return out


def noise_grain(sums: npt.NDArray[np.float64]) -> Float:
    """Correlation of the noise of voxels that lie so many apart along z, y and x, (3, REACH + 1) float32.

    Parameters
    ----------
    sums : (windows, 3, REACH + 1, 2)
        From `shared_noise`, summed over stretches of the movie.
    """
    power = sums[..., 1]
    ratio = np.divide(sums[..., 0], power, out=np.full(power.shape, np.nan), where=power > 0)
    known = np.isfinite(ratio).any(axis=0)
    grain = np.zeros(ratio.shape[1:])
    grain[known] = np.nanmedian(ratio[:, known], axis=0)
    grain[:, 0] = 1
    # lags at which it has died away are noise of the estimate
    alive = np.cumprod(np.abs(grain) > 0.02, axis=1)
    return np.asarray(grain * alive, np.float32)


def regular_noise(noise: npt.NDArray[np.float64], shape: VolumeShape) -> npt.NDArray[np.float64]:
    """Noise of each voxel with what a short sample scatters taken out; voxels that stand out keep their own.

    A sample of some hundred frames gives a voxel's noise to within 6 %, or 20 % where photons are few. Neighbours
    have nearly the same, but for edges, hot pixels and small bright things, which differ by more than that scatter.

    Parameters
    ----------
    noise : (voxels,) float64
        Zero where a voxel never changes.
    shape : (Z, Y, X)
    """
    power = noise.reshape(shape) ** 2
    known = (power > 0).astype(float)
    width = [AROUND if length > 2 else 0 for length in shape]
    width[0] = 0
    around = ndimage.gaussian_filter(power, width) / np.maximum(ndimage.gaussian_filter(known, width), 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.log(power / around)
    alive = np.isfinite(apart)
    if not alive.any():
        return noise
    scatter = 1.4826 * np.median(np.abs(apart[alive]))
    alike = alive & (np.abs(apart) <= STANDS_OUT * scatter)
    return np.asarray(np.sqrt(np.where(alike, around, power)).ravel())


def photon_gain(mean: Float, noise: Float, valid: Bool) -> float:
    """Growth of the noise's variance with light, in the movie's units: the slope of the photon transfer curve.

    It is the same whatever constant a detector adds. Zero where voxels don't differ enough in light to show it.

    Parameters
    ----------
    mean, noise : (voxels,) float32
    valid : (voxels,) bool
    """
    light, variance = mean[valid].astype(np.float64), noise[valid].astype(np.float64) ** 2
    if light.size < 10 * GROUPS:
        return 0.0
    order = np.array_split(np.argsort(light, kind="stable"), GROUPS)
    x, y = (np.array([np.median(values[group]) for group in order]) for values in (light, variance))
    x, y = x - x.mean(), y - y.mean()
    power = float((x**2).sum())
    if power == 0:
        return 0.0
    slope = float((x * y).sum()) / power
    error = float(np.sqrt(((y - slope * x) ** 2).sum() / (GROUPS - 2) / power))
    return slope if slope > SURE * error else 0.0


def noise_of_light(footprints: Footprints, traces: Float, gain: float, scale: Float) -> Float:
    """Times that the noise is larger while each component is active: light brings its own noise, (components,) float32.

    The variance of photons grows with their number: by ``1 + gain a c / σ`` in a voxel whose footprint is `a`, weighted
    as the regression on the trace weighs frames (``Σ c³ / Σ c²``) and as the footprint weighs voxels.

    Parameters
    ----------
    footprints : csc (voxels, components)
        In units of noise.
    traces : (components, frames) float32
    gain : float
        From `photon_gain`.
    scale : (voxels,) float32
        Noise of a voxel.
    """
    columns, count = entry_columns(footprints), footprints.shape[1]
    data = footprints.data.astype(np.float64)
    growth = gain * data / np.maximum(scale[footprints.indices], 1e-30)
    power = np.maximum(np.bincount(columns, data**2, minlength=count), 1e-30)
    share = np.bincount(columns, data**2 * growth, minlength=count) / power
    positive = np.maximum(traces, 0).astype(np.float64)
    typical = (positive**3).sum(axis=1) / np.maximum((positive**2).sum(axis=1), 1e-30)
    return np.asarray(np.sqrt(np.clip(1 + share * typical, 1, MOST_LIGHT)), np.float32)
