"""A folder as Suite2p writes it, plane by plane: F, Fneu, spks, stat, iscell, and its settings.

Suite2p has no ROIs that span planes. Each ROI is in the plane where most of its weight is, once, so that cells are
counted as they are; ``stat`` keeps its whole footprint under names of its own (`WHOLE`), which Suite2p passes over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components, Float, bridged
from cnmf3d.results.channels import LABELLED
from cnmf3d.results.exports.exporter import Export, Exporter
from cnmf3d.results.exports.suite2p_settings import diameter_of, settings_of
from cnmf3d.results.footprints import voxels_of
from cnmf3d.results.model import Results

SETTINGS = ("db", "settings", "reg_outputs", "detect_outputs", "ops")
SECOND = ("F_chan2.npy", "Fneu_chan2.npy", "redcell.npy")
"""Files of a second channel: its traces, or which cells it labels."""

FILES = tuple(f"{name}.npy" for name in ("F", "Fneu", "spks", "stat", "iscell", *SETTINGS))
WHOLE = ("cnmf3d_zpix", "cnmf3d_ypix", "cnmf3d_xpix", "cnmf3d_lam")
"""Entries of ``stat`` that hold the footprint in all planes."""

DISK = 2 / 3
"""Mean distance from the centre of a disk of radius one."""


def write_suite2p(export: Export, folder: Path) -> tuple[str, ...]:
    """Write ``plane0``, ``plane1``, ... with what Suite2p's pipeline leaves in each.

    ``stat.npy`` and the settings hold Python objects, as Suite2p's do, which numpy can only pickle.
    """
    components = export.results.components
    diameter = diameter_of(components, export.results.voxel_size)
    main = np.array([_main_plane(export.results, i) for i in range(components.count)], int)
    folder.mkdir()
    for plane in range(components.shape[0]):
        chosen = np.flatnonzero(main == plane)
        place = folder / f"plane{plane}"
        _write_plane(export, place, plane, chosen, bridged(components.raw[chosen]))
        for name, contents in settings_of(export.results, plane, diameter, folder.name).items():
            np.save(place / f"{name}.npy", np.array(contents, object), allow_pickle=True)
    return tuple(_notes(components, np.setdiff1d(np.arange(components.shape[0]), main).tolist()))


def _notes(components: Components, empty: list[int]) -> Iterator[str]:
    depth, others = components.shape[0], list(components.channels)[1:]
    if others:
        yield f"Suite2p has two channels: traces of {', '.join(others)} are left out."
    if components.seen is not None:
        yield "Where nothing of a ROI was seen, F is a straight line and spks is zero: Suite2p can't work with gaps."
    if depth > 1:
        yield "Each ROI is in the plane where most of it is; Suite2p has no ROIs that span planes."
        yield "Open the whole folder in Suite2p's window: File > Load folder with plane folders."
    if empty:
        names = ", ".join(f"plane{plane}" for plane in empty)
        yield f"{names}: no ROI; Suite2p's window can't open the stat.npy of such a plane by itself."


def _main_plane(results: Results, index: int) -> int:
    """The plane that has most of a footprint's weight; the first one for an empty footprint."""
    (z, _, _), weights = voxels_of(results.components, index)
    return int(np.bincount(z, weights=weights, minlength=1).argmax())


def _write_plane(export: Export, folder: Path, plane: int, chosen: npt.NDArray[np.intp], raw: Float) -> None:
    components = export.results.components
    likely = _probability(components)[chosen]
    folder.mkdir()
    np.save(folder / "F.npy", raw)
    np.save(folder / "Fneu.npy", np.zeros_like(raw))
    np.save(folder / "spks.npy", np.nan_to_num(components.spikes[chosen]))
    for name in list(components.channels)[:1]:
        second = bridged(components.channels[name].raw[chosen])
        np.save(folder / "F_chan2.npy", second)
        np.save(folder / "Fneu_chan2.npy", np.zeros_like(second))
    if "red_z" in components.quality:
        np.save(folder / "redcell.npy", _labels(components.quality["red_z"][chosen]))
    iscell = np.stack([components.accepted[chosen].astype(np.float64), np.clip(np.nan_to_num(likely), 0, 1)], axis=1)
    np.save(folder / "iscell.npy", iscell)
    rows = np.empty(len(chosen), object)
    for place, index in enumerate(chosen):
        rows[place] = {**_shape(export, int(index), plane), **_course(raw[place])}
    _mark_overlaps(rows, components.shape[1:])
    sizes = [row["npix"] for row in rows]
    for row in rows:
        row["npix_norm"] = row["npix"] / np.mean(sizes)
    np.save(folder / "stat.npy", rows, allow_pickle=True)


