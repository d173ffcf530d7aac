"""One movie, from file to results: `run`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from cnmf3d.caches import Caches
from cnmf3d.components import Components
from cnmf3d.dff import ALTERNATIVE, about_unclear, unclear
from cnmf3d.engine.assemble import components_of, with_light
from cnmf3d.engine.cache import MOSTLY, Statistics, kernel_type
from cnmf3d.engine.channels import with_channels
from cnmf3d.engine.context import Clock, Context
from cnmf3d.engine.left_out import asked_of, usable
from cnmf3d.engine.parallel import cores
from cnmf3d.engine.pipeline import run_plan
from cnmf3d.engine.planning import contradictions, plan_of, used, voxel_size
from cnmf3d.engine.plausibility import Check, Found, check_movie, check_results
from cnmf3d.engine.seeds import seeds_of
from cnmf3d.engine.stages import Outcome, Start
from cnmf3d.engine.storage import Storage
from cnmf3d.engine.voxels import voxel_key
from cnmf3d.engine.warmup import warmed_up
from cnmf3d.errors import UsageError, did_you_mean
from cnmf3d.events import Caution, Event, Note, Progress, Reporter
from cnmf3d.geometry import ZYX, half_size_of
from cnmf3d.movies import Movie
from cnmf3d.movies.blanked import Blanked
from cnmf3d.movies.watching import Watch
from cnmf3d.parameters import CnmfParameters, read_parameters
from cnmf3d.parameters.reading import Source
from cnmf3d.progress import by_default
from cnmf3d.results import Provenance, Results

COUNTED = ("borders",)
"""Checks of a sample whose cautions a run leaves to `about_voxels`, which counts in the whole movie."""


def run(
    movie: Movie,
    parameters: Source | None = None,
    *,
    reporter: Reporter | None = None,
    workers: int | None = None,
    scratch: str | Path | None = None,
    seeds: Any = None,
    caches: str | Path | Caches | None = None,
    checkpoint: str | Path | None = None,
    **unknown: Any,
) -> Results:
    """Find the cells of a movie: footprints, traces, spikes, judged.

    Parameters
    ----------
    movie : Movie
        From `cnmf3d.open_movie`.
    parameters : CnmfParameters, mapping or file, optional
        What `cnmf3d.read_parameters` takes.
    reporter : Reporter, optional
        Called with each event: progress, choices, cautions. None: bars in a notebook or on a terminal, nothing
        elsewhere; ``cnmf3d.silent``: nothing in any case.
    workers : int, optional
        Threads; all cores by default. The result doesn't depend on it.
    scratch : path, optional
        Folder for the temporary file (a time-binned copy of the movie, two bytes a value); the system's by default.
    seeds : path, (Z, Y, X) label array or sparse matrix, optional
        Footprints to start from; then none is added, and ``init.K`` isn't applied. ``quality["seed"]`` of the results
        says which seed each component was: its label, its ROI in a results file, or else its column, counted from 0.
        Seeds that vanish (they have no light of their own) are named in a caution. Wins over ``parameters.init.seeds``.
    caches : path or Caches, optional
        Folder in which time-binned copies of movies, and what was found on them, are kept for later runs. A run finds
        there what an earlier one of the same movie left, whatever its parameters were, and computes the rest. Not one
        byte of the result depends on it. None: nothing is kept.
    checkpoint : path, optional
        Folder in which finished steps of this run are kept, so that it goes on from there if it is stopped and called
        again. Remove it when the results are written; it holds nothing else.
    **unknown
        Other names are refused: parameters go together, as in ``run(movie, {"gSig": (4, 4, 2)})``.

    Returns
    -------
    Results
        With no components where nothing was found.

    Raises
    ------
    InputError, UsageError
        For a movie or parameters that can't be used, and for a movie that somebody changes meanwhile.
    EngineError
        Where there is no room for the temporary file.
    """
    if not isinstance(movie, Movie):
        raise UsageError(
            f"cnmf3d.run was given a {type(movie).__name__} as the movie",
            "Open it first: cnmf3d.run(cnmf3d.open_movie(path, rate=5)).",
        )
    for name, value in unknown.items():
        meant = did_you_mean(name, ("reporter", "workers", "scratch", "seeds", "caches", "checkpoint"))
        fix = meant or f"Parameters go together: cnmf3d.run(movie, {{{name!r}: {value!r}}})."
        raise UsageError(f"cnmf3d.run has no option {name}=", fix)
    parameters = parameters if isinstance(parameters, CnmfParameters) else read_parameters(parameters)
    storage = Storage.of(scratch, caches, checkpoint)
    with by_default() if reporter is None else nullcontext(reporter) as told:
        return _results(movie, parameters, Listener(told), max(1, workers or cores()), storage, seeds)


def _results(
    movie: Movie, parameters: CnmfParameters, heard: Listener, workers: int, storage: Storage, seeds: Any
) -> Results:
    """As `run`, with checked arguments."""
    started, begin = datetime.now().astimezone(), time.perf_counter()
    plan = plan_of(movie, parameters)
    source = parameters.init.seeds if seeds is None else seeds
    start = None if source is None else seeds_of(source, movie.shape[1:])
    about_limit(plan.limit, start, heard)
    for text in (*movie.warnings, *contradictions(movie, parameters)):
        if not text.endswith(NO_RATE):
            heard(Caution("ingest", text))
    clock, recorded = Clock(), movie
    key = voxel_key(movie, plan.width, asked_of(plan), fingerprint := movie.fingerprint())
    with clock.stage("check"):
        movie, timeline = usable(movie, plan, heard, workers)
        told = about_movie(check_movie(movie, plan.rate, workers), heard)
    watch = Watch.of(recorded, fingerprint, lambda text: heard(Caution("ingest", text)))
    heard.between = watch.check
    with (
        threadpool_limits(1),
        storage.files(movie, plan.width, key, heard) as files,
        warmed_up(kernel_type(movie.dtype), heard, workers),
    ):
        context = Context(movie, workers, heard, clock)
        outcome = with_light(run_plan(context, plan, files, start))
        about_voxels(outcome.cache.statistics, recorded, heard, saturation="saturation" not in told)
        about_empty_frames(outcome.cache.statistics, movie, heard)
        components = components_of(outcome)
    components = with_channels(components, outcome, context, recorded, parameters, storage, timeline)
    if components.count == 0:
        heard(Caution("evaluate", nothing_found(outcome)))
    elif not components.accepted.any():
        heard(Caution("evaluate", f"none of {components.count} components passed the evaluation; all are kept, marked"))
    about_found(outcome, components, voxel_size(movie, parameters), heard)
    about_resting_light(outcome, components, recorded, heard)
    watch.check(content=True)
    timings = {**clock.seconds, "total": time.perf_counter() - begin}
    return Results(
        components=components,
        parameters=used(parameters, movie, outcome),
        rate=plan.rate,
        voxel_size=voxel_size(movie, parameters),
        noise=volume(outcome, outcome.cache.statistics.noise),
        projections=projections(outcome),
        provenance=Provenance(
            input_paths=movie.paths,
            fingerprint=fingerprint,
            versions={name: version(name) for name in ("cnmf3d", "numpy", "scipy", "numba")},
            started=started.isoformat(timespec="seconds"),
            timings=timings,
            estimates=estimates(parameters, outcome, components),
            warnings=tuple(heard.cautions),
            asked=parameters.to_dict(),
        ),
        timeline=timeline,
    )


def cache_key(movie: Movie, parameters: CnmfParameters | None = None) -> str:
    """Key under which `run` keeps the movie's cache with these parameters, and finds it.

    Parameters
    ----------
    movie : Movie
    parameters : CnmfParameters, optional

    Returns
    -------
    str
        As `cnmf3d.caches.Caches` takes it, to keep an entry (`pin`).

    Raises
    ------
    InputError, UsageError
        For a movie or parameters that can't be used.
    """
    plan = plan_of(movie, parameters or CnmfParameters())
    return voxel_key(movie, plan.width, asked_of(plan))


NO_RATE = "into a .json file of the same name beside it."
"""How a movie's warning that it has no rate ends; here the rate is known, or `plan_of` has raised."""


