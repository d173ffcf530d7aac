"""A picture of some deconvolved traces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cnmf3d.results.placing import new_file
from cnmf3d.traces import INTERVAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Float = npt.NDArray[np.float32]

MOST_FRAMES = 3000
"""Frames of each trace that are drawn: its liveliest stretch."""


def plot_traces(
    traces: Float,
    fitted: Float,
    spikes: Float,
    rate: float,
    titles: list[str],
    path: Path,
    *,
    errors: Float | None = None,
    force: bool = False,
) -> Path:
    """Draw traces (grey), what was fitted (black) and spikes (red, below), one row a cell, as PNG, SVG or PDF.

    Blue is where what was fitted lies with 90 % probability, where its standard `errors` are given.

    Parameters
    ----------
    traces, fitted, spikes, errors : (cells, frames) float32
    rate : float
        Frames a second.
    titles : list of str
    path : Path
    force : bool
        Whether a file of that name may be replaced.
    """
    with new_file(path, force=force) as draft:
        figure_of(traces, fitted, spikes, rate, titles, errors).savefig(draft, format=path.suffix[1:].lower(), dpi=110)
    return path


def figure_of(
    traces: Float, fitted: Float, spikes: Float, rate: float, titles: list[str], errors: Float | None = None
) -> Figure:
    """The figure itself."""
    from matplotlib.figure import Figure

    count = len(traces)
    figure = Figure(figsize=(11, 1.7 * count + 0.5), layout="constrained")
    axes = np.atleast_1d(figure.subplots(count, 1, squeeze=False)[:, 0])
    for k, axis in enumerate(axes):
        first = _liveliest(spikes[k])
        part = slice(first, first + MOST_FRAMES)
        seconds = np.arange(len(traces[k]))[part] / rate
        low, high = np.nanmin(traces[k][part]), np.nanmax(traces[k][part])
        room = max(0.3 * float(high - low), 1e-9)
        tallest = max(float(np.nanmax(spikes[k][part])), 1e-9)
        axis.plot(seconds, traces[k][part], color="0.65", linewidth=0.6)
        axis.plot(seconds, fitted[k][part], color="black", linewidth=0.9)
        if errors is not None:
            middle, reach = fitted[k][part], INTERVAL * errors[k][part]
            axis.fill_between(
                seconds, middle - reach, middle + reach, color="tab:blue", alpha=0.35, linewidth=0, zorder=3
            )
        axis.fill_between(
            seconds, low - room, low - room + 0.9 * room * spikes[k][part] / tallest, color="tab:red", linewidth=0.4
        )
        axis.set_title(titles[k], fontsize=8, loc="left")
        axis.tick_params(labelsize=7)
        axis.margins(x=0)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("seconds", fontsize=8)
    return figure


def _liveliest(spikes: Float) -> int:
    """First frame of the stretch with most spikes."""
    if len(spikes) <= MOST_FRAMES:
        return 0
    total = np.cumsum(np.pad(np.nan_to_num(spikes), (1, 0)))
    return int(np.argmax(total[MOST_FRAMES:] - total[:-MOST_FRAMES]))
