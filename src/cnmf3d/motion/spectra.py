"""Images as cosine waves: derivatives, smoothing by what halves of the frames agree on, the blur that averaging leaves.

Cosines continue an image beyond its borders by its mirror image, so that no wave meets a step there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.interpolate import CubicSpline

Float = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]
SHELLS = 24
"""Shells of spatial frequency over which spectra are averaged: finer ones follow the spectrum more closely, and each of
them knows less."""
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


def over_shells(power: npt.NDArray[np.floating], index: npt.NDArray[np.int64]) -> Double:
    """Average a spectrum over shells, and give every coefficient its shell's value."""
    flat = index.ravel()
    sums = np.bincount(flat, power.ravel(), minlength=int(flat.max()) + 1)
    counts = np.bincount(flat, minlength=int(flat.max()) + 1)
    return np.asarray((sums / np.maximum(counts, 1))[index])


def derivatives(image: Float, axes: tuple[int, ...]) -> Float:
    """Taylor's terms of ``image(p - d)``: negative first derivatives, then second ones, halved on the diagonal.

    Parameters
    ----------
    image : (Z, Y, X) float32
    axes : tuple of int
        Along which the image may move.

    Returns
    -------
    (n + n (n + 1) / 2, Z, Y, X) float32
        Second derivatives in the order of `pairs`.
    """
    first = {axis: -_along(image, axis, 1) for axis in axes}
    second = [0.5 * _along(image, a, 2) if a == b else -_along(first[a], b, 1) for a, b in pairs(axes)]
    return np.stack([*first.values(), *second])


def pairs(axes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Pairs of axes of the second derivatives."""
    return [(a, b) for n, a in enumerate(axes) for b in axes[n:]]


def _along(image: Float, axis: int, order: int) -> Float:
    """Derivative along one axis: that of the cosines through the samples.

    At a border cosines are level, which makes shifts along few planes too large; the one-sided slope of a spline there
    is steepened by noise, which makes them too small. Where an axis is short, the mean of both is taken.
    """
    n = image.shape[axis]
    k, place = np.pi * np.arange(n) / n, np.arange(n)[:, None] + 0.5
    wave = np.cos(k * place)
    changed = -k * np.sin(k * place) if order == 1 else -(k**2) * wave
    matrix = np.linalg.solve(wave.T, changed.T).T
    if n < FEW:
        matrix = (matrix + CubicSpline(np.arange(n), np.eye(n))(np.arange(n), order)) / 2
    return np.asarray(np.moveaxis(np.tensordot(matrix.astype(np.float32), image, (1, axis)), 0, axis))


def smoothed(image: Float, halves: tuple[Float, Float]) -> Float:
    """Keep of each shell of frequencies what two independent halves agree on (Wiener's filter).

    A template's noise steepens its gradient, and shifts that are measured with it come out too small.

    Parameters
    ----------
    image : (Z, Y, X) float32
        Mean of all frames.
    halves : two of (Z, Y, X) float32
        Means of one half of the frames and of the other.
    """
    one, other = (to_waves(half) for half in halves)
    index = shells(frequencies(image.shape))
    common = over_shells(one * other, index)
    power = over_shells(((one + other) / 2) ** 2, index)
    gain = np.clip(common / np.maximum(power, 1e-30), 0, 1)
    gain[0, 0, 0] = 1
    return from_waves(to_waves(image) * gain.astype(np.float32))


def sharpened(image: Float, offsets: Double) -> Float:
    """Undo the blur of a mean over frames that were moved by whole voxels only.

    What was left of each frame's shift is known, and so is what averaging did to every wave: it is divided out.

    Parameters
    ----------
    image : (Z, Y, X) float32
    offsets : (frames, 3)
        What was left of each frame's shift, voxels.
    """
    out = to_waves(image)
    for axis, wave in enumerate(frequencies(image.shape)):
        kept = np.cos(np.multiply.outer(wave, offsets[:, axis])).mean(axis=-1)
        out = out / np.maximum(kept, LEAST_SHARPNESS).astype(np.float32)
    return from_waves(out)
