"""The npe2 manifest: what it names is there, and reads what it says."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from cnmf3d.viewer import plugin

npe2 = pytest.importorskip("npe2")
MANIFEST = Path(plugin.__file__).with_name("napari.yaml")


def test_the_manifest_is_valid_and_names_what_there_is() -> None:
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    commands = manifest.contributions.commands
    for command in commands:
        module, name = str(command.python_name).split(":")
        assert callable(getattr(import_module(module), name))
    suffixes = {command.id.split(".")[1] for command in commands}
    assert not suffixes & {sample.key for sample in manifest.contributions.sample_data}  # napari mixes them up


def test_every_dock_is_a_widget_of_the_plugin() -> None:
    from cnmf3d.viewer.qt.docks import DOCKS

    manifest = npe2.PluginManifest.from_file(MANIFEST)
    offered = {widget.display_name for widget in manifest.contributions.widgets}
    assert {dock.name for dock in DOCKS} <= offered


def test_a_movie_is_read_as_one_lazy_layer(movie_file: Path) -> None:
    read = plugin.reader(str(movie_file))
    assert read is not None
    [(data, facts, kind)] = read(str(movie_file))
    assert kind == "image"
    assert data.shape == (12, 4, 9, 11)
    assert facts["scale"] == (1.0, 4.0, 1.0, 1.5)


def test_results_are_read_as_projections_and_labels(results_file: Path) -> None:
    from cnmf3d.results import load_results

    read = plugin.reader([str(results_file)])
    assert read is not None
    layers = read([str(results_file)])
    labels, _, kind = layers[-1]
    assert kind == "labels"
    components = load_results(results_file).components
    accepted = np.flatnonzero(components.accepted)
    shown = np.unique(labels)
    assert set(shown[shown > 0] - 1) <= set(accepted)
    strongest = components.footprints[:, accepted].toarray() / components.footprints.max(axis=0).toarray()[accepted]
    expected = np.where(strongest.max(axis=1) > 0, accepted[strongest.argmax(axis=1)] + 1, 0)
    np.testing.assert_array_equal(labels.ravel(), expected)


@pytest.mark.parametrize("name", ["absent.tif", "text.txt"])
def test_what_is_none_of_ours_is_left_to_others(tmp_path: Path, name: str) -> None:
    if name == "text.txt":
        (tmp_path / name).write_text("hello")
    assert plugin.reader(str(tmp_path / name)) is None
