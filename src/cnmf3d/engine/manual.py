"""ROIs that a person asks for, demixed from the movie: everything else that is known there stays as it is.

``python -m cnmf3d.engine.manual FOLDER`` is the process that does it for a window. It reads ``scene.npz`` and
``job.json`` there, which tells where the movie is (for one in memory, ``values.npy`` has what is needed of it), tells
events as JSON lines, and writes ``rois.npz``, or ``error.json``.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Background, Components, Float, RestingLight, hidden_traces
from cnmf3d.dff import delta_f_over_f
from cnmf3d.engine.assemble import errors_in_units
from cnmf3d.engine.block import entry_columns
from cnmf3d.engine.cleaning import SIGNIFICANT, significant
from cnmf3d.engine.deconvolution import (
    DEMIXED,
    Deconvolved,
    Response,
    deconvolve,
    deconvolve_stretches,
    measured_response,
)
from cnmf3d.engine.evaluation.kinds import outline_smoothness, width_and_aspect
from cnmf3d.engine.evaluation.measures import active_frames, compactness, spatial_correlation
from cnmf3d.engine.plan import TYPICAL_DECAY
from cnmf3d.engine.refine import changes
from cnmf3d.engine.smoothing import smoothed
from cnmf3d.errors import Cnmf3dError, EngineError
from cnmf3d.events import Reporter, silent, to_json
from cnmf3d.geometry import ZYX
from cnmf3d.movies import Movie, open_movie
from cnmf3d.results.curation.making import quality_of, rest_level
from cnmf3d.results.curation.scene import Scene, read_voxels
from cnmf3d.results.curation.storing import arrays_of
from cnmf3d.results.footprints import Footprints, unit
from cnmf3d.results.seen import in_bytes
from cnmf3d.steps import steps
from cnmf3d.traces import decay_frames, time_constants

ROUNDS = 12
"""Alternations of traces and footprints."""

ROWS = 512
"""Voxels whose residual is worked out at once."""

MEASURES = (
    "snr", "r_value", "reliability", "skewness", "compactness", "smoothness", "width", "aspect", "soma", "p_cell",
    "seen", "decay", "rise", "noise",
)  # fmt: skip


def demix_rois(movie: Movie, scene: Scene, *, reporter: Reporter = silent) -> Components:
    """Footprints and traces of new ROIs by alternating least squares on what others and background leave.

    Parameters
    ----------
    movie : Movie
        The movie that the results were made of.
    scene : Scene
        Where, and what is known there; from `cnmf3d.results.curation.scene_of`.
    reporter : Reporter

    Returns
    -------
    Components
        As many as the scene has starts, in their order; all accepted. ``reliability`` is NaN.

    Raises
    ------
    InputError
        Where the movie isn't the one of the results.
    EngineError
        Where nothing is active there.
    """
    return demix_values(read_voxels(movie, scene, reporter), scene)


def demix_values(values: Float, scene: Scene) -> Components:
    """As `demix_rois`, for the values of the scene's voxels, (frames, n)."""
    left = residual(values, scene)
    response = _response(scene)
    weights = (scene.starts / scene.noise[:, None]).astype(np.float64)
    weights /= np.linalg.norm(weights, axis=0)
    first = weights.copy()
    weights, traces = alternate(left, weights, scene.support, response, ROUNDS)
    silent_ones = np.flatnonzero(~weights.any(axis=0))
    if silent_ones.size and not scene.fixed:
        raise EngineError("nothing is active where the ROI should be", "Choose a place that lights up.")
    if silent_ones.size:
        weights[:, silent_ones] = first[:, silent_ones]
        traces = regressed(left, weights)
    if not scene.fixed:
        weights = trimmed(weights, _calcium(traces, response).traces, scene)
        traces = regressed(left, weights)
    return _components(left, weights, traces, scene, response, share_shown(values, weights * scene.noise[:, None]))


def share_shown(values: Float, weights: npt.NDArray[np.float64]) -> Float | None:
    """(k, frames) share of each footprint's light that a frame shows; None where all of it is always seen.

    Parameters
    ----------
    values : (frames, n)
        Not finite where nothing is seen.
    weights : (n, k)
        Footprints in units of the movie.
    """
    shown = np.isfinite(values)
    if shown.all():
        return None
    light = weights / np.maximum(weights.sum(axis=0), 1e-30)
    return in_bytes((shown.astype(np.float32) @ light.astype(np.float32)).T)


