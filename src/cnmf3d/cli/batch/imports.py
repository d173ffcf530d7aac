"""`cnmf3d batch import`: items from a batch of mesmerize-core."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnmf3d.cli.batch.folder import Folder

if TYPE_CHECKING:
    from cnmf3d.batch import Batch, Item
    from cnmf3d.batch.mesmerize import Row


def import_items(
    folder: Folder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file of a mesmerize-core batch.")],
    raw_data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder that its movies are relative to.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Drop this parameter; several times: these.")
    ] = None,
    engine: Annotated[str, typer.Option(help="native, or caiman.")] = "native",
    engine_python: Annotated[str | None, typer.Option(metavar="PATH", help="Python that has CaImAn.")] = None,
) -> None:
    """Make items of the mcorr and cnmf rows of a mesmerize-core batch; unsupported rows are reported and skipped."""
    from cnmf3d.batch import Batch
    from cnmf3d.batch.mesmerize import MODULES, read_mesmerize
    from cnmf3d.cli.batch.facts import plain
    from cnmf3d.cli.batch.sources import engine_options
    from cnmf3d.errors import Cnmf3dError, InputError

    options = engine_options(engine_python)
    rows = read_mesmerize(file, raw_data=raw_data)
    made: dict[str, Item] = {}
    with Batch.open(folder) as batch:
        for row in rows:
            if row.algorithm not in MODULES:
                typer.echo(f"left out: {plain(row.name)}: its algorithm is {plain(row.algorithm)}", err=True)
                continue
            try:
                item = _added(batch, row, made.get(row.registered_by), engine, options, set(without or []))
            except Cnmf3dError as error:
                typer.echo(f"left out: {plain(row.name)}: {error.problem}\n  {error.fix}", err=True)
                continue
            made[row.uuid] = item
            typer.echo(f"{item.uuid}  {plain(item.name)}")
    if not made:
        raise InputError(f"none of the {len(rows)} rows of {file} could be made an item", "See what is told of each.")


def _added(
    batch: Batch, row: Row, registering: Item | None, engine: str, options: dict[str, Any], without: set[str]
) -> Item:
    """One row as an item; on the item that registers its movie, where that is one of the batch."""
    from cnmf3d.batch.jobs import movie_of
    from cnmf3d.batch.mesmerize import MODULES
    from cnmf3d.movies import open_movie

    paths = [str(row.movie)] if registering is None else list(movie_of(batch, registering))
    planes = open_movie(paths[0] if len(paths) == 1 else paths).shape[1]
    parameters: dict[str, Any] = {name: value for name, value in row.for_volume(planes).items() if name not in without}
    module = MODULES[row.algorithm]
    source = row.movie if registering is None else registering
    return batch.add(source, parameters, name=row.name, module=module, engine=engine, options=options)
