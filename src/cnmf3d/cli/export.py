"""`cnmf3d export`: results in formats that other programs open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnmf3d.cli.flags import StimuliIn

if TYPE_CHECKING:
    from cnmf3d.project.stimuli import Units
    from cnmf3d.results import Results
    from cnmf3d.results.exports import Interval


def export(
    format: Annotated[str, typer.Argument(help="What to write; --list shows what there is.")] = "",
    results: Annotated[Path | None, typer.Argument(help="Results file, ours or CaImAn's.")] = None,
    out: Annotated[Path | None, typer.Argument(help="The file or folder to write, as the format has it.")] = None,
    accepted: Annotated[bool, typer.Option("--accepted", help="Only accepted ROIs.")] = False,
    metadata: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="NWB: session, subject, imaging; see --template.")
    ] = None,
    pairs: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="NWB: one of the metadata: --set subject_id=M12."),
    ] = None,
    stimuli: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.csv", help="NWB: a stimulus map, columns name, start, end; may be given again."),
    ] = None,
    stimuli_in: StimuliIn = "seconds",
    force: Annotated[bool, typer.Option("--force", help="Replace OUT where it exists.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="List the formats.")] = False,
    template: Annotated[bool, typer.Option("--template", help="Print a metadata file to be filled in.")] = False,
) -> None:
    """Write results for other programs: NWB, tables, label images, pictures."""
    from cnmf3d.errors import UsageError
    from cnmf3d.results import load_results
    from cnmf3d.results.exports import export as write
    from cnmf3d.results.exports import export_of, exporters
    from cnmf3d.results.exports.nwb import metadata as nwb
    from cnmf3d.results.placing import refuse_same

    if listing:
        for each in exporters().values():
            typer.echo(f"{each.name:12} {each.about}")
        return
    if template:
        typer.echo(nwb.template(), nl=False)
        return
    if not format or results is None or out is None:
        raise UsageError("export needs FORMAT, RESULTS and OUT", "cnmf3d export nwb movie.cnmf3d.hdf5 movie.nwb")
    refuse_same(out, results)
    given = nwb.read_metadata(metadata, pairs or [])
    read = load_results(results)
    maps = _stimuli(stimuli or [], stimuli_in, read)
    leaving = export_of(read, accepted_only=accepted, stimuli=maps, metadata=given)
    for note in write(format, leaving, out, force=force):
        typer.echo(note, err=True)
    typer.echo(f"{out}: {len(leaving.ids)} ROIs")


def _stimuli(paths: list[Path], units: Units, results: Results) -> dict[str, list[Interval]]:
    """Stimulus maps by the names of their files, in seconds."""
    from cnmf3d.errors import UsageError
    from cnmf3d.project.stimuli import read_stimuli
    from cnmf3d.results.exports import Interval

    found: dict[str, list[Interval]] = {}
    for path in paths:
        if path.stem in found:
            raise UsageError(f"two stimulus maps are named {path.stem}", "Name their files differently.")
        told = read_stimuli(path, units)
        told.see_inside(results.components.frames, results.rate, str(path), results.timeline.stamps)
        periods = told.within("seconds", results.rate, results.timeline.stamps)
        found[path.stem] = [Interval(each.name, each.start, each.end) for each in periods]
    return found
