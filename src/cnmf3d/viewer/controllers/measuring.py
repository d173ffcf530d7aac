"""Measuring: lines drawn in the picture, with their lengths in µm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

NAME = "measure"


def lengths(lines: list[Any], scale: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    """Length of each line, in units of the scale.

    Parameters
    ----------
    lines : list of (points, 3) arrays
        In voxels, z, y, x.
    scale : (z, y, x)
        Size of a voxel.
    """
    size = np.asarray(scale, float)
    steps = [np.diff(np.asarray(line, float)[:, -3:] * size, axis=0) for line in lines]
    return np.array([np.sqrt((step**2).sum(axis=1)).sum() for step in steps], float)


def begin(app: App) -> Any:
    """Start to measure: a layer on which lines are drawn, each with its length beside it.

    Parameters
    ----------
    app : App

    Returns
    -------
    napari.layers.Shapes
    """
    scale = (1.0, 1.0, 1.0) if app.layers is None else app.layers.scale
    units = ("pixel",) * 3 if app.layers is None else app.layers.units
    unit = "µm" if units[0] == "um" else "voxels"
    layer = next((each for each in app.viewer.layers if each.name == NAME), None)
    if layer is None:
        layer = app.viewer.add_shapes(
            None,
            ndim=3,
            name=NAME,
            scale=scale,
            units=units,
            axis_labels=("z", "y", "x"),
            edge_color="#ffe066",
            edge_width=1,
            features={"length": np.zeros(0)},
            text={"string": f"{{length:.1f}} {unit}", "color": "#ffe066", "anchor": "upper_left", "size": 11},
        )
        layer.events.data.connect(lambda event: retell(app, layer, unit))
    app.viewer.layers.selection.active = layer
    layer.mode = "add_line"
    return layer


def retell(app: App, layer: Any, unit: str) -> None:
    """Write the lengths of the lines anew."""
    found = lengths(layer.data, tuple(float(v) for v in layer.scale[-3:]))  # type: ignore[arg-type]
    layer.features = {"length": found}
    layer.refresh_text()
    if len(found):
        app.tell(f"{found[-1]:.1f} {unit}")
