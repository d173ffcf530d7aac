"""`cnmf3d params`: what the parameters are, and whether a file of them is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def params(
    name: Annotated[str | None, typer.Argument(help="Explain this one: ours or CaImAn's.")] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read a parameter file and show what it sets.")
    ] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="All defaults, as a parameter file.")] = False,
    layout: Annotated[str, typer.Option("--format", metavar="json|yaml|toml", help="Of that file.")] = "yaml",
    schema: Annotated[bool, typer.Option("--schema", help="JSON schema of a parameter file.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The documentation's page of all parameters.")] = False,
) -> None:
    """Explain parameters: cnmf3d params gSig. Without a name, all of them."""
    from cnmf3d.parameters import CnmfParameters, explain, read_parameters

    if schema:
        typer.echo(json.dumps(explain.schema(), indent=2))
    elif markdown:
        typer.echo(explain.markdown(), nl=False)
    elif check is not None:
        typer.echo(written(read_parameters(check).to_dict(), layout), nl=False)
    elif defaults:
        typer.echo(written(CnmfParameters().to_dict(), layout), nl=False)
    elif name is not None:
        typer.echo(explain.explain(name))
    else:
        _table()


def _table() -> None:
    """All of ours on the screen."""
    from rich.console import Console
    from rich.table import Table

    from cnmf3d.parameters import explain

    table = Table(box=None, pad_edge=False)
    table.add_column("parameter", no_wrap=True, style="bold")
    table.add_column("default", no_wrap=True)
    table.add_column("meaning")
    for entry in explain.entries():
        table.add_row(entry.name, explain.shown(entry.default), entry.meaning)
    Console(highlight=False).print(table)


def written(values: dict[str, Any], layout: str) -> str:
    """Parameters as a file of one of the three kinds.

    Parameters
    ----------
    values : dict
        Groups of names and plain values.
    layout : str
        ``json``, ``yaml`` or ``toml``.

    Raises
    ------
    UsageError
        For another kind.
    """
    from cnmf3d.errors import UsageError

    if layout == "json":
        return json.dumps(values, indent=2) + "\n"
    if layout == "yaml":
        import yaml

        text: str = yaml.safe_dump(values, sort_keys=False)
        return text
    if layout == "toml":
        return _toml(values)
    raise UsageError(f"--format is {layout!r}", "Choose json, yaml or toml.")


def _toml(values: dict[str, Any]) -> str:
    """TOML, which has no null: what is None is the text none, which is read as that."""

    def line(name: str, value: Any) -> str:
        return f"{name} = {json.dumps('none' if value is None else value)}"

    bare = [line(name, value) for name, value in values.items() if not isinstance(value, dict)]
    groups = [
        "\n".join([f"[{name}]", *(line(inner, entry) for inner, entry in value.items())])
        for name, value in values.items()
        if isinstance(value, dict)
    ]
    return "\n\n".join(["\n".join(bare), *groups]).lstrip() + "\n"