def residual(values: Float, scene: Scene) -> Float:
    """(n, frames) what others and background leave, in units of noise; what isn't finite becomes zero."""
    left = np.empty(values.shape[::-1], np.float32)
    for start in range(0, len(left), ROWS):
        rows = slice(start, start + ROWS)
        part = values[:, rows].T - scene.images[rows] @ scene.background - scene.others[rows] @ scene.courses
        left[rows] = np.where(np.isfinite(part), part / scene.noise[rows, None], 0)
    return left


def alternate(
    left: Float,
    weights: npt.NDArray[np.float64],
    support: npt.NDArray[np.bool_],
    response: Response | None,
    rounds: int,
) -> tuple[npt.NDArray[np.float64], Float]:
    """Traces by least squares and footprints by HALS on the denoised traces, in turn.

    Footprints are fitted to what changes: a resting light that is wrong by a constant has no say in them. One that
    never changes becomes zero.
    """
    for _ in range(rounds):
        calcium = changes(_calcium(regressed(left, weights), response).traces)
        gram, seen = (np.asarray(part @ calcium.T, np.float64) for part in (calcium, left))
        for _ in range(3):
            for k in range(weights.shape[1]):
                if gram[k, k] > 0:
                    step = (seen[:, k] - weights @ gram[:, k]) / gram[k, k]
                    weights[:, k] = np.maximum(weights[:, k] + step, 0) * support[:, k]
        norms = np.linalg.norm(weights, axis=0)
        alive = (norms > 0) & (np.diag(gram) > 0)
        weights = weights * np.where(alive, 1 / np.where(norms > 0, norms, 1), 0)
    return weights, regressed(left, weights)


def regressed(left: Float, weights: npt.NDArray[np.float64]) -> Float:
    """(k, frames) least-squares traces."""
    gram = weights.T @ weights
    gram += (1e-6 * np.trace(gram) / max(len(gram), 1) + 1e-12) * np.eye(len(gram))
    return np.asarray(np.linalg.solve(gram, weights.T.astype(np.float32) @ left), np.float32)


def trimmed(weights: npt.NDArray[np.float64], calcium: Float, scene: Scene) -> npt.NDArray[np.float64]:
    """Footprints smoothed as their noise asks for, and only what stands above it, connected."""
    shape, wide = _shape(scene), _in_volume(sparse.csc_array(weights.astype(np.float32)), scene)
    soft, errors = smoothed(wide, changes(calcium), shape)
    out = np.zeros_like(weights)
    inside, columns = significant(soft, SIGNIFICANT * errors, shape), entry_columns(soft)
    if (np.bincount(columns[inside], minlength=weights.shape[1]) == 0).any():
        raise EngineError("what is active there does not stand out of the noise", "Choose a brighter place.")
    out[np.searchsorted(scene.voxels, soft.indices[inside]), columns[inside]] = soft.data[inside]
    return np.asarray(out / np.linalg.norm(out, axis=0), np.float64)


def _shape(scene: Scene) -> tuple[int, int, int]:
    z, y, x = (int(n) for n in scene.shape)
    return z, y, x


def _in_volume(local: Footprints, scene: Scene) -> Footprints:
    """Footprints on the scene's voxels as footprints of the volume."""
    parts = (local.data, scene.voxels[local.indices], local.indptr)
    return sparse.csc_array(parts, shape=(int(np.prod(scene.shape)), local.shape[1]))


def _response(scene: Scene) -> Response | None:
    """The kinetics of the results; None where these have none."""
    decay = decay_frames(scene.g[None, :])
    if not decay:
        return None
    if scene.g.size < 2 or scene.g[1] >= 0:
        return Response(decay)
    fast = float(-scene.g[1]) / float(np.exp(-1 / decay))
    return Response(decay, -1 / float(np.log(fast)) if 0 < fast < 1 else 0.0)


def _calcium(raw: Float, response: Response | None) -> Deconvolved:
    """Denoised traces; with unknown kinetics those of one-pole decay as typical at 10 Hz."""
    response = response or Response(10 * TYPICAL_DECAY)
    return deconvolve(raw, 2 if response.rise > 0 else 1, response)


