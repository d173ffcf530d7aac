"""`cnmf3d report`: a page that shows what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    results: Annotated[Path, typer.Argument(help="Results file, ours or CaImAn's.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The page; RESULTS.html if not given.")] = None,
    title: Annotated[str, typer.Option(help="Heading; the movie's name if not given.")] = "",
) -> None:
    """Write one self-contained HTML page: where the cells are, traces, quality, parameters, timings, warnings."""
    from cnmf3d.errors import UsageError
    from cnmf3d.results import load_results
    from cnmf3d.results.report import write_report

    out = output or results.with_suffix(".html")
    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{out} would be no page by its name", "Give a name that ends in .html: -o page.html.")
    write_report(load_results(results), out, title=title)
    typer.echo(str(out))
