"""Zarr 2 and 3 arrays, OME-Zarr images (OME-NGFF 0.4, 0.5) and NWB in Zarr, local or at any address of fsspec."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import ChoiceError, Cnmf3dError, InputError
from cnmf3d.faults import CODE, library_fault
from cnmf3d.movies.axes import letters_of
from cnmf3d.movies.formats.attributes import facts_of
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.nwb_series import is_nwb, read_series
from cnmf3d.movies.formats.zarr_chunks import chunks_of
from cnmf3d.movies.formats.zarr_missing import missing_chunks
from cnmf3d.movies.kept_times import NAME, with_kept
from cnmf3d.movies.stored import Facts, Index, LazyArray, Place, Stored
from cnmf3d.movies.units import micrometres, seconds, voxel_size

if TYPE_CHECKING:
    import zarr

MARKS = ("zarr.json", ".zarray", ".zgroup", ".zattrs")
"""Files that make a folder a zarr array or group."""

OLD_AXES = ("t", "c", "z", "y", "x")
"""Axes of OME-NGFF 0.1 and 0.2, which have no list of them."""


class Chunked:
    """A zarr array whose failures name the file. Several threads may read."""

    def __init__(self, place: Place, array: zarr.Array) -> None:
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype)
        self._place = place
        self._array = array

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part."""
        try:
            return np.asarray(self._array[index])
        except CODE as error:
            raise library_fault(str(self._place), error) from error
        except Exception as error:
            problem = f"{self._place}: a chunk of {self._array.name} can't be read ({error})"
            raise InputError(problem, "The store is damaged or can't be reached: copy it again.") from error


def is_zarr_folder(path: Path) -> bool:
    """Whether a folder is a zarr array or group."""
    return any((path / mark).exists() for mark in MARKS)


def recognises(place: Place) -> bool:
    """Whether a place is a zarr folder, a zarr in a zip file, or an address."""
    if place.path is None:
        return True
    if place.path.is_dir():
        return place.suffix == ".zarr" or is_zarr_folder(place.path)
    return place.address.lower().endswith((".zarr.zip", ".ozx"))


def open_zarr(place: Place, dataset: str | None) -> Stored:
    """Open a zarr array, an OME-Zarr image, or an imaging series where the store is NWB.

    Parameters
    ----------
    place : Place
    dataset : str or None
        Path of an array or an image within the group.

    Raises
    ------
    InputError
        Where there is no zarr, a package for the address is missing, or an array must be chosen.
    """
    import zarr

    from cnmf3d.movies.formats.zarr_store import store_of

    try:
        node = zarr.open(store_of(place), mode="r")
        if isinstance(node, zarr.Group) and is_nwb(dict(node.attrs)):
            return read_series(place, Tree(place, node), dataset)
        if dataset is not None and isinstance(node, zarr.Group):
            node = _member(place, node, dataset)
        return _stored(place, node, "")
    except Cnmf3dError:
        raise
    except ImportError as error:
        raise InputError(f"{place} needs a package that is not installed ({error})", "Install it with pip.") from error
    except CODE as error:
        raise library_fault(str(place), error) from error
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        fix = "Check the address. Over a network only zarr is read; copy files of other formats here first."
        raise InputError(f"{place} can't be read as zarr ({text})", fix) from error


@dataclass(frozen=True)
class Tree:
    """A zarr group as `nwb_series` reads it; links are attributes of their group, as hdmf-zarr writes them."""

    place: Place
    root: zarr.Group

    def groups(self) -> dict[str, zarr.Group]:
        """All groups by path, but those with the schema."""
        found: dict[str, zarr.Group] = {}

        def look(group: zarr.Group, path: str) -> None:
            for name, item in group.groups():
                found[f"{path}/{name}"] = item
                if (path, name) != ("", "specifications"):
                    look(item, f"{path}/{name}")

        with warnings.catch_warnings(category=UserWarning):
            warnings.simplefilter("ignore")  # about arrays that zarr_store leaves out
            look(self.root, "")
        return found

    def child(self, group: zarr.Group, name: str) -> Any:
        """A group's member, or what its link of that name leads to within the store; None without either."""
        found = group.get(name)
        if found is not None:
            return found
        links = group.attrs.get("zarr_link")
        for link in links if isinstance(links, list) else []:
            if isinstance(link, Mapping) and link.get("name") == name and link.get("source", ".") in (".", ""):
                return self.root.get(str(link.get("path", "")).strip("/"))
        return None

    def lazily(self, array: zarr.Array) -> LazyArray:
        """See `_lazily`."""
        return _lazily(self.place, array)

    def cautions(self, array: zarr.Array) -> tuple[str, ...]:
        """Warn of chunks that aren't there."""
        return _missing(self.place, array)


def _member(place: Place, group: zarr.Group, dataset: str) -> Any:
    """Find an array or an image within a group."""
    try:
        return group[dataset.strip("/")]
    except KeyError as error:
        raise InputError(f"{place} has nothing named {dataset!r}", f"It holds: {_listing(group)}.") from error