@dataclasses.dataclass
class Listener:
    """Passes events on, and remembers cautions for the results file."""

    reporter: Reporter
    cautions: list[str] = dataclasses.field(default_factory=list)
    between: Callable[[], None] | None = None
    """Called when another stage begins."""
    stage: str = ""

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, Progress) and event.stage != self.stage:
            self.stage = event.stage
            if self.between is not None:
                self.between()
        if isinstance(event, Caution):
            self.cautions.append(event.text)
        self.reporter(event)


def about_limit(limit: int | None, start: Start | None, reporter: Reporter) -> None:
    """Caution that K does not apply to seeds."""
    if start is not None and limit not in (None, start.count):
        text = f"K = {limit} is not applied: all {start.count} seeds that were given are demixed, none is added"
        reporter(Caution("ingest", text))


def about_movie(checks: list[Check], reporter: Reporter) -> set[str]:
    """Caution what is wrong with the movie; the names of the checks that did."""
    told = [check for check in checks if check.caution and check.name not in COUNTED]
    for check in told:
        reporter(Caution("ingest", check.caution))
    return {check.name for check in told}


def about_found(outcome: Outcome, components: Components, voxel: ZYX | None, reporter: Reporter) -> None:
    """Caution that cells' size, number or acceptance is implausible."""
    plan = outcome.plan
    if plan.sigma is None:
        return
    accepted = int(components.accepted.sum())
    found = Found(
        shape=outcome.cache.shape,
        voxel_size=voxel,
        sigma=plan.sigma,
        measured="gSig" in outcome.estimates,
        grain=outcome.cache.statistics.grain,
        accepted=accepted,
        rejected=components.count - accepted,
    )
    for check in check_results(found):
        if check.caution:
            reporter(Caution("evaluate", check.caution))


