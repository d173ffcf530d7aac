"""Start: a window from the command line, until the user closes it or a picture of it is drawn."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnmf3d.errors import EngineError, UsageError

PATIENCE = 600.0
"""Seconds that a screenshot waits for what is being read."""


def start(
    source: Any,
    opening: Mapping[str, Any],
    *,
    demo: bool = False,
    screenshot: Path | None = None,
    link: str | None = None,
) -> None:
    """Open a window and stay until it is closed.

    Parameters
    ----------
    source : path, list of paths or None
        What is shown.
    opening : mapping
        Keywords of `App.open`.
    demo : bool
        Show a simulated volume with its results.
    link : str, optional
        Name of the link that another window has opened.
    screenshot : path, optional
        Draw the window there when everything is shown, and leave.

    Raises
    ------
    UsageError
        Where there is no screen.
    Cnmf3dError
        With `screenshot`: what went wrong while opening.
    """
    check_screen()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's job in the background: batches that are started here would not hear the signal that ends them.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if source is not None and not isinstance(source, list):
        from cnmf3d.viewer.opening import kind_of

        kind_of(source)
    import napari

    from cnmf3d.viewer.qt.window import Window

    window = Window()
    problems: list[tuple[str, str]] = []
    window.app.failed.connect(lambda problem, fix: problems.append((problem, fix)))
    if link is not None:
        from cnmf3d.viewer.qt.link import Link

        window.app.link = Link(window.app, link, host=False)
    if demo:
        from cnmf3d.viewer.demo import open_demo

        open_demo(window.app)
    elif source is not None:
        window.app.open(source, **opening)
    if screenshot is None:
        napari.run()
        return
    try:
        settle(window)
        if problems:
            raise EngineError(*problems[0])
        window.screenshot(screenshot)
    finally:
        window.app.confirm = lambda question: "discard"
        window.close()


def settle(window: Any, seconds: float = PATIENCE) -> None:
    """Wait until nothing is read any more and everything is drawn.

    Raises
    ------
    EngineError
        Where that takes too long.
    """
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QApplication

    until = time.monotonic() + seconds
    calm = 0
    while calm < 10:
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # what Qt's own loop does, which doesn't run
        time.sleep(0.02)
        calm = 0 if window.app.tasks.running else calm + 1
        if time.monotonic() > until:
            names = ", ".join(task.name for task in window.app.tasks.running) or "Drawing"
            raise EngineError(f"{names}: not done after {seconds:.0f} s", "Take the picture of a smaller movie.")


def check_screen() -> None:
    """See that there is a screen.

    Raises
    ------
    UsageError
        Where a window would end the program.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UsageError(
            "there is no screen to show the viewer on (DISPLAY is not set)",
            "Work at the machine itself or over ssh -X; without a screen: xvfb-run -a cnmf3d view --screenshot FILE.",
        )
