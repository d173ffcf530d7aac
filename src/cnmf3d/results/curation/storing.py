"""A curation in a file: ROIs as plain arrays, and the group of a results file that holds them and the log."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import numpy.typing as npt
import xxhash

from cnmf3d.components import ERRORS, TRACES, Components, Kinetics, Traced
from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.hdf5 import refuse_elsewhere, written
from cnmf3d.results.curation.curation import Curation
from cnmf3d.results.curation.log import Entry
from cnmf3d.results.curation.rois import no_rois
from cnmf3d.stored_columns import stored_columns
from cnmf3d.written import whole_file

if TYPE_CHECKING:
    from cnmf3d.results.model import Results

FORMAT = 1
"""Version of the group, and of the journal."""

GROUP = "cnmf3d/curation"
KINETICS = tuple(f.name for f in dataclasses.fields(Kinetics))
QUALITY, SEEN, CHANNEL = "quality.", "seen", "channel."


def arrays_of(rois: Components) -> dict[str, npt.NDArray[Any]]:
    """ROIs as plain arrays by name, without what all share (volume and background)."""
    footprints = rois.footprints
    return {
        "data": footprints.data.astype(np.float32),
        "indices": footprints.indices.astype(np.int64),
        "indptr": footprints.indptr.astype(np.int64),
        **{name: getattr(rois, name) for name in TRACES},
        **{name: getattr(rois, name) for name in (SEEN, *ERRORS) if getattr(rois, name) is not None},
        **{name: getattr(rois.kinetics, name) for name in KINETICS},
        **{f"{CHANNEL}{c}.{name}": getattr(of, name) for c, of in rois.channels.items() for name in TRACES},
        **{QUALITY + name: values for name, values in rois.quality.items()},
        "accepted": rois.accepted,
    }


def rois_of(arrays: Mapping[str, npt.NDArray[Any]], like: Components) -> Components:
    """ROIs from what `arrays_of` made, with the volume and background of `like`.

    Raises
    ------
    KeyError, ValueError
        Where an array is missing or doesn't fit.
    """
    count, voxels = arrays["indptr"].size - 1, int(np.prod(like.shape))
    footprints = stored_columns(arrays["data"].astype(np.float32), arrays["indices"], arrays["indptr"], voxels)
    others = [name for name in arrays if name.startswith(CHANNEL)]
    for name in (*TRACES, *others, *(name for name in (SEEN, *ERRORS) if name in arrays)):
        if arrays[name].shape != (count, like.frames):
            raise ValueError(f"{name} has the shape {arrays[name].shape}, not {(count, like.frames)}")
    each = [arrays[n] for n in arrays if n in KINETICS or n.startswith(QUALITY) or n == "accepted"]
    if any(len(values) != count for values in each) or arrays["g"].ndim != 2:
        raise ValueError(f"not all ROIs have every value: {count} footprints")
    optional: dict[str, Any] = {
        name: arrays[name].astype(np.float32) if name in arrays else None for name in (SEEN, *ERRORS)
    }
    traces, residuals, spikes, dff = (arrays[name].astype(np.float32) for name in TRACES)
    rois = dataclasses.replace(
        no_rois(like),
        footprints=footprints,
        traces=traces,
        residuals=residuals,
        spikes=spikes,
        dff=dff,
        kinetics=Kinetics(**{name: arrays[name].astype(np.float32) for name in KINETICS}),
        quality={n.removeprefix(QUALITY): v.astype(np.float32) for n, v in arrays.items() if n.startswith(QUALITY)},
        accepted=arrays["accepted"].astype(bool),
        channels={
            name: Traced(*(arrays[f"{CHANNEL}{name}.{each}"].astype(np.float32) for each in TRACES))
            for name in dict.fromkeys(other.removeprefix(CHANNEL).rpartition(".")[0] for other in others)
        },
        **optional,
    )
    return rois.timed()


def fingerprint_of(components: Components) -> str:
    """32 hexadecimal digits that tell original components from others: footprints and traces."""
    footprints = components.footprints
    digest = xxhash.xxh3_128(repr((components.shape, (components.count, components.frames))).encode())
    for array in (footprints.indptr.astype(np.int64), footprints.indices.astype(np.int64), footprints.data):
        digest.update(np.ascontiguousarray(array).data)
    digest.update(np.ascontiguousarray(components.traces).data)
    return str(digest.hexdigest())


def write_curation(group: h5py.Group, curation: Curation) -> None:
    """Fill an empty group with a curation."""
    group.attrs["format"] = FORMAT
    group.create_dataset("log", data=[e.to_json() for e in curation.log], dtype=h5py.string_dtype())
    rois = group.create_group("rois")
    for name, array in arrays_of(curation.made).items():
        rois[name] = array


def read_curation(group: h5py.Group, like: Components) -> tuple[tuple[Entry, ...], Components]:
    """Read log and made ROIs that `write_curation` wrote, for the original components `like`.

    Raises
    ------
    InputError
        Where a newer cnmf3d wrote it, or the log has an entry that can't be understood.
    KeyError, ValueError
        Where it is damaged otherwise.
    """
    if int(group.attrs["format"]) > FORMAT:
        raise InputError(
            f"its curation was written by a newer cnmf3d (format {group.attrs['format']}, this one knows {FORMAT})",
            "Update cnmf3d.",
        )
    log = tuple(Entry.from_json(text) for text in group["log"].asstr()[()])
    return log, rois_of({name: values[()] for name, values in group["rois"].items()}, like)


def stored_log(path: Path) -> tuple[Entry, ...]:
    """The log that is in a results file."""
    with h5py.File(path, "r") as file:
        if GROUP not in file:
            return ()
        return tuple(Entry.from_json(text) for text in file[GROUP]["log"].asstr()[()])


def save_curation(path: str | Path, results: Results) -> None:
    """Put the curation of `results` into the file that its components were read from.

    The file is copied beside itself, the copy completed and renamed: whatever happens, there is the old file or the
    new one. Original components are never written again.

    Raises
    ------
    Cnmf3dError
        Where it can't be written; the file is as it was.
    """
    path = Path(path)
    try:
        with whole_file(path) as temporary:
            shutil.copyfile(path, temporary)
            with written(temporary, "r+") as file:
                refuse_elsewhere(file, path)
                if GROUP in file:
                    del file[GROUP]
                if results.curation is not None:
                    write_curation(file.create_group(GROUP), results.curation)
    except InputError:
        raise
    except Cnmf3dError as error:
        raise Cnmf3dError(
            f"the curation of {path} could not be saved: {error.problem}",
            f"{error.fix} Nothing is lost: the journal beside the file has every step.",
        ) from error
