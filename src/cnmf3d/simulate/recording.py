"""A scene becomes cells, light and counts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.errors import UsageError
from cnmf3d.simulate.activity import draw_activity
from cnmf3d.simulate.camera import displace, expose
from cnmf3d.simulate.cells import draw_cells, inside_view
from cnmf3d.simulate.scene import Scene
from cnmf3d.simulate.surroundings import bleaching, displacements, neuropil, resting_light
from cnmf3d.simulate.truth import Truth

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Recording:
    """Everything that the frames of a synthetic movie are made from; make one with `draw`.

    Attributes
    ----------
    scene : Scene
    seed : int
    truth : Truth
    images : (1 + rank, canvas voxels) float32
        Resting light and neuropil, counts.
    courses : (1 + rank, frames) float32
        Their time courses; the first is one.
    cells : csr_array, (canvas voxels, cells) float32
        Footprints, 1 at the brightest voxel.
    peaks : (cells, frames) float32
        Counts of ΔF at the brightest voxel, before bleaching.
    """

    scene: Scene
    seed: int
    truth: Truth
    images: npt.NDArray[np.float32]
    courses: npt.NDArray[np.float32]
    cells: sparse.csr_array[Any]
    peaks: npt.NDArray[np.float32]

    def light(self, frame: int) -> npt.NDArray[np.float32]:
        """Compute the expected counts of one volume without the offset, (Z, Y, X) float32."""
        flat = self.courses[:, frame] @ self.images
        flat += self.cells @ self.peaks[:, frame]
        flat *= self.truth.bleach[frame]
        canvas: npt.NDArray[np.float32] = flat.reshape(self.scene.canvas)
        return displace(canvas, self.truth.shifts[frame].astype(np.float64))[self.scene.view]

    def frame(self, frame: int) -> npt.NDArray[np.uint16]:
        """Draw the counts of one volume, (Z, Y, X) uint16: the same ones whenever it is drawn."""
        scene = self.scene
        rng = np.random.Generator(np.random.SFC64([self.seed, 4, frame]))
        return expose(self.light(frame), rng, scene.gain, scene.read_noise, scene.offset)

    def frames(self, workers: int | None = None) -> Iterator[npt.NDArray[np.uint16]]:
        """Yield all volumes in order; a few are drawn ahead by `workers` threads (by default one a core)."""
        from threadpoolctl import threadpool_limits

        threads = workers or os.cpu_count() or 1
        numbers = iter(range(self.scene.frames))
        with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
            ahead = [pool.submit(self.frame, number) for number in islice(numbers, 2 * threads)]
            while ahead:
                yield ahead.pop(0).result()
                ahead += [pool.submit(self.frame, number) for number in islice(numbers, 1)]


def draw(scene: Scene, seed: int = 0) -> Recording:
    """Draw cells, activity and surroundings of a scene; the same ones for the same scene and seed.

    Raises
    ------
    UsageError
        For a negative seed, or cells that don't fit.
    """
    if seed < 0:
        raise UsageError(f"The seed is {seed}", "Give a whole number from 0.")
    rngs = [np.random.default_rng([seed, part]) for part in range(4)]
    cells, centres = draw_cells(scene, rngs[0])
    activity = draw_activity(scene, rngs[1])
    rest = resting_light(scene, rngs[2])
    images, courses = neuropil(scene, rngs[2])
    shifts = displacements(scene, rngs[2])
    images = images * rest
    glow = scene.resting_cell * scene.resting * rngs[3].lognormal(0, 0.3, scene.cells)
    rest += (cells @ glow).reshape(scene.canvas)
    snr = _draw_snr(scene, rngs[3])
    bleach = bleaching(scene)
    light = bleach.mean() * rest + np.tensordot((courses * bleach).mean(axis=1), images, 1)
    noise = np.sqrt(scene.gain * light + scene.read_noise**2)[scene.view].ravel()
    seen = inside_view(cells, scene)
    brightest = seen.indices[_tops(seen)]
    top = (activity.calcium * bleach).max(axis=1, initial=0)
    peaks = (snr * noise[brightest] / np.maximum(top, 1e-12))[:, None] * activity.calcium
    norms = np.sqrt(np.asarray(seen.multiply(seen).sum(axis=0)).ravel())
    truth = Truth(
        shape=scene.shape,
        footprints=sparse.csc_array(seen @ sparse.diags_array(1 / norms), dtype=np.float32),
        traces=(norms[:, None] * peaks).astype(np.float32),
        spikes=activity.spikes.astype(np.float32),
        centres=centres.astype(np.float32),
        rate=scene.rate,
        decay=activity.decay.astype(np.float32),
        rise=activity.rise.astype(np.float32),
        snr=snr.astype(np.float32),
        resting=rest[scene.view].astype(np.float32),
        neuropil_images=images[(slice(None), *scene.view)].astype(np.float32),
        neuropil_courses=courses.astype(np.float32),
        bleach=bleach.astype(np.float32),
        shifts=shifts.astype(np.float32),
        scene={"seed": seed, **scene.model_dump(mode="json")},
    )
    return Recording(
        scene=scene,
        seed=seed,
        truth=truth,
        images=np.concatenate([rest[None], images]).reshape(len(images) + 1, -1).astype(np.float32),
        courses=np.concatenate([np.ones((1, scene.frames)), courses]).astype(np.float32),
        cells=cells.tocsr(),
        peaks=peaks.astype(np.float32),
    )


def _tops(columns: sparse.csc_array[Any]) -> npt.NDArray[np.int64]:
    """Where in ``columns.data`` the largest value of each column is."""
    spans = zip(columns.indptr[:-1], columns.indptr[1:], strict=True)
    return np.array([low + columns.data[low:high].argmax() for low, high in spans], dtype=np.int64)


def _draw_snr(scene: Scene, rng: np.random.Generator) -> Float:
    """Peak ΔF over noise at each cell's brightest voxel: lognormal, bounded, median `Scene.snr`."""
    factor = rng.lognormal(0, scene.snr_spread, scene.cells)
    middle = np.median(factor) if scene.cells else 1.0
    return np.asarray(scene.snr * np.clip(factor / middle, *scene.snr_range))
