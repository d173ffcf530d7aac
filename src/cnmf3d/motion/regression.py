"""Shifts by regression: a frame as the template, its derivatives and a constant, whitened by what the tissue does.

To second order a template that moved by ``d`` is ``T - Σ d_i ∂_i T + ½ Σ d_i d_j ∂_ij T`` (Lucas and Kanade 1981, with
the second order for shifts of half a voxel). Active cells and neuropil look like motion where they lie on a slope. What
frames have beside the template therefore counts as noise with its own spectrum: waves that activity fills weigh little.
The inverse covariance multiplies the template's images once, and costs nothing a frame (generalised least squares,
with these products as instruments wherever only part of the template is in view).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cnmf3d.motion.spectra import derivatives, frequencies, from_waves, over_shells, pairs, shells, to_waves

Float = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
STEPS = 6
"""Gauss-Newton steps: from a start within a voxel the fourth changes less than a thousandth."""
FARTHEST = 0.9
"""Voxels that one regression may move a frame; beyond that Taylor's terms no longer describe it."""


@dataclass(frozen=True)
class Whitening:
    """What fluctuates around the template: noise of each voxel, and activity that neighbours share.

    Attributes
    ----------
    weight : (Z, Y, X) float32
        Inverse standard deviation of each voxel.
    gain : (Z, Y, X) float32, or None
        Of each wave (`spectra.to_waves`): inverse power of what fluctuates, in units of the noise; None: all 1.
    """

    weight: Float
    gain: Float | None = None

    def applied(self, images: Float) -> Float:
        """Multiply images by the inverse covariance, (n, Z, Y, X)."""
        scaled = images * self.weight
        if self.gain is not None:
            for image in scaled:
                image[:] = from_waves(to_waves(image) * self.gain)
        return np.asarray(scaled * self.weight, np.float32)

    @classmethod
    def of(cls, residuals: Float, weight: Float) -> Whitening:
        """Measure what neighbours share in the residuals of some frames, (n, Z, Y, X), zero out of view."""
        power = np.zeros(weight.shape)
        for residual in residuals:
            power += to_waves(residual * weight) ** 2
        spectrum = over_shells(power / len(residuals), shells(frequencies(weight.shape)))
        spectrum[0, 0, 0] = spectrum.max()  # the mean has no power left, as it was fitted
        return cls(weight, np.asarray(1 / np.maximum(spectrum, 1e-30), np.float32))


@dataclass(frozen=True)
class Basis:
    """Images that a frame is a sum of.

    Attributes
    ----------
    images : (K, Z, Y, X) float32
        Template, its derivatives (`spectra.derivatives`), ones.
    instruments : (K, Z, Y, X) float32
        The same times the inverse covariance of what fluctuates: what frames are multiplied with.
    axes : tuple of int
        Along which the template may move.
    """

    images: Float
    instruments: Float
    axes: tuple[int, ...]

    @classmethod
    def of(cls, template: Float, whitening: Whitening, axes: tuple[int, ...]) -> Basis:
        """Make the images of a template that moves."""
        ones = np.ones((1, *template.shape), np.float32)
        images = np.concatenate([template[None], derivatives(template, axes), ones])
        return cls(images, whitening.applied(images), axes)

    def within(self, mask: Float) -> Basis:
        """Look at a part of the volume only: instruments times a mask, (Z, Y, X)."""
        return Basis(self.images, self.instruments * mask, self.axes)

    @property
    def template(self) -> Float:
        """The template, (Z, Y, X)."""
        return self.images[0]

    @cached_property
    def rows(self) -> Float:
        """The instruments as (voxels, K), for ``frames @ rows``."""
        return np.asarray(self.instruments.reshape(len(self.images), -1).T, np.float32, order="C")