def _components(
    left: Float,
    weights: npt.NDArray[np.float64],
    traces: Float,
    scene: Scene,
    response: Response | None,
    seen: Float | None,
) -> Components:
    """In units of the movie, with measures."""
    count, order = weights.shape[1], scene.g.size
    rule = RestingLight.from_json(str(scene.resting))
    apart = steps(traces, rule.segments)
    level = traces if apart is None else traces - apart  # as in a run: each segment has its own resting level
    if response is None and scene.rate > 0:
        response = measured_response(level, 1, float(scene.rate), None)
    denoised = (
        _calcium(level, response)
        if response is None
        else deconvolve_stretches(level, order, response, rule.segments, errors=True, misfit=DEMIXED)
    )
    local, factor = unit(sparse.csc_array((weights * scene.noise[:, None]).astype(np.float32)))
    scale = factor[:, None]
    kinetics = denoised.kinetics
    raw, calcium = traces * scale, denoised.traces * scale
    quality = quality_of(level * scale, kinetics.g, MEASURES)
    quality["r_value"] = _r_values(left, weights, traces, denoised.traces, response)
    noise = kinetics.noise * factor
    quality["noise"] = noise
    if scene.rate > 0:
        quality["decay"], quality["rise"] = (each / np.float32(scene.rate) for each in time_constants(kinetics.g))
    footprints = _in_volume(local, scene)
    image = np.full(footprints.shape[0], np.nan, np.float32)
    image[scene.voxels] = rest_level(Background(scene.images, scene.background))
    dff, quality["f0"] = delta_f_over_f(raw, kinetics.baseline * factor, noise, footprints, image, rule, _shape(scene))
    quality["compactness"] = compactness(footprints, _shape(scene), ZYX(*scene.sigma))
    quality["smoothness"] = outline_smoothness(footprints, _shape(scene))
    quality["width"], quality["aspect"] = width_and_aspect(footprints, _shape(scene))
    quality["seen"] = np.ones(count, np.float32) if seen is None else seen.mean(axis=1)
    quality["soma"] = np.ones(count, np.float32)  # a person asked for it: no kind is to be left out
    return Components(
        shape=_shape(scene),
        footprints=footprints,
        traces=hidden_traces(calcium, seen),
        residuals=hidden_traces(raw - calcium, seen),
        spikes=hidden_traces(denoised.spikes * scale, seen),
        background=Background(np.zeros((footprints.shape[0], 0), np.float32), np.zeros((0, raw.shape[1]), np.float32)),
        kinetics=dataclasses.replace(
            kinetics,
            **{n: getattr(kinetics, n) * factor for n in ("baseline", "initial", "noise", "sparsity")},
        ),
        dff=hidden_traces(dff, seen),
        quality=quality,
        accepted=np.ones(count, bool),
        resting=rule,
        seen=seen,
        **errors_in_units(denoised.errors, scale, seen),
    )


def _r_values(
    left: Float, weights: npt.NDArray[np.float64], traces: Float, calcium: Float, response: Response | None
) -> Float:
    """Footprint against the mean image of its active frames, the other new ROIs taken out."""
    window = max(1, int(np.ceil(10 * TYPICAL_DECAY if response is None else response.decay)))
    active = active_frames(calcium, window)
    total = np.maximum(active.sum(axis=1), 1)
    images = (left @ active.T) / total
    shared = traces @ active.T / total
    np.fill_diagonal(shared, 0)
    images = images - weights @ shared
    columns = sparse.csc_array(weights.astype(np.float32))
    owner = np.repeat(np.arange(weights.shape[1]), np.diff(columns.indptr))
    return spatial_correlation(columns, np.asarray(images[columns.indices, owner], np.float32))


def main(folder: str) -> int:
    """Do what the folder asks for; 0 when ``rois.npz`` is written."""
    place = Path(folder)
    try:
        job: dict[str, Any] = json.loads((place / "job.json").read_text(encoding="utf-8"))
        scene = Scene.load(place / "scene.npz")
        if job["source"] is None:
            rois = demix_values(np.load(place / "values.npy", allow_pickle=False), scene)
        else:
            rois = demix_rois(open_movie(job["source"], **job["opening"]), scene, reporter=_tell)
        np.savez(place / "rois.npz", allow_pickle=False, **arrays_of(rois))
    except Cnmf3dError as error:
        told = {"kind": type(error).__name__, "problem": error.problem, "fix": error.fix}
        (place / "error.json").write_text(json.dumps(told), encoding="utf-8")
        return error.exit_code
    return 0


def _tell(event: Any) -> None:
    sys.stdout.write(to_json(event) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
