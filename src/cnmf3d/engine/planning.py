"""From parameters, as a user writes them, to a plan in voxels and frames; and back, with every "auto" replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cnmf3d.components import RestingLight, VolumeShape
from cnmf3d.engine.coarse import supervoxel
from cnmf3d.engine.left_out import check_excluded
from cnmf3d.engine.merging import NEVER
from cnmf3d.engine.plan import Plan, bin_width
from cnmf3d.engine.stages import Outcome
from cnmf3d.errors import InputError, UsageError
from cnmf3d.geometry import ZYX, along_axes, half_size_of, sigma_of
from cnmf3d.movies import Movie
from cnmf3d.movies.agreement import facts_differ
from cnmf3d.movies.blanked import Blanked
from cnmf3d.movies.stored import Facts
from cnmf3d.parameters import CnmfParameters
from cnmf3d.parameters.lengths import lengths_in_voxels
from cnmf3d.parameters.patch import PatchParameters
from cnmf3d.parameters.stage import XYZ
from cnmf3d.parameters.temporal import TemporalParameters
from cnmf3d.timeline import Segment, Timeline

LEAST_FRAMES = 20
"""Volumes below which nothing can be distinguished from noise."""

LEAST_BINS = 10
"""Time bins below which no trace tells one cell from another."""


def plan_of(movie: Movie, parameters: CnmfParameters) -> Plan:
    """The plan for a movie.

    Parameters
    ----------
    movie : Movie
    parameters : CnmfParameters

    Raises
    ------
    InputError
        Where the movie is too short, or doesn't tell its rate and the parameters don't either.
    UsageError
        Where parameters contradict one another or the movie.
    """
    frames = movie.shape[0]
    timeline = timeline_of(movie, parameters)
    check_asked(movie, parameters)
    if frames < LEAST_FRAMES:
        raise InputError(
            f"{name_of(movie)} has {frames} volumes; that is too few to tell cells from noise",
            f"Give a movie of at least {LEAST_FRAMES} volumes, better 500 and more. "
            "If these are planes and not volumes, give the order of the axes (--axes) or the planes (--planes).",
        )
    parameters = in_voxels(parameters, movie)
    data, init = parameters.data, parameters.init
    rate = data.fr or movie.rate
    if rate is None:
        raise InputError(
            f"{name_of(movie)} does not tell its rate, and fr is not given",
            "Give it in volumes a second: --fps 5 on the command line, open_movie(path, rate=5) in Python, data.fr "
            'among the parameters, or {"fps": 5} in a .json file of the same name beside the movie.',
        )
    patch, halo = patches(movie, parameters.patch)
    merging, quality = parameters.merging, parameters.quality
    limit = None if init.K == "auto" else init.K
    return Plan(
        rate=rate,
        p=parameters.temporal.p,
        decay=None if data.decay_time == "auto" else data.decay_time,
        sigma=None if init.gSig == "auto" else sigma_of(cell_size(init.gSig, movie)),
        box=None if init.gSiz == "auto" else box_size(init.gSiz, movie),
        grid=None if init.ssub == "auto" else init.ssub,
        width=bins_of(movie, parameters, rate),
        limit=limit,
        total=limit if parameters.patch.rf in ("auto", None) else None,
        rank=None if parameters.background.nb == "auto" else parameters.background.nb,
        patch=patch,
        halo=halo,
        merge_threshold=merging.merge_thr if merging.do_merge else NEVER,
        min_snr=quality.min_SNR,
        min_r=quality.rval_thr,
        lowest_snr=quality.SNR_lowest,
        lowest_r=quality.rval_lowest,
        min_skew=quality.skew_thr,
        least_compact=quality.compact_thr,
        least_smooth=quality.smooth_thr,
        least_soma=quality.soma_thr,
        most_motion=quality.motion_thr,
        significance=quality.reliability_z,
        refit=parameters.refit,
        offset=None if data.offset == "auto" else data.offset,
        resting=resting_of(parameters.temporal, timeline.starts, rate),
        timeline=timeline,
        exclude=data.exclude,
        align=parameters.temporal.align_planes,
        left_out=None if data.bad_frames == "auto" else data.bad_frames,
        bridges=parameters.temporal.unseen == "interpolate",
    )


def check_asked(movie: Movie, parameters: CnmfParameters) -> None:
    """See that channels that are asked for and frames to leave out can be had, before anything is computed.

    Raises
    ------
    UsageError, InputError
        Where they aren't.
    """
    data = parameters.data
    for number in {*data.functional, *(() if data.structural is None else (data.structural,))}:
        movie.channel(number)
    if data.exclude is not None:
        check_excluded(movie, data.exclude)


def timeline_of(movie: Movie, parameters: CnmfParameters) -> Timeline:
    """When frames were taken: as the movie says, with the segments that are given.

    Raises
    ------
    UsageError
        Where a segment begins beyond the movie, or traces are to be aligned and planes have no known times.
    """
    timeline, frames, given = movie.timeline, movie.shape[0], parameters.data.segments
    if parameters.temporal.align_planes and not timeline.planes and movie.shape[1] > 1:
        raise UsageError(
            f"traces can't be aligned: when the planes of {name_of(movie)} were taken is not known",
            "Give their times (--plane-times, plane_times=), or leave align_planes out.",
        )
    timeline = replace(timeline, aligned=parameters.temporal.align_planes and bool(timeline.planes))
    if given == "auto":
        return timeline
    if late := [start for start in given if start >= frames]:
        raise UsageError(
            f"segments has frame {late[0]}, but {name_of(movie)} has only {frames} volumes",
            "Give the first frame of each stretch, counted from 0 (data.segments).",
        )
    starts = sorted({0, *given})
    known = {segment.start: segment.name for segment in timeline.segments}
    named = tuple(Segment(known.get(start, str(n)), start) for n, start in enumerate(starts, 1))
    return replace(timeline, segments=named if len(starts) > 1 else ())


def resting_of(temporal: TemporalParameters, segments: tuple[int, ...], rate: float) -> RestingLight:
    """How F0 is taken, in frames; the offset is found later."""
    return RestingLight(
        percentile=temporal.f0_percentile if temporal.f0 == "percentile" else None,
        window=max(1, round(temporal.f0_window * rate)),
        segments=segments,
        light=temporal.f0_light,
        factor=temporal.f0_factor,
        begin=round(temporal.f0_begin * rate) if temporal.f0 == "window" else None,
    )


def name_of(movie: Movie) -> str:
    """What to call a movie in a message."""
    if not movie.paths:
        return "the array"
    more = len(movie.paths) - 1
    return movie.paths[0] + (f" (and {more} more files)" if more else "")


def in_voxels(parameters: CnmfParameters, movie: Movie) -> CnmfParameters:
    """The parameters with all lengths in voxels of the movie.

    Raises
    ------
    UsageError
        Where a length is in µm and nobody gave the size of a voxel.
    """
    if parameters.data.lengths == "voxels":
        return parameters
    try:
        values = lengths_in_voxels(parameters.to_dict(), voxel_size(movie, parameters))
    except ValueError as error:
        raise UsageError(
            f"{error} is given in µm, but {name_of(movie)} does not give the size of its voxels",
            "Give the voxel size (--voxel-size x,y,z in µm), or lengths in voxels (data.lengths: voxels).",
        ) from error
    return CnmfParameters.model_validate(values)


def cell_size(value: XYZ, movie: Movie) -> ZYX:
    """The half-size gSig of a cell that is given in voxels, checked.

    Raises
    ------
    UsageError
        Where no such cell fits into the movie; memory for it would have no end.
    """
    size = along_axes(value, "gSig")
    planes, height, width = movie.shape[1:]
    volume = f"{width} × {height} × {planes} voxels (x × y × z)"
    most = {"x": width / 2, "y": height / 2, "z": 3.0 * max(planes, size.x, size.y)}
    for axis, limit in most.items():
        length = getattr(size, axis)
        if length > limit:
            raise UsageError(
                f"gSig is {length:g} voxels along {axis}, but {name_of(movie)} has only {volume}",
                "gSig is the half-size of a cell in voxels, in the order x, y, z: gSig=(4, 4, 2), --gsig 4,4,2. "
                "For lengths in µm: data.lengths: um, --um.",
            )
    return size


def box_size(value: XYZ, movie: Movie) -> ZYX:
    """The box around a seed that is given, in voxels; one larger than the whole movie says no more than that."""
    size = along_axes(value, "gSiz")
    return ZYX(*(min(length, 2.0 * n + 1) for length, n in zip(size, movie.shape[1:], strict=True)))


def bins_of(movie: Movie, parameters: CnmfParameters, rate: float) -> int:
    """Frames a time bin: as given, or as the rate and decay time suggest.

    Raises
    ------
    UsageError
        Where the width that is given leaves fewer than `LEAST_BINS`.
    """
    frames, given = movie.shape[0], parameters.init.tsub
    if given == "auto":
        decay = parameters.data.decay_time
        return bin_width(frames, rate, None if decay == "auto" else decay)
    if frames < LEAST_BINS * given:
        raise UsageError(
            f"tsub is {given}, which leaves {frames // given} averages of the {frames} volumes of {name_of(movie)}",
            f"At least {LEAST_BINS} are needed to find cells: give tsub up to {frames // LEAST_BINS}, or auto.",
        )
    return given


def voxel_size(movie: Movie, parameters: CnmfParameters) -> ZYX | None:
    """Voxel size in µm: as given, or as the movie tells."""
    given = parameters.data.voxel_size
    return movie.voxel_size if given is None else along_axes(given, "voxel_size")


def contradictions(movie: Movie, parameters: CnmfParameters) -> list[str]:
    """How the rate (fr) and the voxel size that the parameters give contradict the movie, which they win over."""
    given = Facts(parameters.data.fr, None if parameters.data.voxel_size is None else voxel_size(movie, parameters))
    told = Facts(movie.rate, movie.voxel_size, movie.metadata)
    return facts_differ([("the parameters", given), (name_of(movie), told)], movie.shape[1])


def patches(movie: Movie, patch: PatchParameters) -> tuple[VolumeShape | None, VolumeShape | None]:
    """Size of a patch with its halo, and halo, in voxels; None where they are left open. Lengths are in voxels."""
    volume = movie.shape[1:]
    halo: VolumeShape | None = None
    if patch.stride != "auto":
        overlap = along_axes(patch.stride, "stride")
        halo = _whole(ZYX(*(np.ceil(length / 2) for length in overlap)), volume)
    if patch.rf == "auto":
        return None, halo
    if patch.rf is None:
        return volume, halo
    size = _whole(ZYX(*(2 * h for h in along_axes(patch.rf, "rf"))), volume)
    for axis, length, margin, n in zip("zyx", size, halo or (0, 0, 0), volume, strict=True):
        if length < n and 2 * margin >= length:
            raise UsageError(
                f"stride is {2 * margin} along {axis}, as large as the patch itself (2 × rf = {length})",
                "stride is the overlap of neighbouring patches: give one below rf, about four times gSig.",
            )
    return size, halo


def _whole(lengths: ZYX, volume: VolumeShape) -> VolumeShape:
    z, y, x = (int(min(round(length), n)) for length, n in zip(lengths, volume, strict=True))
    return (z, y, x)


def used(parameters: CnmfParameters, movie: Movie, outcome: Outcome) -> dict[str, Any]:
    """The parameters as plain values, with every "auto" replaced by what was used; all lengths are in voxels."""
    plan = outcome.plan
    size = voxel_size(movie, parameters)
    values = lengths_in_voxels(parameters.to_dict(), size)
    values["data"] |= {"lengths": "voxels", "fr": plan.rate, "voxel_size": None if size is None else list(size.xyz)}
    if plan.left_out is None:
        bad = movie.frames.bad if isinstance(movie.frames, Blanked) else np.zeros(0, bool)
        values["data"]["bad_frames"] = np.flatnonzero(bad).tolist()
    values["data"]["segments"] = list(plan.timeline.starts)
    response = outcome.demixed.response
    if plan.decay is None and response is not None:
        values["data"]["decay_time"] = round(response.decay / plan.rate, 4)
    if plan.offset is None:
        values["data"]["offset"] = round(outcome.offset.value, 4)
    values["temporal"]["f0_light"] = outcome.resting.light
    init, patch = values["init"], values["patch"]
    if plan.sigma is not None and init["gSig"] == "auto":
        init["gSig"] = [round(s, 3) for s in half_size_of(plan.sigma).xyz]
    if init["gSiz"] == "auto" and plan.sigma is not None:
        init["gSiz"] = [round(6 * s, 3) for s in plan.sigma.xyz]
    if init["K"] == "auto":
        init["K"] = int(outcome.demixed.raw.shape[0])
    init["tsub"] = plan.width
    if init["ssub"] == "auto" and plan.sigma is not None:
        _, y, x = supervoxel(plan.sigma)
        init["ssub"] = int(x) if x == y else "auto"  # one number can't say two
    values["background"]["nb"] = outcome.neuropil.rank
    core, halo = outcome.grid
    if patch["rf"] == "auto":
        half = ZYX(*(c / 2 + h for c, h in zip(core, halo, strict=True)))
        patch["rf"] = None if core == movie.shape[1:] else list(half.xyz)
    if patch["stride"] == "auto":
        patch["stride"] = list(ZYX(*(2.0 * h for h in halo)).xyz)
    return values
