"""`cnmf3d deconvolve`: calcium and spikes of traces from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cnmf3d.cli.flags import Json

if TYPE_CHECKING:
    from cnmf3d.engine.deconvolution.elsewhere import Deconvolution

PICTURES = (".png", ".svg", ".pdf")


def deconvolve(
    file: Annotated[
        Path, typer.Argument(help="Traces: .csv, .npy, .npz, .mat; Suite2p's F.npy, with Fneu.npy beside it.")
    ],
    rate: Annotated[float | None, typer.Option("--fps", "--rate", metavar="HZ", help="Frames a second.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="What to write: .npz, .hdf5 or .csv; FILE.spikes.npz if not given."),
    ] = None,
    cells: Annotated[
        Literal["rows", "columns"] | None, typer.Option(help="What cells are in the table; guessed if not given.")
    ] = None,
    neuropil: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Neuropil of each cell, to be taken out.")
    ] = None,
    neuropil_factor: Annotated[float, typer.Option(min=0, help="Share of it that is taken out.")] = 0.7,
    variable: Annotated[str, typer.Option(help="Which table of a .mat or .npz to read.")] = "",
    p: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2,
            help="Order of an autoregressive model, as CaImAn's p; else rise and decay of averaged frames.",
        ),
    ] = None,
    decay: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Decay time of all cells; found if not given.")
    ] = None,
    rise: Annotated[float | None, typer.Option(metavar="SECONDS", help="Rise time; found if not given.")] = None,
    shared: Annotated[bool, typer.Option("--shared", help="All cells share their kinetics.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw a few cells: .png, .svg or .pdf.")] = None,
    shown_cells: Annotated[
        int, typer.Option("--plot-cells", min=1, max=100, help="How many: those that stand out most.")
    ] = 8,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads; all cores if not given.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    as_json: Json = False,
) -> None:
    """Find calcium, spikes, kinetics, noise and baseline of traces that another program made.

    cnmf3d deconvolve suite2p/plane0/F.npy --fps 30

    cnmf3d deconvolve dff.csv --fps 7.5 -o spikes.csv --plot spikes.png

    cnmf3d deconvolve traces.mat --variable dFF --cells columns --fps 15 --decay 0.5
    """
    import json

    from cnmf3d.cli.progress import shown
    from cnmf3d.engine.deconvolution.elsewhere import deconvolve as found_in
    from cnmf3d.errors import UsageError
    from cnmf3d.events import Caution, Note
    from cnmf3d.results.placing import refuse_existing, refuse_same
    from cnmf3d.results.trace_files import FORMATS, read_traces, write_deconvolution

    if rate is None:
        raise UsageError("traces don't say how many frames a second they have", "Give it: --fps 30.")
    out = output or file.with_suffix(".spikes.npz")
    if out.suffix.lower() not in FORMATS:
        raise UsageError(
            f"{out}: a deconvolution is written as {', '.join(FORMATS)}", "Give such a name: -o spikes.npz."
        )
    if plot is not None and plot.suffix.lower() not in PICTURES:
        raise UsageError(f"{plot} would be no picture by its name", "Give such a name: --plot spikes.png.")
    for place in (out, plot) if plot is not None else (out,):
        refuse_same(place, file)
        refuse_existing(place, force=force)
    order: Literal[1, 2] | None = None if p is None else 1 if p == 1 else 2
    with shown(as_json=as_json, quiet=quiet) as reporter:
        table = read_traces(file, cells=cells, neuropil=neuropil, factor=neuropil_factor, name=variable)
        for text in table.notes:
            reporter(Note("deconvolve", text))
        for text in table.cautions:
            reporter(Caution("deconvolve", text))
        found = found_in(
            table.values, rate, p=order, decay=decay, rise=rise, own=not shared, workers=workers, reporter=reporter
        )
    names = (
        "traces",
        "calcium",
        "spikes",
        "calcium_sd",
        "spikes_sd",
        "events_sd",
        "baseline",
        "noise",
        "decay",
        "rise",
        "peak",
    )
    arrays = {name: getattr(found, name) for name in names}
    facts = {"rate": found.rate, "averaged": int(found.averaged)}
    written = write_deconvolution(arrays, facts, out, events=found.events(), force=force)
    if plot is not None:
        written.append(_plotted(found, plot, shown_cells, force=force))
    if as_json:
        typer.echo(json.dumps({"kind": "written", "paths": [str(path) for path in written]}))
        return
    typer.echo(repr(found)[1:-1])
    for path in written:
        typer.echo(str(path))


def _plotted(found: Deconvolution, path: Path, count: int, *, force: bool) -> Path:
    """The cells whose calcium stands out of their noise most."""
    import numpy as np

    from cnmf3d.results.trace_plots import plot_traces

    seen = np.flatnonzero(np.isfinite(found.noise))
    strength = np.nan_to_num(found.calcium[seen].std(axis=1) / found.noise[seen])
    chosen = np.sort(seen[np.argsort(-strength, kind="stable")[:count]])
    titles = [
        f"cell {k}: decay {found.decay[k]:.2f} s, rise {found.rise[k]:.3f} s, noise {found.noise[k]:.3g}"
        for k in chosen
    ]
    fitted = found.calcium[chosen] + found.baseline[chosen, None]
    shown = (found.traces[chosen], fitted, found.spikes[chosen], found.rate, titles, path)
    return plot_traces(*shown, errors=found.calcium_sd[chosen], force=force)
