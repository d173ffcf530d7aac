"""What a whole block does together: its brightness, and its displacement by residual motion.

A displacement `s` of a movie changes it, to first order, by ``s · ∇rest``, and to second order by products of `s` with
the second derivatives. Fitted as background courses with free images, they keep the edges of bright structures from
being taken for cells. A course is real if tiles far from a tile predict what it does there. Source: Lucas & Kanade 1981
(displacement from the gradient).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, ndimage, sparse

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine.block import STEP, Block
from cnmf3d.engine.groups import groups

SMOOTH = 0.7
"""Voxels by which the resting image is smoothed before it is differentiated: less leaves its noise in the gradient,
more misses the edges of small bright things."""

TILE, TILES = 16, 6
"""Voxels that a tile is wide at the least, so that a cell lies in two at the most; and how many there are along the
shorter side of a large block."""

FEWEST_TILES = 16
"""Tiles below which few are far from others: in three by three the cells of a dense block predict one another by
chance, and their traces lose what is taken for a displacement (0.95 for 0.99)."""

PREDICTED = 0.3
"""Share of what a course does in a tile that far tiles must predict. A displacement of a tenth of a voxel in a
textured field reaches 0.8, activity of cells is at or below 0."""

SEPARATE = 0.1
"""Courses less apart than this are one: a second image for the same course says nothing."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SharedCourses:
    """The normal equations of brightness and displacement, tile by tile.

    Attributes
    ----------
    normal : (tiles, n, n) float64
        ``GᵀWG`` of the images `G` in each tile, which are orthonormal over the whole block (see `apart`); no tiles
        where the resting image isn't known or the block is small.
    seen : (tiles, n, bins) float64
        ``GᵀWz``.
    far : (tiles, tiles) bool
        Which tiles don't touch one another.
    """

    normal: Values
    seen: Values
    far: npt.NDArray[np.bool_]

    def beside(self, courses: Float) -> Float:
        """Courses by which each tile's changes are predicted from tiles far from it, beside courses that are known.

        Parameters
        ----------
        courses : (m, bins) float32
            Orthonormal: neuropil. Far tiles share it, too, and it is not to be taken for a displacement.

        Returns
        -------
        (n, bins) float32
            Orthonormal, orthogonal to `courses`.
        """
        seen = self.seen - (self.seen @ courses.T) @ courses
        chosen = np.arange(self.normal.shape[1])
        while chosen.size:  # one that predicts nothing spoils the others: they are judged anew without it
            share = self._predicted(seen, chosen)
            if share.min() > PREDICTED:
                break
            chosen = np.delete(chosen, np.argmin(share))
        if chosen.size == 0:
            return np.zeros((0, courses.shape[1]), np.float32)
        found = _solved(self.normal[:, chosen[:, None], chosen].sum(axis=0), seen[:, chosen].sum(axis=0))
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        _, values, rows = linalg.svd(found, full_matrices=False)
        return np.ascontiguousarray(rows[values > SEPARATE * values[0]], np.float32)

    def _predicted(self, seen: Values, chosen: npt.NDArray[np.intp]) -> Values:
        """Share of what each of some courses does in the tiles that is predicted from far tiles; one where all is."""
        normal, seen = self.normal[:, chosen[:, None], chosen], seen[:, chosen]
        far = self.far.astype(np.float64)
        predicted = _solved(np.tensordot(far, normal, 1), np.tensordot(far, seen, 1))
        power = np.diagonal(normal, axis1=1, axis2=2) * (predicted**2).sum(axis=2)
        gained = 2 * (predicted * (seen - normal @ predicted)).sum(axis=2) + power
        return np.asarray(gained.sum(axis=0) / (power.sum(axis=0) + 1e-30))


