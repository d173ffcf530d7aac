"""How the tissue moves: what registration takes out of the movie, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.simulate.camera import Image, displace
from cnmf3d.simulate.scene import Scene
from cnmf3d.simulate.surroundings import smooth_field

Float = npt.NDArray[np.float64]
WARPS = 3
"""Number of smooth images whose sum is a non-rigid displacement."""


@dataclass(frozen=True)
class Motion:
    """Displacements of the tissue, order z, y, x, voxels.

    Attributes
    ----------
    undone : (frames, 3) int64
        What registration took out; the voxels that were shifted out hold `Scene.fill`.
    shifts : (frames, 3) float32
        What remains in the movie.
    warps : (modes, 3, Z, Y, X) float32
        Images over the canvas of displacements that differ from place to place; no modes where there are none.
    warp_courses : (modes, frames) float32
    """

    undone: npt.NDArray[np.int64]
    shifts: npt.NDArray[np.float32]
    warps: npt.NDArray[np.float32]
    warp_courses: npt.NDArray[np.float32]

    def move(self, canvas: Image, frame: int) -> Image:
        """Displace the tissue as it is in a frame, before registration."""
        shift = self.shifts[frame].astype(np.float64) + self.undone[frame]
        if not len(self.warps):
            return displace(canvas, shift)
        field = np.tensordot(self.warp_courses[:, frame], self.warps, 1) + shift.reshape(3, 1, 1, 1)
        places = np.indices(canvas.shape) - field
        if field[0].any():
            return np.asarray(ndimage.map_coordinates(canvas, places, order=3, mode="nearest", output=np.float32))
        planes = zip(canvas, places[1:].swapaxes(0, 1), strict=True)
        return np.stack([ndimage.map_coordinates(*plane, order=3, mode="nearest") for plane in planes])


def draw_motion(scene: Scene, rng: np.random.Generator, more: np.random.Generator) -> Motion:
    """Draw all displacements; `more` draws those that are not `Scene.motion`."""
    wander = displacements(scene, rng)
    undone = np.zeros((scene.frames, 3), np.int64)
    if scene.fill != "none":
        undone, wander = np.rint(wander).astype(np.int64), np.zeros_like(wander)
    warps, courses = _warps(scene, more)
    return Motion(undone, (wander + _residual(scene, more)).astype(np.float32), warps, courses)


def displacements(scene: Scene, rng: np.random.Generator) -> Float:
    """Rigid displacement of the tissue: slow drift and fast jitter with median zero.

    Returns
    -------
    (frames, 3)
        Voxels, order z, y, x.
    """
    paths = np.zeros((scene.frames, 3))
    for axis, largest in enumerate(scene.motion[::-1]):
        drift = smooth_field((scene.frames,), (3 * scene.rate,), rng)
        jitter = smooth_field((scene.frames,), (0.15 * scene.rate,), rng)
        path = drift + 0.5 * jitter
        path -= np.median(path)
        paths[:, axis] = largest * path / max(np.abs(path).max(), 1e-12)
    return paths


def _residual(scene: Scene, rng: np.random.Generator) -> Float:
    """Jitter from frame to frame, drift, brief displacements and those from trial to trial, (frames, 3)."""
    jitter, drift, startle, trial = (
        np.array(lengths[::-1]) for lengths in (scene.jitter, scene.drift, scene.startle, scene.trial_shift)
    )
    slow = np.stack([smooth_field((scene.frames,), (scene.jitter_time * scene.rate,), rng) for _ in range(3)], axis=1)
    paths = jitter * (rng.standard_normal((scene.frames, 3)) + slow) / np.sqrt(2)
    paths += drift * np.linspace(0, 1, scene.frames)[:, None]
    starts = rng.uniform(0, scene.frames, rng.poisson(scene.startles * scene.frames / scene.rate / 60))
    for start in starts:
        stop = start + max(1.0, rng.exponential(scene.startle_time) * scene.rate)
        paths[int(start) : int(np.ceil(stop))] += np.clip(rng.standard_normal(3), -3, 3) * startle
    if scene.trials > 1:
        paths += (trial * rng.standard_normal((scene.trials, 3)))[scene.trial]
    return np.asarray(np.clip(paths, -np.array(scene.margin), scene.margin))


def _warps(scene: Scene, rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Draw smooth images and courses; their product has `Scene.warp` as rms along x, y, z."""
    if not any(scene.warp):
        return np.zeros((0, 3, *scene.canvas), np.float32), np.zeros((0, scene.frames), np.float32)
    sigma = tuple(max(n / 5, 1.0) for n in scene.canvas)
    images = np.stack([[smooth_field(scene.canvas, sigma, rng) for _ in range(3)] for _ in range(WARPS)])
    courses = np.stack(
        [
            smooth_field((scene.frames,), (3 * scene.rate,), rng) + 0.5 * rng.standard_normal(scene.frames)
            for _ in range(WARPS)
        ]
    )
    courses /= np.sqrt(WARPS * np.mean(courses**2))
    images *= np.array(scene.warp[::-1]).reshape(1, 3, 1, 1, 1)
    return images.astype(np.float32), courses.astype(np.float32)
