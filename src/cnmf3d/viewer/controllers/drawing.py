"""Drawing: voxels painted over the planes, as a new ROI, another footprint, or one part of an ROI that is split."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from cnmf3d.errors import UsageError
from cnmf3d.viewer.controllers.browsing import jump

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.controllers.curating import Curator

NAME = "drawing"
"""Layer that is painted on."""

BRUSH, OPACITY = 4, 0.6


class Drawing:
    """What is painted over the ROIs of an app; at most one thing at a time.

    Parameters
    ----------
    app : App

    Attributes
    ----------
    roi : int or None
        The ROI whose footprint is edited or split; None for a new one.
    changed : Signal
        A drawing began or ended.
    """

    changed = Signal()

    def __init__(self, app: App) -> None:
        self._app = app
        self._layer: Any = None
        self.roi: int | None = None
        app.rois_changed.connect(self.discard)
        app.viewer.layers.events.removed.connect(self._removed)

    @property
    def active(self) -> bool:
        """Whether something is being painted."""
        return self._layer is not None

    def begin(self) -> bool:
        """Paint a new ROI; whether that is possible."""
        return self._begin(None)

    def edit(self) -> bool:
        """Paint on the footprint of the selected ROI, as it is; whether that is possible."""
        return self._begin(self._selected(), filled=True)

    def cut(self) -> bool:
        """Paint a part of the selected ROI that becomes one of its own; whether that is possible."""
        return self._begin(self._selected(), filled=False)

    def add(self) -> bool:
        """Make what is painted an ROI."""
        return self._finish(lambda curator, voxels: curator.add_mask(voxels))

    def apply(self) -> bool:
        """Give the ROI that is edited exactly the painted voxels."""
        return self._finish(lambda curator, voxels: curator.reshape(self._edited(), voxels))

    def split(self) -> bool:
        """Split the ROI into what is painted and the rest."""
        return self._finish(lambda curator, voxels: curator.split(self._edited(), [voxels]))

    def discard(self, *_: Any) -> None:
        """Forget what is painted."""
        layer, self._layer, self.roi = self._layer, None, None
        if layer is None:
            return
        if layer in self._app.viewer.layers:
            self._app.viewer.layers.remove(layer)
        self.changed.emit()

    @property
    def voxels(self) -> npt.NDArray[np.int64]:
        """Flat numbers of the painted voxels."""
        if self._layer is None:
            return np.zeros(0, np.int64)
        return np.flatnonzero(np.asarray(self._layer.data)).astype(np.int64)

    def _selected(self) -> int | None:
        store = self._app.rois
        if store is None or store.selection.size != 1:
            return None
        return int(store.selection[0])

    def _edited(self) -> int:
        if self.roi is None:
            raise UsageError("no ROI is being edited", "Select one, then begin.")
        return self.roi

    def _begin(self, roi: int | None, filled: bool | None = None) -> bool:
        app, store = self._app, self._app.rois
        if store is None or app.layers is None:
            app.tell("Open results to draw on")
            return False
        if filled is not None and roi is None:
            app.tell("Select one ROI first")
            return False
        self.discard()
        mask = np.zeros(store.shape, np.uint8)
        layer = app.viewer.add_labels(
            mask,
            name=NAME,
            opacity=OPACITY,
            scale=app.layers.scale,
            units=app.layers.units,
            axis_labels=("z", "y", "x"),
        )
        label = _yellow(layer)
        if roi is not None and filled:
            footprint = store.components([roi]).footprints
            mask.reshape(-1)[footprint.indices[footprint.data > 0]] = label
            layer.refresh()
        layer.brush_size, layer.selected_label, layer.mode = BRUSH, label, "paint"
        app.viewer.layers.selection.active = layer
        if roi is not None:
            jump(app, roi)
        self._layer, self.roi = layer, roi
        self.changed.emit()
        app.tell("Paint in one or more planes; hold the space bar to move the picture")
        return True

    def _finish(self, make: Callable[[Curator, npt.NDArray[np.int64]], object]) -> bool:
        curator = self._app.curator
        if curator is None or self._layer is None:
            return False
        if not self._app.attempt(lambda: make(curator, self.voxels)):
            return False
        self.discard()
        return True

    def _removed(self, event: Any) -> None:
        """The user took the layer away."""
        if self._layer is not None and event.value is self._layer:
            self._layer, self.roi = None, None
            self.changed.emit()


def _yellow(layer: Any) -> int:
    """The label whose colour stands out best from grey pictures and green and red ROIs."""
    colours = {label: np.asarray(layer.get_color(label), float) for label in range(1, 50)}
    return max(colours, key=lambda label: float(min(colours[label][:2]) - colours[label][2]))
