"""Exports and imports from the window: what a dialog says becomes a task; what can be checked is checked before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnmf3d.components import VolumeShape
from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.geometry import ZYX, along_axes
from cnmf3d.results import Results, write_results
from cnmf3d.results.exports import Export, Exporter, export, export_of, exporter_of
from cnmf3d.results.exports.nwb.metadata import metadata_of, read_metadata
from cnmf3d.results.imports import FLAGS, Given, import_results, importers
from cnmf3d.results.placing import refuse_existing, refuse_same
from cnmf3d.viewer.opening import check_fits

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.tasks import Task


@dataclass(frozen=True)
class Wish:
    """What the export dialog says.

    Attributes
    ----------
    format : str
        As in `cnmf3d.results.exports.exporters`.
    out : str
        File or folder.
    accepted_only : bool
        Leave rejected ROIs out.
    force : bool
        Replace an earlier export.
    metadata : str
        A YAML file for NWB; may be empty.
    pairs : tuple of str
        ``NAME=VALUE`` for NWB.
    """

    format: str
    out: str
    accepted_only: bool = False
    force: bool = False
    metadata: str = ""
    pairs: tuple[str, ...] = ()


def suggested(app: App, chosen: Exporter) -> str:
    """Where an export goes if nothing else is said: beside the results, or beside the movie."""
    movie = app.movie
    beside = app.results_path or (Path(movie.paths[0]) if movie is not None and movie.paths else Path("rois"))
    stem = beside.name.removesuffix(".hdf5").removesuffix(".cnmf3d")
    ending = {"ome-zarr": ".ome.zarr", "caiman": ".curated.hdf5", "label-tiff": ".labels.tif"}.get(chosen.name)
    return str(beside.with_name(stem + (ending or (chosen.suffixes[0] if chosen.suffixes else f"_{chosen.name}"))))


def start_export(app: App, wish: Wish) -> Task:
    """Begin an export of the ROIs on the screen, as curation left them.

    Raises
    ------
    UsageError, InputError
        Where there are no ROIs, or what the dialog says can't be.
    """
    if app.rois is None:
        raise UsageError("there are no ROIs to export", "Open a results file first.")
    if not wish.out.strip():
        raise UsageError("the export has no place to go", "Name a file or folder.")
    chosen, out = exporter_of(wish.format), Path(wish.out.strip()).expanduser()
    leaving = _leaving(app.rois.results, wish, chosen)
    if chosen.suffixes and not out.name.lower().endswith(chosen.suffixes):
        raise UsageError(f"{out.name} isn't named {' or '.join(chosen.suffixes)}", f"Add {chosen.suffixes[0]}.")
    if app.results_path is not None:
        refuse_same(out, app.results_path)
    if out.exists() and not wish.force:
        raise UsageError(f"{out} exists already", "Name another one, or tick “Replace an earlier export”.")

    def done(notes: tuple[str, ...]) -> None:
        app.tell(" ".join([f"Exported {len(leaving.ids)} ROIs to {out}.", *notes]))

    return app.tasks.start(
        f"Exporting {out.name}", lambda task: export(wish.format, leaving, out, force=wish.force), done, app.fail
    )


def _leaving(results: Results, wish: Wish, chosen: Exporter) -> Export:
    """What leaves, with metadata that are checked."""
    metadata = {}
    if "metadata" in chosen.takes:
        file = wish.metadata.strip()
        metadata = read_metadata(Path(file).expanduser() if file else None, wish.pairs)
        metadata_of(metadata)
    return export_of(results, accepted_only=wish.accepted_only, metadata=metadata)


def given_of(texts: Mapping[str, str], name: str) -> Given:
    """What the import dialog's fields say, of those that the format takes.

    Parameters
    ----------
    texts : mapping
        Field of `Given` to what was typed; ``rate``, ``voxel_size`` and ``shape`` are numbers, in the order x, y, z.
    name : str
        Of the format.

    Raises
    ------
    UsageError
        Where a text is no number.
    """
    takes = importers()[name].takes
    told = {field: texts.get(field, "").strip() if field in takes else "" for field in FLAGS}
    rate = _numbers(told["rate"], "the rate")
    return Given(
        axes=told["axes"] or None,
        rate=rate[0] if rate else None,
        voxel_size=_size(told["voxel_size"]),
        shape=_shape(told["shape"]),
        member=told["member"] or None,
    )


def _numbers(text: str, what: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.replace("×", ",").split(",")) if text else ()
    except ValueError:
        raise UsageError(f"{what} is {text!r}", "Write numbers, with commas between them.") from None


def _size(text: str) -> ZYX | None:
    values = _numbers(text, "the size of a voxel")
    return along_axes(values, "the size of a voxel") if values else None


def _shape(text: str) -> VolumeShape | None:
    values = _numbers(text, "the size of the volume")
    if not values:
        return None
    if len(values) != 3 or any(value < 1 or value != int(value) for value in values):
        raise UsageError(f"the size of the volume is {text!r}", "Give voxels along x, y, z: 512, 512, 30.")
    x, y, z = (int(value) for value in values)
    return z, y, x


def known_of(app: App) -> dict[str, str]:
    """What the open movie says for an import, as the dialog's fields have it."""
    if app.environment.isEmpty:
        return {}
    movie = app.environment.imgdata.described
    _, z, y, x = movie.shape
    told = {"shape": f"{x}, {y}, {z}"}
    if movie.rate:
        told["rate"] = f"{movie.rate:g}"
    if movie.voxel_size is not None:
        told["voxel_size"] = ", ".join(f"{side:g}" for side in movie.voxel_size.xyz)
    return told


def start_import(app: App, name: str, source: str, out: str, texts: Mapping[str, str], *, force: bool = False) -> Task:
    """Begin an import; the results file that it makes is opened, with the movie that is open where the ROIs fit it.

    Parameters
    ----------
    app : App
    name : str
        Of the format.
    source, out : str
        What is read, and the results file that is written.
    texts : mapping
        As `given_of` has it.
    force : bool
        Replace a results file.

    Raises
    ------
    UsageError
        Where what the dialog says can't be.
    """
    if not source.strip() or not out.strip():
        raise UsageError("an import reads one thing and writes another", "Name both.")
    place, read = Path(out.strip()).expanduser(), Path(source.strip()).expanduser()
    if place.suffix.lower() not in (".hdf5", ".h5"):
        raise UsageError(f"{place.name} isn't named .hdf5", f"Name it {place.name}.hdf5.")
    given = given_of(texts, name)
    refuse_same(place, read)
    if app.results_path is not None and place.resolve() == app.results_path.resolve():
        raise UsageError(f"{place} is open in this window", "Name another file.")
    refuse_existing(place, force=force)

    def work(task: Task) -> Results:
        results = import_results(name, read, given)
        write_results(results, place)
        return results

    def done(results: Results) -> None:
        app.open(place, **_movie_for(app, results))

    return app.tasks.start(f"Importing {read.name}", work, done, app.fail)


def _movie_for(app: App, results: Results) -> dict[str, Any]:
    """The open movie, as `App.open` takes it, where the ROIs fit it."""
    movie = app.movie
    try:
        if movie is None:
            return {}
        check_fits(movie, results)
        source, opening = app.environment.imgdata.source()
    except Cnmf3dError:
        return {}
    return {"movie": list(source) if isinstance(source, tuple) else source, **opening}
