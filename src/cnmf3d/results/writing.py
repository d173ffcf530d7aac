"""Write results: HDF5 in CaImAn's schema, plus a ``cnmf3d`` group of our own.

CaImAn stores a volume as ``dims = (d1, d2, d3)`` flattened in Fortran order. With ``dims = (X, Y, Z)`` that is C order
over (Z, Y, X), so nothing is transposed. One plane has ``dims = (Y, X)``, as CaImAn and all that reads its files have
it; see `cnmf3d.results.voxel_order`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.errors import Cnmf3dError
from cnmf3d.hdf5 import written
from cnmf3d.results.caiman_params import caiman_parameters
from cnmf3d.results.channels import write_channels
from cnmf3d.results.curation.curation import found_of
from cnmf3d.results.curation.storing import write_curation
from cnmf3d.results.errors import write_errors
from cnmf3d.results.model import Results
from cnmf3d.results.seen import finite, write_seen
from cnmf3d.results.voxel_order import Order, dims_of, order_of, stored
from cnmf3d.stored_names import readable
from cnmf3d.written import whole_file

FORMAT = 2
"""Version of the ``cnmf3d`` group; since 2, one plane has two ``dims``."""

NONE_FIELDS = (
    "A_thr", "Ab", "Ab_dense", "AtA", "AtY_buf", "CC", "CY", "C_on", "Cf", "OASISinstances", "W", "Yr_buf", "b0",
    "center", "dims", "discarded_components", "ecc", "ind_new", "mn", "noisyC", "psx", "rho_buf", "sv", "vr",
)  # fmt: skip
"""Members of CaImAn's estimates that stay empty."""


WORTH_COMPRESSING = 8 * 2**20
"""Bytes from which compressing saves more room than its time is worth."""


def write_results(results: Results, path: str | Path) -> Path:
    """Write `results` to an HDF5 file; it appears whole or not at all.

    Of curated results the file gets the components that were found, and the log.

    Parameters
    ----------
    results : Results
    path : str or Path
        The file is written under a temporary name beside it and renamed, so that a reader of an older file of that
        name is not disturbed.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        Where the folder doesn't exist or can't be written.
    Cnmf3dError
        Where writing fails halfway, for example because the disk is full.
    """
    path = Path(path)
    original = dataclasses.replace(results, components=found_of(results))
    with whole_file(path) as temporary, written(temporary) as file:
        _write(file, original)
    return path


def annotate_results(path: str | Path, results: Results) -> None:
    """Add our group to a results file that CaImAn saved: parameters, provenance, rate, voxel size, projections.

    CaImAn reads the file as before.

    Parameters
    ----------
    path : str or Path
        Its ``dims`` are (X, Y, Z).
    results : Results
        What `load_results` reads from it, completed.

    Raises
    ------
    Cnmf3dError
        Where it can't be written.
    """
    try:
        with written(Path(path), "r+") as file:
            if "cnmf3d" in file:
                del file["cnmf3d"]
            _own(file.create_group("cnmf3d"), dataclasses.replace(results, components=found_of(results)))
    except OSError as error:
        raise Cnmf3dError(f"{path} could not be written: {error}", "Is the disk full?") from error


def _write(file: h5py.File, results: Results) -> None:
    components = results.components
    file["dims"] = np.array(dims_of(components.shape), np.int64)
    file["remove_very_bad_comps"] = False
    file["skip_refinement"] = False
    _none(file, "dview")
    paths = results.provenance.input_paths
    file.attrs["mmap_file"] = readable(paths[0]) if paths else ""
    _estimates(file.create_group("estimates"), results)
    params = file.create_group("params")
    for group, values in caiman_parameters(results).items():
        _dictionary(params.create_group(group), values)
    _own(file.create_group("cnmf3d"), results)
    write_seen(file, components)
    write_channels(file, components)
    write_errors(file, components)


def _none(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, data="NoneType", dtype=h5py.string_dtype())


def _big(group: h5py.Group, name: str, data: npt.NDArray[Any]) -> None:
    """A dataset that is compressed lightly where it is worth it."""
    if data.nbytes >= WORTH_COMPRESSING:
        group.create_dataset(name, data=data, chunks=True, compression="gzip", compression_opts=1, shuffle=True)
    else:
        group.create_dataset(name, data=data)


