"""`cnmf3d view`: the viewer."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated, Any

import typer

from cnmf3d.cli.flags import MovieFlags, with_flags
from cnmf3d.errors import UsageError

NEEDED = ("napari", "qtpy", "pyqtgraph")


@with_flags
def view(
    opening: MovieFlags,
    source: Annotated[
        list[str] | None, typer.Argument(help="Movie, results, batch or project; nothing opens an empty window.")
    ] = None,
    movie: Annotated[str | None, typer.Option(help="Movie of the results, where they don't find it.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Open a simulated volume with its results.")] = False,
    screenshot: Annotated[
        Path | None, typer.Option(help="Draw the window to this PNG file and leave.", dir_okay=False)
    ] = None,
    link: Annotated[str | None, typer.Option(hidden=True, help="Follow the window that has opened this link.")] = None,
) -> None:
    """Look at a movie and its cells, set parameters, run batches, curate."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"the viewer needs {', '.join(missing)}", "Install it: pip install 'cnmf3d[gui]'.")
    if demo and source:
        raise UsageError(f"--demo opens a volume of its own, but {source[0]} was named", "Leave one of them out.")
    given: dict[str, Any] = {name: value for name, value in opening.keywords().items() if value is not None}
    if movie is not None:
        given["movie"] = movie
    from cnmf3d.viewer.qt.start import start

    paths = source or []
    start(paths[0] if len(paths) == 1 else paths or None, given, demo=demo, screenshot=screenshot, link=link)
