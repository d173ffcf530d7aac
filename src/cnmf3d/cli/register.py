"""`cnmf3d register`: how the tissue moves in a movie, as a motion file."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cnmf3d.cli.flags import RUNNING, FrameFlags, MotionFlags, MovieFlags, MoviePaths, with_flags
from cnmf3d.cli.progress import shown
from cnmf3d.cli.registering import PIECEWISE, Kind, check_motion_output
from cnmf3d.errors import UsageError

if TYPE_CHECKING:
    from cnmf3d.events import Reporter
    from cnmf3d.movies import Movie
    from cnmf3d.movies.registered import Motion
    from cnmf3d.movies.registered.writing import Border

WRITING = "Writing the registered movie"


@with_flags
def register(
    movie: MoviePaths,
    opening: MovieFlags,
    how: MotionFlags,
    frames: FrameFlags,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Motion file; MOVIE.motion.hdf5 where not given.")
    ] = None,
    kind: Annotated[
        Kind,
        typer.Option(help="rigid: all moves as one; piecewise: places by themselves, too; auto: as frames show it."),
    ] = "auto",
    register_on: Annotated[
        int | None, typer.Option(min=0, metavar="CHANNEL", help="Estimate on this channel, apply to --channel.")
    ] = None,
    params: Annotated[Path | None, typer.Option(help="A file with a group motion: .json, .yaml or .toml.")] = None,
    um: Annotated[bool, typer.Option("--um", help="Lengths are in µm.")] = False,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT", help="Write the registered movie, too: .tif or .ome.zarr.", rich_help_panel=WRITING
        ),
    ] = None,
    border: Annotated[
        Literal["auto", "nan", "copy", "min", "zero"],
        typer.Option(help="What voxels get there that a frame doesn't show.", rich_help_panel=WRITING),
    ] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace OUTPUT where it is something else.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads; all cores if not given.", rich_help_panel=RUNNING)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One event a line on stdout.", rich_help_panel=RUNNING)
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only the result.", rich_help_panel=RUNNING)] = False,
) -> None:
    """Estimate how the tissue moves in a movie, and keep it in a small file.

    cnmf3d run MOVIE --motion FILE registers the movie as it is read; --write makes a movie for other programs. With
    --motion nothing is estimated: shifts of CaImAn or Suite2p become a motion file, or a movie.
    """
    from cnmf3d.movies.registered import write_motion
    from cnmf3d.movies.registered.origin import motion_path

    begun = time.perf_counter()
    recording = replace(opening, motion=None)
    source = recording.opened(movie)
    out = output or motion_path(source)
    check_motion_output(out, source, force=force)
    if write is not None and write.exists():
        raise UsageError(f"{write} is there already", "Choose another name (--write), or remove it.")
    with shown(as_json=as_json, quiet=quiet) as reporter:
        if opening.motion is not None:
            motion = _given(opening.motion, source, frames, recording)
        else:
            changes = {"pw_rigid": PIECEWISE.get(kind), "lengths": "um" if um else None}
            changes |= how.changes() | frames.changes(source.shape[0])
            motion = _found(movie, recording, source, register_on, params, changes, workers, reporter)
        write_motion(motion, out)
        if write is not None:
            _written(source, motion, write, _border(border, params, source), reporter)
    _tell(motion, out, write, time.perf_counter() - begun, as_json)


def _found(
    paths: list[str],
    opening: MovieFlags,
    source: Movie,
    channel: int | None,
    params: Path | None,
    changes: Mapping[str, object],
    workers: int | None,
    reporter: Reporter,
) -> Motion:
    """Estimate the motion, on another channel where one is named."""
    from cnmf3d.engine.registering import watched_motion
    from cnmf3d.movies.registered.origin import of_movie
    from cnmf3d.parameters import read_motion_parameters

    seen = source if channel is None else replace(opening, channel=channel).opened(paths)
    if seen.shape != source.shape:
        raise UsageError(f"channel {channel} has another size than the movie", "Give a channel of the same recording.")
    told = {name: value for name, value in changes.items() if value is not None}
    parameters = read_motion_parameters(params, voxel_size=source.voxel_size, **told)
    motion = watched_motion(seen, parameters, reporter=reporter, workers=workers)
    other = None if channel is None else (channel, seen.fingerprint())
    return of_movie(motion, source, opening.keywords(), other)


def _given(path: Path, source: Movie, frames: FrameFlags, opening: MovieFlags) -> Motion:
    """A motion that is there, with more bad frames."""
    import numpy as np

    from cnmf3d.movies.registered import motion_of
    from cnmf3d.movies.registered.origin import of_movie

    motion = motion_of(path, source)
    bad = motion.bad_frames.copy()
    bad[np.array(frames.changes(source.shape[0]).get("bad_frames", ()), np.intp)] = True
    return of_movie(replace(motion, bad_frames=bad), source, opening.keywords())


def _border(flag: str, params: Path | None, movie: Movie) -> Border:
    """What hidden voxels get: as the flag says, or else border_nan of the parameter file."""
    from cnmf3d.parameters import read_motion_parameters

    fills: dict[str, Border] = {"nan": True, "copy": "copy", "min": "min", "zero": False}
    if flag in fills or params is None:
        return fills.get(flag, "auto")
    return read_motion_parameters(params, voxel_size=movie.voxel_size).border_nan


def _written(source: Movie, motion: Motion, out: Path, border: Border, reporter: Reporter) -> None:
    """Write the registered movie."""
    from cnmf3d.movies.registered import registered
    from cnmf3d.movies.registered.writing import write_registered

    write_registered(registered(source, motion), out, border=border, reporter=reporter)


def _tell(motion: Motion, out: Path, write: Path | None, seconds: float, as_json: bool) -> None:
    """What was found, in how long."""
    from cnmf3d.results.motion_report import facts_of

    facts = facts_of(motion)
    if as_json:
        told = {"kind": "done", "output": str(out), "written": None if write is None else str(write), "facts": facts}
        typer.echo(json.dumps({**told, "seconds": round(seconds, 2)}, default=str))
        return
    for name in ("kind", "largest shift", "bad frames"):
        if name in facts:
            typer.echo(f"{name:14} {facts[name]}")
    typer.echo(f"{out} ({seconds:.1f} s)")
    if write is not None:
        typer.echo(f"{write}")
