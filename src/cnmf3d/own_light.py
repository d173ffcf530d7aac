"""What of an image is a component's own: the part that has the shape of its footprint, beside its surround.

Light that comes from behind and around a cell, at rest and when it swings, goes on under the cell as it is beside it:
it is smooth. So near a component an image is the sum of a polynomial of second order, and of each footprint there times
a weight. The weight is the component's own part; a constant, such as a detector's offset, has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, sparse

from cnmf3d.components import Bool, Float, VolumeShape

Index = npt.NDArray[np.integer]
Double = npt.NDArray[np.float64]
AXES = (1, 2, 3)

MARGIN, LEAST_MARGIN = 0.35, 3
"""Voxels around a footprint that say what the surround is, along x and y, as a share of its extent, and at least:
fewer leave the polynomial to the cell itself, over more it no longer follows the tissue."""

EDGE = 0.1
"""Share of its peak above which a footprint's voxels make its extent."""

EXCESS = 3
"""Times as many voxels as unknowns that a surround needs."""

RANK = 1e-10
"""Share of the greatest eigenvalue below which terms of a surround are one another's sums, but for rounding."""


@dataclass(frozen=True)
class Near:
    """A component's neighbourhood.

    Attributes
    ----------
    voxels : (n,) int
    design : (n, m) float64
        Footprints there, and the surround's polynomial.
    components : (c,) int
        Whose footprints the first columns are.
    own : int
        Which of them is the component's.
    box : three slices
        The voxels' bounding box.
    """

    voxels: Index
    design: Double
    components: Index
    own: int
    box: tuple[slice, ...]


@dataclass(frozen=True)
class OwnLight:
    """Of whom the light is that footprints see in an image; NaN where too few voxels surround a component.

    Attributes
    ----------
    value, error : (components,) float32
        Own light, and its standard error by what the fit leaves, with its likeness from voxel to voxel: whatever is in
        the tissue beside the components.
    behind : (components,) float32
        What the surround sends, seen through the footprint.
    """

    value: Float
    error: Float
    behind: Float


def own_light(level: Float, footprints: sparse.csc_array[Any], shape: VolumeShape) -> OwnLight:
    """Each component's own light in an image, as `own_part`, and what else its footprint sees there.

    Parameters
    ----------
    level : (voxels,) float32
        The image; NaN where nothing is known. A constant that is added to it changes nothing.
    footprints : csc (voxels, components)
    shape : (Z, Y, X)
    """
    seen = np.isfinite(level)
    value, error, behind = np.full((3, footprints.shape[1]), np.nan, np.float32)
    for k, near in enumerate(_neighbourhoods(footprints, shape, seen, np.arange(footprints.shape[1]))):
        if near is None:
            continue
        found, errors = _fitted(level[None, near.voxels], near, shape)
        cells = len(near.components)
        behind[k] = near.design[:, near.own] @ (near.design[:, cells:] @ found[cells:, 0])
        value[k], error[k] = found[near.own, 0], errors[0]
    return OwnLight(value, error, behind)


def _powers(weights: Double, left: Double, near: Near, shape: VolumeShape) -> Double:
    """Variance of ``Σ weights x`` for x as alike from voxel to voxel as each row of what is `left`, (rows, n)."""
    size = tuple(s.stop - s.start for s in near.box)
    padded = tuple(fft.next_fast_len(2 * n - 1, real=True) for n in size)  # no lag comes round
    place = np.unravel_index(near.voxels, shape)
    where = tuple(p - s.start for p, s in zip(place, near.box, strict=True))
    volumes = np.zeros((2 + len(left), *size), np.float32)
    scale = np.abs(left).max(axis=1, keepdims=True, initial=0) + 1e-30  # single precision squares it
    for volume, values in zip(volumes, (np.ones_like(weights), weights, *(left / scale)), strict=True):
        volume[where] = values
    spectra = np.abs(fft.rfftn(volumes, padded, AXES)) ** 2
    pairs, shared, *products = fft.irfftn(spectra, padded, AXES)
    each = np.where(pairs > 0.5, shared / np.maximum(pairs, 0.5), 0)
    alike = np.array([np.vdot(product, each) for product in products])
    return np.asarray(np.maximum(alike, 0) * scale[:, 0] ** 2, np.float64)


