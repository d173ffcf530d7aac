"""Warming: what the first layers need is loaded and made once while the user is still looking for a file."""

from __future__ import annotations

from typing import Any

import numpy as np

NAME = "warming"
SIZE = (2, 2, 8, 8)


def load_tables(viewer: Any) -> None:
    """Import what napari's layers keep their tables with. Not in a thread: two that import may see half a module."""
    import pandas  # noqa: F401


def load_units(viewer: Any) -> None:
    """Read the table of units of length."""
    from napari.utils.transforms._units import get_units_from_name

    get_units_from_name("um")


def warm(viewer: Any) -> None:
    """Show an image and labels nobody sees, and take them away: shaders, letters and controls are ready then.

    Parameters
    ----------
    viewer : napari.Viewer
        An empty one, whose window is there.
    """
    from cnmf3d.viewer.layers import AXES

    scale_bar = viewer.canvas.overlays.scale_bar
    before = (viewer.help, scale_bar.visible)
    units = ("pixel", "um", "um", "um")
    image = np.zeros(SIZE, np.uint16)
    viewer.add_image(
        image, name=NAME, contrast_limits=(0, 1), units=units, axis_labels=AXES, blending="translucent_no_depth"
    )
    viewer.add_labels(image[0].astype(np.uint8), name=NAME, units=units[1:], axis_labels=AXES[1:])
    scale_bar.visible = True
    viewer.window._qt_viewer.canvas._scene_canvas.render()  # into memory: the screen isn't touched
    viewer.layers.clear()
    viewer.help, scale_bar.visible = before


STEPS = (load_tables, load_units, warm)
"""Some tenths of a second each, between which the window listens."""
