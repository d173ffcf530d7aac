"""From light to counts: rigid displacement, Poisson and read noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
FEW_PHOTONS = 16.0
"""Below this mean, photons are Poisson numbers; above it, of Cornish and Fisher's expansion."""


def expose(
    light: Image, rng: np.random.Generator, gain: float, read_noise: float, offset: float
) -> npt.NDArray[np.uint16]:
    """Draw the counts of a detector that sees `light`.

    The sum of ``gain`` × Poisson and Gaussian noise is drawn from its first three cumulants, which needs one
    normal number a voxel: ``y = μ + σ z + κ₃ (z² − 1) / 6 σ²`` (Cornish and Fisher 1938). Voxels with few
    photons get an exact Poisson number.

    Parameters
    ----------
    light : float32, any shape
        Expected counts without the offset.
    rng : numpy.random.Generator
    gain : float
        Counts a photon.
    read_noise : float
        Standard deviation, counts.
    offset : float
        Counts without light.

    Returns
    -------
    uint16, shape of `light`
    """
    light = np.maximum(light, np.float32(0))
    normal = rng.standard_normal(light.shape, dtype=np.float32)
    variance = light * np.float32(gain) + np.float32(read_noise**2 + 1e-6)
    counts = np.sqrt(variance) * normal
    normal *= normal
    normal -= np.float32(1)
    normal *= light
    normal /= variance
    normal *= np.float32(gain**2 / 6)
    counts += normal
    counts += light
    few = light < np.float32(FEW_PHOTONS * gain)
    if few.any():
        photons = rng.poisson(light[few] / gain)
        counts[few] = gain * photons + read_noise * rng.standard_normal(photons.shape)
    counts += np.float32(offset)
    np.rint(counts, out=counts)
    return np.asarray(np.clip(counts, 0, 65535, out=counts), dtype=np.uint16)


def displace(volume: Image, shift: npt.NDArray[np.float64]) -> Image:
    """Move an image by parts of voxels with Catmull-Rom splines; what enters repeats the border.

    Parameters
    ----------
    volume : (Z, Y, X) float32
    shift : (3,) displacement along z, y, x, voxels
    """
    for axis, distance in enumerate(shift):
        if distance == 0:
            continue
        whole = int(np.floor(-distance))
        t = float(-distance - whole)
        index = np.arange(volume.shape[axis]) + whole
        if t == 0:
            volume = np.take(volume, np.clip(index, 0, volume.shape[axis] - 1), axis)
            continue
        weights = (
            0.5 * (-t + 2 * t**2 - t**3),
            0.5 * (2 - 5 * t**2 + 3 * t**3),
            0.5 * (t + 4 * t**2 - 3 * t**3),
            0.5 * (-(t**2) + t**3),
        )
        taps = (np.take(volume, np.clip(index + k - 1, 0, volume.shape[axis] - 1), axis) for k in range(4))
        volume = sum((np.float32(w) * tap for w, tap in zip(weights, taps, strict=True)), np.zeros_like(volume))
    return volume
