"""Read results: ours, and those that CaImAn wrote."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d import plain_json
from cnmf3d.components import Background, Components, Float, Kinetics, RestingLight, VolumeShape
from cnmf3d.damage import DAMAGE
from cnmf3d.dff import delta_f_over_f
from cnmf3d.errors import InputError, UsageError
from cnmf3d.geometry import ZYX
from cnmf3d.hdf5 import refuse_elsewhere
from cnmf3d.regular import refuse_special
from cnmf3d.results.channels import read_channels
from cnmf3d.results.curation.curation import state_of, with_log
from cnmf3d.results.curation.journal import with_journal
from cnmf3d.results.curation.making import rest_level
from cnmf3d.results.curation.storing import GROUP, read_curation
from cnmf3d.results.errors import read_errors
from cnmf3d.results.model import Provenance, Results
from cnmf3d.results.seen import hidden, read_seen
from cnmf3d.results.stored import Stored, StoredBackground, StoredComponents
from cnmf3d.results.voxel_order import Order, order_of
from cnmf3d.results.writing import FORMAT
from cnmf3d.stored_columns import stored_columns
from cnmf3d.timeline import Timeline
from cnmf3d.traces import quiet_level


def load_results(path: str | Path, *, axes: str | None = None, later: bool = False) -> Results:
    """Read a results file: its components as curation left them, in the file and in the journal beside it.

    What the run found, before anybody judged it, is ``results.curation.found``; `cnmf3d.results.curated` gives the
    numbers and tags of the ROIs.

    Parameters
    ----------
    path : str or Path
        HDF5 in CaImAn's schema, written by us or by CaImAn (also 2D, which becomes a volume of one plane).
    axes : str, optional
        What the three ``dims`` are in a file that CaImAn wrote, which doesn't say: ``xyz``, or ``yxz`` where it was
        given a movie of T × Y × X × Z. Without it they are taken for ``xyz``, with a warning in the results'
        provenance. Two are always rows and columns. Our own files know.
    later : bool
        Leave traces and background of our own files there until they are asked for; see `StoredComponents`. Not under
        Windows, where a file that is open can't be saved anew.

    Raises
    ------
    UsageError
        For `axes` that aren't x, y and z.
    InputError
        Where there is no such file, it isn't HDF5 or is cut short, it isn't a results file, or a newer version of
        cnmf3d wrote it.
    """
    results = with_journal(read_file(path, axes=axes, later=later), path)
    try:
        state_of(results)
    except InputError as error:
        raise InputError(f"{path}: {error.problem}", error.fix) from error
    return results


def read_file(path: str | Path, *, axes: str | None = None, later: bool = False) -> Results:
    """As `load_results`, without steps of curation that only the journal has."""
    path = Path(path)
    if axes is not None and sorted(axes) != ["x", "y", "z"]:
        raise UsageError(f"axes is {axes!r}", "Give the order of CaImAn's dims: xyz or yxz.")
    if not path.exists():
        raise InputError(f"{path} does not exist", "Check the name; results end in .hdf5.")
    refuse_special(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder", "Give the results file in it, which ends in .hdf5.")
    if os.access(path, os.R_OK) and path.stat().st_size and not h5py.is_hdf5(path):
        raise InputError(
            f"{path} holds no results: it is no HDF5 file",
            "Give the .hdf5 that `cnmf3d run` or CaImAn wrote; of a movie, `cnmf3d run` makes it.",
        )
    try:
        if later and os.name != "nt":
            stored = Stored(path)
            refuse_elsewhere(stored.file, path)
            return _read(stored.file, path, axes, stored)
        with h5py.File(path, "r") as file:
            refuse_elsewhere(file, path)
            return _read(file, path, axes)
    except OSError as error:
        raise InputError(
            f"{path} can't be read as HDF5: {' '.join(str(error).split())}",
            "It may be cut short or another kind of file; give the .hdf5 that `cnmf3d run` or CaImAn wrote.",
        ) from error
    except DAMAGE as error:
        raise InputError(
            f"{path} holds results that are damaged: {error}", "Compute them again, or take an older copy."
        ) from error


def _read(file: h5py.File, path: Path, axes: str | None, stored: Stored | None = None) -> Results:
    if "estimates" not in file or "A" not in file["estimates"] or "C" not in file["estimates"]:
        raise InputError(
            f"{path} is HDF5, but holds no results: it has {', '.join(sorted(file)) or 'nothing'}",
            "Give the file that `cnmf3d run` or CaImAn's cnm.save wrote.",
        )
    own = _own(file)
    if own is not None and int(own.attrs["format"]) > FORMAT:
        raise InputError(
            f"{path} was written by a newer cnmf3d (format {own.attrs['format']}, this one knows {FORMAT})",
            "Update cnmf3d.",
        )
    estimates = file["estimates"]
    shape, order, guesses = _volume(file, estimates, path, axes)
    components = _components(estimates, own, shape, order, path, stored if own is not None else None)
    noise = _array(estimates, "sn")
    volume = None if noise is None or noise.size != np.prod(shape) else noise[order].reshape(shape).astype(np.float32)
    results = _results(file, own, components, volume, guesses)
    if GROUP not in file:
        return results
    try:
        return with_log(results, *read_curation(file[GROUP], components))
    except InputError as error:
        raise InputError(f"{path}: {error.problem}", error.fix) from error


def _own(file: h5py.File) -> h5py.Group | None:
    """Our group; None in a file of CaImAn's, which has one only for its curation."""
    own = file.get("cnmf3d")
    return own if own is not None and "format" in own.attrs else None


