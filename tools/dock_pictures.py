"""Pictures of the docks for form, batches and scripts: ``xvfb-run -a python tools/dock_pictures.py docs/images``."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("NAPARI_CONFIG", "")

from qtpy.QtWidgets import QApplication, QWidget

from cnmf3d.batch import Batch, supervise
from cnmf3d.simulate import simulate
from cnmf3d.viewer.controllers.actions import actions_of
from cnmf3d.viewer.controllers.scripts import examples
from cnmf3d.viewer.qt.window import Window


def main(folder: Path) -> None:
    """Write the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_STATE_HOME"] = place
        movie = Path(place) / "fish-3.tif"
        simulate(movie, "small", seed=0)
        batch = _batch(Path(place) / "zebrafish", movie)
        window = Window()
        try:
            window.app.open(movie)
            _until(lambda: window.app.movie is not None and not window.app.tasks.running)
            window.app.open_batch(batch)
            _form(window, folder)
            _batches(window, folder)
            _editor(window, folder)
        finally:
            window.app.confirm = lambda question: "discard"
            window.close()


def _batch(folder: Path, movie: Path) -> Path:
    """A batch with items of every kind."""
    with Batch.create(folder) as batch:
        batch.add(movie, name="fish 3, all from the data")
        batch.add(movie, {"K": 9, "gSig": (2, 2, 1)}, name="fish 3, small cells", options={"keep_memmap": True})
        aborted = batch.add(movie, {"min_SNR": 4}, name="fish 3, strict")
        batch.add(movie, {"rf": 3, "stride": 1}, name="fish 3, tiny patches")
        batch.abort([aborted.uuid])
        supervise(batch)
        batch.add(movie, {"refit": True}, name="fish 3, refit")
        batch.add(movie, {"p": 1}, name="fish 3, p = 1")
    return folder


def _form(window: Window, folder: Path) -> None:
    """The form with a preview, as the whole window."""
    dock = window.show_dock("CNMF 3D")
    dock.form.reset()
    dock.form.set_name("fish 3")
    window.viewer.scene.camera.zoom *= 1.3
    _settle()
    dock.preview.ask()
    _until(lambda: not dock.actions.preview.busy)
    _settle()
    window.screenshot(folder / "viewer-form.png")


def _batches(window: Window, folder: Path) -> None:
    """The Batch Manager while an item runs."""
    dock = window.show_dock("Batch Manager")
    dock.start.click()
    _until(lambda: dock.batch.progress is not None and dock.batch.progress.part > 0.3)
    dock.table.select([item.uuid for item in dock.batch.items[:2]])
    dock.panes.setCurrentIndex(3)
    _settle()
    _grab(dock, folder / "viewer-batch.png", (1100, 330))
    _until(lambda: dock.batch.running is None and dock.batch.supervisor is None)


def _editor(window: Window, folder: Path) -> None:
    """The Script Editor after a script."""
    dock = window.show_dock("Script Editor")
    for path in examples()[:1]:
        dock.new(path.read_text(encoding="utf-8"), path.stem)
    dock.close_tab(0)
    dock.new("for item in get_batch_manager().items:\n    print(item.name, item.status, item.summary)\n")
    dock.run_here()
    _until(lambda: dock.here.isEnabled())
    dock.tabs.setCurrentIndex(0)
    _settle()
    _grab(dock, folder / "viewer-scripts.png", (760, 520))
    for place in reversed(range(dock.tabs.count())):
        dock.tabs.widget(place).setPlainText("")
    actions_of(window.app).poll()


def _grab(dock: QWidget, path: Path, size: tuple[int, int]) -> None:
    """A dock alone, in a size of its own."""
    dock.resize(*size)
    picture = dock.grab()
    picture.save(str(path))


def _until(condition: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() > end:
            raise SystemExit("it takes too long")


def _settle() -> None:
    for _ in range(30):
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/images"))
