"""Pictures of a motion, drawn by matplotlib without a screen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnmf3d.movies.registered import Motion
from cnmf3d.results.motion_report.facts import Comparison
from cnmf3d.results.report.views import limits

WIDTH = 10.5
"""Inches, of every picture."""

COLOURS = {"x": "#4c6ef5", "y": "#19a37f", "z": "#c2410c"}
BAD, BEFORE, AFTER = "#ff5d5d", "#9aa3ad", "#19a37f"
MAX_PLANES = 6


def shifts(motion: Motion, rate: float | None) -> Figure:
    """Displacement along x, y and z over time, confidence below; bad frames in red."""
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    times = np.arange(motion.frames) / (rate or 1.0)
    for column, axis in reversed(list(enumerate("zyx"))):
        values = np.where(motion.bad_frames, np.nan, motion.rigid[:, column])
        above.plot(times, values, color=COLOURS[axis], linewidth=0.8, label=axis)
    above.set_ylabel("shift (voxels)")
    above.legend(loc="upper right", ncols=3, frameon=False)
    below.plot(times, motion.confidence, color="#52606d", linewidth=0.8)
    below.set_ylim(-0.05, 1.05)
    below.set_ylabel("confidence")
    below.set_xlabel("time (s)" if rate else "frame")
    for axes in (above, below):
        _mark(axes, times, motion.bad_frames)
        axes.margins(x=0)
    return figure


def planes(motion: Motion) -> Figure:
    """How each plane is offset, and how it moves by itself."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    numbers = np.arange(motion.shape[0])
    for column, axis in ((1, "x"), (0, "y")):
        axes[0].plot(numbers, motion.planes[:, column], "o-", color=COLOURS[axis], label=axis, markersize=3)
    axes[0].set_title("constant offset of each plane")
    axes[0].set_xlabel("plane")
    axes[0].set_ylabel("voxels")
    axes[0].legend(frameon=False)
    if motion.plane_shifts is not None:
        size = np.sqrt((motion.plane_shifts**2).mean(axis=2)).T
        image = axes[1].imshow(size, aspect="auto", cmap="magma", interpolation="nearest")
        figure.colorbar(image, ax=axes[1], label="voxels")
    axes[1].set_title("own shift of each plane" if motion.plane_shifts is not None else "")
    axes[1].set_axis_on() if motion.plane_shifts is not None else axes[1].set_axis_off()
    return figure


def field(motion: Motion) -> Figure:
    """How far each point of the grid moves beside the rigid shift: rms over time, seen from above."""
    assert motion.field is not None
    rms = np.sqrt((motion.field[~motion.bad_frames] ** 2).mean(axis=0)).mean(axis=0)
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    for axes, column, name in zip(figure.subplots(1, 3), (2, 1, 0), "xyz", strict=True):
        image = axes.imshow(rms[..., column], cmap="magma", interpolation="nearest")
        axes.set_title(f"along {name}")
        figure.colorbar(image, ax=axes, label="voxels (rms)")
    return figure


def images(volumes: dict[str, npt.NDArray[np.float32]], aspect: float) -> Figure:
    """Planes of volumes, one row a volume, all with one scale."""
    z = next(iter(volumes.values())).shape[0]
    chosen = np.unique(np.linspace(0, z - 1, min(z, MAX_PLANES)).round().astype(int))
    joined = np.concatenate([volume[np.isfinite(volume)].ravel() for volume in volumes.values()])
    low, high = limits(joined) if joined.size else (0.0, 1.0)
    height, width = next(iter(volumes.values())).shape[1:]
    side = WIDTH / len(chosen)
    tall = min(len(volumes) * side * height * aspect / width + 0.3 * len(volumes), 12.0)
    figure = Figure(figsize=(WIDTH, max(tall, 1.5)), layout="constrained")
    grid = figure.subplots(len(volumes), len(chosen), squeeze=False)
    for row, (name, volume) in zip(grid, volumes.items(), strict=True):
        for axes, plane in zip(row, chosen, strict=True):
            axes.imshow(volume[plane], cmap="gray", vmin=low, vmax=high, interpolation="nearest", aspect=aspect)
            axes.set_facecolor("black")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_title(f"{name}, plane {plane}" if z > 1 else name, fontsize=9)
    return figure


def correlations(found: Comparison, rate: float | None) -> Figure:
    """Correlation of frames with the mean before and after."""
    figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
    axes = figure.subplots()
    times = found.frames / (rate or 1.0)
    for values, colour, name in (
        (found.correlation_before, BEFORE, "as recorded"),
        (found.correlation_after, AFTER, "registered"),
    ):
        axes.plot(times, values, ".", color=colour, markersize=3, label=f"{name}, median {np.nanmedian(values):.3f}")
    axes.set_ylabel("correlation with the mean")
    axes.set_xlabel("time (s)" if rate else "frame")
    axes.legend(frameon=False)
    return figure


def flow(found: Comparison) -> Figure:
    """What is left of the motion in each tile, before and after, with one scale."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    maps = {"as recorded": found.flow_before, "registered": found.flow_after}
    known = np.concatenate([values[np.isfinite(values)] for values in maps.values()])
    top = float(known.max()) if known.size else 1.0
    for axes, (name, values) in zip(figure.subplots(1, 2), maps.items(), strict=True):
        image = axes.imshow(values, cmap="magma", interpolation="nearest", vmin=0, vmax=top or 1.0)
        axes.set_title(f"{name}, median {np.nanmedian(values):.2f} voxels" if np.isfinite(values).any() else name)
        axes.set_xticks([])
        axes.set_yticks([])
        figure.colorbar(image, ax=axes, label="voxels (rms)")
    return figure


def _mark(axes: Axes, times: npt.NDArray[np.float64], bad: npt.NDArray[np.bool_]) -> None:
    step = times[1] - times[0] if len(times) > 1 else 1.0
    for t in np.flatnonzero(bad):
        axes.axvspan(times[t] - step / 2, times[t] + step / 2, color=BAD, alpha=0.3, linewidth=0)
