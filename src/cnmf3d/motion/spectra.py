"""Images as cosine waves: parts of a voxel, smoothing by what halves of the frames agree on, blur of averages.

Cosines continue an image beyond its borders by its mirror image, so that no wave meets a step there.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.interpolate import CubicSpline

Float = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]
SHELLS = 24
"""Shells of spatial frequency over which spectra are averaged: finer ones follow the spectrum more closely, and each of
them knows less."""
DEEP = 8
"""The same along z, for `rings`."""
HALF = 0.5
"""Voxels that rounding to whole ones leaves of a shift at most."""
FEW = 32
"""Voxels along an axis below which borders matter."""
LEAST_SHARPNESS = 0.4
"""Part of a wave that averaging must have left for `sharpened` to bring it back; whole voxels leave 0.64 or more."""


def to_waves(image: Float) -> Float:
    """Coefficients of an image's cosine waves (DCT-II, orthonormal) over the last three axes."""
    return np.asarray(fft.dctn(image, axes=(-3, -2, -1), norm="ortho"))


def from_waves(coefficients: Float) -> Float:
    """Image of these coefficients."""
    return np.asarray(fft.idctn(coefficients, axes=(-3, -2, -1), norm="ortho"), np.float32)


def frequencies(shape: tuple[int, ...]) -> tuple[Double, Double, Double]:
    """Angular frequencies along z, y and x of `to_waves`, radians a voxel, broadcastable."""
    z, y, x = (np.pi * np.arange(n) / n for n in shape[-3:])
    return z[:, None, None], y[:, None], x


def shells(frequency: tuple[Double, ...]) -> npt.NDArray[np.int64]:
    """Shell of spatial frequency of each coefficient: 0 for the mean."""
    radius = np.sqrt(sum((wave / np.pi) ** 2 for wave in frequency))
    return np.asarray(np.ceil(np.sqrt(radius / np.sqrt(3)) * SHELLS), np.int64)


def rings(frequency: tuple[Double, ...]) -> npt.NDArray[np.int64]:
    """Shells that tell frequencies along z from those in the plane: rings in the plane for each of some along z.

    Planes are few and thick: what is slow along z would share its shell with what is fine in the plane, and activity
    is slow in both. Takes more values for the same precision than `shells`.
    """
    z, y, x = (wave / np.pi for wave in frequency)
    ring = np.ceil(np.sqrt(np.sqrt((y**2 + x**2) / 2)) * SHELLS).astype(np.int64)
    return np.asarray(ring + (SHELLS + 1) * np.ceil(np.sqrt(z) * DEEP).astype(np.int64))


def over_shells(power: npt.NDArray[np.floating], index: npt.NDArray[np.int64]) -> Double:
    """Average a spectrum over shells, and give every coefficient its shell's value."""
    flat = index.ravel()
    sums = np.bincount(flat, power.ravel(), minlength=int(flat.max()) + 1)
    counts = np.bincount(flat, minlength=int(flat.max()) + 1)
    return np.asarray((sums / np.maximum(counts, 1))[index])