def _results(
    file: h5py.File, own: h5py.Group | None, components: Components, noise: Float | None, guesses: tuple[str, ...]
) -> Results:
    if own is None:
        params = _dictionary(file["params"]) if "params" in file else {}
        rate = float(params.get("data", {}).get("fr") or 0.0)
        paths = tuple(p for p in (str(file.attrs.get("mmap_file", "")),) if p)
        source = Provenance(input_paths=paths, warnings=guesses)
        return Results(components, {"caiman": params}, rate, None, noise, {}, source)
    told = plain_json.loads(own.attrs["provenance"])
    size = own.attrs.get("voxel_size_zyx_um")
    return Results(
        components=components,
        parameters=plain_json.loads(own.attrs["parameters"]),
        rate=float(own.attrs["rate"]),
        voxel_size=None if size is None else ZYX(*(float(v) for v in size)),
        noise=noise,
        projections={name: volume[()] for name, volume in own["projections"].items()},
        provenance=Provenance(
            input_paths=tuple(told["input_paths"]),
            fingerprint=told["fingerprint"],
            versions=told["versions"],
            started=told["started"],
            timings=told["timings"],
            estimates=told["estimates"],
            warnings=tuple(told["warnings"]),
            asked=told.get("asked", {}),
        ),
        timeline=_timeline(own),
    )


def timeline_in(path: Path) -> Timeline:
    """When the frames of a results file were taken, without reading anything else.

    Raises
    ------
    InputError
        Where it can't be read.
    """
    try:
        with h5py.File(path, "r") as file:
            refuse_elsewhere(file, path)
            own = _own(file)
            return Timeline() if own is None else _timeline(own)
    except DAMAGE as error:
        raise InputError(f"{path} can't be read: {error}", "Is the file still there, and whole?") from error


def _timeline(own: h5py.Group) -> Timeline:
    """When frames were taken; evenly and all planes at once in files that were written before this was stored."""
    stamps = np.asarray(own["seconds"][()], np.float64) if "seconds" in own else None
    return Timeline.from_json(str(own.attrs["timeline"]), stamps) if "timeline" in own.attrs else Timeline()


def _volume(
    file: h5py.File, estimates: h5py.Group, path: Path, axes: str | None
) -> tuple[VolumeShape, Order, tuple[str, ...]]:
    """Shape as (Z, Y, X), which stored row each of our voxels is, and what was guessed of that."""
    own = _own(file)
    dims = _array(file, "dims")
    if own is not None:
        z, y, x = (int(n) for n in own.attrs["shape_zyx"])
        flat = dims is not None and dims.size == 2  # older files have three dims for one plane, too
        return (z, y, x), order_of((y, x))[1] if flat else slice(None), ()
    if dims is None:
        dims = _array(estimates, "dims")
    if dims is None or dims.size not in (2, 3):
        raise InputError(f"{path} does not say how large the volume is (dims)", "Save it again with CaImAn.")
    sizes = tuple(dims.tolist())
    text = (
        f"{path}: CaImAn's file does not say what its dims {sizes} are; they were taken for x, y, z. If it was given a "
        'movie of T × Y × X × Z, open it with axes="yxz" (--axes yxz); of T × Z × Y × X, with axes="zyx".'
    )
    return (*order_of(sizes, axes or "xyz"), (text,) if axes is None and len(sizes) == 3 else ())


