"""The components of a preview as one layer of a napari viewer model; made once, then given other data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.controllers.preview import Answer
    from cnmf3d.viewer.models.region import Span

NAME = "preview"
REJECTED, COLOURS = 255, 254
"""Value of rejected components in the volume, and how many colours accepted ones have."""

SHARE = 0.25
"""Of a footprint's largest weight: less isn't drawn."""


def volume_of(components: Components) -> npt.NDArray[np.uint8]:
    """(Z, Y, X) volume: colours of accepted components, `REJECTED` for others, 0 where nothing is.

    Parameters
    ----------
    components : Components
    """
    voxels = int(np.prod(components.shape))
    weight, out = np.zeros(voxels, np.float32), np.zeros(voxels, np.uint8)
    footprints = components.footprints
    for k in np.argsort(components.accepted, kind="stable"):
        span = slice(int(footprints.indptr[k]), int(footprints.indptr[k + 1]))
        where, values = footprints.indices[span], footprints.data[span]
        if values.size == 0:
            continue
        over = values >= SHARE * values.max()
        accepted = bool(components.accepted[k])
        over &= (values > weight[where]) | (accepted & (out[where] == REJECTED))
        out[where[over]] = 1 + k % COLOURS if accepted else REJECTED
        weight[where[over]] = values[over]
    return out.reshape(components.shape)


def palette() -> npt.NDArray[np.float32]:
    """(256, 4) colours: none, bright ones, and grey for what was rejected."""
    from colorsys import hsv_to_rgb

    out = np.zeros((256, 4), np.float32)
    for k in range(1, REJECTED):
        out[k] = (*hsv_to_rgb((k * 0.618034) % 1, 0.75, 1.0), 1)
    out[REJECTED] = (0.62, 0.62, 0.62, 0.8)
    return out


class PreviewLayer:
    """Shows an answer where its part of the movie is.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._layer: Any = None
        app.movie_changed.connect(self.hide)
        app.rois_changed.connect(self.hide)

    def show(self, answer: Answer) -> None:
        """Show the components of a preview."""
        data = volume_of(answer.results.components)
        size = self._app.environment.imgdata.voxel_size
        scale = (1.0, 1.0, 1.0) if size is None else (size.z, size.y, size.x)
        units = ("pixel" if size is None else "um",) * 3
        layer = self._there()
        if layer is None:
            from napari.utils.colormaps import DirectLabelColormap

            active = self._app.viewer.layers.selection.active
            colours: dict[int | None, Any] = dict(enumerate(palette()))
            layer = self._layer = self._app.viewer.add_labels(
                data,
                name=NAME,
                colormap=DirectLabelColormap(color_dict={**colours, None: "transparent"}),
                scale=scale,
                axis_labels=("z", "y", "x"),
                units=units,
                opacity=0.9,
            )
            layer.contour = 1
            layer.editable = False
            self._app.viewer.layers.selection.active = active
        else:
            layer.data = data
            layer.scale, layer.units = scale, units
            layer.visible = True
        layer.translate = tuple(first * step for first, step in zip(answer.wish.region.origin, scale, strict=True))

    def hide(self) -> None:
        """Show nothing."""
        layer = self._there()
        if layer is not None:
            layer.visible = False
            layer.data = np.zeros((1, 1, 1), np.uint8)
            layer.translate = (0, 0, 0)  # no larger world than the movie's

    def _there(self) -> Any:
        """The layer, where it is and the user hasn't removed it."""
        return self._layer if self._layer is not None and self._layer in self._app.viewer.layers else None


def seen_by(app: App) -> tuple[tuple[Span, Span], int, int]:
    """Rows and columns of the movie that are on the screen, and the current plane and volume."""
    movie = app.movie
    assert movie is not None
    t, z, y, x = movie.shape
    layers = getattr(app, "layers", None)
    layer = None if layers is None else layers.layer("movie")
    viewer = app.viewer
    everything: tuple[Span, Span] = ((0, y), (0, x))
    if layer is None:
        return everything, z // 2, 0
    here = layer.world_to_data(viewer.dims.point[-layer.ndim :])
    frame, plane = int(np.clip(round(here[0]), 0, t - 1)), int(np.clip(round(here[1]), 0, z - 1))
    if viewer.dims.ndisplay == 3:
        return everything, plane, frame
    corners = np.asarray(layer.corner_pixels)
    rows, columns = ((int(corners[0, axis]), int(corners[1, axis]) + 1) for axis in (-2, -1))
    if rows[1] - rows[0] <= 1 or columns[1] - columns[0] <= 1:
        return everything, plane, frame
    return (rows, columns), plane, frame