class Grams:
    """Products of all instruments with all images over what a frame of a given shift shows.

    The volume is cut into slabs at each voxel that some shift uncovers; sums over boxes come from running sums.
    """

    def __init__(self, basis: Basis, reach: Iterable[int]) -> None:
        shape = basis.images.shape[1:]
        self.reach = [min(int(r), (n - 1) // 2) for n, r in zip(shape, reach, strict=True)]
        edges = [
            np.array([*range(r + 1), *range(n - r, n + 1)]) if r else np.array([0, n])
            for n, r in zip(shape, self.reach, strict=True)
        ]
        count, r, width = len(basis.images), self.reach[2], shape[2]
        sums = np.zeros((*(len(edge) for edge in edges), count, count))
        for a, (z0, z1) in enumerate(zip(edges[0][:-1], edges[0][1:], strict=True)):
            for b, (y0, y1) in enumerate(zip(edges[1][:-1], edges[1][1:], strict=True)):
                one, two = (
                    part[:, z0:z1, y0:y1].reshape(count, -1, width) for part in (basis.instruments, basis.images)
                )
                inner = slice(r, width - r)
                sums[a + 1, b + 1, r + 1] = one[:, :, inner].reshape(count, -1) @ two[:, :, inner].reshape(count, -1).T
                for columns, first in ((slice(0, r), 1), (slice(width - r, None), r + 2)):
                    if r:
                        turned = np.ascontiguousarray(one[:, :, columns].transpose(2, 0, 1))
                        sums[a + 1, b + 1, first : first + r] = turned @ two[:, :, columns].transpose(2, 1, 0)
        for axis in range(3):
            np.cumsum(sums, axis=axis, out=sums)
        self.sums = sums

    def of(self, shifts: Whole) -> Double:
        """Products where ``p + shift`` is in the frame, (n, K, K) for shifts (n, 3)."""
        reach = np.array(self.reach)
        bounded = np.clip(shifts, -reach, reach)
        low, high = np.maximum(0, -bounded), 2 * reach + 1 - np.maximum(0, bounded)
        out = np.zeros((len(shifts), *self.sums.shape[3:]))
        for corner in range(8):
            z, y, x = (high[:, n] if corner >> n & 1 else low[:, n] for n in range(3))
            out += (-1) ** (3 - corner.bit_count()) * self.sums[z, y, x]
        return out


@dataclass(frozen=True)
class Fit:
    """What a regression says of frames.

    Attributes
    ----------
    brightness : (n,) float64
        Times that the frame shows the template.
    offset : (n, 3) float64
        Displacement beside the whole shift, voxels, z, y, x.
    coefficients : (n, K) float64
        Of all images.
    error : (n, 4) float64
        Expected standard errors of offset and brightness where fluctuations are what the whitening says.
    """

    brightness: Double
    offset: Double
    coefficients: Double
    error: Double


def regress(gram: Double, products: Double, axes: tuple[int, ...], start: Double | None = None) -> Fit:
    """Fit frames.

    Parameters
    ----------
    gram : (n, K, K)
        From `Grams.of`.
    products : (n, K)
        Products of frames and instruments.
    axes : tuple of int
        Along which the template may move.
    start : (n, 3), optional
        Offsets to begin at.

    Raises
    ------
    numpy.linalg.LinAlgError
        Never: where a frame tells nothing, errors are infinite.
    """
    count, size = products.shape
    last = size - 1
    constant = np.where(gram[:, last, last] > 0, gram[:, last, last], 1.0)
    per = gram[:, last, :last] / constant[:, None]
    matrix = gram[:, :last, :last] - gram[:, :last, last, None] * per[:, None, :]
    right = products[:, :last] - gram[:, :last, last] * (products[:, last] / constant)[:, None]
    a, d = np.ones(count), np.zeros((count, len(axes)))
    if start is not None:
        d = start[:, list(axes)].astype(float)
    for _ in range(STEPS):
        phi, slope = _terms(a, d, axes)
        gradient = slope @ (right - np.einsum("nij,nj->ni", matrix, phi))[:, :, None]
        step = (_inverse(slope @ matrix @ slope.transpose(0, 2, 1)) @ gradient)[:, :, 0]
        a = np.clip(a + step[:, 0], 0.05, 20.0)
        d = np.clip(d + step[:, 1:], -FARTHEST, FARTHEST)
    phi, slope = _terms(a, d, axes)
    inverse = _inverse(slope @ matrix @ slope.transpose(0, 2, 1))
    spread = np.diagonal(inverse, axis1=1, axis2=2)
    spread = np.sqrt(np.where(spread > 0, spread, np.inf))
    error, offset = np.zeros((count, 4)), np.zeros((count, 3))
    error[:, [*axes, 3]] = np.roll(spread, -1, axis=1)
    offset[:, list(axes)] = d
    level = products[:, last] / constant - (per * phi).sum(axis=1)
    return Fit(a, offset, np.concatenate([phi, level[:, None]], axis=1), error)


def _inverse(matrix: Double) -> Double:
    """Invert matrices; zero along what they don't determine."""
    size = np.sqrt(np.maximum(np.diagonal(matrix, axis1=1, axis2=2), 0))
    known = size > 0
    scale = np.where(known, 1 / np.where(known, size, 1), 0)
    unit = matrix * scale[:, :, None] * scale[:, None, :]
    unit = (unit + unit.transpose(0, 2, 1)) / 2
    return np.asarray(np.linalg.pinv(unit, rcond=1e-6, hermitian=True) * scale[:, :, None] * scale[:, None, :])


def _terms(a: Double, d: Double, axes: tuple[int, ...]) -> tuple[Double, Double]:
    """Coefficients of the template's images, (n, moving), and their derivatives by brightness and shift."""
    count, n = d.shape
    at = {axis: place for place, axis in enumerate(axes)}
    both = [(at[i], at[j]) for i, j in pairs(axes)]
    shape = np.stack([np.ones(count), *d.T, *(d[:, i] * d[:, j] for i, j in both)], axis=1)
    slope = np.zeros((count, 1 + n, shape.shape[1]))
    slope[:, 0] = shape
    for i in range(n):
        slope[:, 1 + i, 1 + i] = a
        for place, (j, k) in enumerate(both):
            if j == i:
                slope[:, 1 + i, 1 + n + place] += a * d[:, k]
            if k == i:
                slope[:, 1 + i, 1 + n + place] += a * d[:, j]
    return a[:, None] * shape, slope