def about_voxels(statistics: Statistics, movie: Movie, reporter: Reporter, *, saturation: bool) -> None:
    """Report voxels that are not as they should be: not seen all of the time, constant, or saturated."""
    total = statistics.valid.size

    def tell(flags: np.ndarray[Any, np.dtype[np.bool_]], what: str) -> None:
        count = int(flags.sum())
        if count:
            reporter(Caution("ingest", f"{count} of {total} voxels ({count / total:.1%}) {what}"))

    hidden = "lie in a border that registration filled (zeros, another constant or a repeated edge)"
    if movie.dtype.kind == "f":
        hidden = f"are not finite (NaN or infinity), or {hidden},"
    often, sometimes = statistics.seldom_seen(movie.shape[0]), statistics.unknown > statistics.unknown.min()
    tell(often, f"{hidden} in more than {MOSTLY:.0%} of the frames: seen in too few frames, left out")
    tell(~often & sometimes, f"{hidden} in a part of the frames: what is expected there was taken")
    tell(~often & ~statistics.valid, "never change: left out")
    if saturation and movie.dtype.kind in "ui":
        top = np.iinfo(movie.dtype).max
        tell(statistics.maximum >= top, f"reach the largest value ({top}): saturated, their traces are cut off there")


def about_empty_frames(statistics: Statistics, movie: Movie, reporter: Reporter) -> None:
    """Report frames without any value that nobody has named: neither bad ones nor those that registration lost."""
    known = int(movie.frames.bad.sum()) if isinstance(movie.frames, Blanked) else 0
    count = int(statistics.unknown.min()) - known
    if count > 0 and "motion" not in movie.metadata:
        reporter(Caution("ingest", f"{count} of {movie.shape[0]} frames have no value at all: traces have none there"))


def lowest_light(movie: Movie, statistics: Statistics) -> float:
    """The lowest light of a movie's voxels: of their values, or of their means where interpolation made the values.

    Interpolation swings below what is dark beside bright things, and noise with it; this says nothing of the detector.
    """
    registered = "motion" in movie.metadata
    values = statistics.mean if registered else statistics.minimum
    return float(values[statistics.valid].min(initial=np.inf))


