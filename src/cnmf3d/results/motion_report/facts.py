"""What a motion is, in figures; and what it does to its movie, measured on some of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.movies import Movie
from cnmf3d.movies.registered import Motion, registered
from cnmf3d.results.motion_report.flow import residual_flow

Float = npt.NDArray[np.float32]

SAMPLED = 240
"""Frames that tell what registration does: enough for means and correlations, read in seconds."""

STRETCH = 4
"""Frames that are read at once."""

BAND = (0.8, 3.0)
"""Sigmas (pixels) of the two Gaussians whose difference is correlated: noise and shade tell nothing."""

SEEN = 0.5
"""Share of the frames in which a voxel must be seen to count."""


@dataclass(frozen=True)
class Comparison:
    """Some frames before and after registration.

    Attributes
    ----------
    frames : (n,) int64
        Which.
    before, after : (Z, Y, X) float32
        Their means; NaN where fewer than half of them show a voxel.
    correlation_before, correlation_after : (n,) float64
        Of each frame with the mean of the others, both band-passed.
    sharpness_before, sharpness_after : float
        Mean square of the gradient along y and x of the means, over that of the mean before.
    flow_before, flow_after : (gy, gx) float64
        Displacement in the plane of frames against their mean, tile by tile: rms in voxels.
    """

    frames: npt.NDArray[np.int64]
    before: Float
    after: Float
    correlation_before: npt.NDArray[np.float64]
    correlation_after: npt.NDArray[np.float64]
    sharpness_before: float
    sharpness_after: float
    flow_before: npt.NDArray[np.float64]
    flow_after: npt.NDArray[np.float64]


def facts_of(motion: Motion) -> dict[str, Any]:
    """A motion in plain values: size, how far and how fast it went, confidence, bad frames."""
    good = ~motion.bad_frames
    z, y, x = motion.shape
    rigid = motion.rigid[good] - np.median(motion.rigid[good], axis=0) if good.any() else motion.rigid[:0]
    facts: dict[str, Any] = {
        "volumes": motion.frames,
        "size": f"{x} × {y} × {z} voxels (x × y × z)",
        "kind": motion.kind,
        "largest shift": _axes(np.abs(rigid).max(axis=0)) if len(rigid) else None,
        "typical shift": _axes(np.sqrt((rigid**2).mean(axis=0))) + " (rms)" if len(rigid) else None,
        "frame to frame": _axes(np.sqrt((np.diff(rigid, axis=0) ** 2).mean(axis=0))) + " (rms)"
        if len(rigid) > 1
        else None,
        "confidence": f"{np.median(motion.confidence):.2f} (median), {motion.confidence.min():.2f} (lowest)",
        "bad frames": _listed(np.flatnonzero(motion.bad_frames)),
    }
    if np.any(motion.planes):
        facts["planes' offsets"] = "up to {:.2f} (y), {:.2f} (x) voxels".format(*np.abs(motion.planes).max(axis=0))
    if motion.plane_shifts is not None:
        rms = np.sqrt((motion.plane_shifts[good] ** 2).mean(axis=(0, 1)))
        facts["planes' own shifts"] = "{:.2f} (y), {:.2f} (x) voxels (rms)".format(*rms)
    if motion.field is not None:
        rms = np.sqrt((motion.field[good] ** 2).mean(axis=(0, 1, 2, 3)))
        grid = " × ".join(str(n) for n in motion.field.shape[3:0:-1])
        facts["field"] = f"{grid} points (x × y × z), {_axes(rms)} beside the rigid shift (rms)"
    if motion.scan_phase:
        facts["scan phase"] = f"odd rows {motion.scan_phase:+.2f} voxels along x"
    other = motion.parameters.get("registered_on")
    if isinstance(other, dict):
        facts["estimated on"] = f"channel {other.get('channel')}"
    facts["parameters"] = _parameters(motion) or None
    facts["versions"] = ", ".join(f"{name} {number}" for name, number in motion.versions.items()) or None
    facts["fingerprint"] = motion.fingerprint or None
    return {name: value for name, value in facts.items() if value is not None}


def _parameters(motion: Motion) -> dict[str, Any]:
    """What was asked for, and what was chosen."""
    told = dict(motion.parameters)
    asked, chosen = (told.pop(name, {}) for name in ("asked", "chosen"))
    plain = {**told, **(asked if isinstance(asked, dict) else {}), **(chosen if isinstance(chosen, dict) else {})}
    left_out = ("movie", "registered_on")
    return {k: v for k, v in plain.items() if k not in left_out and v != "auto" and v not in ((), [])}


def compared(movie: Movie, motion: Motion) -> Comparison:
    """Measure what registration does to a movie, on up to `SAMPLED` frames spread over it.

    Parameters
    ----------
    movie : Movie
        As recorded.
    motion : Motion

    Raises
    ------
    InputError
        Where the motion is that of another movie.
    """
    moved = registered(movie, motion)
    stretches = max(1, SAMPLED // STRETCH)
    starts = sorted({int(s) for s in np.linspace(0, max(0, movie.shape[0] - STRETCH), stretches)})
    frames = np.unique([t for s in starts for t in range(s, min(s + STRETCH, movie.shape[0]))])
    frames = frames[~motion.bad_frames[frames]]
    before, after = _mean(movie, frames), _mean(moved, frames)
    common = np.isfinite(before) & np.isfinite(after)
    if not common.any():
        none = np.full((1, 1), np.nan)
        return Comparison(frames, before, after, np.zeros(0), np.zeros(0), float("nan"), float("nan"), none, none)
    sharp = [_sharpness(mean, common) for mean in (before, after)]
    reference = sharp[0] or 1.0
    return Comparison(
        frames,
        before,
        after,
        _correlations(movie, before, frames),
        _correlations(moved, after, frames),
        sharp[0] / reference,
        sharp[1] / reference,
        residual_flow(movie, before, frames),
        residual_flow(moved, after, frames),
    )


def _mean(movie: Movie, frames: npt.NDArray[np.int64]) -> Float:
    """Mean of some frames where enough of them show a voxel."""
    total, count = np.zeros(movie.shape[1:]), np.zeros(movie.shape[1:])
    for t in frames:
        frame = movie.read(int(t), int(t) + 1)[0].astype(np.float64)
        seen = np.isfinite(frame)
        total[seen] += frame[seen]
        count += seen
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
    mean[count < max(1.0, SEEN * len(frames))] = np.nan
    return mean.astype(np.float32)


def _sharpness(mean: Float, common: npt.NDArray[np.bool_]) -> float:
    """Mean square of the gradient in planes where both means are known."""
    total, count = 0.0, 0
    for axis in (1, 2):
        if mean.shape[axis] < 2:
            continue
        steps = np.diff(mean, axis=axis)
        both = np.take(common, range(1, mean.shape[axis]), axis) & np.take(common, range(mean.shape[axis] - 1), axis)
        total += float((steps[both] ** 2).sum())
        count += int(both.sum())
    return total / count if count else 0.0


def _correlations(movie: Movie, mean: Float, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Correlation of each frame with the mean of the others, both band-passed, where both are known."""
    out = np.full(len(frames), np.nan)
    known = np.isfinite(mean)
    share = 1 / max(len(frames), 2)
    for place, t in enumerate(frames):
        frame = movie.read(int(t), int(t) + 1)[0].astype(np.float32)
        seen = known & np.isfinite(frame)
        if seen.sum() < 16:
            continue
        others = (mean - share * frame) / (1 - share)
        one, two = (_banded(np.where(seen, values, np.median(values[seen])))[seen] for values in (frame, others))
        out[place] = np.corrcoef(one, two)[0, 1] if one.std() > 0 and two.std() > 0 else np.nan
    return out


def _banded(volume: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A volume without noise and shade, plane by plane."""
    from scipy import ndimage

    fine, coarse = (ndimage.gaussian_filter(volume, (0, sigma, sigma)) for sigma in BAND)
    return np.asarray(fine - coarse)


def _axes(values: npt.NDArray[Any]) -> str:
    z, y, x = (float(v) for v in values)
    return f"{x:.2f}, {y:.2f}, {z:.2f} voxels (x, y, z)"


def _listed(frames: npt.NDArray[Any]) -> str:
    """Frame numbers, neighbours as a span."""
    if not len(frames):
        return "none"
    ends = np.flatnonzero(np.diff(frames) > 1)
    firsts, lasts = frames[[0, *(ends + 1)]], frames[[*ends, len(frames) - 1]]
    spans = [f"{a}" if a == b else f"{a}–{b}" for a, b in zip(firsts, lasts, strict=True)]
    text = ", ".join(spans[:20]) + (", …" if len(spans) > 20 else "")
    return f"{len(frames)}: {text}"
