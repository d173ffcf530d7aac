"""All checks of a movie, in the order in which they are reported."""

from __future__ import annotations

from collections.abc import Callable

from threadpoolctl import threadpool_limits

from cnmf3d.engine.parallel import cores, in_order
from cnmf3d.engine.plausibility.brightness import check_brightness, check_repeats, check_turns
from cnmf3d.engine.plausibility.check import Check
from cnmf3d.engine.plausibility.compression import check_blocks
from cnmf3d.engine.plausibility.grain import check_grain, check_time
from cnmf3d.engine.plausibility.length import check_length, check_voxels
from cnmf3d.engine.plausibility.lines import check_lines, check_phase, check_stripes
from cnmf3d.engine.plausibility.motion import check_motion
from cnmf3d.engine.plausibility.photons import check_photons
from cnmf3d.engine.plausibility.planes import check_planes
from cnmf3d.engine.plausibility.sample import Sample, sample_of
from cnmf3d.engine.plausibility.values import check_borders, check_darkness, check_pixels, check_saturation, check_scale
from cnmf3d.movies import Movie

SAMPLE_CHECKS: tuple[Callable[[Sample], Check], ...] = (
    check_saturation,
    check_darkness,
    check_scale,
    check_photons,
    check_grain,
    check_time,
    check_lines,
    check_stripes,
    check_phase,
    check_pixels,
    check_blocks,
    check_borders,
    check_planes,
    check_brightness,
    check_repeats,
    check_turns,
    check_motion,
)


LEAST = 8
"""Volumes below which only the length is judged."""


def check_movie(movie: Movie, rate: float | None = None, workers: int | None = None) -> list[Check]:
    """Look at a sample of a movie for what would spoil a run.

    Parameters
    ----------
    movie : Movie
    rate : float, optional
        Volumes a second; the movie's own if not given.
    workers : int, optional
        Threads; all cores by default. The result doesn't depend on it.

    Returns
    -------
    list of Check
        With their figures; those that found something wrong have a caution.
    """
    checks = [check_length(movie.shape[0], rate or movie.rate), check_voxels(movie.voxel_size)]
    if movie.shape[0] < LEAST:
        return checks
    sample = sample_of(movie)
    with threadpool_limits(1):
        _ = sample.noise, sample.steady  # what several checks need
        return [*checks, *in_order(lambda check: check(sample), SAMPLE_CHECKS, workers or cores())]
