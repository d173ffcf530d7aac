"""Browsing: from one ROI to the next, in the order of the table; the plane and the camera follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App

Step = Literal["next", "previous", "first", "last"]


def order_of(app: App) -> npt.NDArray[np.int64]:
    """ROIs in the order in which they are gone through: that of the table, where there is one."""
    if app.rois is None:
        return np.zeros(0, np.int64)
    return app.rois.ids if app.order is None else app.order


def step(app: App, where: Step) -> int | None:
    """Select another ROI and go there; None where there is none.

    Parameters
    ----------
    app : App
    where : str
        ``next`` and ``previous`` stop at the ends.
    """
    order = order_of(app)
    if app.rois is None or not order.size:
        return None
    now = np.flatnonzero(order == app.rois.selection[-1]) if app.rois.selection.size else np.zeros(0, int)
    at = int(now[0]) if now.size else -1
    to = {"next": at + 1, "previous": at - 1 if at > 0 else 0, "first": 0, "last": len(order) - 1}[where]
    chosen = int(order[min(to, len(order) - 1)])
    app.rois.select([chosen])
    jump(app, chosen)
    return chosen


def seek(app: App, frame: int) -> None:
    """Show a volume of the movie, the first or the last one where it is outside."""
    dims = app.viewer.dims
    if dims.ndim == 4:
        dims.set_current_step(0, min(max(frame, 0), int(dims.nsteps[0]) - 1))


def jump(app: App, roi: int) -> None:
    """Show the plane of an ROI, with it in the middle of the picture.

    Parameters
    ----------
    app : App
    roi : int
        Its id.
    """
    store = app.rois
    if store is None:
        return
    z, y, x = store.centroids[store.positions([roi])[0]]
    if not np.isfinite((z, y, x)).all():
        return
    viewer = app.viewer
    scale = (1.0, 1.0, 1.0) if app.layers is None else app.layers.scale
    axis = viewer.dims.ndim - 3
    viewer.dims.set_current_step(axis, round(z))
    camera = viewer.scene.camera
    centre = (z * scale[0], y * scale[1], x * scale[2])
    camera.center = centre if viewer.dims.ndisplay == 3 else (camera.center[0], *centre[1:])
