"""`cnmf3d info`: what a movie or a results file is."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnmf3d.cli.flags import MovieFlags, MoviePaths, with_flags
from cnmf3d.errors import ChoiceError, UsageError

if TYPE_CHECKING:
    from cnmf3d.engine.plausibility import Check
    from cnmf3d.geometry import ZYX
    from cnmf3d.movies import Movie
    from cnmf3d.results import Results


@with_flags
def info(
    movie: MoviePaths,
    opening: MovieFlags,
    check: Annotated[
        bool, typer.Option("--check", help="Look at a sample of the movie, too: noise, motion, saturation, ...")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Show what a movie is: size, rate, voxels, format, and what is wrong with it. Results and motion files too."""
    if len(movie) == 1 and _holds_results(Path(movie[0])):
        from cnmf3d.results import load_results

        if check:
            raise UsageError(f"{movie[0]} holds results, and --check looks at movies", "Give the movie.")
        facts = _of_results(load_results(movie[0]))
    elif len(movie) == 1 and _holds_motion(Path(movie[0])):
        from cnmf3d.movies.registered import read_motion
        from cnmf3d.results.motion_report import facts_of

        facts = facts_of(read_motion(movie[0]))
    else:
        choices: dict[str, Any] = {}
        try:
            opened = opening.opened(movie)
        except ChoiceError as several:
            if check:
                raise
            choices = {several.option + "s": list(several.choices), "choose": several.fix.partition(" It h")[0]}
            if several.option != "channel":
                _tell({"files": movie[0], **choices}, as_json)
                return
            opened = replace(opening, channel=0).opened(movie)
        facts = _of_movie(opened) | choices
        if choices:  # told as a list
            facts["metadata"].pop("channels", None)
        if check:
            from cnmf3d.engine.plausibility import check_movie

            facts["checks"] = [_plain(each) for each in check_movie(opened)]
    _tell(facts, as_json)


def _tell(facts: dict[str, Any], as_json: bool) -> None:
    """Print facts: a line each, warnings behind a mark, or JSON."""
    if as_json:
        typer.echo(json.dumps(facts, default=str))
        return
    for name, value in facts.items():
        if name == "warnings":
            for text in value:
                typer.echo(f"! {text}")
        elif name == "checks":
            for each in value:
                typer.echo(f"{each['name']:14} {each['said']}")
            cautions = [each["caution"] for each in value if each["caution"]]
            for text in cautions or ["nothing is wrong with the sample that was looked at"]:
                typer.echo(f"! {text}" if cautions else text)
        elif isinstance(value, list):
            for number, entry in enumerate(value):
                typer.echo(f"{'' if number else name:14} {entry if name == 'datasets' else f'{number}: {entry}'}")
        elif isinstance(value, dict):
            for inner, entry in value.items():
                typer.echo(f"{inner:14} {_short(entry)}")
        elif value is not None:
            typer.echo(f"{name:14} {_short(value)}")


def _plain(check: Check) -> dict[str, Any]:
    """A check as values of JSON, which has no not-a-number."""
    figures = {name: float(value) if math.isfinite(value) else None for name, value in check.figures.items()}
    return {"name": check.name, "said": check.said, "figures": figures, "caution": check.caution}


def _holds_results(path: Path) -> bool:
    """Whether a file is HDF5 with components in it."""
    if path.suffix.lower() not in (".hdf5", ".h5") or not path.is_file():
        return False
    from cnmf3d.hdf5 import holds

    return holds(path, "estimates")


def _holds_motion(path: Path) -> bool:
    """Whether a file says how the tissue moves in a movie."""
    if path.suffix.lower() not in (".hdf5", ".h5") or not path.is_file():
        return False
    from cnmf3d.movies.registered.storing import holds_motion

    return holds_motion(path)


