"""`cnmf3d project add`: results become a sample, or take the place of an older one's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cnmf3d.cli.flags import Json, MovieFlags, StimuliIn, with_flags
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
    stimuli_in: StimuliIn = "seconds",
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
    from cnmf3d.project import Project, read_stimuli
    from cnmf3d.project.rois import read_tags

    stimuli = {name: read_stimuli(path, stimuli_in) for name, path in pairs(stimulus, "--stimulus").items()}
    values: dict[str, Any] = {"custom": pairs(custom, "--set"), "stimuli": stimuli}
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
