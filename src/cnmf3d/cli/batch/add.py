"""`cnmf3d batch new` and `cnmf3d batch add`: items for movies and variants of parameters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnmf3d.cli.batch.folder import Folder
from cnmf3d.cli.flags import Json, MovieFlags, ParameterFlags, combined, with_flags

if TYPE_CHECKING:
    from cnmf3d.batch import Batch
    from cnmf3d.parameters import CnmfParameters

ITEM = "Item"


def new(folder: Folder) -> None:
    """Make an empty batch."""
    from cnmf3d.batch import Batch

    with Batch.create(folder) as batch:
        typer.echo(f"made the batch {batch.folder}")


@with_flags
def add(
    folder: Folder,
    movie: Annotated[
        list[str],
        typer.Argument(metavar="MOVIE...", help="Files, folders, patterns, URLs; each file of a pattern is a movie."),
    ],
    opening: MovieFlags,
    find: ParameterFlags,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A value to try; several of one name are alternatives."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Instead of the movie's name.", rich_help_panel=ITEM)] = None,
    joined: Annotated[bool, typer.Option("--joined", help="All files are one movie.", rich_help_panel=ITEM)] = False,
    engine: Annotated[str, typer.Option(help="native, or caiman.", rich_help_panel=ITEM)] = "native",
    engine_python: Annotated[
        str | None, typer.Option(metavar="PATH", help="Python that has CaImAn.", rich_help_panel=ITEM)
    ] = None,
    keep_memmap: Annotated[
        bool, typer.Option("--keep-memmap", help="Keep the movie's cache for later items.", rich_help_panel=ITEM)
    ] = False,
    use_memmap: Annotated[
        str | None, typer.Option(metavar="KEY", help="Use the cache that this item kept.", rich_help_panel=ITEM)
    ] = None,
    as_json: Json = False,
) -> None:
    """Add movies: one item for each, and for each variant of the parameters.

    cnmf3d batch add DIR "trial_*.tif" --vary gsig=4,4,2 --vary gsig=5,5,2 --vary min-snr=2
    """
    from cnmf3d.batch import Batch
    from cnmf3d.cli.batch.sources import check, sources
    from cnmf3d.cli.batch.variants import variants

    found = sources(movie, joined=joined)
    base = replace(find, seeds=_seeds(find.seeds))
    tried = [(variant.label, *_chosen(base, engine, variant.changes)) for variant in variants(vary or [])]
    for source in found:
        check(source, opening, tried[0][1])
    with Batch.open(folder) as batch:
        options = _options(batch, keep_memmap, use_memmap, engine_python)
        items = [
            batch.add(
                source.paths[0] if len(source.paths) == 1 else source.paths,
                parameters,
                name=" ".join(filter(None, (_name(name, source.name, len(found)), label))),
                engine=engine,
                opening=opening.keywords(),
                options=options | own,
            )
            for source in found
            for label, parameters, own in tried
        ]
    if as_json:
        typer.echo(json.dumps([{"uuid": item.uuid, "name": item.name} for item in items]))
        return
    for item in items:
        typer.echo(f"{item.uuid}  {item.name}")


def _name(given: str | None, movie: str, movies: int) -> str:
    """An item's name: the movie's, or the one given, which needs the movie's beside it where there are several."""
    if given is None:
        return movie
    return given if movies == 1 else f"{given} {movie}"


def _chosen(find: ParameterFlags, engine: str, changes: dict[str, Any]) -> tuple[CnmfParameters, dict[str, Any]]:
    """Parameters of a variant, and options with those that only its engine has; the later one wins."""
    from cnmf3d.batch.engines import divide

    divided = [divide(engine, part) for part in (*find.parts(), changes)]
    options: dict[str, Any] = {}
    for _, own in divided:
        for name, values in own.items():
            options[name] = options.get(name, {}) | values
    return combined([ours for ours, _ in divided]), options


def _seeds(path: Path | None) -> Path | None:
    """Where the footprints are, whatever folder an item is run in."""
    from cnmf3d.errors import InputError

    if path is not None and not path.exists():
        raise InputError(f"{path} does not exist", "Check the path of the seeds (--seeds).")
    return None if path is None else path.absolute()


def _options(batch: Batch, keep: bool, use: str | None, python: str | None) -> dict[str, Any]:
    """What else an item is told."""
    from cnmf3d.cli.batch.sources import engine_options

    out: dict[str, Any] = {"keep_memmap": True} if keep else {}
    if use is not None:
        out |= {"use_memmap": True, "memmap_uuid": batch.item(use).uuid}
    return out | engine_options(python)