def _components(
    estimates: h5py.Group, own: h5py.Group | None, shape: VolumeShape, order: Any, path: Path, stored: Stored | None
) -> Components:
    footprints = _footprints(estimates["A"], shape, order, path)
    count = footprints.shape[1]

    def each(name: str, fill: float = 0.0) -> Float:
        values = _array(estimates, name)
        return np.full(count, fill, np.float32) if values is None or len(values) != count else _numbers(values)

    g = _array(estimates, "g")
    kinetics = Kinetics(
        g=np.zeros((count, 0), np.float32)
        if g is None
        else g.reshape(count, g.shape[-1] if count == 0 else -1).astype(np.float32),
        baseline=each("bl"),
        initial=each("c1"),
        noise=each("neurons_sn"),
        sparsity=each("lam"),
    )
    rest: dict[str, Any] = {
        "shape": shape,
        "footprints": footprints,
        "kinetics": kinetics,
        "quality": _quality(estimates, own, count),
        "accepted": _accepted(estimates, count),
        "resting": RestingLight.from_json(own.attrs["resting_light"])
        if own is not None and "resting_light" in own.attrs
        else RestingLight(),
        "plane_times": () if own is None else _timeline(own).late,
    }
    if stored is not None and _all_there(estimates, count):
        names = {field: f"estimates/{name}" for field, name in TRACES.items()}
        frames = stored.shape(names["traces"])[1]
        background = StoredBackground.of(
            lambda: stored.read(lambda: _background(stored.file["estimates"], order, frames))
        )
        return StoredComponents.of(stored, names, {**rest, "background": background})
    channels = {} if own is None else read_channels(own.file)
    errors = {} if own is None else read_errors(own.file)
    whole = Components(**rest, **_traces(estimates, footprints, order), channels=channels, **errors)
    if own is None or (seen := read_seen(own.file)) is None:
        return whole
    traces: dict[str, Any] = {name: hidden(own.file, getattr(whole, name)) for name in TRACES}
    return dataclasses.replace(whole, **traces, seen=seen)


def _footprints(group: h5py.Group, shape: VolumeShape, order: Any, path: Path) -> sparse.csc_array[Any]:
    data, indices, indptr = (group[name][()] for name in ("data", "indices", "indptr"))
    matrix = stored_columns(np.asarray(data, np.float32), indices, indptr, int(group["shape"][0]))
    if matrix.shape != tuple(group["shape"]):
        raise ValueError(f"footprints of {matrix.shape[1]} ROIs, where {tuple(group['shape'])} is said")
    if matrix.shape[0] != np.prod(shape):
        raise InputError(
            f"{path}: footprints have {matrix.shape[0]} voxels, the volume {int(np.prod(shape))}",
            "The file is damaged or its dims are wrong.",
        )
    return matrix if isinstance(order, slice) else sparse.csc_array(sparse.csr_array(matrix)[order])


TRACES = {"traces": "C", "residuals": "YrA", "spikes": "S", "dff": "F_dff"}
"""Matrices of a row a component, as our own files have them."""


def _all_there(estimates: h5py.Group, count: int) -> bool:
    """Whether all traces are matrices of one shape, which can be read in parts."""
    shape: tuple[int, ...] = getattr(estimates["C"], "shape", ())
    same = all(name in estimates and getattr(estimates[name], "shape", None) == shape for name in TRACES.values())
    return same and len(shape) == 2 and int(shape[0]) == count


