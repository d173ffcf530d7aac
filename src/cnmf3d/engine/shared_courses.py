"""What a whole block does together: its brightness, and its displacement where motion was not corrected to the last.

A displacement `s` of a movie changes it, to first order, by ``s · ∇rest``, and to second order by products of `s` with the
second derivatives. Fitted as background courses with free images, they keep the edges of bright structures from being
taken for cells. Sources: Lucas & Kanade 1981 (displacement from the gradient); that they are real is seen from two
sets of places which share no voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, ndimage, sparse

from cnmf3d.components import Float, VolumeShape
from cnmf3d.engine.block import STEP, Block

SMOOTH = 0.7
"""Voxels by which the resting image is smoothed before it is differentiated: less leaves its noise in the gradient, more
misses the edges of small bright things."""

AGREE = 0.35
"""Least correlation of the courses that two sets of places give: that of the cells that each holds is near zero, that
of a displacement of a tenth of a voxel in a textured field is above 0.5."""

SEPARATE = 0.1
"""Courses less apart than this are one: a second image for the same course says nothing."""

LEAST_VOXELS = 2000
"""Voxels in a plane's worth of block below which two sets of places say little."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SharedCourses:
    """Time courses of a block's brightness and displacement, each from two sets of places.

    Attributes
    ----------
    first, second : (n, bins) float64
        No rows where the resting image isn't known or the block is too small to tell.
    """

    first: Values
    second: Values

    def beside(self, courses: Float) -> Float:
        """What both sets of places agree on, beside courses that are known.

        Parameters
        ----------
        courses : (m, bins) float32
            Orthonormal: neuropil. It is shared by all places, too, and is not to be taken for a displacement.

        Returns
        -------
        (n, bins) float32
            Orthonormal, orthogonal to `courses`.
        """
        a, b = (rows - (rows @ courses.T) @ courses for rows in (self.first, self.second))
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        agreement = np.einsum("ij,ij->i", a, b) / np.maximum(norms, 1e-12)
        chosen = np.flatnonzero(agreement > AGREE)
        if chosen.size == 0:
            return np.zeros((0, courses.shape[1]), np.float32)
        left = a[chosen] + b[chosen]
        left = left / np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-12)
        _, values, rows = linalg.svd(left, full_matrices=False)
        return np.ascontiguousarray(rows[values > SEPARATE * values[0]], np.float32)


def shared_courses(block: Block) -> SharedCourses:
    """Courses of brightness and displacement of a block, by regressing every bin on the resting image's changes."""
    if block.rest is None or block.unit is None or block.rows.shape[0] < LEAST_VOXELS:
        none = np.zeros((0, block.bins))
        return SharedCourses(none, none)
    images = changes_of(block.rest, block.unit, block.shape)
    weights = quietness(block)
    one, other = (_courses(block, images, weights * side) for side in _checkerboard(block.shape))
    return SharedCourses(one, other)


def changes_of(rest: Float, unit: Float, shape: VolumeShape) -> Values:
    """Images of what brightness, an offset and displacement change, (voxels, n), in units of noise.

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
    orders += [tuple(int(axis == a) + int(axis == b) for axis in range(3)) for i, a in enumerate(axes) for b in axes[i:]]
    width = [SMOOTH if length > 4 else 0 for length in shape]
    images = [volume, np.ones(shape)]
    images += [ndimage.gaussian_filter(volume, width, order=order, mode="nearest") for order in orders]
    return np.stack([image.ravel() / unit for image in images], axis=1)


def quietness(block: Block) -> Values:
    """Weight of each voxel: the less it varies beyond noise, the more it says of what all share."""
    power = np.einsum("ij,ij->i", block.rows, block.rows, dtype=np.float64, casting="same_kind") / block.bins / STEP**2
    alive = power > 0
    return np.where(alive, 1 / np.maximum(power, 1) ** 2, 0)


def _checkerboard(shape: VolumeShape) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    side = max(8, min(shape[1], shape[2]) // 8)
    y, x = np.arange(shape[1])[:, None] // side, np.arange(shape[2])[None, :] // side
    one = np.broadcast_to((y + x) % 2 == 0, shape).ravel()
    return one, ~one


def _courses(block: Block, images: Values, weights: Values) -> Values:
    """Weighted regression of every bin on the images, (images, bins); constant parts taken out."""
    weighted = images * weights[:, None]
    gram = images.T @ weighted
    gram += 1e-9 * np.trace(gram) * np.eye(len(gram))
    columns = sparse.csc_array(weighted.astype(np.float32))
    seen = block.project(columns)
    courses = np.linalg.solve(gram, seen.astype(np.float64))
    return np.asarray(courses - courses.mean(axis=1, keepdims=True))