def own_part(
    images: Float,
    footprints: sparse.csc_array[Any],
    shape: VolumeShape,
    seen: Bool,
    which: npt.NDArray[np.intp] | None = None,
) -> tuple[Float, Float]:
    """Weight of each footprint in each image beside the surround, and its standard error, (images, components) each.

    Parameters
    ----------
    images : (images, voxels) float32
    footprints : csc (voxels, components)
        In the unit of the images.
    shape : (Z, Y, X)
    seen : (voxels,) bool
        Voxels that count.
    which : (components,) int, optional
        Those that are asked for; all others are still in their neighbourhoods.

    Returns
    -------
    value, error : (images, components) float32
        NaN where too few voxels surround a component. The error is by what the fit leaves, as for `own_light`.
    """
    asked = np.arange(footprints.shape[1]) if which is None else which
    value, error = np.full((2, len(images), len(asked)), np.nan, np.float32)
    for k, near in enumerate(_neighbourhoods(footprints, shape, seen, asked)):
        if near is None:
            continue
        found, error[:, k] = _fitted(images[:, near.voxels], near, shape)
        value[:, k] = found[near.own]
    return value, error


def _fitted(images: Float, near: Near, shape: VolumeShape) -> tuple[Double, Double]:
    """Weights of a neighbourhood's terms in images (images, n) of it, and the standard error of the component's own."""
    values = images.T.astype(np.float64)
    scale = np.linalg.norm(near.design, axis=0)
    scale[scale == 0] = 1
    columns = near.design / scale
    inverse = (np.linalg.pinv(columns.T @ columns, RANK, hermitian=True) @ columns.T) / scale[:, None]
    found = inverse @ values
    left = values - near.design @ found
    freedom = len(values) / (len(values) - len(found))
    return found, np.sqrt(freedom * _powers(inverse[near.own], left.T, near, shape))


def _neighbourhoods(
    footprints: sparse.csc_array[Any], shape: VolumeShape, seen: Bool, which: npt.NDArray[np.intp]
) -> Iterator[Near | None]:
    """Of each component asked for; None where too little is seen."""
    by_voxel = sparse.csr_array(footprints)
    grid = np.arange(int(np.prod(shape))).reshape(shape)
    for k in which:
        entries = slice(footprints.indptr[k], footprints.indptr[k + 1])
        weights = footprints.data[entries]
        if not weights.size or weights.max() <= 0:
            yield None
            continue
        place = np.unravel_index(footprints.indices[entries][weights > EDGE * weights.max()], shape)
        around = _box(place, shape)
        box = grid[around].ravel()
        box = box[seen[box]]
        if not box.size:
            yield None
            continue
        part = by_voxel[box]
        components = np.unique(part.indices)
        surround = _polynomial(np.stack(np.unravel_index(box, shape), axis=1))
        if len(box) < EXCESS * (len(components) + surround.shape[1]) or k not in components:
            yield None
            continue
        design = np.concatenate([part[:, components].toarray(), surround], axis=1).astype(np.float64)
        yield Near(box, design, components, int(np.searchsorted(components, k)), around)


def _box(place: tuple[Index, ...], shape: VolumeShape) -> tuple[slice, ...]:
    """The voxels' bounding box with a margin; a plane along z."""
    out = []
    for axis, (where, length) in enumerate(zip(place, shape, strict=True)):
        low, high = int(where.min()), int(where.max()) + 1
        margin = 1 if axis == 0 else max(LEAST_MARGIN, round(MARGIN * (high - low)))
        out.append(slice(max(low - margin, 0), min(high + margin, length)))
    return tuple(out)


def _polynomial(place: Index) -> npt.NDArray[np.float64]:
    """Terms up to the second order at voxels (n, 3); along an axis of one or two voxels none, or the first order."""
    axes, squares = [], []
    for column in place.T.astype(np.float64):
        spread = column.std()
        if spread == 0:
            continue
        unit = (column - column.mean()) / spread
        axes.append(unit)
        if np.ptp(column) > 1:
            squares.append(unit**2)
    mixed = [a * b for i, a in enumerate(axes) for b in axes[i + 1 :]]
    return np.stack([np.ones(len(place)), *axes, *squares, *mixed], axis=1)
