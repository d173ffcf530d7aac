"""Traces whose planes were taken later than their volume began, brought to common times."""

from __future__ import annotations

import numpy as np

from cnmf3d.components import Float, VolumeShape, time_offsets
from cnmf3d.engine.assemble import in_movie_units
from cnmf3d.engine.block import Footprints
from cnmf3d.engine.plan import Plan
from cnmf3d.timeline import stretches


def in_time(raw: Float, plan: Plan, footprints: Footprints, shape: VolumeShape, scale: Float) -> Float:
    """Traces at the times at which their volumes began; footprints in units of noise, `scale` is that of the voxels."""
    late = time_offsets(in_movie_units(footprints, scale)[0], shape, plan.timeline.planes)
    return raw if late is None else aligned(raw, late, plan.rate, plan.timeline.breaks())


def aligned(raw: Float, late: Float, rate: float, breaks: tuple[int, ...] = ()) -> Float:
    """Traces at the times at which their volumes began, (components, frames) float32.

    Cubic interpolation through four samples (Lagrange): calcium that rises within two samples keeps its shape, and
    noise is smoothed less than on straight lines. At the first frame of a stretch, before which nothing is known, the
    trace is held.

    Parameters
    ----------
    raw : (components, frames) float32
    late : (components,) float32
        Seconds by which each trace is later than its volume, less than a volume lasts.
    rate : float
        Volumes a second.
    breaks : tuple of int
        First frames, beside 0, of stretches that are not mixed.
    """
    out = raw.copy()
    part = np.clip(late * rate, 0, 1).astype(np.float64)[:, None]  # of a frame, back from each sample
    u = 1 - part
    weights = (
        -u * (u - 1) * (u - 2) / 6,
        (u + 1) * (u - 1) * (u - 2) / 2,
        -(u + 1) * u * (u - 2) / 2,
        (u + 1) * u * (u - 1) / 6,
    )
    for start, stop in stretches(raw.shape[1], breaks):
        frames = stop - start
        held = np.pad(raw[:, start:stop].astype(np.float64), ((0, 0), (2, 1)), mode="edge")
        out[:, start:stop] = sum(w * held[:, k : k + frames] for k, w in enumerate(weights))
    return out
