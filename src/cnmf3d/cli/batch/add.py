"""`cnmf3d batch new` and `cnmf3d batch add`: items for movies and variants of parameters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cnmf3d.cli.batch.folder import Folder
from cnmf3d.cli.flags import MOVING, FrameFlags, Json, MotionFlags, MovieFlags, ParameterFlags, with_flags
from cnmf3d.cli.registering import Kind, Registering

if TYPE_CHECKING:
    from cnmf3d.batch import Batch

ITEM = "Item"


def new(folder: Folder) -> None:
    """Make an empty batch."""
    from cnmf3d.batch import Batch

    with Batch.create(folder) as batch:
        typer.echo(f"made the batch {batch.folder}")


@with_flags
def add(
    folder: Folder,
    opening: MovieFlags,
    find: ParameterFlags,
    how: MotionFlags,
    frames: FrameFlags,
    movie: Annotated[
        list[str] | None,
        typer.Argument(metavar="MOVIE...", help="Files, folders, patterns, URLs; each file of a pattern is a movie."),
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="The movie of this item, registered as it finds; several times: these."),
    ] = None,
    module: Annotated[
        Literal["cnmf_3d", "mcorr_3d"], typer.Option(help="cnmf_3d finds cells; mcorr_3d how the tissue moves.")
    ] = "cnmf_3d",
    kind: Annotated[
        Kind,
        typer.Option(
            help="rigid: all moves as one; piecewise: places by themselves, too; auto: as frames show it.",
            rich_help_panel=MOVING,
        ),
    ] = "auto",
    register_on: Annotated[
        int | None,
        typer.Option(min=0, metavar="CHANNEL", help="Estimate motion on this channel.", rich_help_panel=MOVING),
    ] = None,
    register: Annotated[
        Registering,
        typer.Option(
            help="Find the motion first, once for all items with the movie. auto: where it moves by what matters; "
            "items of the engine caiman take movies as they are.",
            rich_help_panel=MOVING,
        ),
    ] = "auto",
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
    cnmf3d batch add DIR trial_1.tif --module mcorr_3d
    cnmf3d batch add DIR --on "trial_1 mcorr" --min-snr 3
    """
    from cnmf3d.batch import Batch
    from cnmf3d.cli.batch.settings import see_flags, settings_of, unvaried
    from cnmf3d.cli.batch.sources import given_by
    from cnmf3d.cli.batch.variants import variants

    see_flags(module, find, how, kind, register_on, register)
    tried = variants(vary or [], module)
    base = replace(find, seeds=_seeds(find.seeds))
    with Batch.open(folder) as batch:
        base_parameters = unvaried(module, engine, base)
        given = given_by(batch, movie or [], on or [], opening, joined=joined, parameters=base_parameters)
        chosen = settings_of(module, engine, base, (how, frames), kind, tried, given)
        options = _options(batch, keep_memmap, use_memmap, engine_python)
        options |= {} if register_on is None else {"register_on": register_on}
        options |= {} if register == "auto" else {"register": register}
        items = [
            batch.add(
                one.source,
                setting.parameters,
                name=" ".join(filter(None, (_name(name, one.name, len(given), module), setting.label))),
                module=module,
                engine=engine,
                opening=one.opening,
                options=options | setting.options,
            )
            for one, settings in zip(given, chosen, strict=True)
            for setting in settings
        ]
    if as_json:
        typer.echo(json.dumps([{"uuid": item.uuid, "name": item.name} for item in items]))
        return
    for item in items:
        typer.echo(f"{item.uuid}  {item.name}")


def _name(given: str | None, movie: str, movies: int, module: str) -> str:
    """An item's name: the movie's, or the one given, which needs the movie's beside it where there are several."""
    if given is None:
        return f"{movie} mcorr" if module == "mcorr_3d" else movie
    return given if movies == 1 else f"{given} {movie}"


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
