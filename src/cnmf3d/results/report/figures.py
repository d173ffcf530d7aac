"""The report's pictures, drawn by matplotlib without a screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from cnmf3d.components import bridged
from cnmf3d.results.footprints import voxels_of
from cnmf3d.results.model import Results
from cnmf3d.results.report.views import FRONT, SIDE, TOP, View, background_of, limits, outline, seen
from cnmf3d.timeline import with_gaps
from cnmf3d.traces import INTERVAL

ACCEPTED, REJECTED, RAW, SPIKE, NEUROPIL = "#19d3a2", "#ff5d5d", "#9aa3ad", "#c2410c", "#4c6ef5"
BAND = "#4c6ef5"
MAX_NUMBERS = 80
"""Most components that get their number in a picture."""

MAX_PLANES = 12
MAX_RASTER = 2000
SHOWN = ("snr", "r_value")
"""Measures in the label of every trace."""
UPPER = frozenset({"motion_r"})
"""Measures that a component may have too much of."""
WIDTH = 10.5
"""Inches, of every picture."""


def overview(results: Results, name: str = "mean", *, numbers: bool = True) -> Figure:
    """Three orthogonal maximum projections with the outlines of footprints.

    Parameters
    ----------
    results : Results
    name : str
        Projection of the movie: ``mean``, ``max``, ``std`` or ``correlation``.
    numbers : bool
        Whether components get their numbers, where there are not too many.
    """
    volume = background_of(results, name)
    z, y, x = results.components.shape
    dz, dy, dx = results.voxel_size or (1.0, 1.0, 1.0)
    thick = max(z * dz, 0.12 * max(x * dx, y * dy))
    total, gap = x * dx + thick, 0.03 * (x * dx + thick)
    height = (y * dy + thick + gap) / (total + gap)
    figure = Figure(figsize=(WIDTH, min(WIDTH * height, 11) + 0.3), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(x * dx, thick), height_ratios=(y * dy, thick))
    axes = (figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[0, 1]))
    for axis, view, aspect in zip(axes, (TOP, FRONT, SIDE), (dy / dx, dz / dx, dy / dz), strict=True):
        image = seen(volume, view)
        low, high = limits(image)
        axis.imshow(
            image, cmap="gray", vmin=low, vmax=high, interpolation="nearest", aspect="auto" if z == 1 else aspect
        )
        _outlines(axis, results, view)
        axis.set_xlabel("zyx"[view.horizontal])
        axis.set_ylabel("zyx"[view.vertical])
    axes[0].set_aspect(dy / dx)
    if numbers:
        _numbers(axes[0], results)
    return figure


def _outlines(axis: Axes, results: Results, view: View, plane: int | None = None) -> None:
    """Outlines of all footprints; rejected ones below, thin."""
    components = results.components
    for wanted, colour, width in ((False, REJECTED, 0.6), (True, ACCEPTED, 1.0)):
        lines: list[Any] = []
        for index in np.flatnonzero(components.accepted == wanted):
            lines += outline(components, int(index), view, plane)
        axis.add_collection(LineCollection(lines, colors=colour, linewidths=width), autolim=False)


def _numbers(axis: Axes, results: Results) -> None:
    components = results.components
    shown = np.flatnonzero(components.accepted)
    if shown.size > MAX_NUMBERS:
        return
    for index, (_, y, x) in zip(shown, components.centroids()[shown], strict=True):
        axis.text(x, y, str(index), color="white", fontsize=6, ha="center", va="center")


def planes(results: Results, name: str = "mean") -> Figure | None:
    """Some planes one by one, with the outlines of what lies in them; None for a volume of one plane."""
    z, y, x = results.components.shape
    if z == 1:
        return None
    volume = background_of(results, name)
    low, high = limits(volume)
    shown = np.unique(np.linspace(0, z - 1, min(z, MAX_PLANES)).round().astype(int))
    columns = min(4, shown.size)
    rows = -(-shown.size // columns)
    figure = Figure(figsize=(WIDTH, WIDTH / columns * y / x * rows + 0.25 * rows), layout="constrained")
    for place, plane in enumerate(shown):
        axis = figure.add_subplot(rows, columns, place + 1)
        axis.imshow(volume[plane], cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        _outlines(axis, results, TOP, int(plane))
        axis.set_title(f"z = {plane}", fontsize=8)
        axis.set_xticks([])
        axis.set_yticks([])
    return figure


def traces(results: Results, chosen: Sequence[int], thresholds: Mapping[str, float]) -> Figure:
    """Footprint, raw trace, denoised trace and spikes of some components, one a row.

    Parameters
    ----------
    results : Results
    chosen : sequence of int
        Components, in the order of the rows.
    thresholds : mapping
        Quality name to the value from which a component is accepted; a rejected one is labelled with what it lacks.
    """
    components, rows = results.components, max(1, len(chosen))
    figure = Figure(figsize=(WIDTH, 0.9 * rows + 0.4), layout="constrained")
    grid = figure.add_gridspec(rows, 3, width_ratios=(1, 0.6, 12))
    seconds, gaps = results.seconds, results.timeline.gaps()
    volume = background_of(results, "mean")
    raw = components.raw
    last = None
    for row, index in enumerate(chosen):
        _thumbnail(figure.add_subplot(grid[row, 0]), results, volume, index, TOP)
        _thumbnail(figure.add_subplot(grid[row, 1]), results, volume, index, SIDE)
        axis = figure.add_subplot(grid[row, 2], sharex=last)
        axis.plot(*with_gaps(seconds, raw[index], gaps), color=RAW, linewidth=0.5)
        axis.plot(*with_gaps(seconds, components.traces[index], gaps), color="black", linewidth=0.9)
        if components.traces_sd is not None:
            middle, reach = components.traces[index], INTERVAL * components.traces_sd[index]
            low_edge, high_edge = (with_gaps(seconds, edge, gaps) for edge in (middle - reach, middle + reach))
            axis.fill_between(low_edge[0], low_edge[1], high_edge[1], color=BAND, alpha=0.35, linewidth=0, zorder=3)
        spikes, known = np.nan_to_num(components.spikes[index]), np.nan_to_num(raw[index])
        top, low = float(known.max(initial=0)), min(0.0, float(known.min(initial=0)))
        if spikes.max(initial=0) > 0:
            height = 0.25 * (top - low) / float(spikes.max())
            axis.vlines(
                seconds, low - 0.3 * (top - low), low - 0.3 * (top - low) + height * spikes, SPIKE, linewidth=0.7
            )
        axis.set_yticks([])
        axis.set_xlim(0, end_of(results))
        axis.set_ylabel(label(results, index, thresholds), rotation=0, ha="right", va="center", fontsize=7)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(labelsize=7, labelbottom=row == rows - 1)
        last = axis
    if last is not None:
        last.set_xlabel("seconds" if results.rate else "volumes", fontsize=8)
    return figure


def end_of(results: Results) -> float:
    """Seconds at which the last volume ends; the number of volumes where the rate isn't known."""
    seconds = results.seconds
    return float(seconds[-1] + 1 / (results.rate or 1)) if len(seconds) else 0.0


