"""`cnmf3d project add`: results become a sample, or take the place of an older one's."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cnmf3d.cli.flags import Json, MovieFlags, with_flags
from cnmf3d.cli.project.folder import Folder, pairs

Names = list[str] | None


@with_flags
def add(
    folder: Folder,
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Results file, ours or CaImAn's.")],
    animal: Annotated[str, typer.Option(metavar="ID", help="Of the animal.")],
    trial: Annotated[str, typer.Option(metavar="ID", help="Of the recording; unique for the animal.")],
    opening: MovieFlags,
    date: Annotated[str, typer.Option(help="Of the recording.")] = "",
    comments: Annotated[str, typer.Option(help="Whatever there is to say.")] = "",
    custom: Annotated[Names, typer.Option("--set", metavar="NAME=VALUE", help="A value of a column.")] = None,
    stimulus: Annotated[
        Names, typer.Option(metavar="NAME=FILE.csv", help="A stimulus map: columns name, start, end.")
    ] = None,
    stimuli_in: Annotated[str, typer.Option(help="What start and end are: seconds or frames.")] = "seconds",
    tags: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Tags of ROIs: a column roi, and one for each column.")
    ] = None,
    movie: Annotated[
        Names, typer.Option(metavar="MOVIE", help="Where the movie is, if not where the results say.")
    ] = None,
    copy_movie: Annotated[bool, typer.Option("--copy-movie", help="Copy the movie into the project, too.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Save a sample that is there anew, with these ROIs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add results to a project as a sample.

    cnmf3d project add DIR movie.cnmf3d.hdf5 --animal m1 --trial 3 --set age=12 --stimulus odour=odours.csv
    """
    from cnmf3d.project import Project

    values: dict[str, Any] = {"custom": pairs(custom, "--set"), "stimuli": _stimuli(stimulus, stimuli_in)}
    values |= {name: text for name, text in (("date", date), ("comments", comments)) if text}
    told = None if tags is None else read_tags(tags)
    with Project.open(folder) as project:
        there = [each.uuid for each in project.samples() if each.id == f"{animal.strip()}/{trial.strip()}"]
        if overwrite and there:
            sample = project.save(there[0], results, tags=told, **values)
        else:
            sample = project.add(
                results,
                animal=animal,
                trial=trial,
                movie=None if not movie else movie[0] if len(movie) == 1 else movie,
                opening=opening.keywords(),
                tags=told,
                copy_movie=copy_movie,
                **values,
            )
        missing = not sample.copied and not sample.movie.found(project.folder)
    if missing:
        where = (
            f"its movie is not in {', '.join(sample.movie.paths)}" if sample.movie.paths else "its movie is not known"
        )
        typer.secho(f"! {where}: say where it is with --movie, or `cnmf3d project relink`", fg="yellow", err=True)
    if as_json:
        typer.echo(json.dumps({"uuid": sample.uuid, "sample": sample.id, "rois": sample.rois}))
    else:
        typer.echo(f"{sample.uuid}  {sample.id}: {sample.rois} ROIs, {sample.accepted} accepted")


def _stimuli(given: Names, units: str) -> dict[str, Any]:
    from cnmf3d.errors import UsageError
    from cnmf3d.project.stimuli import UNITS, read_stimuli

    for each in UNITS:
        if each == units:
            return {name: read_stimuli(path, each) for name, path in pairs(given, "--stimulus").items()}
    raise UsageError(f"--stimuli-in is {units!r}", "Say seconds or frames.")


def read_tags(path: Path) -> dict[str, dict[int, str]]:
    """Tags from a CSV file: a column ``roi`` with numbers, and a column for each column of tags.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        Where it can't be read, or a number is none.
    """
    from cnmf3d.errors import InputError

    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"{path} can't be read: {reason}", "Give a CSV file with the columns roi, ...") from error
    rows = csv.DictReader(lines)
    if "roi" not in (rows.fieldnames or ()):
        raise InputError(f"{path} has no column roi", "The first column names ROIs by their numbers: roi,cell type")
    out: dict[str, dict[int, str]] = {name: {} for name in rows.fieldnames or () if name != "roi"}
    for number, row in enumerate(rows, 2):
        try:
            roi = int(row["roi"])
        except (TypeError, ValueError):
            raise InputError(f"{path}, line {number}: {row['roi']!r} is no ROI", "ROIs are whole numbers.") from None
        for name, each in out.items():
            each[roi] = row[name] or ""
    return out
