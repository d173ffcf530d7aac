"""`cnmf3d project export`: the table of ROIs, or a sample in a format that other programs open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnmf3d.cli.project.folder import Folder, SomeKey, Where

if TYPE_CHECKING:
    from cnmf3d.project import Project


def export(
    folder: Folder,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A table: .csv, .parquet, .xlsx; or of a sample: .nwb, ...")
    ],
    key: SomeKey = None,
    where: Where = None,
    samples: Annotated[bool, typer.Option("--samples", help="A row for each sample instead of each ROI.")] = False,
    curves: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="Parquet: curves, too: raw, dff, denoised, spikes, raw_channel1, ..."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="Of a sample; `cnmf3d export --list` tells which. By OUT's name else."),
    ] = None,
    accepted: Annotated[bool, typer.Option("--accepted", help="Only accepted ROIs.")] = False,
    metadata: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="NWB: session, subject, imaging; see cnmf3d export.")
    ] = None,
    pairs: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="NWB: one of the metadata.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT where it exists.")] = False,
) -> None:
    """Write a table of ROIs, of all samples or of one; or one sample for other programs.

    cnmf3d project export DIR rois.csv --where "snr > 5"
    cnmf3d project export DIR m1.nwb m1/3 --set session_start_time=2026-01-31T14:00:00+01:00
    """
    from cnmf3d.errors import UsageError
    from cnmf3d.project import Project
    from cnmf3d.project.tables import FORMATS, write_table
    from cnmf3d.results.exports.nwb.metadata import read_metadata

    with Project.open(folder) as project:
        own = [f'sample = "{project.sample(key).id}"'] if key is not None else []
        if key is not None and (form or out.suffix.lower() not in FORMATS):
            _sample(project, key, out, form or "nwb", accepted, read_metadata(metadata, pairs or []), force)
            return
        if metadata or pairs:
            raise UsageError("a table of ROIs has no metadata", "Name a sample: cnmf3d project export DIR OUT.nwb ID")
        if curves and out.suffix.lower() != ".parquet":
            raise UsageError(f"{out.suffix or out} holds no curves", "Write .parquet, or one sample: --format csv.")
        if samples and (where or curves or accepted):
            raise UsageError("a table of samples has no filters and curves of ROIs", "Leave --samples out.")
        limits = [*own, *(where or ()), *(["accepted = yes"] if accepted else [])]
        frame = project.sample_dataframe() if samples else project.dataframe(where=limits, curves=curves or ())
        write_table(frame, out, force=force)
        typer.echo(f"{out}: {len(frame)} {'samples' if samples else 'ROIs'}")


def _sample(
    project: Project, key: str, out: Path, form: str, accepted: bool, given: dict[str, Any], force: bool
) -> None:
    """Write one sample."""
    from cnmf3d.project.leaving import leaving
    from cnmf3d.results.exports import export as write
    from cnmf3d.results.exports import exporter_of

    takes = exporter_of(form).takes
    what = leaving(project, key, takes=takes, accepted_only=accepted, metadata=given)
    for note in write(form, what, out, force=force):
        typer.echo(note, err=True)
    typer.echo(f"{out}: {len(what.ids)} ROIs")
