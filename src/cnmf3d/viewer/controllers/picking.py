"""Picking: from a voxel that was clicked to an ROI; repeated clicks reach each one that lies there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cnmf3d.viewer.models.overlay import Classes
    from cnmf3d.viewer.models.roi_store import RoiStore

Voxel = tuple[int, int, int]


class Picker:
    """Remembers the last click, to go on from there."""

    def __init__(self) -> None:
        self._last: Voxel | None = None
        self._turn = 0

    def pick(self, store: RoiStore, classes: Classes, voxel: Voxel, *, add: bool = False) -> int | None:
        """Select the ROI at a voxel, the next one that lies there at each further click.

        Parameters
        ----------
        store : RoiStore
        classes : (n,) uint8
            Colours; what is hidden can't be picked.
        voxel : (z, y, x)
        add : bool
            Keep what is selected, and take an ROI that is selected away.

        Returns
        -------
        int or None
            The ROI that was picked.
        """
        found = store.at(*voxel)
        shown = found[classes[store.positions(found)] > 0]
        if not shown.size:
            self._last = None
            if not add:
                store.select([])
            return None
        again = voxel == self._last
        self._turn = (self._turn + 1) % len(shown) if again else 0
        self._last = voxel
        chosen = int(shown[self._turn])
        if not add:
            store.select([chosen])
            return chosen
        kept = store.selection
        if again and len(shown) > 1:  # the click before chose the one above this one
            kept = kept[kept != int(shown[self._turn - 1])]
        store.select(kept[kept != chosen] if chosen in kept else np.append(kept, chosen))
        return chosen


def voxel_of(position: npt.ArrayLike, scale: npt.ArrayLike, shape: Voxel) -> Voxel | None:
    """Voxel at a position; None outside of the volume.

    Parameters
    ----------
    position : sequence of float
        In the viewer's coordinates; the last three are z, y, x.
    scale : (z, y, x)
        Size of a voxel.
    shape : (Z, Y, X)
    """
    place = np.floor(np.asarray(position, float)[-3:] / np.asarray(scale, float) + 0.5).astype(int)
    inside = all(0 <= p < n for p, n in zip(place, shape, strict=True))
    return (int(place[0]), int(place[1]), int(place[2])) if inside else None


def through(
    position: npt.ArrayLike, direction: npt.ArrayLike, scale: npt.ArrayLike, shape: Voxel
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Where a line of sight enters and leaves the volume, in voxels; None where it misses it.

    Parameters
    ----------
    position, direction : sequence of float
        In the viewer's coordinates; the last three are z, y, x.
    scale : (z, y, x)
        Size of a voxel.
    shape : (Z, Y, X)
    """
    size = np.asarray(scale, float)
    at, along = np.asarray(position, float)[-3:] / size, np.asarray(direction, float)[-3:] / size
    along = np.where(np.abs(along) < 1e-12, 1e-12, along)
    faces = np.stack([np.full(3, -0.5), np.asarray(shape) - 0.5])
    times = np.sort((faces - at) / along, axis=0)
    enter, leave = times[0].max(), times[1].min()
    return None if enter > leave else (at + enter * along, at + leave * along)


def first_shown(volume: npt.NDArray[np.uint8], start: npt.ArrayLike, end: npt.ArrayLike) -> Voxel | None:
    """First voxel with a colour on a line through the volume; where a click in 3D hits.

    Parameters
    ----------
    volume : (Z, Y, X) uint8
    start, end : (z, y, x)
        Where the line enters and leaves the volume, in voxels.
    """
    a, b = np.asarray(start, float), np.asarray(end, float)
    count = int(np.ceil(np.abs(b - a).max() * 2)) + 1
    line = np.round(a + np.linspace(0, 1, count)[:, None] * (b - a)).astype(int)
    line = line[((line >= 0) & (line < volume.shape)).all(axis=1)]
    hits = np.flatnonzero(volume[tuple(line.T)])
    if not hits.size:
        return None
    z, y, x = (int(v) for v in line[hits[0]])
    return (z, y, x)
