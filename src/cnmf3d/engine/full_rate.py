"""Traces and footprints at the movie's own rate, from what blocks of the binned movie gave: passes over the movie."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnmf3d.components import UNSEEN, Float, VolumeShape
from cnmf3d.engine import refine
from cnmf3d.engine.aligning import in_time
from cnmf3d.engine.block import Footprints, with_data
from cnmf3d.engine.cache import Cache
from cnmf3d.engine.cleaning import SIGNIFICANT, grow, on_voxels, one_piece, significant
from cnmf3d.engine.deconvolution import DEMIXED, Deconvolved, Response, deconvolve_stretches, own_responses
from cnmf3d.engine.evaluation.kinds import outline_smoothness, width_and_aspect
from cnmf3d.engine.evaluation.measures import active_frames, compactness, spatial_correlation
from cnmf3d.engine.noise import noise_of_light, photon_gain
from cnmf3d.engine.plan import Plan
from cnmf3d.engine.smooth_neuropil import without_cells
from cnmf3d.engine.smoothing import smoothed
from cnmf3d.engine.stages import or_typical
from cnmf3d.engine.volume import Neuropil
from cnmf3d.geometry import ZYX
from cnmf3d.steps import steps

ROUNDS = 2
"""Times that frames which show nothing are expected anew; more change nothing that matters."""


@dataclass(frozen=True)
class Traces:
    """Demixed raw traces (components, frames) and neuropil courses (tiles * rank, frames), in units of noise.

    And the share of each footprint that was seen, as `refine.Projections` has it.
    """

    raw: Float
    courses: Float
    shares: Float | None = None

    def levelled(self, segments: tuple[int, ...]) -> Traces:
        """These without the steps of their resting level between segments."""
        apart = steps(self.raw, segments) if segments else None
        return self if apart is None else dataclasses.replace(self, raw=self.raw - apart)


def start_traces(binned: Float, cache: Cache, frames: int) -> Float:
    """Binned traces at the frames' rate, in units of a frame's noise."""
    index = np.minimum(np.arange(frames) // cache.width, cache.bins - 1)
    return np.ascontiguousarray(binned[:, index] / np.float32(np.sqrt(cache.width)))


def deconvolved(
    seen: Traces,
    order: int,
    kinetics: Response | Sequence[Response],
    breaks: tuple[int, ...],
    workers: int,
    *,
    errors: bool = False,
) -> tuple[Float, Deconvolved]:
    """Deconvolved traces, and the raw ones with what the model expects in frames that show nothing of a component.

    Both in turn, so that these frames have no say (expectation and maximisation). `errors` as for `deconvolve`.
    """
    raw, gaps = seen.raw, np.False_ if seen.shares is None else seen.shares < UNSEEN
    for _ in range(ROUNDS if gaps.any() else 0):
        found = deconvolve_stretches(raw, order, kinetics, breaks, workers)
        raw = np.where(gaps, found.traces + found.kinetics.baseline[:, None], raw)
    found = deconvolve_stretches(raw, order, kinetics, breaks, workers, errors=errors, misfit=DEMIXED)
    return np.where(gaps, found.traces + found.kinetics.baseline[:, None], raw), found


def last_traces(
    plan: Plan, cache: Cache, source: refine.Source, footprints: Footprints, neuropil: Neuropil, start: Float
) -> tuple[Traces, Neuropil]:
    """Traces as results have them, at common times where that is asked, and the neuropil they were demixed with."""
    neuropil = without_cells(neuropil, footprints, source.level, source.scale, cache.statistics.valid, cache.shape)
    last = traces_of(source, footprints, neuropil, start)
    if plan.align:
        last = dataclasses.replace(last, raw=in_time(last.raw, plan, footprints, cache.shape, source.scale))
    return last, neuropil


def traces_of(source: refine.Source, footprints: Footprints, neuropil: Neuropil, start: Float) -> Traces:
    """Raw traces and neuropil courses: one pass over the movie."""
    seen = refine.project(source.expecting(footprints, start), footprints, neuropil)
    mixing = refine.Mixing.of(footprints, neuropil)
    traces, courses = refine.demix_traces(seen, mixing, start)
    return Traces(refine.raw_traces(seen, mixing, traces, courses), courses, seen.shares)


def own_kinetics(plan: Plan, measured: Response | None, raw: Float, workers: int) -> Response | list[Response]:
    """Each cell's kinetics; a decay time that is given is that of all cells, and so is one that no trace tells."""
    shared = or_typical(measured, plan)
    if plan.p == 0 or plan.decay is not None or measured is None:
        return shared
    return own_responses(raw, shared, workers)


def shapes_of(
    source: refine.Source,
    cache: Cache,
    neuropil: Neuropil,
    footprints: Footprints,
    denoised: Deconvolved,
    seen: Traces,
    window: int,
) -> tuple[Footprints, Float, Float]:
    """Footprints regressed on the denoised traces, the traces at their scale, and r values: one pass."""
    statistics = cache.statistics
    supports = on_voxels(grow(grow(footprints, cache.shape), cache.shape), statistics.valid)
    active = active_frames(denoised.traces, window)
    expected = source.expecting(footprints, denoised.traces)
    sums = refine.accumulate_shapes(expected, supports, denoised.traces, active)
    footprints = refine.fit_footprints(sums.weighted, supports, denoised.traces, neuropil, seen.courses)
    gain = photon_gain(statistics.mean, statistics.noise, statistics.valid)
    brighter = noise_of_light(footprints, denoised.traces, gain, source.scale)
    footprints, errors = smoothed(
        footprints,
        refine.changes(denoised.traces),
        cache.shape,
        statistics.grain,
        brighter,
        source.workers,
        every=True,
    )
    inside = significant(footprints, SIGNIFICANT * errors, cache.shape)
    shown = with_data(footprints, footprints.data * source.scale[footprints.indices])  # in the movie's units
    inside = one_piece(shown, inside, cache.shape)
    footprints = with_data(footprints, np.where(inside, footprints.data, np.float32(0)))
    footprints, scaled = refine.rescaled(footprints, denoised.traces)
    images = refine.residual_images(sums.active, footprints, scaled, active, neuropil, seen.courses)
    r_values = spatial_correlation(footprints, images)
    footprints.eliminate_zeros()
    return footprints, scaled, r_values


def looks_of(footprints: Footprints, scale: Float, shape: VolumeShape, sigma: ZYX) -> dict[str, Float]:
    """What quality measures say of footprints alone, each (components,) float32.

    In the movie's units, as results show them: in units of noise (`scale`) outlines are ragged where the noise
    differs from voxel to voxel.
    """
    footprints = with_data(footprints, footprints.data * scale[footprints.indices])
    width, aspect = width_and_aspect(footprints, shape)
    return {
        "compactness": compactness(footprints, shape, sigma),
        "smoothness": outline_smoothness(footprints, shape),
        "width": width,
        "aspect": aspect,
    }