def shared_courses(block: Block) -> SharedCourses:
    """Normal equations of every bin's regression on what brightness and displacement change in a block."""
    tile, grid = tiles_of(block.shape)
    if block.rest is None or block.unit is None or len(grid) < FEWEST_TILES:
        return SharedCourses(np.zeros((0, 0, 0)), np.zeros((0, 0, block.bins)), np.zeros((0, 0), bool))
    images = changes_of(block.rest, block.unit, block.shape)
    weighted = images * quietness(block)[:, None]
    normal, columns = [], []
    for number in range(len(grid)):
        inside = np.flatnonzero(tile == number)
        normal.append(images[inside].T @ weighted[inside])
        columns.append(
            sparse.csc_array(
                (
                    weighted[inside].T.ravel(),
                    np.tile(inside, images.shape[1]),
                    np.arange(images.shape[1] + 1) * inside.size,
                ),
                shape=images.shape,
            )
        )
    seen = block.project(sparse.csc_array(sparse.hstack(columns)).astype(np.float32))
    far = np.abs(grid[:, None] - grid).max(axis=2) > 1
    basis = apart(np.sum(normal, axis=0))
    courses = basis.T @ seen.reshape(len(grid), -1, block.bins).astype(np.float64)
    return SharedCourses(basis.T @ np.stack(normal) @ basis, courses, far)


def apart(normal: Values) -> Values:
    """Combinations of images, (n, n) by columns, each without what those before it explain; of unit norm.

    Brightness and an offset change nearly the same: two courses of noise that cancel would each look as if the other
    predicted it.

    Parameters
    ----------
    normal : (n, n)
        Products of the images.
    """
    scaled, scale = _scaled(normal)
    lower = np.linalg.cholesky(scaled)
    return np.asarray(linalg.solve_triangular(lower, np.eye(len(scale)), lower=True).T / scale[:, None])


def tiles_of(shape: VolumeShape) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Tile of each voxel, through all planes; and row and column of each tile, (tiles, 2)."""
    side = max(TILE, min(shape[1:]) // TILES)
    rows, columns = (max(1, length // side) for length in shape[1:])
    y, x = groups(shape[1], rows), groups(shape[2], columns)
    tile = np.broadcast_to(y[:, None] * columns + x, shape)
    return tile.ravel(), np.stack(np.divmod(np.arange(rows * columns), columns), axis=1)


def _solved(normal: Values, seen: Values) -> Values:
    """Least squares from normal equations (..., n, n) and (..., n, bins)."""
    scaled, scale = _scaled(normal)
    return np.asarray(np.linalg.solve(scaled, seen / scale[..., None]) / scale[..., None])


def _scaled(normal: Values) -> tuple[Values, Values]:
    """Normal equations with each image on its own scale and a small ridge against similar images; and the scales."""
    scale = np.sqrt(np.maximum(np.diagonal(normal, axis1=-2, axis2=-1), 1e-30))
    return normal / (scale[..., None] * scale[..., None, :]) + 1e-6 * np.eye(normal.shape[-1]), scale


def changes_of(rest: Float, unit: Float, shape: VolumeShape) -> Values:
    """Images of what an offset, brightness and displacement change, (voxels, n), in units of noise.

    Parameters
    ----------
    rest : (voxels,) float32
        Resting image, in the movie's units.
    unit : (voxels,) float32
        Noise of a voxel, in the same.
    shape : (Z, Y, X)
    """
    volume = rest.reshape(shape).astype(np.float64)
    axes = [axis for axis in range(3) if shape[axis] > 4]
    orders = [tuple(int(axis == a) for axis in range(3)) for a in axes]
    orders += [
        tuple(int(axis == a) + int(axis == b) for axis in range(3)) for i, a in enumerate(axes) for b in axes[i:]
    ]
    width = [SMOOTH if length > 4 else 0 for length in shape]
    images = [np.ones(shape), volume]  # in this order a constant that is added to a movie changes nothing (see `apart`)
    images += [ndimage.gaussian_filter(volume, width, order=order, mode="nearest") for order in orders]
    return np.stack([image.ravel() / unit for image in images], axis=1)


def quietness(block: Block) -> Values:
    """Weight of each voxel: the less it varies beyond noise, the more it says of what all share."""
    power = np.einsum("ij,ij->i", block.rows, block.rows, dtype=np.float64, casting="same_kind") / block.bins / STEP**2
    alive = power > 0
    return np.where(alive, 1 / np.maximum(power, 1) ** 2, 0)
