"""Draw the pictures of docs/viewer.md: `make screenshots`, or under Xvfb: python tools/screenshots.py docs/images."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from cnmf3d.simulate import simulate
from cnmf3d.viewer.controllers.browsing import jump
from cnmf3d.viewer.demo import open_demo
from cnmf3d.viewer.qt.start import settle
from cnmf3d.viewer.qt.window import Window

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))


def main(folder: Path) -> None:
    """Draw all of them."""
    window = Window()
    window.app.failed.connect(lambda problem, fix: sys.exit(f"{problem}\n{fix}"))
    try:
        of_the_demonstration(window, folder)
        of_many(window, folder)
        of_registration(window, folder)
    finally:
        window.app.confirm = lambda question: "discard"
        window.close()


def draw(window: Any, path: Path) -> None:
    """Draw the window as it is."""
    settle(window)
    window.screenshot(path)
    Image.open(path).convert("RGB").quantize(160).save(path, optimize=True)
    print(path)


def of_the_demonstration(window: Any, folder: Path) -> None:
    """The parts of the window, with the simulated volume."""
    app, viewer = window.app, window.viewer
    open_demo(app)
    settle(window)
    app.rois.select([5, 8, 11])
    jump(app, 5)
    viewer.fit_to_view()
    draw(window, folder / "viewer.png")
    rois = window.docks["ROIs"]
    rois.folded.expand()
    slider = rois.thresholds.sliders["snr"]
    slider.setValue((slider.minimum() + 0.3 * (slider.maximum() - slider.minimum()), slider.maximum()))
    window.show_dock("Heat map")
    draw(window, folder / "viewer-thresholds.png")
    rois.thresholds.fill()
    rois.folded.collapse()
    app.overlay.colour = "index"
    viewer.dims.ndisplay = 3
    viewer.scene.camera.angles = (8, 25, 65)
    viewer.fit_to_view()
    window.show_dock("Movie")
    draw(window, folder / "viewer-3d.png")
    viewer.dims.ndisplay = 2
    app.confirm = lambda question: "discard"
    app.clear()


def of_registration(window: Any, folder: Path) -> None:
    """A volume that moves: before and after, its motion, and some frames that are left out."""
    scene = {"size": (96, 96, 8), "frames": 200, "cells": 40, "snr": 7.0, "motion": (4, 4, 0.7)}
    moving = {"jitter": (0.5, 0.5, 0.1), "startles": 15.0, "startle": (2, 2, 0.3)}
    app = window.app
    with tempfile.TemporaryDirectory() as place:
        movie = Path(place) / "moving.tif"
        simulate(movie, "tiny", seed=3, overrides=scene | moving)
        app.open(movie)
        settle(window)
        dock, plots = window.show_dock("Registration"), window.show_dock("Motion")
        dock.start.click()
        settle(window)
        dock.registration.show("side by side")
        plots.bad.mark(41, 45)
        app.viewer.dims.set_current_step(0, 57)
        draw(window, folder / "viewer-registration.png")
        app.clear()


def of_many(window: Any, folder: Path) -> None:
    """Ten thousand ROIs in a plane and in 3D."""
    from viewer import write_volume

    app, viewer = window.app, window.viewer
    with tempfile.TemporaryDirectory(prefix="cnmf3d-pictures-") as name:
        app.open(write_volume(Path(name), 10_000))
        settle(window)
        window.show_dock("ROIs")
        window.show_dock("Traces")
        app.overlay.colour = "metric snr"
        app.rois.select([1234])
        jump(app, 1234)
        viewer.scene.camera.zoom *= 2
        draw(window, folder / "viewer-10000.png")
        viewer.dims.ndisplay = 3
        viewer.scene.camera.angles = (8, 25, 65)
        viewer.fit_to_view()
        draw(window, folder / "viewer-10000-3d.png")
        app.confirm = lambda question: "discard"
        app.clear()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))