def _probability(components: Components) -> Float:
    """What stands for a classifier's probability: that of being a cell; the r value, or the verdict, without it."""
    out = components.accepted.astype(np.float32)
    for name in ("r_value", "p_cell"):
        values = components.quality.get(name, out)
        out = np.where(np.isnan(values), out, values)
    return out


def _labels(significance: Float) -> npt.NDArray[np.float64]:
    """(ROIs, 2) whether each is labelled, and what stands for Suite2p's probability: 0.5 where that is decided."""
    known = np.nan_to_num(significance.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    return np.stack([known > LABELLED, np.clip(known / (2 * LABELLED), 0, 1)], axis=1)


def _course(trace: Float) -> dict[str, float]:
    """What Suite2p says of a ROI's trace."""
    from scipy import stats

    spread = float(trace.std()) if trace.size else 0.0
    return {"skew": float(stats.skew(trace)) if spread > 0 else 0.0, "std": spread}


def _shape(export: Export, index: int, plane: int) -> dict[str, Any]:
    """What Suite2p says of a ROI's pixels."""
    components = export.results.components
    (z, y, x), lam = voxels_of(components, index)
    here = z == plane
    ypix, xpix, weights = y[here], x[here], lam[here]
    middle = (float(np.median(ypix)), float(np.median(xpix))) if ypix.size else (0.0, 0.0)
    major, minor = _axes(ypix, xpix, weights)
    distance = float(np.hypot(ypix - middle[0], xpix - middle[1]).mean()) if ypix.size else 0.0
    strong = weights > 0.2 * weights.max(initial=0)
    spread = float(np.hypot(ypix[strong] - middle[0], xpix[strong] - middle[1]).mean()) if strong.any() else 0.0
    return {
        "ypix": ypix.astype(np.int64),
        "xpix": xpix.astype(np.int64),
        "lam": weights,
        "med": [middle[0], middle[1]],
        "npix": int(ypix.size),
        "radius": major,
        "aspect_ratio": major / minor if minor > 0 else 1.0,
        "compact": max(1.0, distance / (DISK * np.sqrt(ypix.size / np.pi))) if ypix.size else 1.0,
        "footprint": spread,
        "iplane": plane,
        "cnmf3d_roi": int(export.ids[index]),
        **dict(zip(WHOLE, (z.astype(np.int64), y.astype(np.int64), x.astype(np.int64), lam), strict=True)),
    }


def _axes(ypix: npt.NDArray[Any], xpix: npt.NDArray[Any], weights: npt.NDArray[Any]) -> tuple[float, float]:
    """Half-axes of the ellipse that is as wide as the footprint: two standard deviations of its weights."""
    if ypix.size < 2 or weights.sum() <= 0:
        return 1.0, 1.0
    spread = np.linalg.eigvalsh(np.atleast_2d(np.cov(np.stack([ypix, xpix]), aweights=weights, bias=True)))
    minor, major = 2 * np.sqrt(np.maximum(spread, 0.25))
    return float(major), float(minor)


def _mark_overlaps(rows: npt.NDArray[Any], size: tuple[int, int]) -> None:
    """Which pixels of each ROI other ROIs have, too."""
    seen = np.zeros(size, np.int32)
    for row in rows:
        seen[row["ypix"], row["xpix"]] += 1
    for row in rows:
        row["overlap"] = seen[row["ypix"], row["xpix"]] > 1


def ours(folder: Path) -> bool:
    """Whether a folder holds nothing but planes with nothing but such files."""
    planes = list(folder.iterdir())
    return all(re.fullmatch(r"plane\d+", plane.name) and plane.is_dir() for plane in planes) and all(
        path.name in (*FILES, *SECOND) for plane in planes for path in plane.iterdir()
    )


EXPORTER = Exporter("suite2p", "a folder as Suite2p writes it, plane by plane", write_suite2p, ours=ours)
