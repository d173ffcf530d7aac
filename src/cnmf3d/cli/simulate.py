"""`cnmf3d simulate`: a synthetic recording with known neurons."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cnmf3d.events import Reporter


def simulate(
    out: Annotated[Path, typer.Argument(help="The movie to write, .tif; OUT.json and OUT.truth.h5 beside it.")],
    preset: Annotated[
        str,
        typer.Option(
            help="tiny, small, large, dense, dim, neuropil, lightsheet, motion or noise; and those as hard as "
            "recordings: photons, photons_empty, photons_blurred, photons_skewed, short, borders, borders_nan, "
            "jitter03, jitter06, jitter10, drift, warp, startles, silent, trials, flicker, detector, planes, mixed, "
            "beads, zebrafish, fly, smeared, cortex, toy2d or toy3d; and those whose cells differ "
            "in what they do: kinetics, saturation, inhibition, sustained or indicators (all of these)."
        ),
    ] = "small",
    seed: Annotated[int, typer.Option(help="The same seed gives the same movie.")] = 0,
    replace: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Replace a field of the preset: --set cells=40 --set size=60,60,8.",
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads; by default one a core.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One event a line, then the figures.")] = False,
) -> None:
    """Write a synthetic volumetric movie and its truth.

    Bursting cells with dim nuclei, overlapping neighbours, slow neuropil, bleaching and noise. How hard each
    preset is: docs/simulate.md.
    """
    from cnmf3d.simulate import measure
    from cnmf3d.simulate import simulate as write

    with _reporter(out, as_json) as reporter:
        truth = write(out, preset, seed=seed, overrides=_overrides(replace or []), reporter=reporter, workers=workers)
    figures = measure(truth)
    if as_json:
        numbers = {name: None if value != value else value for name, value in figures.to_dict().items()}
        typer.echo(json.dumps({"kind": "figures", **numbers}))
        return
    z, y, x = truth.shape
    frames = truth.traces.shape[1]
    typer.echo(f"{out}: {x} × {y} × {z} voxels (x, y, z), {frames} volumes at {truth.rate:g} Hz")
    cells = f"{truth.count} cells"
    if truth.count:
        cells += f", median peak SNR {figures.snr_median:.1f}, {figures.overlap:.0%} overlap a neighbour"
    typer.echo(f"{out.with_suffix('.truth.h5')}: {cells}, neuropil {figures.neuropil:.2f} of the resting light")
    if truth.others.kinds:
        kinds = ", ".join(f"{truth.others.kinds.count(kind)} {kind}" for kind in dict.fromkeys(truth.others.kinds))
        typer.echo(f"objects that aren't asked for: {kinds}")


def _overrides(pairs: list[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` pairs."""
    from cnmf3d.errors import UsageError

    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"--set {pair} has no '='", "Write a field and its value: --set cells=40.")
    parts = (pair.partition("=") for pair in pairs)
    return {name.strip(): value.strip() for name, _, value in parts}


@contextmanager
def _reporter(out: Path, as_json: bool) -> Iterator[Reporter]:
    """Show progress: a bar on a terminal, JSON lines where asked for."""
    from cnmf3d.events import Event, Progress, silent, to_json

    if as_json:
        yield lambda event: typer.echo(to_json(event))
        return
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"writing {out.name}")

        def advance(event: Event) -> None:
            if isinstance(event, Progress):
                bar.update(task, completed=event.done, total=event.total)

        yield advance
