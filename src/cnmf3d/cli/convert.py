"""`cnmf3d convert`: a movie of any format as TIFF or OME-Zarr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cnmf3d.cli.flags import RUNNING, MovieFlags, MoviePaths, with_flags
from cnmf3d.cli.progress import shown


@with_flags
def convert(
    movie: MoviePaths,
    opening: MovieFlags,
    output: Annotated[Path, typer.Option("-o", "--output", help="Movie to write: .tif or .ome.zarr.")],
    check: Annotated[bool, typer.Option("--check/--no-check", help="Read it again, and compare every value.")] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="One event a line on stdout.", rich_help_panel=RUNNING)
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only the result.", rich_help_panel=RUNNING)] = False,
) -> None:
    """Write a movie of any format that is read as TIFF or OME-Zarr, with its rate and voxel size.

    One channel of one dataset, in the order time, z, y, x; a movie opened with --motion is written registered.
    """
    from cnmf3d.movies.writing import write_movie

    source = opening.opened(movie)
    with shown(as_json=as_json, quiet=quiet) as reporter:
        write_movie(source, output, check=check, reporter=reporter)
    frames, z, y, x = source.shape
    if as_json:
        told = {"output": str(output), "shape": source.shape, "dtype": str(source.dtype), "rate": source.rate}
        typer.echo(json.dumps({**told, "warnings": source.warnings}))
        return
    if not quiet:
        for text in source.warnings:
            typer.echo(f"! {text}")
    checked = ", every value compared" if check else ""
    typer.echo(f"{output}: {frames} volumes of {x} × {y} × {z} voxels (x × y × z), {source.dtype}{checked}")
