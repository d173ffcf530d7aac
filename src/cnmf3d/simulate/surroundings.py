"""What is not cells: resting light, neuropil, bleaching, light that fluctuates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.simulate.scene import Scene

Float = npt.NDArray[np.float64]
TEXTURE = 0.15
"""Standard deviation of the resting background's texture."""


def smooth_field(shape: tuple[int, ...], sigma: tuple[float, ...], rng: np.random.Generator) -> Float:
    """Gaussian random field of zero mean and unit standard deviation."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), sigma, mode="reflect")
    return np.asarray((field - field.mean()) / max(field.std(), 1e-12))


def resting_light(scene: Scene, rng: np.random.Generator) -> Float:
    """Resting background without cells over the canvas, counts: vignetting times a smooth texture."""
    _, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in scene.canvas), indexing="ij")
    vignette = 1 - scene.vignette * (y**2 + x**2) / 2
    texture = smooth_field(scene.canvas, _scale(scene), rng)
    return np.asarray(scene.resting * vignette * np.clip(1 + TEXTURE * texture, 0.5, 1.5))


def neuropil(scene: Scene, rng: np.random.Generator) -> tuple[Float, Float]:
    """Draw smooth images that vary slowly.

    Returns
    -------
    images : (rank, *canvas)
        Over the resting background. The median over voxels of the peak to peak over time of
        ``images · courses`` is `Scene.neuropil`.
    courses : (rank, frames)
        From 0 to 1.
    """
    rank, time = scene.neuropil_rank, (scene.neuropil_time * scene.rate,)
    images = np.stack([np.exp(0.7 * smooth_field(scene.canvas, _scale(scene), rng)) for _ in range(rank)])
    courses = np.stack([smooth_field((scene.frames,), time, rng) for _ in range(rank)])
    courses -= courses.min(axis=1, keepdims=True)
    courses /= np.maximum(courses.max(axis=1, keepdims=True), 1e-12)
    return images * (scene.neuropil / max(swing(images, courses), 1e-12)), courses


def swing(images: npt.NDArray[np.floating], courses: npt.NDArray[np.floating]) -> float:
    """Median over voxels of the peak to peak over time of ``images · courses``, on about 4,000 voxels."""
    flat = images.reshape(len(images), -1)
    some = flat[:, :: max(1, flat.shape[1] // 4000)]
    return float(np.median(np.ptp(some.T @ courses, axis=1)))


def bleaching(scene: Scene) -> Float:
    """Share of the light that is left in each frame, exponential from 1."""
    return np.asarray((1 - scene.bleaching) ** (np.arange(scene.frames) / (scene.frames - 1)))


def depth_light(scene: Scene) -> Float:
    """Share of the light that comes from each plane of the canvas, (Z, 1, 1); exponential from 1."""
    plane = np.clip(np.arange(scene.canvas[0]) - scene.margin[0], 0, scene.shape[0] - 1)
    return np.asarray((1 - scene.depth_loss) ** (plane / max(scene.shape[0] - 1, 1)))[:, None, None]


def fluctuations(scene: Scene, rng: np.random.Generator) -> Float:
    """Light of each frame over its mean: flicker from frame to frame, and jumps from trial to trial, (frames,)."""
    course = 1 + scene.flicker * rng.standard_normal(scene.frames)
    jumps = rng.standard_normal(scene.trials)
    if scene.trials > 1:
        course *= 1 + scene.trial_jump * jumps[scene.trial]
    return np.asarray(np.maximum(course, 0.05))


def _scale(scene: Scene) -> tuple[float, float, float]:
    """Smoothness of the surroundings along z, y, x, voxels."""
    x, y, z = (scene.neuropil_scale * size for size in scene.cell_size)
    return (z, y, x)