def _double(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.asarray(values, np.float64)


def _estimates(group: h5py.Group, results: Results) -> None:
    components = results.components
    order = order_of(dims_of(components.shape))[1]
    footprints = _turned(components.footprints, order)
    sparse = group.create_group("A")
    sparse["data"] = _double(footprints.data)
    sparse["indices"] = footprints.indices.astype(np.int32)
    sparse["indptr"] = footprints.indptr.astype(np.int32)
    sparse["shape"] = np.array(footprints.shape, np.int64)
    for name, field in (("C", "traces"), ("S", "spikes"), ("YrA", "residuals"), ("F_dff", "dff")):
        group[name] = _double(finite(components, field))
    group["R"] = group["YrA"]
    _big(group, "b", stored(_double(components.background.spatial), order))
    group["f"] = _double(components.background.temporal)
    kinetics = components.kinetics
    group["g"] = _double(kinetics.g)
    for name, values in (
        ("bl", kinetics.baseline),
        ("c1", kinetics.initial),
        ("neurons_sn", kinetics.noise),
        ("lam", kinetics.sparsity),
    ):
        group[name] = _double(values)
    _judgement(group, components)
    if results.noise is None:
        _none(group, "sn")
    else:
        group["sn"] = stored(_double(results.noise).ravel(), order)
    group["nr"] = np.int64(components.count)
    group["shifts"] = np.zeros(0)
    group["cnn_preds"] = np.zeros(0)
    for name in NONE_FIELDS:
        _none(group, name)


def _turned(footprints: Any, order: Order) -> Any:
    """Footprints with their voxels in stored order."""
    if isinstance(order, slice):
        return footprints
    turned = footprints.copy()
    turned.indices = order[footprints.indices]
    turned.has_sorted_indices = False
    turned.sort_indices()
    return turned


def _judgement(group: h5py.Group, components: Components) -> None:
    group["idx_components"] = np.flatnonzero(components.accepted).astype(np.int64)
    group["idx_components_bad"] = np.flatnonzero(~components.accepted).astype(np.int64)
    for name, ours in (("SNR_comp", "snr"), ("r_values", "r_value")):
        if ours in components.quality:
            group[name] = _double(components.quality[ours])
        else:
            _none(group, name)


def _dictionary(group: h5py.Group, values: Mapping[str, Any]) -> None:
    """A dict by CaImAn's rules: text as attributes, None as the text NoneType, the rest as datasets."""
    for name, value in values.items():
        if isinstance(value, str):
            group.attrs[name] = readable(value)
        elif value is None:
            _none(group, name)
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], str):
            group[name] = np.array([readable(text).encode() for text in value])
        else:
            group[name] = np.asarray(value)


def _own(group: h5py.Group, results: Results) -> None:
    provenance = results.provenance
    group.attrs["format"] = FORMAT
    group.attrs["parameters"] = json.dumps(dict(results.parameters))
    group.attrs["provenance"] = json.dumps(
        {
            "input_paths": list(provenance.input_paths),
            "fingerprint": provenance.fingerprint,
            "versions": dict(provenance.versions),
            "started": provenance.started,
            "timings": dict(provenance.timings),
            "estimates": {name: dict(value) for name, value in provenance.estimates.items()},
            "warnings": list(provenance.warnings),
            "asked": dict(provenance.asked),
        }
    )
    group.attrs["shape_zyx"] = np.array(results.components.shape, np.int64)
    group.attrs["rate"] = float(results.rate)
    timeline = results.timeline
    group.attrs["timeline"] = timeline.to_json()
    if timeline.stamps is not None:
        group["seconds"] = _double(timeline.stamps)
    group.attrs["resting_light"] = results.components.resting.to_json()
    if results.voxel_size is not None:
        group.attrs["voxel_size_zyx_um"] = np.array(results.voxel_size, np.float64)
    quality = group.create_group("quality")
    for name, values in results.components.quality.items():
        quality[name] = np.asarray(values, np.float32)
    projections = group.create_group("projections")
    for name, volume in results.projections.items():
        projections[name] = np.asarray(volume, np.float32)  # plain: they are the first that a viewer reads
    if results.curation is not None:
        write_curation(group.create_group("curation"), results.curation)
