"""Plugin: the same docks, readers and sample data in a plain napari. Named in `napari.yaml`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LayerData = tuple[Any, dict[str, Any], str]


def dock(viewer: Any, name: str) -> Any:
    """A dock of the table for a napari viewer."""
    from cnmf3d.viewer.app import app_of
    from cnmf3d.viewer.qt.docks import dock_named
    from cnmf3d.viewer.qt.hosting import host

    app = app_of(viewer)
    host(app)
    return dock_named(name).make(app)


def rois(napari_viewer: Any) -> Any:
    """The table of ROIs."""
    return dock(napari_viewer, "ROIs")


def traces(napari_viewer: Any) -> Any:
    """Traces of the selected ROIs."""
    return dock(napari_viewer, "Traces")


def heat_map(napari_viewer: Any) -> Any:
    """Traces of all accepted ROIs."""
    return dock(napari_viewer, "Heat map")


def environment(napari_viewer: Any) -> Any:
    """Metadata and history."""
    return dock(napari_viewer, "Work environment")


def movie_tools(napari_viewer: Any) -> Any:
    """Projections, crop, measure."""
    return dock(napari_viewer, "Movie")


def registration(napari_viewer: Any) -> Any:
    """How the tissue moves, estimated and taken out."""
    return dock(napari_viewer, "Registration")


def motion(napari_viewer: Any) -> Any:
    """Shifts over time, bad frames."""
    return dock(napari_viewer, "Motion")


def form(napari_viewer: Any) -> Any:
    """Parameters of CNMF."""
    return dock(napari_viewer, "CNMF 3D")


def batches(napari_viewer: Any) -> Any:
    """The Batch Manager."""
    return dock(napari_viewer, "Batch Manager")


def scripts(napari_viewer: Any) -> Any:
    """The Script Editor."""
    return dock(napari_viewer, "Script Editor")


def curation(napari_viewer: Any) -> Any:
    """ROIs by rule, drawn and edited; the log."""
    return dock(napari_viewer, "Curation")


def project(napari_viewer: Any) -> Any:
    """The project browser."""
    return dock(napari_viewer, "Project")


def reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """What reads a path, or None where it is none of ours.

    A viewer whose docks are open takes over results with their ROIs; otherwise they come as layers.
    """
    from cnmf3d.viewer.opening import opens

    paths = path if isinstance(path, list) else [path]
    return _read if all(opens(each) in ("movie", "results") for each in paths) else None


def _read(path: Any) -> list[LayerData]:
    """Layers of a movie or of results."""
    from cnmf3d.viewer.opening import kind_of

    source = path[0] if isinstance(path, list) and len(path) == 1 else path
    if isinstance(source, str) and kind_of(source) == "results":
        return results_layers(Path(source))
    return movie_layers(source)


def movie_layers(source: Any) -> list[LayerData]:
    """A movie as one image layer that is read where it is looked at."""
    from cnmf3d.movies import open_movie
    from cnmf3d.viewer.models.movie_array import MovieArray, contrast_of

    movie = open_movie(source)
    size = movie.voxel_size
    scale = (1.0, 1.0, 1.0) if size is None else tuple(size)
    facts = {
        "name": Path(str(source if isinstance(source, str) else source[0])).stem,
        "contrast_limits": contrast_of(movie),
        "scale": (1.0, *scale),
        "units": ("pixel", *(("pixel" if size is None else "um",) * 3)),
        "axis_labels": ("t", "z", "y", "x"),
        "cache": False,
    }
    return [(MovieArray(movie), facts, "image")]


def results_layers(path: Path) -> list[LayerData]:
    """Projections of results, and accepted ROIs as labels: id plus one."""
    from cnmf3d.results import curated, load_results

    now = curated(load_results(path))
    results, ids = now.results, now.ids
    size = results.voxel_size
    shared = {
        "scale": (1.0, 1.0, 1.0) if size is None else tuple(size),
        "units": ("pixel" if size is None else "um",) * 3,
        "axis_labels": ("z", "y", "x"),
    }
    out: list[LayerData] = [
        (volume, {"name": f"{path.stem} {name}", "visible": name == "mean", **shared}, "image")
        for name, volume in results.projections.items()
    ]
    components = results.components
    labels = np.zeros(int(np.prod(components.shape)), np.int32)
    strongest = np.zeros(labels.size, np.float32)
    footprints = components.footprints
    for column in np.flatnonzero(components.accepted):
        span = slice(footprints.indptr[column], footprints.indptr[column + 1])
        voxels, weights = footprints.indices[span], footprints.data[span]
        share = weights / max(float(weights.max(initial=0)), 1e-30)
        stronger = share > strongest[voxels]
        labels[voxels[stronger]] = ids[column] + 1
        strongest[voxels[stronger]] = share[stronger]
    out.append((labels.reshape(components.shape), {"name": f"{path.stem} ROIs", **shared}, "labels"))
    return out


def demo_layers() -> list[LayerData]:
    """A simulated volume with its cells; the first time it is made, which takes half a minute."""
    from cnmf3d.viewer.demo import demo_results
    from cnmf3d.viewer.tasks import Task

    path = demo_results(Task("demo", lambda task: None))
    return [*movie_layers(str(path.with_name("demo.tif"))), *results_layers(path)]