def label(results: Results, index: int, thresholds: Mapping[str, float]) -> str:
    """Number, SNR and r value of a component; of a rejected one also the other measures below their threshold."""
    quality = results.components.quality
    shown = [f"{quality[name][index]:.3g}" for name in SHOWN if name in quality]
    lines = [f"#{index}", " / ".join(shown)]
    if not results.components.accepted[index]:
        lines += [
            f"{name} {quality[name][index]:.2f}"
            for name, limit in thresholds.items()
            if name not in SHOWN and name in quality and lacks(name, quality[name][[index]], limit).any()
        ]
    return "\n".join(lines)


def lacks(name: str, values: npt.NDArray[np.float32], limit: float) -> npt.NDArray[np.bool_]:
    """Which values of a measure are on the wrong side of its threshold."""
    return np.asarray(values > limit if name in UPPER else values < limit)


def _thumbnail(axis: Axes, results: Results, volume: npt.NDArray[np.float32], index: int, view: View) -> None:
    """The surroundings of one footprint."""
    places, weights = voxels_of(results.components, index)
    axis.set_xticks([])
    axis.set_yticks([])
    if weights.size == 0:
        return
    box = tuple(
        slice(max(0, int(p.min()) - 4), min(n, int(p.max()) + 5)) for p, n in zip(places, volume.shape, strict=True)
    )
    image = seen(volume[box], view)
    low, high = limits(image)
    left, top = box[view.horizontal].start, box[view.vertical].start
    extent = (left - 0.5, left + image.shape[1] - 0.5, top + image.shape[0] - 0.5, top - 0.5)
    size = results.voxel_size or (1.0, 1.0, 1.0)
    axis.imshow(
        image, cmap="gray", vmin=low, vmax=high, extent=extent, aspect=size[view.vertical] / size[view.horizontal]
    )
    colour = ACCEPTED if results.components.accepted[index] else REJECTED
    axis.add_collection(LineCollection(outline(results.components, index, view), colors=colour, linewidths=1))


