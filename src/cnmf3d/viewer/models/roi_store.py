"""RoiStore: the ROIs on the screen. A session of curation that tells who listens, with a selection and a picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from cnmf3d.results import Results
from cnmf3d.results.curation.session import KINDS, CurationSession, Ids, Kind, Part
from cnmf3d.results.curation.voxels import HIDDEN, Bytes, spans, strength

Ints = npt.NDArray[np.int64]

__all__ = ["KINDS", "Ids", "Kind", "RoiStore"]

MANY = 0.03
"""Share of all footprints from which painting them all is faster than painting some again."""


class RoiStore(CurationSession):
    """The ROIs of one results file as curation leaves them; get one from `RoiStore.from_results`.

    After `changed` says ``"rois"``, everything with one value for each ROI is new.

    Parameters
    ----------
    results : Results
        Original components and the log so far.
    who : str, optional
        Whose name the log gets; the user of this computer by default.

    Attributes
    ----------
    changed : Signal (what: str, ids: (k,) int64)
        After every step: ``"accepted"``, ``"tags"``, ``"columns"`` (tag columns came or went), ``"rois"`` (ROIs came,
        went, or have other footprints).
    selected : Signal (ids: (k,) int64)
        After the selection changed.
    """

    changed = Signal(str, object)
    selected = Signal(object)

    def __init__(self, results: Results, who: str | None = None) -> None:
        super().__init__(results, who)
        self._selection: Ints = np.zeros(0, np.int64)

    def prepare(self) -> None:
        """Get ready, in another thread, what a click, colours by correlation and the first step need beyond drawing."""
        base, journal = self._pool.base, self.journal
        _ = (base.index, base.components.traces, None if journal is None else journal.digest)

    # where they are

    def at(self, z: int, y: int, x: int) -> Ints:
        """ROIs at a voxel, by their weight there over their greatest one; the strongest first."""
        place = (z, y, x)
        if not all(0 <= p < n for p, n in zip(place, self.shape, strict=True)):
            return np.zeros(0, np.int64)
        voxel = int(np.ravel_multi_index(place, self.shape))
        found: list[tuple[float, int]] = []
        for part, first in self._pool.parts:
            for column in part.index.at(voxel):
                roi = int(self._view.id_of(column + first))
                if roi >= 0:
                    found.append((-strength(part.components.footprints, int(column), voxel), roi))
        return np.array([roi for _, roi in sorted(found)], np.int64)

    def paint(self, classes: Bytes, volume: Bytes | None = None, *, outline: bool = False) -> Bytes:
        """Paint a volume of colour classes: at each voxel that of the strongest ROI there that is shown.

        ROIs that curation made are painted over original ones.

        Parameters
        ----------
        classes : (n,) uint8
            0: not shown.
        volume : (Z, Y, X) uint8, optional
            Painted in place.
        outline : bool
            Only the edge of each footprint in each plane.
        """
        volume = np.zeros(self.shape, np.uint8) if volume is None else volume
        flat = self._flat(volume, classes)
        flat.fill(HIDDEN)
        by_row = self._view.by_row(classes)
        for part, first in self._pool.parts:
            (part.edges if outline else part.index).paint(by_row[first : first + part.components.count], flat)
        return volume

    def repaint(self, volume: Bytes, classes: Bytes, ids: Ids, *, outline: bool = False) -> None:
        """Paint again, in place, where some ROIs lie whose class changed; elsewhere `volume` is right already."""
        flat = self._flat(volume, classes)
        rows = self._view.rows[self.positions(ids)]
        entries = [(part.components.footprints, columns) for part, _, columns in self._pool.among(rows)]
        voxels = [f.indices[spans(f.indptr[columns], f.indptr[columns + 1])] for f, columns in entries]
        touched = np.concatenate([np.zeros(0, np.int32), *voxels])
        if touched.size > MANY * self._pool.base.components.footprints.nnz:
            self.paint(classes, volume, outline=outline)
            return
        touched = np.unique(touched)
        flat[touched] = HIDDEN
        by_row = self._view.by_row(classes)
        for part, first in self._pool.parts:
            (part.edges if outline else part.index).repaint(
                touched, by_row[first : first + part.components.count], flat
            )

    def _flat(self, volume: Bytes, classes: Bytes) -> Bytes:
        good = volume.shape == self.shape and volume.dtype == np.uint8 and volume.flags.c_contiguous
        if not good or classes.shape != self.ids.shape or classes.dtype != np.uint8:
            raise ValueError(f"needs a contiguous uint8 volume of {self.shape} and {len(self)} uint8 classes")
        return volume.reshape(-1)

    # selection

    @property
    def selection(self) -> Ints:
        """(k,) ids of the selected ROIs, in the order in which they were selected."""
        return self._selection

    def select(self, ids: Ids) -> None:
        """Select exactly these ROIs.

        Raises
        ------
        UsageError
            Where one isn't there.
        """
        wanted = np.asarray(list(ids) if not isinstance(ids, np.ndarray) else ids, np.int64)
        self.positions(wanted)
        if not np.array_equal(wanted, self._selection):
            self._selection = wanted
            self.selected.emit(wanted)

    def _changed(self, what: Part, ids: Ints) -> None:
        if what == "rois":
            gone = ~self._state.alive[self._selection]
            if gone.any():
                self.select(self._selection[~gone])
        self.changed.emit(what, ids)
