"""A scene becomes a movie file with its truth."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.errors import UsageError
from cnmf3d.events import Progress, Reporter, silent
from cnmf3d.simulate.activity import draw_activity
from cnmf3d.simulate.camera import displace, expose
from cnmf3d.simulate.cells import draw_cells
from cnmf3d.simulate.scene import PRESETS, Scene, scene_of
from cnmf3d.simulate.surroundings import bleaching, displacements, neuropil, resting_light
from cnmf3d.simulate.truth import Truth, save_truth

IMAGEJ_LIMIT = 4 * 10**9
"""Bytes that an ImageJ hyperstack holds."""


class Recording:
    """Draws a scene; gives its truth, and any of its frames.

    Parameters
    ----------
    scene : Scene
    seed : int
        The same scene and seed give the same truth and the same counts, frame by frame, whatever the order.
    """

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.seed = seed
        cells_rng, activity_rng, surroundings_rng, brightness_rng = (
            np.random.default_rng([seed, part]) for part in range(4)
        )
        footprints, centres = draw_cells(scene, cells_rng)
        activity = draw_activity(scene, activity_rng)
        rest = resting_light(scene, surroundings_rng)
        images, courses = neuropil(scene, surroundings_rng)
        images = images * rest
        shifts = displacements(scene, surroundings_rng)
        peaks = footprints.max(axis=0).toarray().ravel() if scene.cells else np.zeros(0)
        cell_rest = scene.resting_cell * scene.resting * brightness_rng.lognormal(0, 0.3, scene.cells)
        rest = rest + (footprints @ (cell_rest / np.maximum(peaks, 1e-12))).reshape(scene.shape)
        snr = _spread_snr(scene, brightness_rng)
        bleach = bleaching(scene)
        light = bleach.mean() * rest + np.tensordot((courses * bleach).mean(axis=1), images, 1)
        noise = np.sqrt(scene.gain * light + scene.read_noise**2)
        brightest = np.array(
            [column.indices[column.data.argmax()] for column in _split(footprints)], dtype=int
        )
        top = np.maximum((activity.calcium * bleach).max(axis=1, initial=0), 1e-12)
        amplitude = snr * noise.ravel()[brightest] / (peaks * top)
        self.truth = Truth(
            shape=scene.shape,
            footprints=footprints,
            traces=(amplitude[:, None] * activity.calcium).astype(np.float32),
            spikes=activity.spikes.astype(np.float32),
            centres=centres.astype(np.float32),
            rate=scene.rate,
            decay=activity.decay.astype(np.float32),
            rise=activity.rise.astype(np.float32),
            snr=snr.astype(np.float32),
            neuropil_images=images.astype(np.float32),
            neuropil_courses=courses.astype(np.float32),
            bleach=bleach.astype(np.float32),
            shifts=shifts.astype(np.float32),
            scene={"seed": seed, **scene.model_dump(mode="json")},
        )
        self._images = np.concatenate([rest[None], images]).reshape(len(images) + 1, -1).astype(np.float32)
        self._courses = np.concatenate([np.ones((1, scene.frames)), courses]).astype(np.float32)
        self._cells = footprints.tocsr()

    def light(self, frame: int) -> npt.NDArray[np.float32]:
        """Expected counts of one volume without the offset, (Z, Y, X) float32."""
        flat = self._courses[:, frame] @ self._images
        flat += self._cells @ self.truth.traces[:, frame]
        flat *= self.truth.bleach[frame]
        volume = flat.reshape(self.scene.shape)
        return displace(volume, self.truth.shifts[frame].astype(np.float64))

    def frame(self, frame: int) -> npt.NDArray[np.uint16]:
        """Counts of one volume, (Z, Y, X) uint16."""
        scene = self.scene
        rng = np.random.Generator(np.random.SFC64([self.seed, 4, frame]))
        return expose(self.light(frame), rng, scene.gain, scene.read_noise, scene.offset)

    def frames(self, workers: int | None = None) -> Iterator[npt.NDArray[np.uint16]]:
        """All volumes in order, a few drawn ahead by `workers` threads."""
        from threadpoolctl import threadpool_limits

        workers = workers or os.cpu_count() or 1
        numbers = iter(range(self.scene.frames))
        with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
            ahead = [pool.submit(self.frame, number) for number in islice(numbers, 2 * workers)]
            while ahead:
                yield ahead.pop(0).result()
                ahead += [pool.submit(self.frame, number) for number in islice(numbers, 1)]


def simulate(
    path: str | Path,
    preset: str | Scene = "small",
    *,
    seed: int = 0,
    overrides: dict[str, Any] | None = None,
    reporter: Reporter = silent,
    workers: int | None = None,
) -> Truth:
    """Write a synthetic recording: the movie, ``NAME.json`` with its rate, and ``NAME.truth.h5``.

    Parameters
    ----------
    path : path
        Of the movie, ``.tif`` or ``.tiff``. It's an uncompressed TZYX hyperstack, uint16.
    preset : str or Scene
        A name in `PRESETS`, or a scene of one's own.
    seed : int
        Not negative. The same scene and seed give the same bytes with any number of workers.
    overrides : mapping, optional
        Fields of the scene to replace.
    reporter : callable
        Gets `Progress` events.
    workers : int, optional
        Threads; by default one a core.

    Returns
    -------
    Truth

    Raises
    ------
    UsageError
        For an unknown preset, field or suffix, or a scene that can't be drawn.
    """
    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise UsageError(f"{path} is no name of a TIFF file", "Let it end in .tif.")
    if seed < 0:
        raise UsageError(f"The seed is {seed}", "Give a whole number from 0.")
    if isinstance(preset, str):
        scene = scene_of(preset, overrides)
    else:
        scene = Scene.model_validate({**preset.model_dump(), **(overrides or {})})
    recording = Recording(scene, seed)
    part = path.with_name(path.name + ".part")
    offset = _make_tiff(part, scene)
    with part.open("r+b") as file:
        file.seek(offset)
        for done, frame in enumerate(recording.frames(workers), 1):
            file.write(frame.astype("<u2", copy=False).data)
            reporter(Progress("simulate", done, scene.frames, "frames", done * recording.truth.voxels))
    save_truth(recording.truth, path.with_suffix(".truth.h5"))
    facts = {"origin": "cnmf3d simulate", "fps": scene.rate, "date": "20000101_000000"}
    more = {"voxel_size": dict(zip("xyz", scene.voxel_size, strict=True)), "seed": seed, "axes": "TZYX"}
    path.with_suffix(".json").write_text(json.dumps({**facts, **more}, indent=1))
    part.replace(path)
    return recording.truth


def _make_tiff(path: Path, scene: Scene) -> int:
    """Write the empty file with its labels; returns where the first voxel's bytes go."""
    import tifffile

    shape = (scene.frames, *scene.shape)
    x, y, z = scene.voxel_size
    small = 2 * int(np.prod(shape, dtype=np.int64)) < IMAGEJ_LIMIT
    labels: dict[str, Any] = {"axes": "TZYX"}
    if small:
        labels |= {"spacing": z, "unit": "um", "finterval": 1 / scene.rate, "fps": scene.rate}
    movie = tifffile.memmap(
        path, shape=shape, dtype=np.dtype("<u2"), imagej=small, bigtiff=not small, byteorder="<",
        resolution=(1 / x, 1 / y), metadata=labels,
    )  # fmt: skip
    return int(movie.offset)


def _spread_snr(scene: Scene, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(cells,) peak ΔF over noise at the brightest voxel: lognormal, bounded, median exactly `Scene.snr`."""
    if not scene.cells:
        return np.zeros(0)
    factor = rng.lognormal(0, scene.snr_spread, scene.cells)
    return scene.snr * np.clip(factor / np.median(factor), *scene.snr_range)


def _split(columns: sparse.csc_array[Any]) -> Iterator[Any]:
    """Each column as a sparse matrix of its own."""
    return (columns[:, [k]] for k in range(columns.shape[1]))


__all__ = ["PRESETS", "Recording", "simulate"]
