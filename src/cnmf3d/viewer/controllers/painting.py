"""Painting: keeps the volume of colours true to the ROIs, by the cheapest way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from cnmf3d.viewer.models.overlay import Overlay

if TYPE_CHECKING:
    from cnmf3d.viewer.models.roi_store import RoiStore


class Painter:
    """Paints the ROIs of a store into one volume of small numbers.

    Parameters
    ----------
    overlay : Overlay

    Attributes
    ----------
    volume : (Z, Y, X) uint8 or None
        Colours; changed in place while the store is the same.
    classes : (n,) uint8
        Colour of each ROI.
    painted : Signal
        `volume` was changed in place.
    """

    painted = Signal()

    def __init__(self, overlay: Overlay) -> None:
        self.overlay = overlay
        self.volume: npt.NDArray[np.uint8] | None = None
        self.classes = np.zeros(0, np.uint8)
        self._ids = np.zeros(0, np.int64)
        self._store: RoiStore | None = None
        self._outline = self._solid = False
        overlay.changed.connect(self.update)

    def show(self, store: RoiStore | None) -> None:
        """Paint the ROIs of another store."""
        if self._store is not None:
            self._store.changed.disconnect(self._changed)
            self._store.selected.disconnect(self._selected)
        self._store = store
        if store is None:
            self.volume = None
            self.classes, self._ids = np.zeros(0, np.uint8), np.zeros(0, np.int64)
            return
        self.classes, self._ids = self.overlay.classes(store), store.ids
        self._outline = self._wanted
        self.volume = store.paint(self.classes, outline=self._outline)
        store.changed.connect(self._changed)
        store.selected.connect(self._selected)

    @property
    def solid(self) -> bool:
        """Whether footprints are filled whatever the overlay says, as a view in 3D needs them."""
        return self._solid

    @solid.setter
    def solid(self, value: bool) -> None:
        self._solid = value
        self.update()

    @property
    def _wanted(self) -> bool:
        return self.overlay.outline and not self._solid

    def update(self) -> None:
        """Paint what has another colour than before."""
        store, volume = self._store, self.volume
        if store is None or volume is None:
            return
        classes = self.overlay.classes(store)
        other = self._outline != self._wanted
        if other or classes.shape != self.classes.shape or not np.array_equal(store.ids, self._ids):
            self._whole(store, classes)
            return
        different = np.flatnonzero(classes != self.classes)
        if not different.size:
            return
        self.classes = classes
        store.repaint(volume, classes, store.ids[different], outline=self._outline)
        self.painted.emit()

    def _changed(self, what: str, ids: Any) -> None:
        if what == "rois" and self._store is not None:  # other ROIs, or other footprints
            self._whole(self._store, self.overlay.classes(self._store))
        else:
            self.update()

    def _selected(self) -> None:
        self.update()

    def _whole(self, store: RoiStore, classes: npt.NDArray[np.uint8]) -> None:
        assert self.volume is not None
        self.classes, self._ids = classes, store.ids
        self._outline = self._wanted
        store.paint(classes, self.volume, outline=self._outline)
        self.painted.emit()