def quality(results: Results, thresholds: Mapping[str, float]) -> Figure | None:
    """Histograms of the quality measures; None where there are none.

    Parameters
    ----------
    results : Results
    thresholds : mapping
        Quality name to the value from which a component is accepted, drawn as a line.
    """
    components = results.components
    measures = {name: values for name, values in components.quality.items() if name != "seed"}  # that is a number
    shown = {name: values for name, values in measures.items() if np.isfinite(values).any()}
    if components.count == 0 or not shown:
        return None
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(WIDTH, 2.1 * rows), layout="constrained")
    for place, (name, values) in enumerate(shown.items()):
        axis = figure.add_subplot(rows, columns, place + 1)
        finite = np.isfinite(values)
        low, high = np.percentile(values[finite], (0, 99))
        low = min(low, thresholds.get(name, low))
        bins = np.linspace(low, max(high, low + 1e-3), 31)
        parts = [np.clip(values[finite & (components.accepted == wanted)], low, bins[-1]) for wanted in (True, False)]
        axis.hist(parts, bins=list(bins), stacked=True, color=[ACCEPTED, REJECTED], label=["accepted", "rejected"])
        if name in thresholds:
            axis.axvline(thresholds[name], color="black", linewidth=1, linestyle="--")
        axis.set_title(name, fontsize=9)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
        if place == 0:
            axis.legend(fontsize=7, frameon=False)
    return figure


def raster(results: Results) -> Figure | None:
    """All accepted traces as rows of a picture, each scaled to its peak, like ones beside one another."""
    components = results.components
    chosen = np.flatnonzero(components.accepted)
    if chosen.size < 2 or components.frames < 2:
        return None
    if chosen.size > MAX_RASTER:
        chosen = chosen[np.linspace(0, chosen.size - 1, MAX_RASTER).astype(int)]
    values = bridged(components.traces[chosen])
    values = values / np.maximum(values.max(axis=1, keepdims=True), 1e-9)
    values = values[np.argsort(values.argmax(axis=1), kind="stable")]
    figure = Figure(figsize=(WIDTH, float(np.clip(0.02 * chosen.size + 1.2, 1.8, 6))), layout="constrained")
    axis = figure.add_subplot()
    even = results.timeline.even
    end = end_of(results) if even else float(components.frames)
    axis.imshow(values, aspect="auto", cmap="magma", extent=(0, end, chosen.size, 0), vmin=0, vmax=1)
    axis.set_xlabel("seconds" if results.rate and even else "volumes", fontsize=8)
    axis.set_ylabel("cells, by time of peak", fontsize=8)
    axis.tick_params(labelsize=7)
    return figure


def neuropil(results: Results) -> Figure | None:
    """Courses of the neuropil and where they are; None where there is none beside the resting image."""
    background, components = results.components.background, results.components
    varying = np.flatnonzero(np.ptp(background.temporal, axis=1) > 0) if background.temporal.size else np.zeros(0, int)
    varying = varying[:6]
    if varying.size == 0:
        return None
    figure = Figure(figsize=(WIDTH, 1.2 * varying.size + 0.3), layout="constrained")
    grid = figure.add_gridspec(varying.size, 2, width_ratios=(1, 7))
    seconds = results.seconds
    for row, index in enumerate(varying):
        axis = figure.add_subplot(grid[row, 0])
        image = background.spatial[:, index].reshape(components.shape).mean(axis=0)
        axis.imshow(image, cmap="gray")
        axis.set_xticks([])
        axis.set_yticks([])
        axis = figure.add_subplot(grid[row, 1])
        course = with_gaps(seconds, background.temporal[index], results.timeline.gaps())
        axis.plot(*course, color=NEUROPIL, linewidth=0.8)
        axis.set_yticks([])
        axis.tick_params(labelsize=7, labelbottom=row == varying.size - 1)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.set_xlim(0, end_of(results))
    return figure
