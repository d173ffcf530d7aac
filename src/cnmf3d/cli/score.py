"""`cnmf3d score`: results against the truth."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cnmf3d.simulate import Measures, Score


def score(
    results: Annotated[Path, typer.Argument(help="Results file, ours or CaImAn's.")],
    truth: Annotated[Path, typer.Argument(help="Truth of the same movie: OUT.truth.h5, or an .npz.")],
    axes: Annotated[
        str | None,
        typer.Option(metavar="xyz|yxz", help="What the dims are in a file that CaImAn wrote, which doesn't say."),
    ] = None,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst matches to list.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
) -> None:
    """Compare results with the truth of a synthetic movie.

    Components are matched with cells one to one; a match has a footprint cosine of at least 0.5.
    """
    from cnmf3d.results import load_results
    from cnmf3d.simulate import load_truth
    from cnmf3d.simulate import score as compare

    found = compare(load_results(results, axes=axes).components, load_truth(truth))
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
        return
    typer.echo("\n".join([*_detection(found), "", *_quality(found), "", *_worst(found, worst)]))


def _detection(found: Score) -> list[str]:
    """Tell how many cells were found, by each way of matching."""
    rows: list[tuple[str, Measures]] = [
        ("accepted, cosine >= 0.5", found.accepted),
        *([("F1*: without others", found.starred)] if found.left_out or found.on_still else []),
        ("all, cosine >= 0.5", found.all),
        *((f"accepted, 3D IoU >= {level:g}", measures) for level, measures in found.iou.items()),
    ]
    title = f"{'':26}{'found':>7}{'cells':>7}{'match':>7}{'precision':>11}{'recall':>9}{'F1':>8}"
    lines = [title] + [
        f"{name:26}{m.components:7d}{m.cells:7d}{m.matches:7d}"
        f"{_number(m.precision):>11}{_number(m.recall):>9}{_number(m.f1):>8}"
        for name, m in rows
    ]
    if found.left_out or found.on_still:
        lines.append(
            f"{found.left_out} on active objects that aren't asked for (processes), left out of F1*;"
            f" {found.on_still} on silent cells or vessels, false"
        )
    return lines


def _quality(found: Score) -> list[str]:
    """Tell how good the matches are."""
    correlations = {
        "trace correlation": (found.trace_mean, found.trace_median, found.trace_p5),
        "spikes, 3-frame bins": (found.spikes_mean, found.spikes_median, found.spikes_p5),
    }
    return [
        f"{'footprint cosine':22} mean {_number(found.cosine)}",
        *(
            f"{name:22} mean {_number(mean)}   median {_number(median)}   5th percentile {_number(low)}"
            for name, (mean, median, low) in correlations.items()
        ),
        f"splits {found.splits}, merges {found.merges}, false positives {found.false_positives}"
        f" ({found.false_per_million:.2f} in 10⁶ voxels)",
        f"recall in the first and last plane {_number(found.recall_ends)} ({found.cells_ends} cells),"
        f" elsewhere {_number(found.recall_middle)}",
    ]


def _number(value: float) -> str:
    """Three digits, or a dash where there is nothing to tell."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def _worst(found: Score, number: int) -> list[str]:
    """List the matches whose traces agree least, and the cells that were missed."""
    matches = sorted(found.matches, key=lambda match: match.trace)[:number]
    lines = []
    if matches:
        lines = [f"worst matches\n{'component':>10}{'cell':>6}{'trace':>8}{'spikes':>8}{'cosine':>8}{'IoU':>7}"]
    lines += [f"{m.component:10d}{m.cell:6d}{m.trace:8.3f}{m.spikes:8.3f}{m.cosine:8.3f}{m.iou:7.3f}" for m in matches]
    if found.missed:
        shown = ", ".join(map(str, found.missed[:20])) + (", ..." if len(found.missed) > 20 else "")
        lines.append(f"missed cells: {shown}")
    return lines
