"""The dialogs of exports and imports, on a real screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def opened(window: Any, qtbot: Any, results_file: Path) -> Any:
    """A window that shows results."""
    window.app.open(results_file)
    qtbot.waitUntil(lambda: window.app.rois is not None and not window.app.tasks.running, timeout=20_000)
    return window


def choose(dialog: Any, name: str) -> None:
    dialog.format.setCurrentIndex(dialog.format.findData(name))


def test_an_export_by_dialog(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    from cnmf3d.viewer.qt.exporting import ExportDialog

    dialog = ExportDialog(opened.app, opened.main)
    dialog.show()
    choose(dialog, "nwb")
    assert dialog.pairs.isVisible() and dialog.out.text().endswith("movie.nwb")
    dialog.begin.click()
    assert dialog.isVisible() and "session_start_time" in dialog.wrong.text()
    choose(dialog, "csv")
    assert not dialog.pairs.isVisible() and dialog.wrong.text() == ""
    dialog.out.setText(str(tmp_path / "tables"))
    dialog.begin.click()
    assert not dialog.isVisible()
    qtbot.waitUntil(lambda: not opened.app.tasks.running, timeout=20_000)
    assert (tmp_path / "tables/rois.csv").exists()
    assert "Exported 6 ROIs" in opened.viewer.status


def test_an_import_by_dialog(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    from cnmf3d.viewer.qt.exporting import ImportDialog

    np.save(tmp_path / "labels.npy", np.eye(9, 11, dtype=np.uint8)[None].repeat(4, axis=0))
    dialog = ImportDialog(opened.app, opened.main)
    dialog.show()
    choose(dialog, "labels")
    assert dialog.fields["axes"].isVisible() and not dialog.fields["shape"].isVisible()
    assert dialog.fields["rate"].text() == "7.5"
    dialog.begin.click()
    assert "Name both" in dialog.wrong.text()
    dialog.source.setText(str(tmp_path / "labels.npy"))
    assert dialog.out.text() == str(tmp_path / "labels.imported.hdf5")
    dialog.fields["axes"].setText("zyx")
    dialog.begin.click()
    qtbot.waitUntil(lambda: opened.app.results_path == tmp_path / "labels.imported.hdf5", timeout=20_000)
    assert len(opened.app.rois.ids) == 1
    opened.app.rois.select([0])  # ROIs without traces can be looked at, too
    assert list(opened.app.rois.selection) == [0]


def test_the_menu_has_both(opened: Any, monkeypatch: Any) -> None:
    from cnmf3d.viewer.qt import exporting

    asked: list[str] = []
    for name in ("ExportDialog", "ImportDialog"):
        monkeypatch.setattr(getattr(exporting, name), "exec", lambda self: asked.append(type(self).__name__))
    for action in opened.menu.menu.actions():
        if action.text() in ("Import ROIs…", "Export ROIs…"):
            action.trigger()
    assert asked == ["ImportDialog", "ExportDialog"]
