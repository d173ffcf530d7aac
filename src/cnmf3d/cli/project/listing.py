"""`cnmf3d project list` and `cnmf3d project show`: samples, one sample, or ROIs that filters keep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnmf3d.cli.flags import Json
from cnmf3d.cli.project.folder import Folder, SomeKey, Where

if TYPE_CHECKING:
    import pandas as pd

    from cnmf3d.project import Project, Sample

SHOWN = ("animal", "trial", "date", "rois", "accepted", "frames", "rate")
HIDDEN = ("uuid", "sample", "comments")


def list_samples(folder: Folder, as_json: Json = False) -> None:
    """List the samples of a project."""
    from cnmf3d.project import Project

    with Project.open(folder) as project:
        frame = project.sample_dataframe()
        config = project.config
    if as_json:
        typer.echo(frame.to_json(orient="records"))
    elif len(frame):
        own = [column.name for column in config.columns if column.name in frame.columns]
        columns = [*SHOWN, *own]
        _table(frame[columns])
    else:
        typer.echo(f"no samples yet: cnmf3d project add {folder} RESULTS --animal ID --trial ID")


def show(
    folder: Folder,
    key: SomeKey = None,
    where: Where = None,
    rows: Annotated[int, typer.Option(min=0, help="How many ROIs to show at most.")] = 30,
    query: Annotated[bool, typer.Option("--query", help="Only print the filters, as a pandas query.")] = False,
    as_json: Json = False,
) -> None:
    """Show everything about a sample, or the ROIs of all samples that filters keep.

    cnmf3d project show DIR --where "cell type: pyr" --where "snr > 5"
    """
    from cnmf3d.errors import UsageError
    from cnmf3d.project import Project
    from cnmf3d.project.filters import And, read_filters

    with Project.open(folder) as project:
        if key is not None:
            if where or query:
                raise UsageError(
                    "a sample and filters exclude one another", 'Filter by sample: --where "sample = a/1".'
                )
            _sample(project, project.sample(key), as_json)
            return
        if query:
            if not where:
                raise UsageError("there are no filters", 'Give some: --where "snr > 5".')
            whole = project.dataframe()
            filters = tuple(read_filters(whole, text) for text in where)
            typer.echo(And(filters).query() if len(filters) > 1 else filters[0].query())
            return
        frame, config = project.dataframe(where=where or ()), project.config
    if as_json:
        typer.echo(frame.to_json(orient="records"))
        return
    chosen = [name for name in config.visible if name in frame] or [c for c in frame.columns if c not in HIDDEN]
    _table(frame[chosen].head(rows))
    if len(frame) > rows:
        typer.echo(f"\n{len(frame)} ROIs; --rows shows more, `cnmf3d project export` writes all")


def _table(frame: pd.DataFrame) -> None:
    from rich.console import Console

    from cnmf3d.cli.batch.columns import Cell, printed

    rows = [[Cell(_cell(value)) for value in row] for row in frame.itertuples(index=False, name=None)]
    printed([str(name) for name in frame.columns], rows, Console(highlight=False))


def _cell(value: Any) -> str:
    import numpy as np
    import pandas as pd

    from cnmf3d.cli.batch.facts import plain

    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else plain(str(value))


def _sample(project: Project, sample: Sample, as_json: bool) -> None:
    from cnmf3d.cli.batch.facts import plain
    from cnmf3d.project import Kind
    from cnmf3d.project.rows import values_of

    if as_json:
        told = {**values_of(sample), "rois": sample.rois, "accepted": sample.accepted}
        typer.echo(json.dumps({**told, "tags": project.tags(sample.uuid), "folder": str(project.place(sample.uuid))}))
        return
    info = sample.info
    lines = {
        "uuid": sample.uuid,
        "date": info.date,
        "comments": info.comments,
        **{name: _cell(info.custom[name]) for name in project.config.names(Kind.CUSTOM) if name in info.custom},
        **{
            name: f"{len(each.periods)} stimuli in {each.units}: {', '.join(each.names)}"
            for name, each in info.stimuli.items()
        },
        "ROIs": f"{sample.rois}, {sample.accepted} accepted",
        **{f"  {name}": _counts(each) for name, each in project.tags(sample.uuid).items() if each},
        "frames": f"{sample.frames} at {sample.rate:g} Hz" if sample.rate else str(sample.frames),
        "movie": ("a copy in the project, from " if sample.copied else "") + ", ".join(sample.movie.paths),
        "data": str(project.file(sample)),
        "revision": f"{sample.revision}, {sample.changed}",
        "history": ", ".join(name for entry in info.history for name in entry),
    }
    typer.secho(plain(sample.id), bold=True)
    width = max(map(len, lines))
    for name, text in lines.items():
        if text:
            typer.echo(f"{name:{width}}  {plain(text)}")


def _counts(tags: dict[int, str]) -> str:
    from collections import Counter

    return ", ".join(f"{number} {name}" for name, number in Counter(tags.values()).most_common())