def _traces(estimates: h5py.Group, footprints: sparse.csc_array[Any], order: Any) -> dict[str, Any]:
    """Traces and background, with zeros for what the file doesn't have, and ΔF/F computed where it is absent."""
    traces = np.asarray(estimates["C"][()], np.float32)
    count, frames = footprints.shape[1], traces.shape[1] if traces.ndim == 2 else 0
    traces = traces.reshape(count, frames)

    def stored_traces(*names: str) -> Float | None:
        for name in names:
            values = _array(estimates, name)
            if values is not None and values.shape == traces.shape:
                return values.astype(np.float32, copy=False)
        return None

    def like_traces(*names: str) -> Float:
        values = stored_traces(*names)
        return np.zeros_like(traces) if values is None else values

    residuals, background = like_traces("YrA", "R"), _background(estimates, order, frames)
    dff = stored_traces("F_dff")
    if dff is None:
        dff = _delta_f(traces + residuals, footprints, background)
    return {
        "traces": traces,
        "residuals": residuals,
        "spikes": like_traces("S"),
        "background": background,
        "dff": dff,
    }


def _delta_f(raw: Float, footprints: sparse.csc_array[Any], background: Background) -> Float:
    """ΔF/F where the file has none: raw traces above their quiet level, over that and the resting light behind it."""
    if not raw.size:
        return raw
    level, noise = quiet_level(raw)
    return delta_f_over_f(raw, level, noise, footprints, rest_level(background), RestingLight())[0]


def _background(estimates: h5py.Group, order: Any, frames: int) -> Background:
    spatial, temporal = _array(estimates, "b"), _array(estimates, "f")
    if spatial is None or temporal is None:
        voxels = int(estimates["A"]["shape"][0])
        return Background(np.zeros((voxels, 0), np.float32), np.zeros((0, frames), np.float32))
    return Background(np.asarray(spatial[order], np.float32), np.atleast_2d(temporal).astype(np.float32))


def _quality(estimates: h5py.Group, own: h5py.Group | None, count: int) -> dict[str, Float]:
    if own is not None:
        found = {name: values[()].astype(np.float32) for name, values in own["quality"].items()}
        wrong = next((name for name, values in found.items() if values.shape != (count,)), None)
        if wrong is not None:
            raise ValueError(f"quality {wrong} has the shape {found[wrong].shape}, for {count} components")
        return found
    out = {}
    for name, theirs in (("snr", "SNR_comp"), ("r_value", "r_values")):
        values = _array(estimates, theirs)
        if values is not None and len(values) == count:
            out[name] = values.astype(np.float32)
    return out


def _accepted(estimates: h5py.Group, count: int) -> npt.NDArray[np.bool_]:
    """Accepted components; all of them where nothing was judged."""
    good = _array(estimates, "idx_components")
    if good is None:
        return np.ones(count, bool)
    if good.size and not (good.min() >= 0 and good.max() < count):
        raise ValueError(f"idx_components names component {good.max():g}, of {count}")
    accepted = np.zeros(count, bool)
    accepted[good.astype(int)] = True
    return accepted


def _array(group: h5py.Group, name: str) -> npt.NDArray[Any] | None:
    """A dataset; None where it is absent or stands for None."""
    if name not in group or not isinstance(group[name], h5py.Dataset):
        return None
    value = group[name][()]
    if isinstance(value, (bytes, str)):
        return None
    return np.asarray(value)


def _numbers(values: npt.NDArray[Any]) -> Float:
    """Numbers, also those that CaImAn could only store as text; text that is no number becomes zero."""
    if values.dtype.kind not in "SUO":
        return values.astype(np.float32)

    def number(text: Any) -> float:
        plain = text.decode() if isinstance(text, bytes) else str(text)
        try:
            return float(plain.strip("[] "))
        except ValueError:
            return 0.0

    return np.array([number(v) for v in values], np.float32)


def _dictionary(group: h5py.Group) -> dict[str, Any]:
    """A group of CaImAn's as nested dicts of plain values."""
    out: dict[str, Any] = {str(name): _plain(value) for name, value in group.attrs.items()}
    for name, member in group.items():
        out[name] = _dictionary(member) if isinstance(member, h5py.Group) else _plain(member[()])
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        text = value.decode(errors="replace")
        return None if text == "NoneType" else text
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value.tolist()]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return value