def about_resting_light(outcome: Outcome, components: Components, movie: Movie, reporter: Reporter) -> None:
    """Caution what ΔF/F takes for zero light, where that is a guess, and which components have no ΔF/F."""
    if components.count == 0:
        return
    offset = outcome.offset
    give = "Give the value of a pixel without light if you know it (--offset, data.offset)."
    lowest = lowest_light(movie, outcome.cache.statistics)
    below = f"the movie has values below zero (down to {lowest:.5g}): " if lowest < 0 else ""
    needed = outcome.resting.light != "own"  # a cell's own light is the same with any offset
    if not needed:
        pass
    elif outcome.plan.offset is None and not offset.found:
        text = f"{below}dF/F takes 0 for no light, for the detector's offset is {offset.why}. {give}"
        reporter(Caution("evaluate", text))
    elif outcome.plan.offset is None and below:
        text = f"{below}dF/F takes {offset.value:.5g} for no light, {offset.why}. {give}"
        reporter(Caution("evaluate", text))
    if outcome.plan.offset is None and offset.found and not (needed and below):
        reporter(Note("evaluate", f"detector's offset {offset.value:.5g}: {offset.why}"))
    if light := outcome.estimates.get("f0_light"):
        whose = {"own": "each cell's own light", "all": "all light that a footprint sees"}[str(light["value"])]
        kind = Note if light["value"] == "own" else Caution
        reporter(kind("evaluate", f"F0 of dF/F is {whose}: {light['why']}. {ALTERNATIVE}"))
    good = np.flatnonzero(components.accepted)
    numbers = good[unclear(components.dff[good], components.raw[good])]
    if numbers.size:
        reporter(Caution("evaluate", about_unclear(numbers.tolist(), good.size, outcome.resting)))


def nothing_found(outcome: Outcome) -> str:
    """What was looked for, where there is nothing."""
    plan = outcome.plan
    size = "" if plan.sigma is None else f"cells of half-size gSig {half_size_of(plan.sigma)} voxels (x × y × z) with "
    return (
        f"no cells found: looked for {size}transients lasting some {plan.width / plan.rate:.2g} s and more, "
        f"{plan.significance:g} standard deviations above what noise has. "
        "Is the rate right? Give the cells' half-size (gSig) if it differs."
    )


def volume(outcome: Outcome, values: Any) -> Any:
    """Values of the voxels as a (Z, Y, X) float32 array."""
    return np.asarray(values, np.float32).reshape(outcome.cache.shape)


def projections(outcome: Outcome) -> dict[str, Any]:
    """Mean, max, std and local correlation; voxels that were left out are 0."""
    statistics = outcome.cache.statistics
    values = {"mean": statistics.mean, "max": statistics.maximum, "std": statistics.std}
    images = {name: volume(outcome, np.nan_to_num(v, posinf=0, neginf=0)) for name, v in values.items()}
    return {**images, "correlation": outcome.correlation}


def estimates(parameters: CnmfParameters, outcome: Outcome, components: Components) -> dict[str, dict[str, Any]]:
    """What was chosen in the user's place, and why: nothing that was given is among it."""
    plan, noise = outcome.plan, outcome.cache.statistics
    out = dict(outcome.estimates)
    if plan.limit is None:
        origin = "their traces outlast noise" if outcome.seeds is None else "those of the seeds that have light"
        why = f"{origin}; {int(components.accepted.sum())} accepted"
        out["K"] = {"value": components.count, "why": why}
    if plan.rank is None:
        out["nb"] = {
            "value": outcome.neuropil.rank,
            "why": "neuropil courses that stand out of the noise (most a block)",
        }
    if parameters.patch.rf == "auto":
        core, halo = outcome.grid
        blocks = f"{outcome.neuropil.tiles} blocks of {core[2]} × {core[1]} × {core[0]} voxels (x × y × z)"
        out["rf"] = {"value": list(core[::-1]), "why": f"{blocks}, {max(halo)} voxels of halo"}
    if parameters.init.tsub == "auto":
        out["tsub"] = {"value": plan.width, "why": "frames a bin while cells are sought; traces have every frame"}
    if plan.offset is None:
        out["offset"] = {"value": round(outcome.offset.value, 4), "why": outcome.offset.why}
    median = float(np.median(noise.noise[noise.valid])) if noise.valid.any() else 0.0
    out["noise"] = {"value": round(median, 4), "why": "median over voxels, from second differences in time"}
    return out