def displaced(image: Float, axes: tuple[int, ...], out: Float | None = None) -> Float:
    """Images of which ``image(p - d)`` is the sum, times 1, the ``d_i`` and the ``d_i d_j``.

    Of all such sums it is the one that is nearest for shifts of up to half a voxel (Legendre's polynomials in each
    ``d_i``). Taylor's terms are nearest at no shift: at half a voxel they make detail of four voxels' length move too
    far, so that shifts come out 5 % too small.

    Parameters
    ----------
    image : (Z, Y, X) float32
    axes : tuple of int
        Along which the image may move.
    out : optional
        Where to write.

    Returns
    -------
    (1 + n + n (n + 1) / 2, Z, Y, X) float32
        Last, those of products of two shifts in the order of `pairs`.
    """
    done: dict[tuple[int, ...], Float] = {(): image}

    def along(orders: tuple[int, ...]) -> Float:
        """Terms of these orders along the first axes; what several products begin with is computed once."""
        if orders not in done:
            axis = axes[len(orders) - 1]
            matrix = _terms(image.shape[axis])[orders[-1]]
            done[orders] = np.moveaxis(np.tensordot(matrix, along(orders[:-1]), (1, axis)), 0, axis)
        return done[orders]

    def product(orders: dict[int, int]) -> Float:
        return np.asarray(along(tuple(orders.get(axis, 0) for axis in axes)), np.float32)

    first = [product({axis: 1}) for axis in axes]
    second = [product({a: 2} if a == b else {a: 1, b: 1}) for a, b in pairs(axes)]
    squares = [term for term, (a, b) in zip(second, pairs(axes), strict=True) if a == b]
    still = product({}) - np.float32(HALF**2 / 3) * sum(squares, np.float32(0))
    return np.stack([still, *first, *second], out=out)


def pairs(axes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Pairs of axes whose shifts are multiplied."""
    return [(a, b) for n, a in enumerate(axes) for b in axes[n:]]


@cache
def _terms(n: int) -> Float:
    """Matrices that make of n voxels in a row the terms of a shift of up to half a voxel, (3, n, n).

    The mean over all shifts, the slope, and the coefficient of ``d² - HALF² / 3``, which is zero on average.
    The row is continued by its cosines. They are level at a border, which makes shifts along few planes too large; the
    one-sided slope of a spline there is steepened by noise, which makes them too small. Where an axis is short, the
    mean of both is taken.
    """
    k, place = np.pi * np.arange(n) / n, np.arange(n)[:, None] + 0.5
    to_cosines = np.linalg.inv(np.cos(k * place))
    nodes, weights = np.polynomial.legendre.leggauss(8)
    nodes, weights = HALF * nodes, weights / 2
    moved = np.stack([np.cos(k * (place - d)) @ to_cosines for d in nodes])
    if n < FEW:
        spline = CubicSpline(np.arange(n), np.eye(n))
        moved = (moved + np.stack([spline(np.arange(n) - d) for d in nodes])) / 2
    shapes = np.stack([np.ones_like(nodes), nodes, nodes**2 - HALF**2 / 3])
    scale = (weights * shapes**2).sum(axis=1)
    return np.asarray(np.einsum("st,tij->sij", weights * shapes / scale[:, None], moved), np.float32)


def smoothed(waves: Float, halves: tuple[Float, Float]) -> Float:
    """Keep of each shell of frequencies what two independent halves agree on (Wiener's filter).

    A template's noise steepens its gradient, and shifts that are measured with it come out too small.

    Parameters
    ----------
    waves : (Z, Y, X) float32
        Coefficients (`to_waves`) of the mean of all frames, or of one of the halves.
    halves : two of (Z, Y, X) float32
        Those of the means of one half of the frames and of the other.
    """
    one, other = halves
    index = rings(frequencies(waves.shape))
    common = over_shells(one * other, index)
    power = over_shells(waves**2, index)
    gain = np.clip(common / np.maximum(power, 1e-30), 0, 1)
    gain[0, 0, 0] = 1
    return waves * gain.astype(np.float32)


def sharpened(waves: Float, offsets: Double) -> Float:
    """Undo the blur of a mean over frames that were moved by whole voxels only.

    What was left of each frame's shift is known, and so is what averaging did to every wave: it is divided out.

    Parameters
    ----------
    waves : (Z, Y, X) float32
        Coefficients of the mean (`to_waves`).
    offsets : (frames, 3)
        What was left of each frame's shift, voxels.
    """
    out = waves
    for axis, wave in enumerate(frequencies(waves.shape)):
        kept = np.cos(np.multiply.outer(wave, offsets[:, axis])).mean(axis=-1)
        out = out / np.maximum(kept, LEAST_SHARPNESS).astype(np.float32)
    return out
