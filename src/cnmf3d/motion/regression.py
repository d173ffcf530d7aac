"""Shifts by regression: a frame as the template, its derivatives and a constant, whitened by what the tissue does.

To second order a template that moved by ``d`` is ``T - Σ d_i ∂_i T + ½ Σ d_i d_j ∂_ij T`` (Lucas and Kanade 1981), here
with terms that are best for all shifts of up to half a voxel. Active cells and neuropil look like motion where they lie
on a slope. What frames have beside the template therefore counts as noise with its own spectrum: waves that activity
fills weigh little. The inverse covariance multiplies the template's images once, and costs nothing a frame (generalised
least squares, with these products as instruments wherever only part of the template is in view).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnmf3d.motion.kernels import gauss_newton
from cnmf3d.motion.products import cell_products
from cnmf3d.motion.spectra import displaced, frequencies, from_waves, over_shells, pairs, rings, to_waves

Float = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
FARTHEST = 0.9
"""Voxels that one regression may move a frame; beyond that Taylor's terms no longer describe it."""
SPECTRA = 2
"""Of so many residuals one is transformed: a ring of waves is known from few frames, each voxel's noise from more."""


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
        out = np.empty(images.shape, np.float32)
        for image, result in zip(images, out, strict=True):  # one at a time: all of them are most of the memory
            scaled = image * self.weight
            if self.gain is not None:
                scaled = from_waves(to_waves(scaled) * self.gain)
            np.multiply(scaled, self.weight, out=result)
        return out

    @classmethod
    def of(cls, residuals: Float, weight: Float) -> Whitening:
        """Measure what neighbours share in the residuals of some frames, (n, Z, Y, X), zero out of view."""
        power = np.zeros(weight.shape)
        some = residuals[::SPECTRA]
        for residual in some:
            power += to_waves(residual * weight) ** 2
        spectrum = over_shells(power / len(some), rings(frequencies(weight.shape)))
        spectrum[0, 0, 0] = spectrum.max()  # the mean has no power left, as it was fitted
        return cls(weight, np.asarray(1 / np.maximum(spectrum, 1e-30), np.float32))


@dataclass(frozen=True)
class Basis:
    """Images that a frame is a sum of.

    Attributes
    ----------
    images : (K, Z, Y, X) float32
        Terms of a template that moves (`spectra.displaced`), the first of which is the template itself, and ones.
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
        images = np.ones((2 + len(axes) + len(pairs(axes)), *template.shape), np.float32)
        displaced(template, axes, images[:-1])
        instruments = whitening.applied(images)
        # whitening leaves hardly anything of a constant: it is what the rest leaves on average
        instruments[-1] = whitening.weight**2
        return cls(images, instruments, axes)

    def within(self, mask: Float) -> Basis:
        """Look at a part of the volume only: instruments times a mask, (Z, Y, X)."""
        return Basis(self.images, self.instruments * mask, self.axes)

    @property
    def template(self) -> Float:
        """The template, (Z, Y, X)."""
        return np.asarray(self.images[0])


Box = tuple[slice, slice, slice]


class Grams:
    """Products of all instruments with all images over what a frame of a given shift shows.

    The volume is cut into slabs at each voxel that some shift uncovers; sums over boxes come from running sums.

    Parameters
    ----------
    basis : Basis
    reach : (3,) int
        Largest whole shift along z, y and x.
    cuts : three sequences of int, optional
        Where the volume is cut besides, so that boxes can be asked for.
    """

    def __init__(self, basis: Basis, reach: Iterable[int], cuts: Sequence[Sequence[int]] = ((), (), ())) -> None:
        self.shape = basis.images.shape[1:]
        self.reach = np.array([min(int(r), (n - 1) // 2) for n, r in zip(self.shape, reach, strict=True)])
        self.edges = [
            np.unique([0, n, *range(r + 1), *range(n - r, n + 1), *cut])
            for n, r, cut in zip(self.shape, self.reach, cuts, strict=True)
        ]
        count = len(basis.images)
        sums = np.zeros((*(len(edge) for edge in self.edges), count, count))
        cells = [np.repeat(np.arange(len(edge) - 1), np.diff(edge)) for edge in self.edges]
        cell_products(basis.instruments, basis.images, *cells, sums[1:, 1:, 1:])
        for axis in range(3):
            along = np.moveaxis(sums, axis, 0)
            for place in range(1, len(along)):  # as `cumsum` does, which is slow along other axes than the last
                along[place] += along[place - 1]
        self.sums = sums

    def of(self, shifts: Whole, box: Box | None = None) -> Double:
        """Products where ``p + shift`` is in the frame, (n, K, K) for shifts (n, 3); within a box between cuts."""
        bounded = np.clip(shifts, -self.reach, self.reach)
        low, high = np.maximum(0, -bounded), self.shape - np.maximum(0, bounded)
        if box is not None:
            low = np.maximum(low, [part.start for part in box])
            high = np.maximum(np.minimum(high, [part.stop for part in box]), low)
        low, high = (
            np.stack([np.searchsorted(edge, column) for edge, column in zip(self.edges, side.T, strict=True)], axis=1)
            for side in (low, high)
        )
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

    def at(self, frames: Whole) -> Fit:
        """Take some frames' rows."""
        return Fit(self.brightness[frames], self.offset[frames], self.coefficients[frames], self.error[frames])


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
    at = {axis: place for place, axis in enumerate(axes)}
    both = np.array([(at[i], at[j]) for i, j in pairs(axes)], np.int64).reshape(-1, 2)
    spread = np.empty((count, 1 + len(axes)))
    gauss_newton(matrix, right, both[:, 0].copy(), both[:, 1].copy(), FARTHEST, a, d, spread)
    shape = np.concatenate([np.ones((count, 1)), d, d[:, both[:, 0]] * d[:, both[:, 1]]], axis=1)
    phi = a[:, None] * shape
    error, offset = np.zeros((count, 4)), np.zeros((count, 3))
    error[:, [*axes, 3]] = np.roll(spread, -1, axis=1)
    offset[:, list(axes)] = d
    level = products[:, last] / constant - (per * phi).sum(axis=1)
    return Fit(a, offset, np.concatenate([phi, level[:, None]], axis=1), error)