def _stored(place: Place, node: Any, note: str) -> Stored:
    """Open an array, an image, or the only one that a group holds."""
    import zarr

    if isinstance(node, zarr.Array):
        return _plain(place, node)
    attributes: Mapping[str, Any] = dict(node.attrs)
    image = attributes.get("ome", attributes)
    if isinstance(image, Mapping) and image.get("multiscales"):
        return _image(place, node, image, note)
    series = sorted((name for name in node.group_keys() if name.isdecimal()), key=int)
    if series:
        others = f"{place} holds the images {', '.join(series)}; image {series[0]} was taken. Others: dataset=."
        return _stored(place, node[series[0]], others if len(series) > 1 else "")
    arrays = _arrays(node)
    if not arrays:
        raise InputError(f"{place} holds no array with three to five dimensions", "Check that it holds a movie.")
    if len(arrays) > 1:
        first = next(iter(arrays))
        fix = f'Say which one, e.g. dataset="{first}" (--dataset {first}). It holds: {_listing(node)}.'
        choices = _listing(node).split("; ")
        raise ChoiceError(f"{place} holds {len(arrays)} arrays that could be the movie", fix, "dataset", choices)
    return _plain(place, next(iter(arrays.values())))


def _arrays(group: zarr.Group) -> dict[str, zarr.Array]:
    """Arrays of numbers with three to five dimensions, by path."""
    import zarr

    members = group.members(max_depth=4)
    return {name: item for name, item in members if isinstance(item, zarr.Array) and 3 <= item.ndim <= 5}


def _listing(group: zarr.Group) -> str:
    """Name the arrays of a group with their shapes."""
    return "; ".join(f"{name} {item.shape} {item.dtype}" for name, item in _arrays(group).items()) or "no movies"


def _plain(place: Place, array: zarr.Array) -> Stored:
    """Take an array with the names of its dimensions, where it has any."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    axes = letters_of(names, array.ndim)
    facts = replace(facts_of(dict(array.attrs)), warnings=_missing(place, array))
    return Stored(_lazily(place, array), axes, f"Zarr {array.metadata.zarr_format}", facts)


def _image(place: Place, group: zarr.Group, image: Mapping[str, Any], note: str) -> Stored:
    """Take the full resolution of an OME-Zarr image."""
    import zarr

    scales = image["multiscales"][0]
    level = scales["datasets"][0]
    array = group[level["path"]]
    if not isinstance(array, zarr.Array):
        raise InputError(f"{place} has no array {level['path']}", "Copy it again: its description names one there.")
    names = [axis["name"] if isinstance(axis, Mapping) else axis for axis in scales.get("axes", OLD_AXES)]
    axes = letters_of(names, array.ndim)
    factors = np.ones(array.ndim)
    for transforms in (
        level.get("coordinateTransformations", []),
        scales.get("coordinateTransformations", []),
    ):
        for transform in transforms:
            if transform.get("type") == "scale" and len(transform.get("scale", [])) == array.ndim:
                factors = factors * np.asarray(transform["scale"], float)
    units = [axis.get("unit", "") if isinstance(axis, Mapping) else "" for axis in scales.get("axes", [])]
    interval, sides, assumed = _scaled(axes, factors, units)
    cautions = [*([note] if note else []), *_missing(place, array)]
    if assumed:
        text = f"{place} gives scales without a unit along {', '.join(assumed)}; µm and seconds were assumed"
        cautions.append(f"{text}. Give rate= and voxel_size= if that is wrong.")
    entries: dict[str, Any] = {"name": scales["name"]} if scales.get("name") else {}
    channels = [channel.get("label", "") for channel in (image.get("omero") or {}).get("channels", [])]
    if any(channels):
        entries["channels"] = channels
    version = image.get("version") or scales.get("version") or "0.4"
    facts = Facts(1 / interval if interval else None, voxel_size(*sides), entries, tuple(cautions))
    stored = Stored(_lazily(place, array), axes, f"OME-Zarr {version}", facts)
    return with_kept(stored, group.attrs.get(NAME))


def _scaled(
    axes: str, factors: npt.NDArray[np.float64], units: Sequence[str]
) -> tuple[float | None, list[float | None], list[str]]:
    """Read interval (s), sides (z, y, x in µm), and the axes whose unit was assumed.

    A factor of one without a unit is what programs write that know nothing.
    """
    known: dict[str, float | None] = {}
    assumed = []
    for axis, factor, unit in zip(axes, factors, units, strict=False):
        if axis not in "tzyx" or (not unit and factor == 1):
            continue
        if not unit:
            assumed.append(axis)
        known[axis] = seconds(factor, unit or "s") if axis == "t" else micrometres(factor, unit or "um")
    return known.get("t"), [known.get(axis) for axis in "zyx"], assumed


def _lazily(place: Place, array: zarr.Array) -> LazyArray:
    """See an array as a lazy one: its chunks are decoded here where they can be, else by zarr."""
    return chunks_of(place, array) or Chunked(place, array)


def _missing(place: Place, array: zarr.Array) -> tuple[str, ...]:
    """Warn of chunks that aren't there: zarr reads them as the fill value, with no warning."""
    missing = missing_chunks(place, array)
    if not missing:
        return ()
    text = f"{place}: {missing} of {array.name} are missing and read as {array.fill_value}"
    return (f"{text}. Copy it again if it should be whole.",)


FORMAT = Format("Zarr and OME-Zarr", (".zarr", ".zarr.zip", ".ozx"), recognises, open_zarr)
