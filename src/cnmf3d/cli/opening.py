"""Options that say how to open a movie, shared by all commands that do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cnmf3d.movies import Movie

MoviePaths = Annotated[
    list[str], typer.Argument(metavar="MOVIE...", help="A file, a folder, a pattern, a URL; or several files in order.")
]
Axes = Annotated[
    str | None, typer.Option(metavar="ORDER", help="Order of the axes in the file, the slowest first: tzyx, tzcyx, ...")
]
Fps = Annotated[float | None, typer.Option("--fps", "--fr", metavar="HZ", help="Volumes a second.")]
VoxelSize = Annotated[str | None, typer.Option(metavar="X,Y,Z", help="Size of a voxel in µm.")]
Channel = Annotated[int | None, typer.Option(min=0, help="Which channel, from 0, where there are several.")]
Dataset = Annotated[str | None, typer.Option(help="Which array of a file that holds several.")]
Planes = Annotated[int | None, typer.Option(min=1, help="Planes a volume, where the file is a flat list of pages.")]


def opened(
    paths: list[str],
    axes: str | None = None,
    fps: float | None = None,
    voxel_size: str | None = None,
    channel: int | None = None,
    dataset: str | None = None,
    planes: int | None = None,
) -> Movie:
    """Open the movie that the options describe."""
    from cnmf3d.movies import open_movie

    return open_movie(
        paths[0] if len(paths) == 1 else [Path(path) for path in paths],
        axes=axes,
        rate=fps,
        voxel_size=None if voxel_size is None else numbers(voxel_size, "--voxel-size"),
        channel=channel,
        dataset=dataset,
        planes=planes,
    )


def numbers(text: str, name: str) -> tuple[float, ...]:
    """One number or several, with commas between: ``4`` or ``4,4,2``."""
    from cnmf3d.errors import UsageError

    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{name} is {text!r}", f"Write numbers with commas between them: {name} 4,4,2.") from None
