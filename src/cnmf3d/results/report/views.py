"""Three orthogonal views: projections of volumes, and outlines of footprints in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import contourpy
import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.results.footprints import voxels_of
from cnmf3d.results.model import Results

Float = npt.NDArray[np.float32]
Line = npt.NDArray[np.float64]

LEVEL = 0.35
"""Where an outline is drawn, relative to the footprint's peak."""


@dataclass(frozen=True)
class View:
    """A direction to look along.

    Attributes
    ----------
    along : int
        Axis that is looked along: 0 z, 1 y, 2 x.
    horizontal, vertical : int
        Axes of the picture.
    """

    along: int
    horizontal: int
    vertical: int


TOP = View(along=0, horizontal=2, vertical=1)
FRONT = View(along=1, horizontal=2, vertical=0)
SIDE = View(along=2, horizontal=0, vertical=1)


def seen(volume: Float, view: View) -> Float:
    """A volume's maximum along a view, (vertical, horizontal)."""
    flat = volume.max(axis=view.along)
    return np.asarray(flat.T if view.horizontal < view.vertical else flat, np.float32)


def outline(components: Components, index: int, view: View, plane: int | None = None) -> list[Line]:
    """Outline of one footprint as lines of (horizontal, vertical) points in voxels.

    Parameters
    ----------
    components : Components
    index : int
        Which footprint.
    view : View
    plane : int, optional
        Only this position along the view's axis, instead of the projection.
    """
    places, weights = voxels_of(components, index)
    if weights.size == 0:
        return []
    level = LEVEL * float(weights.max())
    if plane is not None:
        here = places[view.along] == plane
        places, weights = tuple(axis[here] for axis in places), weights[here]
        if weights.size == 0:
            return []
    rows, columns = places[view.vertical], places[view.horizontal]
    top, left = int(rows.min()) - 1, int(columns.min()) - 1
    image = np.zeros((int(rows.max()) - top + 2, int(columns.max()) - left + 2), np.float32)
    np.maximum.at(image, (rows - top, columns - left), weights)
    lines: list[Line] = contourpy.contour_generator(z=image).lines(level)  # type: ignore[assignment]
    return [line + np.array((left, top)) for line in lines]


def background_of(results: Results, name: str) -> Float:
    """A projection of the movie as a (Z, Y, X) volume; where the file has none, the footprints' own light."""
    volume = results.projections.get(name)
    if volume is not None:
        return np.asarray(volume, np.float32)
    components = results.components
    if components.background.spatial.shape[1] and name == "mean":
        return np.asarray(components.background.spatial.mean(axis=1), np.float32).reshape(components.shape)
    peaks = np.asarray(abs(components.footprints).max(axis=0).todense()).ravel() if components.count else np.zeros(0)
    light: Any = components.footprints @ (1 / np.maximum(peaks, 1e-9))
    return np.asarray(light, np.float32).reshape(components.shape)


def limits(image: Float) -> tuple[float, float]:
    """Black and white of a picture: almost all of its values."""
    low, high = (float(v) for v in np.percentile(image, (1, 99.7)))
    return (low, high) if high > low else (low, low + 1)
