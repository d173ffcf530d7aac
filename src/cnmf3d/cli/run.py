"""`cnmf3d run`: a movie into a results file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnmf3d.cli.flags import MOVING, RUNNING, FrameFlags, MovieFlags, MoviePaths, ParameterFlags, combined, with_flags
from cnmf3d.cli.output import beside, check_output
from cnmf3d.cli.progress import shown
from cnmf3d.cli.registering import Registering, Registration, with_registration
from cnmf3d.garbage import staying

if TYPE_CHECKING:
    from cnmf3d.movies import Movie
    from cnmf3d.parameters import CnmfParameters
    from cnmf3d.results import Results


@with_flags
def run(
    movie: MoviePaths,
    opening: MovieFlags,
    find: ParameterFlags,
    frames: FrameFlags,
    register: Annotated[
        Registering,
        typer.Option(
            help="Find the motion first, and register the movie as it is read; MOVIE.motion.hdf5 beside the results "
            "keeps it for the next run. auto: where a sample of the movie moves by what matters.",
            rich_help_panel=MOVING,
        ),
    ] = "auto",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Results file; MOVIE.cnmf3d.hdf5 where not given.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace OUTPUT where it was curated, or is something else.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads; all cores if not given.", rich_help_panel=RUNNING)
    ] = None,
    scratch: Annotated[
        Path | None, typer.Option(help="Folder for the temporary file.", rich_help_panel=RUNNING)
    ] = None,
    cache: Annotated[
        bool,
        typer.Option(
            "--cache/--no-cache",
            help="Keep what was made of the movie for later runs on it (see cnmf3d cache).",
            rich_help_panel=RUNNING,
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what memory, disk and time it takes; compute nothing.", rich_help_panel=RUNNING
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One event a line on stdout.", rich_help_panel=RUNNING)
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only the result.", rich_help_panel=RUNNING)] = False,
) -> None:
    """Find the cells of a volumetric movie: footprints, traces, spikes, judged.

    What isn't given is found from the data; only the rate must be known (from the movie, or --fps).
    """
    from cnmf3d.parameters.registering import separated

    parts = find.parts()
    content, moving = separated(parts[0])
    parameters = combined([content, *parts[1:], {}])
    opening = opening.of_functional(parameters)
    source = opening.opened(movie)
    parameters = combined([content, *parts[1:], frames.changes(source.shape[0])])
    out = output or beside(source)
    if not dry_run:
        check_output(out, source, force=force)
    registration = Registration.of(source, opening, register, moving, out, force=force)
    if dry_run:
        _foretell(source, parameters, workers, registration, as_json)
        return
    _compute(source, parameters, registration, out, workers, scratch, cache, as_json, quiet)


def _compute(
    movie: Movie,
    parameters: CnmfParameters,
    registration: Registration,
    out: Path,
    workers: int | None,
    scratch: Path | None,
    cache: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run, write, and say what was found."""
    with staying():
        from cnmf3d.caches import default_folder
        from cnmf3d.engine import run as compute
        from cnmf3d.events import Progress
        from cnmf3d.results import write_results

    begun = time.perf_counter()
    with shown(as_json=as_json, quiet=quiet) as reporter:
        movie = registration.done(reporter, workers)
        results = compute(
            movie,
            parameters,
            reporter=reporter,
            workers=workers,
            scratch=scratch,
            caches=default_folder() if cache else None,
        )
        results = with_registration(results, movie, registration)
        reporter(Progress("write", 0, 1, "files"))
        write_results(results, out)
        reporter(Progress("write", 1, 1, "files"))
    _tell(results, out, time.perf_counter() - begun, as_json)


def _foretell(
    movie: Movie, parameters: CnmfParameters, workers: int | None, registration: Registration, as_json: bool
) -> None:
    """What a run would need."""
    from dataclasses import asdict

    from cnmf3d.engine import estimate
    from cnmf3d.engine.planning import plan_of

    plan_of(movie, parameters)
    needs = estimate(movie, parameters, workers)
    decision = registration.decision
    if as_json:
        told = {"register": decision.does, "why": decision.why, "motion": str(decision.file or registration.out)}
        typer.echo(json.dumps({"kind": "estimate", **asdict(needs), **told}))
        return
    minutes = f"{needs.seconds:.0f} s" if needs.seconds < 120 else f"{needs.seconds / 60:.0f} minutes"
    typer.echo(repr(movie).strip("<>"))
    typer.echo(f"memory  about {needs.memory / 2**30:.1f} GiB")
    typer.echo(f"disk    {needs.disk / 2**30:.2f} GiB for a temporary file")
    typer.echo(f"time    about {minutes}")
    if decision.does == "estimate":
        typer.echo(f"before  {decision.why}: it is registered ({registration.kind}), which comes on top")
        typer.echo(f"        {registration.out} will keep its motion")
    else:
        typer.echo(f"before  {decision.why}")


def _tell(results: Results, out: Path, seconds: float, as_json: bool) -> None:
    """What was found, in how long."""
    from cnmf3d.results.summary import summary

    facts = summary(results)
    if as_json:
        told = {"kind": "done", "output": str(out), "accepted": facts.accepted, "rejected": facts.rejected}
        typer.echo(json.dumps({**told, "seconds": round(seconds, 2)}))
        return
    speed = facts.voxels * facts.frames / seconds / 1e6
    rate = f"{speed:.0f}" if speed >= 10 else f"{speed:.1f}"
    typer.echo(f"{facts.accepted} cells ({facts.rejected} rejected) in {seconds:.1f} s, {rate} million voxels/s")
    typer.echo(f"{out}")
