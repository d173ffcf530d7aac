"""The frames of a synthetic movie, from cells, light and detector."""

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

from cnmf3d.simulate.detector import Pattern, detect
from cnmf3d.simulate.motion import Motion
from cnmf3d.simulate.registration import shift_back
from cnmf3d.simulate.scene import Scene
from cnmf3d.simulate.truth import Truth


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
    cells : csr_array, (canvas voxels, objects) float32
        Footprints of cells and processes, 1 at the brightest voxel.
    peaks : (objects, frames, moments) float32
        Counts of ΔF at the brightest voxel, before bleaching; of the whole frame, or of each plane in turn.
    motion : Motion
    pattern : Pattern
        Of the detector.
    """

    scene: Scene
    seed: int
    truth: Truth
    images: npt.NDArray[np.float32]
    courses: npt.NDArray[np.float32]
    cells: sparse.csr_array[Any]
    peaks: npt.NDArray[np.float32]
    motion: Motion
    pattern: Pattern

    def light(self, frame: int) -> npt.NDArray[np.float32]:
        """Compute the expected counts of one volume without the offset, (Z, Y, X) float32, before registration."""
        flat = self.courses[:, frame] @ self.images
        flat += self._glow(frame)
        flat *= self.truth.bleach[frame]
        canvas: npt.NDArray[np.float32] = flat.reshape(self.scene.canvas)
        return self.motion.move(canvas, frame)[self.scene.view]

    def _glow(self, frame: int) -> npt.NDArray[np.float32]:
        """ΔF of the canvas; each of its planes at its own time where planes are taken in turn."""
        if self.peaks.shape[2] == 1:
            return np.asarray(self.cells @ self.peaks[:, frame, 0])
        planes = self.scene.canvas[0]
        moments = np.clip(np.arange(planes) - self.scene.margin[0], 0, self.scene.shape[0] - 1)
        size = self.cells.shape[0] // planes
        parts = [self.cells[z * size : (z + 1) * size] @ self.peaks[:, frame, m] for z, m in enumerate(moments)]
        return np.concatenate(parts)

    def frame(self, frame: int) -> npt.NDArray[Any]:
        """Draw the counts of one volume, (Z, Y, X), `Scene.dtype`: the same ones whenever it is drawn."""
        counts = self._exposed(frame)
        if self.scene.persistence and frame:
            share = np.float32(self.scene.persistence)
            mixed = (1 - share) * counts + share * self._exposed(frame - 1)
            counts = mixed.astype(counts.dtype) if counts.dtype.kind == "f" else np.rint(mixed).astype(counts.dtype)
        if self.scene.fill == "none":
            return counts
        return shift_back(counts, self.motion.undone[frame], self.scene.fill)

    def _exposed(self, frame: int) -> npt.NDArray[Any]:
        """Counts of one volume as the detector gives them."""
        rng = np.random.Generator(np.random.SFC64([self.seed, 4, frame]))
        return detect(self.light(frame), rng, self.scene, self.pattern, frame)

    def frames(self, workers: int | None = None) -> Iterator[npt.NDArray[Any]]:
        """Yield all volumes in order; a few are drawn ahead by `workers` threads (by default one a core)."""
        from threadpoolctl import threadpool_limits

        threads = workers or os.cpu_count() or 1
        numbers = iter(range(self.scene.frames))
        with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
            ahead = [pool.submit(self.frame, number) for number in islice(numbers, 2 * threads)]
            while ahead:
                yield ahead.pop(0).result()
                ahead += [pool.submit(self.frame, number) for number in islice(numbers, 1)]
