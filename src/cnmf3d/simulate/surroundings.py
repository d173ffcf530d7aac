"""What is not cells: resting light, neuropil, bleaching, motion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.simulate.scene import Scene

Float = npt.NDArray[np.float64]


def smooth_field(shape: tuple[int, ...], sigma: tuple[float, ...], rng: np.random.Generator) -> Float:
    """Gaussian random field of zero mean and unit standard deviation."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), sigma, mode="reflect")
    return np.asarray((field - field.mean()) / max(field.std(), 1e-12))


def resting_light(scene: Scene, rng: np.random.Generator) -> Float:
    """(Z, Y, X) resting background without cells, counts: vignetting times a smooth texture of ± 15 %."""
    z, y, x = np.meshgrid(
        *(np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in scene.shape), indexing="ij"
    )
    vignette = 1 - scene.vignette * (y**2 + x**2) / 2
    texture = smooth_field(scene.shape, _scale(scene), rng)
    return np.asarray(scene.resting * vignette * np.clip(1 + 0.15 * texture, 0.5, 1.5))


def neuropil(scene: Scene, rng: np.random.Generator) -> tuple[Float, Float]:
    """Draw smooth images that vary slowly.

    Returns
    -------
    images : (rank, Z, Y, X)
        Over the resting background. Their sum with the courses has a peak to peak over time whose median over voxels
        is `Scene.neuropil`.
    courses : (rank, frames)
        From 0 to 1.
    """
    rank = scene.neuropil_rank
    images = np.stack([np.exp(0.7 * smooth_field(scene.shape, _scale(scene), rng)) for _ in range(rank)])
    courses = np.stack(
        [smooth_field((scene.frames,), (scene.neuropil_time * scene.rate,), rng) for _ in range(rank)]
    )
    courses -= courses.min(axis=1, keepdims=True)
    courses /= np.maximum(courses.max(axis=1, keepdims=True), 1e-12)
    some = images.reshape(rank, -1)[:, :: max(1, images[0].size // 2000)]
    swing = float(np.median(np.ptp(some.T @ courses, axis=1)))
    return images * (scene.neuropil / swing), courses


def bleaching(scene: Scene) -> Float:
    """(frames,) share of the light that is left, exponential from 1."""
    return np.asarray((1 - scene.bleaching) ** (np.arange(scene.frames) / (scene.frames - 1)))


def displacements(scene: Scene, rng: np.random.Generator) -> Float:
    """(frames, 3) rigid displacement of the tissue, voxels, order z, y, x: slow drift and fast jitter, median zero."""
    paths = np.zeros((scene.frames, 3))
    for axis, largest in enumerate(scene.motion[::-1]):
        drift = smooth_field((scene.frames,), (3 * scene.rate,), rng)
        jitter = smooth_field((scene.frames,), (0.15 * scene.rate,), rng)
        path = drift + 0.5 * jitter
        path -= np.median(path)
        paths[:, axis] = largest * path / np.abs(path).max()
    return paths


def _scale(scene: Scene) -> tuple[float, float, float]:
    """Smoothness of the surroundings along z, y, x, voxels."""
    x, y, z = (scene.neuropil_scale * size for size in scene.cell_size)
    return (z, y, x)
