"""Cell bodies and thinner things: what a component is by its width, where a movie shows both."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.components import Bool, Float, VolumeShape
from cnmf3d.engine.block import Footprints, entry_columns

OUTLINE = 0.3
"""Share of a footprint's peak that its outline is drawn at."""

ENOUGH = 25
"""With fewer components, two kinds can't be distinguished from chance."""

APART = 2.0
"""Ashman's D of two kinds: distance of their means over the root mean square of their widths; 2 is a clean split
(Ashman et al. 1994, AJ 108:2348)."""

WIDER = 1.8
"""Times that cell bodies are as wide as processes: cells that the volume's border cuts near their pole are up to 1.5
times narrower than whole ones, dendrites and boutons two to five times."""

RESOLVED = 4.0
"""Least width of cell bodies in voxels: next to narrower ones, thinner things can't be distinguished."""

BETTER = 10.0
"""Bayesian information criterion by which two kinds must explain the widths better than one: "very strong" (Kass &
Raftery 1995)."""

FEWEST = 0.1
"""Share of components that the wider kind holds at the least: fewer are merged or odd ones."""

Values = npt.NDArray[np.float64]


def outlined(footprints: Footprints) -> Bool:
    """Which entries lie within their footprint's outline; (entries,) bool."""
    columns = entry_columns(footprints)
    peak = np.zeros(footprints.shape[1], np.float32)
    np.maximum.at(peak, columns, footprints.data)
    return np.asarray(footprints.data >= OUTLINE * peak[columns])


def width_and_aspect(footprints: Footprints, shape: VolumeShape) -> tuple[Float, Float]:
    """Width of each footprint's outline across its narrow side in the plane, and how many times as long it is.

    Four times the roots of the second moments: the diameter of a disk.

    Returns
    -------
    width : (components,) float32, voxels
    aspect : (components,) float32
        1 for a disk.
    """
    columns, count = entry_columns(footprints), footprints.shape[1]
    inside = outlined(footprints)
    which = columns[inside]
    _, rows, cols = np.unravel_index(footprints.indices[inside], shape)
    size = np.maximum(np.bincount(which, minlength=count), 1)

    def mean(values: Values) -> Values:
        return np.asarray(np.bincount(which, values, minlength=count) / size)

    y, x = (place - mean(place)[which] for place in (rows.astype(float), cols.astype(float)))
    yy, xx, yx = mean(y * y) + 1 / 12, mean(x * x) + 1 / 12, mean(y * x)
    middle, apart = (yy + xx) / 2, np.sqrt(((yy - xx) / 2) ** 2 + yx**2)
    least, most = np.maximum(middle - apart, 1e-6), middle + apart
    return (4 * np.sqrt(least)).astype(np.float32), np.sqrt(most / least).astype(np.float32)


def outline_smoothness(footprints: Footprints, shape: VolumeShape) -> Float:
    """How smooth the outline of each footprint is in the plane where it is largest; (components,) float32.

    ``16 area / perimeter²``, the perimeter counted along the sides of pixels: one for a square, about 0.6 to 0.8 for a
    disk (of 7 pixels' width and more), 0.5 for an ellipse three times as long as wide. Footprints of noise, neuropil
    or edges are ragged and have less than 0.4.

    Holes are filled first: where the indicator keeps out of the nucleus, cells are rings, and the inner side of a ring
    says nothing of its outline.
    """
    columns = entry_columns(footprints)
    keep = outlined(footprints)
    voxel, which = footprints.indices[keep].astype(np.int64), columns[keep]
    ends = np.searchsorted(which, np.arange(footprints.shape[1] + 1))
    out = np.zeros(footprints.shape[1], np.float32)
    for k, (first, last) in enumerate(pairwise(ends)):
        plane, place = np.divmod(voxel[first:last], shape[1] * shape[2])
        if place.size:
            out[k] = _smoothness(place[plane == np.bincount(plane).argmax()], shape[2])
    return out


def _smoothness(pixels: npt.NDArray[np.int64], row: int) -> float:
    """``16 area / perimeter²`` of pixels of a plane whose rows have `row` of them, holes filled."""
    y, x = np.divmod(pixels, row)
    mask = np.zeros((int(np.ptp(y)) + 3, int(np.ptp(x)) + 3), bool)
    mask[y - y.min() + 1, x - x.min() + 1] = True
    mask = ndimage.binary_fill_holes(mask)
    sides = int((mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum())
    return float(16 * mask.sum() / sides**2)


def soma_probability(width: Float, aspect: Float, real: Bool) -> Float:
    """Probability that each component is of the wider kind; ones where all are of one kind. (components,) float32.

    A mixture of two normal distributions of the logarithms of width and aspect ratio, by expectation and maximisation.

    Parameters
    ----------
    width, aspect : (components,) float32
    real : (components,) bool
        Components whose shapes define the kinds.
    """
    ones = np.ones(width.size, np.float32)
    if real.sum() < ENOUGH:
        return ones
    every = np.log(np.maximum(np.stack([width, aspect], axis=1).astype(np.float64), 1e-3))
    x = every[real]
    thin = x[:, 0] <= np.median(x[:, 0])
    mean = np.stack([x[thin].mean(axis=0), x[~thin].mean(axis=0) if (~thin).any() else x[thin].mean(axis=0)])
    mean[:, 0] = np.quantile(x[:, 0], [0.2, 0.8])
    spread, share = np.tile(x.std(axis=0) / 2 + 1e-3, (2, 1)), np.full(2, 0.5)
    for _ in range(200):
        density = _densities(x, mean, spread, share)
        total = density.sum(axis=1, keepdims=True)
        member = density / total
        mass = member.sum(axis=0)[:, None] + 1e-9
        mean = (member.T @ x) / mass
        spread = np.sqrt(np.einsum("nk,nkf->kf", member, (x[:, None] - mean) ** 2) / mass + 0.05**2)
        share = mass[:, 0] / len(x)
    wide = int(np.argmax(mean[:, 0]))
    one = -len(x) * float((np.log(x.std(axis=0) + 1e-9) + 0.5).sum())
    two = np.log(total).sum()
    gained = 2 * (two - one) - 5 * np.log(len(x))
    step = abs(mean[1, 0] - mean[0, 0])
    apart = np.sqrt(2) * step / np.sqrt((spread[:, 0] ** 2).sum())
    same = step < np.log(WIDER) or mean[wide, 0] < np.log(RESOLVED)
    if same or gained < BETTER or apart < APART or share[wide] < FEWEST:
        return ones
    # a kind's tail may reach beyond the other kind's middle: nothing beyond that is of it; and how many processes are
    # found must not make a cell body less likely to be one: both kinds count the same
    density = _densities(np.clip(every, mean.min(axis=0), mean.max(axis=0)), mean, spread, np.full(2, 0.5))
    return np.asarray(density[:, wide] / density.sum(axis=1), np.float32)


def _densities(x: Values, mean: Values, spread: Values, share: Values) -> Values:
    """(n, 2) each kind's share of the density; the constant that both have is left out."""
    each = np.exp(-0.5 * ((x[:, None] - mean) / spread) ** 2) / spread
    return np.asarray(share * each.prod(axis=2) + 1e-300)