def _of_movie(movie: Movie) -> dict[str, Any]:
    """Facts about a movie."""
    frames, z, y, x = movie.shape
    size = movie.voxel_size
    length = movie.seconds[-1] + 1 / movie.rate if movie.rate else None
    late, segments = movie.timeline.planes, movie.timeline.segments
    lengths = {"time": f"{frames} volumes", "z": f"{z} plane{'s'[: z > 1]}", "y": f"{y} rows", "x": f"{x} columns"}
    where = movie.sources
    axes = {name: f"{text}; {where[name]}" for name, text in lengths.items() if name in where}
    if "channel" in where and "channels" in where["channel"]:
        axes["channel"] = where["channel"]

    def said(text: str, name: str) -> str:
        return f"{text}; {where[name]}" if name in where else text

    return {
        "files": f"{movie.paths[0]} and {len(movie.paths) - 1} more" if len(movie.paths) > 1 else movie.paths[0],
        "format": movie.metadata.get("format"),
        "volumes": frames,
        "size": f"{x} × {y} × {z} voxels (x × y × z), {movie.dtype}, {_bytes(math.prod(movie.shape), movie)}",
        "axes": axes,
        "rate": None if movie.rate is None else said(f"{movie.rate:g} Hz, {length:.1f} s in all", "rate"),
        "plane times": f"0 to {max(late):.3g} s after the volume begins ({movie.timeline.source})" if late else None,
        "segments": ", ".join(f"{each.name} (from {each.start})" for each in segments) or None,
        "voxel size": None if size is None else said(_side(size, z), "voxel size"),
        "fingerprint": movie.fingerprint(),
        "metadata": {name: value for name, value in movie.metadata.items() if name != "format"},
        "warnings": list(movie.warnings),
    }


def _labelled(results: Results) -> str | None:
    """How many cells a structural channel labels; None without one."""
    from cnmf3d.results.channels import LABELLED

    components = results.components
    if "red_z" not in components.quality:
        return None
    count = int((components.quality["red_z"][components.accepted] > LABELLED).sum())
    return f"{count} of {int(components.accepted.sum())} accepted cells (red_z > {LABELLED:g})"


def _side(size: ZYX, planes: int) -> str:
    """Size of a voxel; of one plane that of a pixel, whose depth no file has."""
    return f"{size} µm (x × y × z)" if planes > 1 else f"{size.x:.4g} × {size.y:.4g} µm (x × y)"


def _bytes(values: int, movie: Movie) -> str:
    size = values * movie.dtype.itemsize
    number, unit = next(
        (size / 2**power, name)
        for power, name in ((30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "bytes"))
        if size >= 2**power or not power
    )
    return f"{number:.3g} {unit}"


def _of_results(results: Results) -> dict[str, Any]:
    """Facts about results."""
    from cnmf3d.results.summary import summary

    facts, source = summary(results), results.provenance
    z, y, x = results.components.shape
    return {
        "components": f"{facts.accepted} accepted, {facts.rejected} rejected",
        "volumes": facts.frames,
        "size": f"{x} × {y} × {z} voxels (x × y × z)",
        "rate": f"{facts.rate:g} Hz",
        "segments": ", ".join(f"{each.name} (from {each.start})" for each in results.timeline.segments) or None,
        "left out": {f"frames {why}": ", ".join(map(str, some)) for why, some in results.timeline.left_out.items()},
        "other traces": ", ".join(results.components.channels) or None,
        "labelled": _labelled(results),
        "voxel size": None if results.voxel_size is None else f"{results.voxel_size} µm (x × y × z)",
        "movie": ", ".join(source.input_paths) or None,
        "fingerprint": source.fingerprint or None,
        "computed": f"{source.started}, {facts.seconds:.1f} s" if source.started else None,
        "versions": ", ".join(f"{name} {version}" for name, version in source.versions.items()) or None,
        "chosen": {name: f"{choice['value']} ({choice['why']})" for name, choice in source.estimates.items()},
        "warnings": list(source.warnings),
    }


def _short(value: Any) -> str:
    """A value on one line, cut where it is long."""
    text = f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= 160 else text[:157] + "..."
