"""A scene becomes a recording: what is in the tissue, what it does, and the truth of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.errors import UsageError
from cnmf3d.simulate.activity import Activity, recorded
from cnmf3d.simulate.cells import draw_cells, inside_view
from cnmf3d.simulate.detector import check_dtype, draw_pattern, noise_variance
from cnmf3d.simulate.motion import Motion, draw_motion
from cnmf3d.simulate.objects import draw_neurites, draw_vessels
from cnmf3d.simulate.recording import Recording
from cnmf3d.simulate.scene import Scene
from cnmf3d.simulate.surroundings import bleaching, depth_light, fluctuations, neuropil, resting_light
from cnmf3d.simulate.truth import Others, Truth

Float = npt.NDArray[np.float64]
Columns = sparse.csc_array[Any]


@dataclass(frozen=True)
class _Streams:
    """Random numbers, a stream for each part, so that what one part draws leaves the others as they are.

    Part 4 are the frames; those from 5 on draw what older scenes don't have.
    """

    cells: np.random.Generator
    activity: np.random.Generator
    surroundings: np.random.Generator
    brightness: np.random.Generator
    others: np.random.Generator
    residual: np.random.Generator
    fluctuations: np.random.Generator
    pattern: np.random.Generator


@dataclass(frozen=True)
class _Tissue:
    """What is there, over the canvas; columns are 1 at their brightest voxel inside the volume."""

    cells: Columns
    centres: Float
    silent: Columns
    neurites: Columns
    vessels: Columns
    glow: Float
    rest: Float
    images: Float
    courses: Float


@dataclass(frozen=True)
class _Signals:
    """What one sort of objects does.

    Attributes
    ----------
    columns : csc_array, (voxels, objects) float32
        Unit norm, over the volume.
    activity : Activity
    snr : (objects,) float64
    peaks : (objects, frames, moments) float64
        Counts of ΔF at the brightest voxel.
    traces : (objects, frames) float64
        ΔF in units of the columns.
    rest, height : (objects,) float64
        The objects' own light at rest, and what a single spike adds to it at its highest, in these units.
    """

    columns: Columns
    activity: Activity
    snr: Float
    peaks: Float
    traces: Float
    rest: Float
    height: Float


def draw(scene: Scene, seed: int = 0) -> Recording:
    """Draw cells, activity and surroundings of a scene; the same ones for the same scene and seed.

    Raises
    ------
    UsageError
        For a negative seed, cells that don't fit, or a type of counts that can't hold the fill.
    """
    if seed < 0:
        raise UsageError(f"The seed is {seed}", "Give a whole number from 0.")
    check_dtype(scene)
    streams = _Streams(*(np.random.default_rng([seed, part]) for part in (0, 1, 2, 3, 5, 6, 7, 8)))
    cells, centres = draw_cells(scene, streams.cells, scene.cells + scene.silent)
    tissue = _tissue(scene, cells, centres, streams)
    motion = draw_motion(scene, streams.surroundings, streams.residual)
    bleach = bleaching(scene) * fluctuations(scene, streams.fluctuations)
    light = bleach.mean() * tissue.rest + np.tensordot((tissue.courses * bleach).mean(axis=1), tissue.images, 1)
    noise = np.sqrt(noise_variance(scene, light))[scene.view].ravel()
    snr = _draw_snr(scene, scene.snr, scene.cells, streams.brightness)
    found = _signals(scene, tissue.cells, tissue.glow, snr, bleach, noise, streams.activity)
    snr = _draw_snr(scene, scene.snr * scene.neurite_snr, scene.neurites, streams.others)
    dark = np.zeros(scene.neurites)
    processes = _signals(scene, tissue.neurites, dark, snr, bleach, noise, streams.others)
    return Recording(
        scene=scene,
        seed=seed,
        truth=_truth(scene, seed, tissue, found, processes, bleach, motion),
        images=np.concatenate([tissue.rest[None], tissue.images])
        .reshape(len(tissue.images) + 1, -1)
        .astype(np.float32),
        courses=np.concatenate([np.ones((1, scene.frames)), tissue.courses]).astype(np.float32),
        cells=sparse.csr_array(sparse.hstack([tissue.cells, tissue.neurites], format="csr")),
        peaks=np.concatenate([found.peaks, processes.peaks]).astype(np.float32),
        motion=motion,
        pattern=draw_pattern(scene, streams.pattern),
    )


def _tissue(scene: Scene, columns: Columns, centres: Float, streams: _Streams) -> _Tissue:
    """Draw everything that gives light, or takes it."""
    cells, silent = columns[:, : scene.cells], columns[:, scene.cells :]
    rest = resting_light(scene, streams.surroundings) * depth_light(scene)
    images, courses = neuropil(scene, streams.surroundings)
    vessels = draw_vessels(scene, streams.others)
    if scene.vessels:
        rest *= 1 - scene.vessel_darkness * vessels.max(axis=1).toarray().reshape(scene.canvas)
    images = images * rest
    glow = scene.resting_cell * scene.resting * streams.brightness.lognormal(0, 0.3, scene.cells)
    rest += (cells @ glow).reshape(scene.canvas)
    still = scene.silent_glow * scene.resting * streams.others.lognormal(0, 0.3, scene.silent)
    rest += (silent @ still).reshape(scene.canvas)
    neurites = draw_neurites(scene, streams.others)
    return _Tissue(cells, centres[: scene.cells], silent, neurites, vessels, glow, rest, images, courses)


def _signals(
    scene: Scene, columns: Columns, glow: Float, snr: Float, bleach: Float, noise: Float, rng: np.random.Generator
) -> _Signals:
    """Draw what objects do, and scale it to the noise of their brightest voxels, (voxels of the volume,).

    `glow` are the counts of each brightest voxel at rest that are the object's own.
    """
    activity, light, dips = recorded(scene, columns.shape[1], rng)
    seen = inside_view(columns, scene)
    brightest = seen.indices[_tops(seen)]
    top = (light * bleach[:, None]).max(axis=(1, 2), initial=0)
    scale = snr * noise[brightest] / np.maximum(top, 1e-12)
    peaks = scale[:, None, None] * light - glow[:, None, None] * dips
    squares = seen.multiply(seen)
    norms = np.sqrt(np.asarray(squares.sum(axis=0)).ravel())
    if peaks.shape[2] == 1:
        traces = norms[:, None] * peaks[:, :, 0]
    else:
        in_planes = sparse.kron(sparse.eye_array(scene.shape[0]), np.ones((1, seen.shape[0] // scene.shape[0])))
        traces = np.einsum("zk,ktz->kt", (in_planes @ squares).toarray() / norms, peaks)
    height = norms * scale / (1 + scene.saturation)
    return _Signals(_unit(seen, norms), activity, snr, peaks, traces, norms * glow, height)


def _unit(columns: Columns, norms: Float) -> Columns:
    return sparse.csc_array(columns @ sparse.diags_array(1 / np.maximum(norms, 1e-30)), dtype=np.float32)


def _truth(
    scene: Scene, seed: int, tissue: _Tissue, cells: _Signals, neurites: _Signals, bleach: Float, motion: Motion
) -> Truth:
    """Put together what is known."""
    return Truth(
        shape=scene.shape,
        footprints=cells.columns,
        traces=cells.traces.astype(np.float32),
        spikes=cells.activity.spikes.astype(np.float32),
        centres=tissue.centres.astype(np.float32),
        rate=scene.rate,
        decay=cells.activity.decay.astype(np.float32),
        rise=cells.activity.rise.astype(np.float32),
        snr=cells.snr.astype(np.float32),
        resting=tissue.rest[scene.view].astype(np.float32),
        neuropil_images=tissue.images[(slice(None), *scene.view)].astype(np.float32),
        neuropil_courses=tissue.courses.astype(np.float32),
        bleach=bleach.astype(np.float32),
        shifts=motion.shifts.astype(np.float32),
        rest=cells.rest.astype(np.float32),
        height=cells.height.astype(np.float32),
        undone=motion.undone.astype(np.float32) if scene.fill != "none" else np.zeros((0, 3), np.float32),
        others=_others(scene, tissue, neurites),
        scene={"seed": seed, **scene.model_dump(mode="json")},
    )


def _others(scene: Scene, tissue: _Tissue, neurites: _Signals) -> Others:
    """What is there beside the cells that are asked for."""
    still = inside_view(sparse.csc_array(sparse.hstack([tissue.silent, tissue.vessels], format="csc")), scene)
    norms = np.sqrt(np.asarray(still.multiply(still).sum(axis=0)).ravel())
    kinds = ("silent",) * scene.silent + ("vessel",) * scene.vessels + ("neurite",) * scene.neurites
    if not kinds:
        return Others()
    traces = np.concatenate([np.zeros((still.shape[1], scene.frames)), neurites.traces])
    columns = sparse.csc_array(sparse.hstack([_unit(still, norms), neurites.columns], format="csc"))
    return Others(columns, kinds, traces.astype(np.float32))


def _tops(columns: Columns) -> npt.NDArray[np.int64]:
    """Where in ``columns.data`` the largest value of each column is."""
    spans = zip(columns.indptr[:-1], columns.indptr[1:], strict=True)
    return np.array([low + columns.data[low:high].argmax() for low, high in spans], dtype=np.int64)


def _draw_snr(scene: Scene, median: float, number: int, rng: np.random.Generator) -> Float:
    """Peak ΔF over noise at each object's brightest voxel: lognormal, bounded, of this median."""
    factor = rng.lognormal(0, scene.snr_spread, number)
    middle = np.median(factor) if number else 1.0
    return np.asarray(median * np.clip(factor / middle, *scene.snr_range))
