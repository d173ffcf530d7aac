"""What Suite2p keeps of a plane beside ROIs and traces, under the names that its window, its readers and its NWB want.

Suite2p 0.x reads one flat ``ops.npy``. Version 1 reads four files: ``db.npy`` (the recording), ``settings.npy`` (in
groups), ``reg_outputs.npy`` and ``detect_outputs.npy`` (pictures). All are written, so that each version finds its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.geometry import ZYX
from cnmf3d.results.model import Results

DIAMETER = 12.0
"""Diameter of cells in pixels where there are none to be measured: Suite2p's own default."""

NEUROPIL = 0.0
"""Share of ``Fneu`` that is still to be taken away from ``F``: none, as demixing has done it."""


def settings_of(results: Results, plane: int, diameter: tuple[float, float], name: str) -> dict[str, dict[str, Any]]:
    """The contents of Suite2p's files of settings and pictures, by the file's name.

    Parameters
    ----------
    results : Results
    plane : int
    diameter : (y, x)
        Of cells, in pixels; from `diameter_of`.
    name : str
        Of the folder that holds the planes.
    """
    from cnmf3d.results.report.views import background_of

    pictures = {name: background_of(results, name)[plane] for name in ("mean", "max", "correlation")}
    _, y, x = results.components.shape
    files: dict[str, dict[str, Any]] = {
        "db": _recording(results, plane),
        "settings": _settings(results, diameter),
        "reg_outputs": {
            "meanImg": pictures["mean"],
            "meanImgE": pictures["mean"],
            "yrange": [0, y],
            "xrange": [0, x],
        },
        "detect_outputs": {"max_proj": pictures["max"], "Vcorr": pictures["correlation"]},
    }
    flat = {name: value for contents in files.values() for name, value in contents.items()}
    return {**files, "ops": {**flat, **_older(name, plane), **_ours(results)}}


def _recording(results: Results, plane: int) -> dict[str, Any]:
    """What is known of the recording."""
    components = results.components
    z, y, x = components.shape
    paths = list(results.provenance.input_paths)
    return {
        "data_path": paths[:1] or ["unknown"],
        "file_list": paths,
        "nplanes": z,
        "nrois": 1,
        "nchannels": 1,
        "functional_chan": 1,
        "iplane": plane,
        "Ly": y,
        "Lx": x,
        "nframes": components.frames,
    }


def _settings(results: Results, diameter: tuple[float, float]) -> dict[str, Any]:
    """Settings in version 1's groups; nothing of Suite2p's own pipeline was run."""
    groups = results.parameters.get("caiman", results.parameters)
    decay = groups.get("data", {}).get("decay_time")
    size = results.voxel_size
    return {
        "fs": float(results.rate),
        "tau": float(decay) if isinstance(decay, (int, float)) else 1.0,
        "diameter": [float(side) for side in diameter],
        "aspect": 1.0 if size is None else float(size.x / size.y),
        "run": {"do_registration": 0, "do_detection": False, "do_deconvolution": False},
        "extraction": {"neuropil_extract": False, "neuropil_coefficient": NEUROPIL},
        "io": {"combined": True, "save_mat": False, "save_NWB": False},
    }


def _older(name: str, plane: int) -> dict[str, Any]:
    """What only Suite2p 0.x reads; its paths hold from the folder above, wherever that is moved."""
    places = {"save_path0": "", "save_folder": name, "save_path": f"{name}/plane{plane}"}
    return {"neucoeff": NEUROPIL, "mesoscan": False, "save_mat": False, **places}


def _ours(results: Results) -> dict[str, Any]:
    """What only cnmf3d reads."""
    size = results.voxel_size
    known = {} if size is None else {"cnmf3d_voxel_size_zyx_um": [float(side) for side in size]}
    return {"cnmf3d_versions": dict(results.provenance.versions), **known}


def diameter_of(components: Components, size: ZYX | None) -> tuple[float, float]:
    """Diameter of a typical cell in pixels, (y, x): round cells where the size of a pixel is known.

    Suite2p's window takes the ratio of both for the shape of a pixel, so one number in µm (in pixels where their size
    isn't known) stands for both: the median over the footprints of twice their half-axis, which is two standard
    deviations of the weights, as wide as a disk of that radius.
    """
    step = (1.0, 1.0) if size is None else (size.y, size.x)
    footprints = components.footprints
    owner = np.repeat(np.arange(components.count), np.diff(footprints.indptr))
    _, *places = np.unravel_index(footprints.indices, components.shape)
    variance = [_variance(owner, place * side, footprints.data) for place, side in zip(places, step, strict=True)]
    wide = np.sqrt(np.mean(variance, axis=0))
    wide = wide[wide > 0]
    mean = 4 * float(np.median(wide)) if wide.size else DIAMETER * float(np.sqrt(step[0] * step[1]))
    return mean / step[0], mean / step[1]


def _variance(owner: npt.NDArray[Any], place: npt.NDArray[Any], weight: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Weighted variance of the places of each owner."""
    if not owner.size:
        return np.zeros(0)
    mass = np.maximum(np.bincount(owner, weight), 1e-30)
    mean = np.bincount(owner, weight * place) / mass
    return np.asarray(np.bincount(owner, weight * (place - mean[owner]) ** 2) / mass, np.float64)
