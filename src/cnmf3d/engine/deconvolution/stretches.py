"""Traces with breaks: segments of a recording, or time that is missing. Calcium is not carried across them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float, Kinetics
from cnmf3d.engine.deconvolution.noise import noise_level
from cnmf3d.engine.deconvolution.response import Response
from cnmf3d.engine.deconvolution.solving import Deconvolved, deconvolve
from cnmf3d.engine.deconvolution.uncertainty import Errors, Misfit
from cnmf3d.timeline import stretches


def deconvolve_stretches(
    raw: Float,
    p: int,
    response: Response | Sequence[Response],
    breaks: tuple[int, ...],
    workers: int = 1,
    *,
    errors: bool = False,
    misfit: Misfit | None = None,
) -> Deconvolved:
    """Calcium and spikes of each stretch by itself, with the noise and the kinetics of the whole trace.

    Each has a baseline of its own, and begins with calcium that decays from before it.

    Parameters
    ----------
    raw : (components, frames) float32
    p, response, workers, errors, misfit
        As for `deconvolve`.
    breaks : tuple of int
        First frames of stretches, beside 0.

    Returns
    -------
    Deconvolved
        Baseline and noise are means of the stretches' own, each weighted by its length; initial calcium is that of
        the first.
    """
    spans = stretches(raw.shape[1], breaks)
    if len(spans) < 2:
        return deconvolve(raw, p, response, workers, errors=errors, misfit=misfit)
    noise = noise_level(raw)
    parts = [
        deconvolve(np.ascontiguousarray(raw[:, a:b]), p, response, workers, noise=noise, errors=errors, misfit=misfit)
        for a, b in spans
    ]
    lengths = np.array([b - a for a, b in spans], np.float64)
    first = parts[0].kinetics
    return Deconvolved(
        np.concatenate([part.traces for part in parts], axis=1),
        np.concatenate([part.spikes for part in parts], axis=1),
        Kinetics(
            g=first.g,
            baseline=_mean([part.kinetics.baseline for part in parts], lengths),
            initial=first.initial,
            noise=_mean([part.kinetics.noise for part in parts], lengths),
            sparsity=first.sparsity,
        ),
        _in_a_row([part.errors for part in parts if part.errors is not None]),
    )


def _in_a_row(parts: Sequence[Errors]) -> Errors | None:
    """Standard errors of stretches as those of whole traces; None where there are none."""
    if not parts:
        return None
    return Errors(
        *(np.concatenate([getattr(part, name) for part in parts], axis=1) for name in ("traces", "spikes", "events"))
    )


def _mean(values: Sequence[Float], lengths: npt.NDArray[np.float64]) -> Float:
    """Mean over stretches, weighted by their lengths, (components,) float32."""
    return np.asarray(np.stack(values, axis=1) @ lengths / lengths.sum(), np.float32)
