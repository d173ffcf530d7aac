"""Known cells in a real recording: its noise, its neuropil, its motion, and a truth to score against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.errors import UsageError
from cnmf3d.simulate.activity import Activity, recorded
from cnmf3d.simulate.cells import draw_cells
from cnmf3d.simulate.scene import Scene
from cnmf3d.simulate.truth import Truth

Float = npt.NDArray[np.float64]
MOST_VALUES = 2e7
"""Values of the movie from which the gain is measured."""


@dataclass(frozen=True)
class Injected:
    """A recording with cells that weren't there.

    Attributes
    ----------
    movie : (T, Z, Y, X), of the recording's type
    truth : Truth
        Of the injected cells alone.
    """

    movie: npt.NDArray[Any]
    truth: Truth


def inject(
    movie: npt.NDArray[Any],
    scene: Scene,
    *,
    snr: float,
    seed: int = 0,
    avoid: npt.NDArray[np.bool_] | None = None,
) -> Injected:
    """Add cells to a recording.

    The peak of each cell's trace is `snr` times the noise of that trace: of the recording seen through the cell's
    footprint, from its differences of frames. The added light has photon noise of the recording's own gain.

    Parameters
    ----------
    movie : (T, Z, Y, X) array
        The recording; it isn't changed.
    scene : Scene
        What the cells look like and do: number, size, kinetics; its size, frames and rate are the movie's.
    snr : float
    seed : int
    avoid : (Z, Y, X) bool, optional
        Voxels on which no cell is centred.

    Raises
    ------
    UsageError
        Where the scene's size isn't the movie's, or so many cells don't fit.
    """
    if (scene.frames, *scene.shape) != movie.shape or scene.canvas != scene.shape:
        raise UsageError(
            f"The scene is of {(scene.frames, *scene.shape)}, the movie of {movie.shape}", "Let them agree."
        )
    rngs = [np.random.default_rng([seed, 20 + part]) for part in range(3)]
    cells, centres = draw_cells(scene, rngs[0], avoid=avoid)
    norms = np.sqrt(np.asarray(cells.multiply(cells).sum(axis=0)).ravel())
    columns = sparse.csc_array(cells @ sparse.diags_array(1 / np.maximum(norms, 1e-30)), dtype=np.float32)
    activity, light, _ = recorded(scene.model_copy(update={"in_turn": False}), scene.cells, rngs[1])
    tops = np.maximum(light.max(axis=(1, 2), initial=0), 1e-12)
    heights = snr * trace_noise(movie, columns) / tops
    traces = heights[:, None] * light[:, :, 0]
    added = _with_light(movie, columns, traces, gain_of(movie), rngs[2])
    return Injected(added, _truth(scene, columns, centres, activity, traces, snr, heights))


def trace_noise(movie: npt.NDArray[Any], columns: sparse.csc_array[Any]) -> Float:
    """Standard deviation of the movie seen through unit footprints, from its differences of frames, (columns,)."""
    flat = movie.reshape(len(movie), -1)
    noise = np.zeros(columns.shape[1])
    for k, (low, high) in enumerate(zip(columns.indptr[:-1], columns.indptr[1:], strict=True)):
        course = np.nan_to_num(flat[:, columns.indices[low:high]].astype(np.float64)) @ columns.data[low:high]
        steps = np.diff(course)
        noise[k] = 1.4826 * np.median(np.abs(steps - np.median(steps))) / np.sqrt(2)
    return np.maximum(noise, 1e-6)


def gain_of(movie: npt.NDArray[Any]) -> float:
    """Counts a photon, with all that makes photons noisier: the slope of variance over mean from voxel to voxel.

    Variances are those of differences of frames; the slope is that of a line through the medians of ten groups of
    voxels of like brightness (photon transfer, Janesick 2007).
    """
    frames = movie[: max(50, int(MOST_VALUES / np.prod(movie.shape[1:])))].reshape(-1, int(np.prod(movie.shape[1:])))
    frames = frames.astype(np.float32)
    mean, variance = frames.mean(axis=0), np.diff(frames, axis=0).var(axis=0) / 2
    good = np.isfinite(mean) & (variance > 0)
    if not good.any():
        return 1.0
    groups = np.array_split(np.flatnonzero(good)[np.argsort(mean[good])], 10)
    points = np.array([(np.median(mean[g]), np.median(variance[g])) for g in groups if len(g)])
    if np.ptp(points[:, 0]) <= 0:
        return 1.0
    return float(max(np.polyfit(points[:, 0], points[:, 1], 1)[0], 1e-3))


def _with_light(
    movie: npt.NDArray[Any], columns: sparse.csc_array[Any], traces: Float, gain: float, rng: np.random.Generator
) -> npt.NDArray[Any]:
    """Copy of the movie with light added voxel by voxel; NaN stays NaN."""
    added = movie.copy()
    flat = added.reshape(len(movie), -1)
    rows = columns.tocsr()
    voxels = np.flatnonzero(np.diff(rows.indptr))
    light = (rows[voxels] @ traces).T
    counts = flat[:, voxels] + gain * rng.poisson(np.maximum(light, 0) / gain)
    if movie.dtype.kind in "iu":
        kind = np.iinfo(movie.dtype)
        counts = np.clip(np.rint(counts), kind.min, kind.max)
    flat[:, voxels] = counts.astype(movie.dtype)
    return added


def _truth(
    scene: Scene,
    columns: sparse.csc_array[Any],
    centres: Float,
    activity: Activity,
    traces: Float,
    snr: float,
    heights: Float,
) -> Truth:
    """Truth of the injected cells; what is unknown of the recording is NaN."""
    return Truth(
        shape=scene.shape,
        footprints=columns,
        traces=traces.astype(np.float32),
        spikes=activity.spikes.astype(np.float32),
        centres=centres.astype(np.float32),
        rate=scene.rate,
        decay=activity.decay.astype(np.float32),
        rise=activity.rise.astype(np.float32),
        snr=np.full(columns.shape[1], snr, np.float32),
        resting=np.full(scene.shape, np.nan, np.float32),
        neuropil_images=np.zeros((0, *scene.shape), np.float32),
        neuropil_courses=np.zeros((0, scene.frames), np.float32),
        bleach=np.ones(scene.frames, np.float32),
        shifts=np.zeros((scene.frames, 3), np.float32),
        height=(heights / (1 + scene.saturation)).astype(np.float32),
        rest=np.full(columns.shape[1], np.nan, np.float32),
        scene=scene.model_dump(mode="json"),
    )
