"""From what a user points at to a `Movie`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnmf3d.geometry import AxisValue, along_axes
from cnmf3d.movies.axes import completed, parse_axes, with_axes
from cnmf3d.movies.formats import format_of
from cnmf3d.movies.formats.array import open_array
from cnmf3d.movies.layout import LaidOut
from cnmf3d.movies.movie import Movie
from cnmf3d.movies.stored import Place


def open_movie(
    source: str | Path | Sequence[str | Path] | Any,
    *,
    axes: str | None = None,
    rate: float | None = None,
    voxel_size: AxisValue | None = None,
    channel: int | None = None,
    dataset: str | None = None,
    planes: int | None = None,
) -> Movie:
    """Open a movie of any known format; nothing but its labels is read."""
    if isinstance(source, (str, Path)):
        path = Path(source)
        with path.open("rb") as file:
            place = Place(str(source), path, file.read(16))
        stored = format_of(place).open(place, dataset)
        paths: tuple[str, ...] = (str(source),)
    else:
        stored, paths = open_array(source), ()
    data = stored.data
    warning = ""
    if axes:
        data, named = with_axes(data, stored.axes, parse_axes(axes), planes, str(source))
    else:
        named, warning = completed(data.shape, stored.axes, str(source), volumes=False)
    return Movie(
        LaidOut(data, named, channel or 0),
        rate or stored.rate,
        along_axes(voxel_size) if voxel_size is not None else stored.voxel_size,
        paths,
        {"format": stored.format, "axes": named, **stored.metadata},
        (*stored.warnings, *([warning] if warning else [])),
    )
