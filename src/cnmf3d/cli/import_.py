"""`cnmf3d import`: ROIs of other programs into a results file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnmf3d.cli.flags import numbers

if TYPE_CHECKING:
    from cnmf3d.components import VolumeShape


def import_(
    format: Annotated[str, typer.Argument(help="Which program's file it is; --list shows what there is.")] = "",
    file: Annotated[Path | None, typer.Argument(help="What to read: a file, or a folder for some formats.")] = None,
    out: Annotated[Path | None, typer.Argument(help="The results file to write, .hdf5.")] = None,
    axes: Annotated[
        str | None, typer.Option(metavar="ORDER", help="Order of the file's axes, where it doesn't say.")
    ] = None,
    fps: Annotated[float | None, typer.Option("--fps", "--fr", metavar="HZ", help="Volumes a second.")] = None,
    voxel_size: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="Size of a voxel in µm.")] = None,
    shape: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="Size of the volume in voxels.")] = None,
    member: Annotated[str | None, typer.Option(help="Which one, where the file holds several.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT where it exists.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="List the formats.")] = False,
) -> None:
    """Make a results file of ROIs that another program found, for the viewer, exports and projects."""
    from cnmf3d.errors import UsageError
    from cnmf3d.geometry import along_axes
    from cnmf3d.results import write_results
    from cnmf3d.results.imports import Given, import_results, importers
    from cnmf3d.results.placing import refuse_existing, refuse_same

    if listing:
        for each in importers().values():
            typer.echo(f"{each.name:12} {each.about}")
        return
    if not format or file is None or out is None:
        raise UsageError("import needs FORMAT, FILE and OUT", "cnmf3d import caiman theirs.hdf5 ours.hdf5")
    size = None if voxel_size is None else along_axes(numbers(voxel_size, "--voxel-size"), "--voxel-size")
    given = Given(axes, fps, size, _shape(shape), member)
    refuse_same(out, file)
    refuse_existing(out, force=force)
    results = import_results(format, file, given)
    write_results(results, out)
    for caution in results.provenance.warnings:
        typer.echo(f"! {caution}", err=True)
    components = results.components
    typer.echo(
        f"{out}: {components.count} ROIs, {int(components.accepted.sum())} accepted, {components.frames} volumes"
    )


def _shape(text: str | None) -> VolumeShape | None:
    """Read ``X,Y,Z`` as (Z, Y, X)."""
    from cnmf3d.errors import UsageError

    if text is None:
        return None
    values = numbers(text, "--shape")
    if len(values) != 3 or any(value < 1 or value != int(value) for value in values):
        raise UsageError(f"--shape is {text!r}", "Give the volume's size in voxels, x, y, z: --shape 512,512,30.")
    x, y, z = (int(value) for value in values)
    return z, y, x
