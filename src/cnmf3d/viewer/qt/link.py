"""Link: several windows, each a process of its own, that show the same time, plane, view and selection."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any
from uuid import uuid4

from qtpy.QtCore import QObject, QProcess, QTimer
from qtpy.QtNetwork import QLocalServer, QLocalSocket

from cnmf3d import plain_json
from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.viewer.app import App

PAUSE = 30
"""Milliseconds between two messages, at least."""
PATIENCE = 3000


class Link(QObject):
    """What ties an app to those of other windows.

    Parameters
    ----------
    app : App
    name : str
        Of the link; the same in all windows.
    host : bool
        Whether the others come to this one.

    Raises
    ------
    UsageError
        Where there is no such link.
    """

    def __init__(self, app: App, name: str, *, host: bool) -> None:
        super().__init__()
        self.app, self.name = app, name
        self._peers: list[Any] = []
        self._server: Any = None
        self._told: dict[str, Any] = {}
        self._taking = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(PAUSE)
        self._later.timeout.connect(self._tell)
        if host:
            self._server = QLocalServer(self)
            self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
            self._server.newConnection.connect(self._welcome)
            if not self._server.listen(name):
                raise UsageError(f"windows can't be linked: {self._server.errorString()}", "Try it again.")
        else:
            socket = QLocalSocket(self)
            socket.connectToServer(name)
            if not socket.waitForConnected(PATIENCE):
                raise UsageError(f"there is no window to link to ({name})", "Open it from the other window's menu.")
            self._add(socket)
        self._events = (
            app.viewer.dims.events.current_step,
            app.viewer.dims.events.ndisplay,
            app.viewer.scene.camera.events.center,
            app.viewer.scene.camera.events.zoom,
            app.viewer.scene.camera.events.angles,
        )
        for event in self._events:
            event.connect(self._changed)
        app.rois_changed.connect(self._follow)
        app.closed.connect(self.close)
        self._follow()

    @property
    def state(self) -> dict[str, Any]:
        """What the others are told."""
        viewer, store = self.app.viewer, self.app.rois
        camera = viewer.scene.camera
        return {
            "step": [int(step) for step in viewer.dims.current_step],
            "ndisplay": int(viewer.dims.ndisplay),
            "center": [float(value) for value in camera.center],
            "zoom": float(camera.zoom),
            "angles": [float(value) for value in camera.angles],
            "selection": [] if store is None else [int(roi) for roi in store.selection],
        }

    def close(self) -> None:
        """Go one's own way."""
        self._later.stop()
        for event in self._events:
            with contextlib.suppress(ValueError):
                event.disconnect(self._changed)
        for peer in self._peers:
            peer.disconnectFromServer()
        self._peers.clear()
        if self._server is not None:
            self._server.close()

    def take(self, told: dict[str, Any]) -> None:
        """Show what another window shows."""
        viewer, store = self.app.viewer, self.app.rois
        self._taking = True
        try:
            viewer.dims.ndisplay = told["ndisplay"]
            if len(told["step"]) == viewer.dims.ndim:
                viewer.dims.current_step = tuple(told["step"])
            camera = viewer.scene.camera
            camera.angles, camera.zoom, camera.center = tuple(told["angles"]), told["zoom"], tuple(told["center"])
            if store is not None:
                with contextlib.suppress(UsageError):  # ROIs that only the other window has
                    store.select(told["selection"])
        finally:
            self._taking = False
            self._told = self.state

    def _follow(self) -> None:
        if self.app.rois is not None:
            self.app.rois.selected.connect(self._changed)

    def _changed(self, *_: object) -> None:
        if not self._taking and not self._later.isActive():
            self._later.start()

    def _tell(self) -> None:
        """Tell the others, where they don't know yet."""
        state = self.state
        if state != self._told:
            self._told = state
            self._send(state)

    def _send(self, state: dict[str, Any], but: Any = None) -> None:
        for peer in self._peers:
            if peer is not but:
                peer.write(json.dumps(state).encode() + b"\n")

    def _welcome(self) -> None:
        peer = self._server.nextPendingConnection()
        self._add(peer)
        peer.write(json.dumps(self.state).encode() + b"\n")

    def _add(self, peer: Any) -> None:
        self._peers.append(peer)
        peer.readyRead.connect(lambda: self._read(peer))
        peer.disconnected.connect(lambda: self._peers.remove(peer) if peer in self._peers else None)

    def _read(self, peer: Any) -> None:
        """Take the last of what a window tells, and pass it on."""
        last = None
        while peer.canReadLine():
            last = bytes(peer.readLine().data())
        if last is None:
            return
        try:
            told = plain_json.loads(last)
            self.take(told)
        except (ValueError, KeyError, TypeError):
            return
        self._send(told, but=peer)


def open_linked(app: App) -> Link | None:
    """Open another window on what is open, linked to this one; None where there is nothing to show."""
    link = app.link
    try:
        if app.results_path is not None:
            words = [str(app.results_path)]
        else:
            source, opening = app.environment.imgdata.source()
            words = [source] if isinstance(source, str) else list(source)
            words += _options(opening)
        if link is None:
            link = app.link = Link(app, f"cnmf3d-{uuid4().hex[:12]}", host=True)
    except Cnmf3dError as error:
        app.fail(error)
        return None
    arguments = ["-P", "-m", "cnmf3d", "view", *words, "--link", link.name]
    if not QProcess.startDetached(sys.executable, arguments)[0]:
        app.tell("The other window could not be started")
    return link


def _options(opening: dict[str, Any]) -> list[str]:
    """Keywords of `open_movie` as options of the command."""
    names = {"rate": "--fps", "voxel_size": "--voxel-size"}
    out: list[str] = []
    for name, value in opening.items():
        text = ",".join(str(part) for part in value) if isinstance(value, (list, tuple)) else str(value)
        out += [names.get(name, f"--{name}"), text]
    return out
