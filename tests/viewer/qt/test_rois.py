"""ROIs on the screen: table, picture, traces and keys say the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnmf3d.errors import InputError


@pytest.fixture
def opened(window: Any, qtbot: Any, results_file: Path) -> Iterator[Any]:
    """A window with six ROIs."""
    window.app.open(results_file)
    qtbot.waitUntil(lambda: not window.app.tasks.running and window.app.rois is not None, timeout=20_000)
    yield window


def key(window: Any, name: str) -> None:
    """Press a key over the picture."""
    from app_model.types import KeyBinding

    binding = next(k for k in window.viewer.keymap if k == KeyBinding.from_str(name.replace("Control", "Ctrl")))
    window.viewer.keymap[binding](window.viewer)


def test_table_and_picture_share_a_selection(opened: Any, qtbot: Any, choose_row: Any) -> None:
    dock, store = opened.docks["ROIs"], opened.app.rois
    assert dock.model.rowCount() == 6
    store.select([2, 4])
    assert sorted(index.row() for index in dock.table.selectionModel().selectedRows()) == [2, 4]
    choose_row(dock.table, 3)
    assert store.selection.tolist() == [3]
    z = round(store.centroids[3, 0])
    assert opened.viewer.dims.current_step[1] == z
    scale = opened.app.layers.scale
    np.testing.assert_allclose(opened.viewer.scene.camera.center[1:], store.centroids[3, 1:] * scale[1:])


def test_a_click_in_the_picture_selects(opened: Any) -> None:
    store, volume = opened.app.rois, opened.app.painter.volume
    z, y, x = (int(v) for v in np.argwhere(volume)[0])
    scale = opened.app.layers.scale
    picked = opened.app.layers.pick((0, z * scale[0], y * scale[1], x * scale[2]))
    assert picked == store.at(z, y, x)[0]
    dock = opened.docks["ROIs"]
    assert [dock.model.roi(index.row()) for index in dock.table.selectionModel().selectedRows()] == [picked]


def test_sorting_and_filtering_keep_the_selection_and_set_the_order(opened: Any) -> None:
    from qtpy.QtCore import Qt

    dock, store = opened.docks["ROIs"], opened.app.rois
    store.select([2])
    titles = [column.title for column in dock.model.columns]
    dock.table.sortByColumn(titles.index("SNR"), Qt.SortOrder.DescendingOrder)
    expected = store.ids[np.argsort(-store.metrics["snr"], kind="stable")]
    np.testing.assert_array_equal(opened.app.order, expected)
    chosen = [dock.model.roi(index.row()) for index in dock.table.selectionModel().selectedRows()]
    assert chosen == [2]
    store.tag([1, 4], "type", "neuron")
    dock.search.setText("neuron")
    assert sorted(opened.app.order.tolist()) == [1, 4]
    dock.search.clear()
    assert len(opened.app.order) == 6


def test_keys_curate_and_browse(opened: Any) -> None:
    store = opened.app.rois
    key(opened, "Home")
    assert store.selection.tolist() == [0]
    key(opened, "PageDown")
    assert store.selection.tolist() == [1]
    key(opened, "R")
    assert not store.accepted[1]
    key(opened, "Shift-A")
    assert store.accepted[1]
    assert store.selection.tolist() == [2]
    key(opened, "Control-Z")
    assert not store.accepted[1]
    key(opened, "Control-Shift-Z")
    assert store.accepted[1]
    key(opened, "Delete")
    assert store.ids.tolist() == [0, 1, 3, 4, 5]
    assert opened.docks["ROIs"].model.rowCount() == 5
    assert not opened.app.unsaved  # kept at once beside the results file
    key(opened, "End")
    assert store.selection.tolist() == [5]
    key(opened, "PageDown")
    assert store.selection.tolist() == [5]


def test_the_same_keys_work_in_the_table(opened: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    table, store = opened.docks["ROIs"].table, opened.app.rois
    store.select([0])
    qtbot.keyClick(table, Qt.Key.Key_PageDown)
    assert store.selection.tolist() == [1]
    qtbot.keyClick(table, Qt.Key.Key_R)
    assert not store.accepted[1]
    qtbot.keyClick(table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert store.can_redo
    qtbot.keyClick(table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert not store.can_redo


def test_ticks_and_tags_in_the_table_are_steps_of_curation(opened: Any) -> None:
    from qtpy.QtCore import Qt

    model, store = opened.docks["ROIs"].model, opened.app.rois
    before = bool(store.accepted[0])
    tick = Qt.CheckState.Unchecked if before else Qt.CheckState.Checked
    assert model.setData(model.index(0, 1), tick.value, Qt.ItemDataRole.CheckStateRole)
    assert bool(store.accepted[0]) is not before
    store.select([3])
    dock = opened.docks["ROIs"]
    dock.curation.column.setCurrentText("type")
    dock.curation.value.setText("glia")
    dock.curation.tag()
    titles = [column.title for column in model.columns]
    assert model.data(model.index(3, titles.index("type"))) == "glia"
    assert model.setData(model.index(3, titles.index("type")), "")
    assert 3 not in store.tags["type"]


def test_thresholds_show_what_passes_before_it_is_decided(opened: Any) -> None:
    panel, store = opened.docks["ROIs"].thresholds, opened.app.rois
    before = store.accepted.copy()
    snr = np.asarray(store.metrics["snr"], float)
    cut = float(np.sort(snr)[2]) - 1e-4
    panel.sliders["snr"].setValue((cut, float(snr.max())))
    passes = snr >= cut
    assert panel.told.text().startswith(f"{int(passes.sum())} of 6")
    np.testing.assert_array_equal(opened.app.painter.classes == 1, passes)
    np.testing.assert_array_equal(store.accepted, before)
    panel.apply.click()
    np.testing.assert_array_equal(store.accepted, passes)
    assert store.undo()
    np.testing.assert_array_equal(store.accepted, before)


def test_traces_follow_selection_and_time(opened: Any) -> None:
    dock, store = opened.docks["Traces"], opened.app.rois
    assert "Select ROIs" in dock.told.text()
    store.select([1, 3])
    curves = [item for item in dock.plot.getPlotItem().listDataItems() if item.name()]
    assert sorted(curve.name() for curve in curves) == ["1", "1", "3", "3"]
    dock.apart.setChecked(False)
    dock.kinds["denoised"].setChecked(False)
    curve = next(item for item in dock.plot.getPlotItem().listDataItems() if item.name() == "3")
    np.testing.assert_allclose(curve.yData, store.traces("raw", [3])[0], rtol=1e-5)
    np.testing.assert_allclose(curve.xData, np.arange(12) / 7.5)
    opened.viewer.dims.set_current_step(0, 6)
    assert dock.now.value() == pytest.approx(6 / 7.5)
    dock._go(3 / 7.5)
    assert opened.viewer.dims.current_step[0] == 3
    dock._go(99)
    assert opened.viewer.dims.current_step[0] == 11


def test_traces_are_drawn_at_their_own_times_and_by_channel(
    window: Any, qtbot: Any, results_file: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    from cnmf3d.components import TRACES, Traced
    from cnmf3d.results import load_results, write_results
    from cnmf3d.timeline import Segment, Timeline

    results = load_results(results_file)
    parts, seconds = results.components, np.arange(12) / 7.5
    seconds[8:] += 4
    late = np.arange(parts.shape[0]) / 20.0
    other = Traced(*(getattr(parts, name) * 0 + 3 for name in TRACES))
    parts = replace(parts, plane_times=tuple(late), channels={"channel1": other}).timed()
    line = Timeline((Segment("a", 0), Segment("b", 8)), seconds, tuple(late))
    write_results(replace(results, components=parts, timeline=line), results_file)
    window.app.open(results_file)
    qtbot.waitUntil(lambda: not window.app.tasks.running and window.app.rois is not None, timeout=20_000)
    dock, store = window.docks["Traces"], window.app.rois
    store.select([3])
    curve = next(item for item in dock.plot.getPlotItem().listDataItems() if item.name() == "3")
    times, values = curve.getOriginalDataset()
    offset = store.metrics["time_offset"][3]
    assert 0 < offset < late[-1]
    np.testing.assert_allclose(np.delete(times, 8), seconds + offset)
    assert np.flatnonzero(np.isnan(values)).tolist() == [8]  # no line is drawn over the gap
    window.viewer.dims.set_current_step(0, 9)
    assert dock.now.value() == pytest.approx(seconds[9])
    dock._go(2.0)
    assert window.viewer.dims.current_step[0] == 7
    assert [dock.channel.itemData(n) for n in range(dock.channel.count())] == ["", "channel1"]
    dock.channel.setCurrentIndex(1)
    curve = next(item for item in dock.plot.getPlotItem().listDataItems() if item.name() == "3")
    assert np.nanmax(curve.getOriginalDataset()[1]) == 6  # raw: traces and residuals
    heat = window.show_dock("Heat map")
    store.accept([3])
    heat.draw()
    assert "gaps" in heat.plot.getAxis("bottom").labelText
    first = heat.image.image.copy()
    heat.channel.setCurrentIndex(1)
    assert heat.channel.chosen == "channel1" and not np.array_equal(heat.image.image, first)
    assert not heat.image.image.any()  # its traces are constant


def test_denoised_traces_have_a_band_where_errors_are_known(
    opened: Any, qtbot: Any, results_file: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    from pyqtgraph import FillBetweenItem

    from cnmf3d.results import load_results, write_results

    def bands() -> list[Any]:
        return [item for item in opened.docks["Traces"].plot.getPlotItem().items if isinstance(item, FillBetweenItem)]

    opened.docks["Traces"].kinds["denoised"].setChecked(True)
    opened.app.rois.select([1, 3])
    assert not bands()
    results = load_results(results_file)
    errors = np.full(results.components.traces.shape, 0.25, np.float32)
    errors[3] = np.nan  # as of a ROI that was merged of ones without errors
    known = replace(results.components, traces_sd=errors)
    path = write_results(replace(results, components=known), tmp_path / "uncertain.hdf5")
    opened.app.open(path)
    qtbot.waitUntil(lambda: not opened.app.tasks.running and opened.app.rois.errors([1]) is not None, timeout=20_000)
    opened.app.rois.select([1, 3])
    [band] = bands()
    low, high = (curve.getData()[1] for curve in band.curves)
    np.testing.assert_allclose(high - low, 2 * 1.645 * 0.25, rtol=1e-4)
    opened.docks["Traces"].kinds["denoised"].setChecked(False)
    assert not bands()
    opened.docks["Traces"].kinds["denoised"].setChecked(True)
    opened.docks["Traces"].band.setChecked(False)
    assert not bands()
    opened.docks["Traces"].band.setChecked(True)


def test_traces_whose_file_is_gone_are_told(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> Any:
        raise InputError("results.hdf5 can't be read any more", "Open the file again.")

    told: list[tuple[str, str]] = []
    opened.app.failed.connect(lambda problem, fix: told.append((problem, fix)))
    monkeypatch.setattr(opened.app.rois, "traces", gone)
    opened.app.rois.select([2])
    opened.show_dock("Heat map")
    opened.docks["Heat map"].repaint()
    opened.docks["Heat map"].draw()
    assert told[0] == ("results.hdf5 can't be read any more", "Open the file again.")
    assert len(told) >= 2


def test_rois_without_dff_are_blank_and_named(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store, known = opened.app.rois, opened.app.rois.traces

    def partly(kind: str, ids: Any, channel: str = "") -> Any:
        values = known(kind, ids, channel).copy()
        if kind == "dff":
            values[np.asarray(ids) == 2] = np.nan
        return values

    monkeypatch.setattr(store, "traces", partly)
    dock = opened.docks["Traces"]
    dock.kinds["dff"].setChecked(True)
    store.select([1, 2])
    curves = [item.name() for item in dock.plot.getPlotItem().listDataItems() if item.name()]
    assert curves.count("1") == curves.count("2") + 1
    assert "no ΔF/F of 2" in dock.told.text()
    assert all(np.isfinite(edge) for edge in dock.plot.viewRange()[1])
    store.accept([1, 2])
    heat = opened.show_dock("Heat map")
    heat.kind.setCurrentIndex(heat.kind.findData("dff"))
    rows = heat.image.image
    assert np.isfinite(rows).all() and not rows[list(heat.ids).index(2)].any()


def test_frames_that_show_nothing_of_a_roi_are_gaps_and_named(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store, known = opened.app.rois, opened.app.rois.traces
    gaps = np.zeros((2, store.frames), bool)
    gaps[1, 3:6] = True

    def partly(kind: str, ids: Any, channel: str = "") -> Any:
        values = known(kind, ids, channel).copy()
        values[np.ix_(np.asarray(ids) == 2, gaps[1])] = np.nan
        return values

    monkeypatch.setattr(store, "traces", partly)
    monkeypatch.setattr(store, "unseen", lambda ids: gaps)
    dock = opened.docks["Traces"]
    store.select([1, 2])
    assert "2 isn't seen in 3 frames" in dock.told.text() and "F0" not in dock.told.text()
    drawn = [item for item in dock.plot.getPlotItem().listDataItems() if item.name() == "2"]
    assert drawn and all(np.isnan(item.getOriginalDataset()[1]).sum() == 3 for item in drawn)
    store.accept([1, 2])
    heat = opened.show_dock("Heat map")
    heat.draw()
    assert np.isfinite(heat.image.image).all() and heat.image.image[list(heat.ids).index(2)].any()


def test_the_heat_map_has_the_accepted_ones_in_the_tables_order(opened: Any) -> None:
    from qtpy.QtCore import Qt

    dock, store = opened.show_dock("Heat map"), opened.app.rois
    opened.docks["ROIs"].table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    store.accept([0])
    store.reject([1])
    assert dock.ids.tolist() == store.ids[store.accepted][::-1].tolist()
    assert dock.image.image.shape == (int(store.accepted.sum()), 12)


def test_the_bar_chooses_what_is_shown(opened: Any) -> None:
    bar, painter, store = opened.docks["ROIs"].looks, opened.app.painter, opened.app.rois
    bar.show_box.setCurrentText("accepted")
    np.testing.assert_array_equal(painter.classes > 0, store.accepted)
    bar.colour_box.setCurrentText("metric snr")
    assert "background-color" in bar.legend.text()
    bar.outline.setChecked(False)
    filled = (painter.volume > 0).sum()
    bar.outline.setChecked(True)
    assert (painter.volume > 0).sum() <= filled
    bar.opacity.setValue(30)
    assert opened.viewer.layers["ROIs"].opacity == pytest.approx(0.3)


def test_three_dimensions_are_filled_and_can_be_clicked(opened: Any, qtbot: Any) -> None:
    opened.viewer.dims.ndisplay = 3
    qtbot.wait(50)
    assert opened.app.painter.solid
    store, volume = opened.app.rois, opened.app.painter.volume
    y, x = (int(v) for v in np.argwhere(volume.max(axis=0))[0])
    scale = opened.app.layers.scale
    position = np.array([0, -50.0, y * scale[1], x * scale[2]])
    picked = opened.app.layers.pick(position, np.array([0, 1.0, 0, 0]))
    first = int(np.flatnonzero(volume[:, y, x])[0])
    assert picked == store.at(first, y, x)[0]
    opened.viewer.dims.ndisplay = 2
    assert not opened.app.painter.solid
