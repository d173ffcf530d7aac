"""Layers: the movie and its projections as layers of a napari viewer model. Each layer is made once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import Cnmf3dError
from cnmf3d.movies import Movie
from cnmf3d.viewer.controllers.keys import KEYS, press
from cnmf3d.viewer.controllers.picking import Picker, first_shown, through, voxel_of
from cnmf3d.viewer.models.movie_array import MovieArray
from cnmf3d.viewer.models.overlay import palette

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

MOVIE = "movie"
OTHER = "other movie"
"""What the layer is kept as that shows the open movie with its motion, or without it."""

GAP = 0.04
"""Between two movies beside one another, as a share of their width."""

AXES = ("t", "z", "y", "x")
SAMPLE = 200_003
"""Values of a volume that tell its contrast."""


class Layers:
    """Shows what an `App` has open.

    Parameters
    ----------
    app : App
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self._made: dict[str, Any] = {}
        app.movie_changed.connect(self.show_movie)
        app.rois_changed.connect(self._show_results)
        app.environment_changed.connect(self._rescale_if_changed)
        app.viewer.layers.events.removed.connect(self._forget)
        app.painter.painted.connect(self._refresh_rois)
        app.overlay.changed.connect(self._style_rois)
        app.viewer.dims.events.ndisplay.connect(self._turn_solid)
        app.viewer.mouse_drag_callbacks.append(self._clicked)
        for key in KEYS:
            app.viewer.bind_key(key.keys, lambda _, key=key: press(app, key), overwrite=True)
        self._picker = Picker()
        app.closed.connect(self.close)

    def close(self) -> None:
        """Listen no more."""
        with contextlib.suppress(ValueError):
            self.app.viewer.layers.events.removed.disconnect(self._forget)
            self.app.viewer.dims.events.ndisplay.disconnect(self._turn_solid)
        if self._clicked in self.app.viewer.mouse_drag_callbacks:
            self.app.viewer.mouse_drag_callbacks.remove(self._clicked)
        self._made.clear()

    def layer(self, name: str) -> Any:
        """A layer that was made here and is still shown, or None."""
        return self._made.get(name)

    @property
    def scale(self) -> tuple[float, float, float]:
        """Size of a voxel, z y x: µm, or voxels where nobody told."""
        size = self.app.environment.imgdata.voxel_size
        return (1.0, 1.0, 1.0) if size is None else (size.z, size.y, size.x)

    @property
    def units(self) -> tuple[str, str, str]:
        """Units of `scale`."""
        known = self.app.environment.imgdata.voxel_size is not None
        return ("um", "um", "um") if known else ("pixel", "pixel", "pixel")

    def show_movie(self, movie: Movie | None) -> None:
        """Show another movie; without one its layer and the projections of the old one go.

        A layer of `show_other` stays where its size fits: napari collects garbage for each one that it removes.
        """
        other = self._made.get(OTHER)
        fits = movie is not None and other is not None and tuple(other.data.shape) == movie.shape
        for name in [name for name in self._made if name not in (MOVIE, ROIS) and not (name == OTHER and fits)]:
            self._remove(name)
        if movie is None:
            self._remove(MOVIE)
            return
        contrast = self.app.contrast
        if contrast is None:
            from cnmf3d.viewer.models.movie_array import contrast_of

            contrast = contrast_of(movie)
        self._put_image(MOVIE, MovieArray(movie), contrast)
        self._begin(movie)

    def show_other(self, name: str, movie: Movie) -> None:
        """Show a movie of the same size as the open one above it, with its contrast: before and after registration.

        Parameters
        ----------
        name : str
            Title of the layer.
        movie : Movie
        """
        first = self._made.get(MOVIE)
        if first is None:
            return
        before = self._made.get(OTHER)
        shown = before is not None and before.visible
        self._put_image(OTHER, MovieArray(movie), tuple(first.contrast_limits), visible=shown)
        self._made[OTHER].name = name
        if before is None:
            self.app.viewer.layers.selection.active = first  # keys and the contrast sliders are those of the movie

    def hide_other(self) -> None:
        """Show the open movie only."""
        self._remove(OTHER)

    def compare(self, first: bool, other: bool, *, left: bool = False) -> None:
        """Choose which of the open movie and the other one is seen; both: beside one another.

        Parameters
        ----------
        first, other : bool
        left : bool
            Whether the other one is left of the open one.
        """
        movie, second = self._made.get(MOVIE), self._made.get(OTHER)
        if movie is None or second is None:
            return
        width = movie.data.shape[-1] * self.scale[-1] * (1 + GAP) * (-1 if left else 1)
        moved = (0.0, 0.0, 0.0, width if first and other else 0.0)
        movie.visible, second.visible = first, other
        second.translate = moved

    def _same_contrast(self, event: Any) -> None:
        """Let the open movie and the other one have the same black and white."""
        for name in (MOVIE, OTHER):
            layer = self._made.get(name)
            if layer is not None and tuple(layer.contrast_limits) != tuple(event.source.contrast_limits):
                layer.contrast_limits = event.source.contrast_limits

    def show_image(self, name: str, volume: npt.NDArray[Any], *, visible: bool = True, colormap: str = "gray") -> None:
        """Show a volume, such as a projection.

        Parameters
        ----------
        name : str
            Of the layer; one that is there already is changed.
        volume : (Z, Y, X) array
        visible : bool
        colormap : str
        """
        values = volume.ravel()[:: max(1, volume.size // SAMPLE)]
        values = values[np.isfinite(values)]
        low, high = (float(v) for v in np.percentile(values, (1, 99.8))) if values.size else (0.0, 1.0)
        self._put_image(name, volume, (low, high if high > low else low + 1), visible=visible, colormap=colormap)

    def rescale(self) -> None:
        """Take over a voxel size that was changed."""
        for layer in self._made.values():
            scale, units = self.scale, self.units
            layer.scale = scale if layer.ndim == 3 else (1.0, *scale)
            layer.units = units if layer.ndim == 3 else ("pixel", *units)

    def _rescale_if_changed(self) -> None:
        movie = self._made.get(MOVIE)
        if movie is not None and tuple(movie.scale)[1:] != self.scale:
            self.rescale()

    def _put_image(
        self, name: str, data: Any, contrast: tuple[float, float], *, visible: bool = True, colormap: str = "gray"
    ) -> None:
        """Make an image layer below the ROIs, or give the one that is there other data."""
        layer = self._made.get(name)
        if layer is None:
            keywords = self._keywords(data)
            layer = self.app.viewer.add_image(
                data,
                name=name,
                contrast_limits=contrast,
                visible=visible,
                colormap=colormap,
                blending="translucent_no_depth",
                cache=False,
                **keywords,
            )
            self._made[name] = layer
            if name in (MOVIE, OTHER):
                layer.events.contrast_limits.connect(self._same_contrast)
            self._lift_rois()
            return
        layer.data = data
        layer.contrast_limits_range = contrast_range(data, contrast)
        layer.contrast_limits = contrast
        layer.visible = visible
        self.rescale()

    def _keywords(self, data: Any) -> dict[str, Any]:
        """Scale, units and names of the axes of a layer."""
        ndim = len(data.shape)
        scale, units = self.scale, self.units
        if ndim == 4:
            return {"scale": (1.0, *scale), "units": ("pixel", *units), "axis_labels": AXES}
        return {"scale": scale, "units": units, "axis_labels": AXES[1:]}

    def _lift_rois(self) -> None:
        """Draw the ROIs above images."""
        layers, rois = self.app.viewer.layers, self._made.get(ROIS)
        if rois is not None and layers.index(rois) != len(layers) - 1:
            layers.move(layers.index(rois), len(layers))

    def _begin(self, movie: Movie) -> None:
        """Look at the middle of the movie's first volume, the whole plane."""
        viewer = self.app.viewer
        viewer.canvas.overlays.scale_bar.visible = True
        viewer.dims.set_current_step((0, 1), (0, movie.shape[1] // 2))
        viewer.reset_view()

    def _show_results(self, rois: Any) -> None:
        """Show the projections that results hold."""
        manager = self.app.environment.roi_manager
        projections: Mapping[str, Any] = {} if manager is None else manager.results.projections
        alone = self.app.movie is None
        for name, volume in projections.items():
            self.show_image(name, volume, visible=alone and name == "mean")
        self._show_rois()

    def _show_rois(self) -> None:
        """Show the volume of colours; it is changed in place from then on."""
        volume, layer = self.app.painter.volume, self._made.get(ROIS)
        if volume is None:
            self._remove(ROIS)
            return
        if layer is not None:
            layer.data = volume
            self.rescale()
            return
        from napari.utils.colormaps import CyclicLabelColormap

        layer = self.app.viewer.add_labels(
            volume,
            name=ROIS,
            colormap=CyclicLabelColormap(colors=palette()),  # as many colours as numbers: each number is its colour
            opacity=self.app.overlay.opacity,
            cache=False,
            **self._keywords(volume),
        )
        layer.editable = False
        self._made[ROIS] = layer
        self._style_rois()
        active = self._made.get(MOVIE)
        if active is not None:  # keys and the contrast sliders are those of the movie
            self.app.viewer.layers.selection.active = active

    def _refresh_rois(self) -> None:
        layer = self._made.get(ROIS)
        if layer is not None:
            with self.app.viewer.layers.events.blocker():  # the list of layers needn't be drawn again
                layer.refresh(extent=False, thumbnail=False, highlight=False)

    def _turn_solid(self) -> None:
        """Fill footprints in 3D."""
        self.app.painter.solid = self.app.viewer.dims.ndisplay == 3

    def _style_rois(self) -> None:
        layer, overlay = self._made.get(ROIS), self.app.overlay
        if layer is not None:
            layer.opacity = overlay.opacity

    def _clicked(self, viewer: Any, event: Any) -> Iterator[None]:
        """Select the ROI under the mouse, where it was clicked rather than dragged."""
        yield
        dragged = False
        while event.type == "mouse_move":
            dragged = True
            yield
        active = viewer.layers.selection.active
        plain = active is None or str(getattr(active, "mode", "pan_zoom")) == "pan_zoom"
        if not dragged and plain and event.button == 1:
            self.pick(event.position, event.view_direction, add=bool({"Shift", "Control"} & set(event.modifiers)))

    def pick(self, position: Any, direction: Any = None, *, add: bool = False) -> int | None:
        """Select the ROI at a position of the viewer.

        Parameters
        ----------
        position : sequence of float
            In the viewer's coordinates.
        direction : sequence of float, optional
            Of the view, in 3D.
        add : bool
            Keep what is selected.
        """
        store, layer, volume = self.app.rois, self._made.get(ROIS), self.app.painter.volume
        if store is None or layer is None or volume is None or not layer.visible:
            return None
        if self.app.viewer.dims.ndisplay == 3:
            ends = through(position, direction, self.scale, store.shape)
            voxel = None if ends is None else first_shown(volume, *ends)
        else:
            voxel = voxel_of(position, self.scale, store.shape)
        if voxel is None:
            return None
        if self.app.adding and self.app.curator is not None:
            self.app.adding = False
            try:
                self.app.curator.add_seed(voxel)
            except Cnmf3dError as error:
                self.app.fail(error)
            return None
        return self._picker.pick(store, self.app.painter.classes, voxel, add=add)

    def _remove(self, name: str) -> None:
        layer = self._made.pop(name, None)
        if layer is not None and layer in self.app.viewer.layers:
            self.app.viewer.layers.remove(layer)

    def _forget(self, event: Any) -> None:
        """Make a layer anew the next time, where the user removed it."""
        for name, layer in list(self._made.items()):
            if layer is event.value:
                del self._made[name]


ROIS = "ROIs"


def contrast_range(data: Any, contrast: tuple[float, float]) -> tuple[float, float]:
    """What the contrast sliders may span: the values between black and white, and as much again on both sides."""
    low, high = contrast
    spread = high - low
    if np.dtype(data.dtype).kind in "ui":
        most = float(np.iinfo(data.dtype).max)
        return (max(0.0, low - spread), min(most, high + 3 * spread)) if most > high else (0.0, high)
    return (low - spread, high + 3 * spread)
