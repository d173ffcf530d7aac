"""Suite2p's folder as results: ``plane0``, ``plane1``, ... as one volume; or one such plane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Background, Components, Float, Kinetics, RestingLight, VolumeShape
from cnmf3d.dff import delta_f_over_f
from cnmf3d.errors import InputError
from cnmf3d.geometry import ZYX
from cnmf3d.results.exports.suite2p import WHOLE
from cnmf3d.results.footprints import Footprints, footprints_of, unit
from cnmf3d.results.imports.importer import Given, Importer
from cnmf3d.results.imports.suite2p_folder import NEUROPIL, Plane, number_of, read_planes
from cnmf3d.results.model import Provenance, Results
from cnmf3d.traces import quiet_level

MEASURES = {"skew": "skewness", "compact": "compact", "aspect_ratio": "aspect_ratio", "radius": "radius"}
"""Entries of ``stat`` that become measures."""

PICTURES = {"meanImg": "mean", "max_proj": "max"}


def read_suite2p(path: Path, given: Given) -> Results:
    """Read what Suite2p found in each plane, as one volume.

    Raw traces are ``F - neucoeff * Fneu`` in Suite2p's units (version 1 calls it ``neuropil_coefficient``), spikes its
    ``spks``; ΔF/F is the raw trace above its quiet level over that. Cells that Suite2p took for such (or its user did)
    are accepted. Several views of a plane, as mesoscopes take them, are put where they lie in it. What the files don't
    say, and what stands for it, is in the provenance's warnings.

    Parameters
    ----------
    path : Path
        The folder ``suite2p``, the one above it, or one plane.
    given : Given
        `rate`, `voxel_size` and `shape` win over what the files say.

    Raises
    ------
    InputError
        Where files are missing or damaged or don't fit one another.
    """
    planes = read_planes(path)
    frames = min(plane.traces["F"].shape[1] for plane in planes)
    shape = given.shape or _shape(planes)
    decay = [_decay(plane) for plane in planes for _ in plane.stat]
    raw = np.concatenate([plane.raw[:, :frames] for plane in planes])
    baseline, noise = quiet_level(raw) if raw.size else (np.zeros(len(raw), np.float32),) * 2
    ours = np.array([plane.ours for plane in planes for _ in plane.stat], bool)
    none = np.zeros(len(raw), np.float32)
    level, footprints = np.where(ours, none, baseline), _footprints(planes, shape)
    dark = np.zeros(footprints.shape[0], np.float32)
    dff, f0 = delta_f_over_f(raw, level, noise, footprints, dark, RestingLight())
    components = Components(
        shape=shape,
        footprints=footprints,
        traces=raw,
        residuals=np.zeros_like(raw),
        spikes=np.concatenate([plane.traces["spks"][:, :frames] for plane in planes]),
        background=Background(np.zeros((int(np.prod(shape)), 0), np.float32), np.zeros((0, frames), np.float32)),
        kinetics=Kinetics(np.array(decay, np.float32).reshape(-1, 1), level, none, none, none),
        dff=dff,
        quality={**_quality(planes), "f0": f0},
        accepted=np.concatenate([plane.iscell[:, 0] > 0 for plane in planes]),
    )
    told = planes[0].ops.get("cnmf3d_voxel_size_zyx_um")
    rate = given.rate or max(number_of(plane.ops.get("fs")) for plane in planes)
    return Results(
        components=components,
        parameters={},
        rate=rate,
        voxel_size=given.voxel_size or (ZYX(*(float(side) for side in told)) if isinstance(told, list) else None),
        projections=_projections(planes, shape),
        provenance=Provenance(warnings=tuple(_cautions(planes, given, shape, rate))),
    )


def _cautions(planes: Sequence[Plane], given: Given, shape: VolumeShape, rate: float) -> Iterator[str]:
    """What the files don't say, and what stands for it."""
    lengths = [plane.traces["F"].shape[1] for plane in planes]
    if max(lengths) > min(lengths):
        yield f"planes have {min(lengths)} to {max(lengths)} frames: cut to {min(lengths)}"
    if given.shape is None and not any(plane.size for plane in planes):
        yield (
            f"the folder doesn't say how large the image is: it is taken to end at the last ROI, at {shape[2]} × "
            f"{shape[1]} (x × y); say it with --shape"
        )
    if turned := sum(plane.turned for plane in planes):
        yield f"{turned} verdicts are those of combined/iscell.npy, which is newer than the planes' own"
    if not rate:
        yield "the folder doesn't say the rate: it is unknown; say it with --fps"
    if any(plane.share is None and plane.traces["Fneu"].any() for plane in planes):
        yield f"the folder doesn't say the neuropil coefficient: {NEUROPIL} is taken, Suite2p's default"
    if bare := [plane.folder.name for plane in planes if not (plane.folder / "Fneu.npy").is_file()]:
        yield f"there is no Fneu.npy in {', '.join(bare)}: the neuropil is still in these traces"


def _decay(plane: Plane) -> float:
    """AR coefficient a frame that spikes were found with: ``exp(-1 / (tau fs))``."""
    frames = number_of(plane.ops.get("tau")) * number_of(plane.ops.get("fs"))
    return float(np.exp(-1 / frames)) if frames > 0 else 0.0


def _pixels(plane: Plane, row: Mapping[str, Any]) -> tuple[npt.NDArray[np.int64], ...]:
    """Places z, y, x in the volume and weights of a ROI."""
    try:
        if all(name in row for name in WHOLE):
            z, y, x, lam = (np.asarray(row[name]).ravel() for name in WHOLE)
        else:
            y, x, lam = (np.asarray(row[name]).ravel() for name in ("ypix", "xpix", "lam"))
            z = np.full(y.size, plane.number)
    except KeyError as error:
        raise InputError(f"{plane.folder / 'stat.npy'} has a ROI without {error}", "Run Suite2p again.") from error
    whole = all(part.dtype.kind in "iu" for part in (z, y, x)) and lam.dtype.kind in "fiu"
    if not whole or not z.size == y.size == x.size == lam.size:
        raise InputError(f"{plane.folder / 'stat.npy'} has a ROI whose pixels don't fit", "Run Suite2p again.")
    top, left = plane.corner
    return z.astype(np.int64), y.astype(np.int64) + top, x.astype(np.int64) + left, lam


def _shape(planes: Sequence[Plane]) -> VolumeShape:
    """Size of the volume: as the settings or pictures say, or else where the last pixel is."""
    depth = max(plane.number for plane in planes) + 1
    sized = [(plane.corner, plane.size) for plane in planes]
    known = [(top + size[0], left + size[1]) for (top, left), size in sized if size is not None]
    if not known:
        every = [_pixels(plane, row) for plane in planes for row in plane.stat]
        known = [(int(y.max(initial=0)) + 1, int(x.max(initial=0)) + 1) for _, y, x, _ in every] or [(1, 1)]
    return depth, max(y for y, _ in known), max(x for _, x in known)


def _footprints(planes: Sequence[Plane], shape: VolumeShape) -> Footprints:
    columns = []
    for plane in planes:
        for row in plane.stat:
            *places, lam = _pixels(plane, row)
            if any((p < 0).any() or (p >= n).any() for p, n in zip(places, shape, strict=True)):
                z, y, x = (int(p.max(initial=0)) + 1 for p in places)
                raise InputError(
                    f"{plane.folder / 'stat.npy'}: a ROI reaches beyond the volume",
                    f"It is at least --shape {x},{y},{z}.",
                )
            columns.append((np.ravel_multi_index(tuple(places), shape), np.maximum(np.nan_to_num(lam), 0)))
    return unit(footprints_of(columns, int(np.prod(shape))))[0]


def _quality(planes: Sequence[Plane]) -> dict[str, Float]:
    """Suite2p's own measures; NaN where a ROI lacks one."""
    rows = [row for plane in planes for row in plane.stat]
    out = {}
    for theirs, ours in MEASURES.items():
        values = [number_of(row[theirs]) if theirs in row else np.nan for row in rows]
        if any(theirs in row for row in rows):
            out[ours] = np.array(values, np.float32)
    if all(plane.iscell.shape[1] > 1 for plane in planes):
        out["cell_probability"] = np.concatenate([plane.iscell[:, 1] for plane in planes]).astype(np.float32)
    return out


def _projections(planes: Sequence[Plane], shape: VolumeShape) -> dict[str, Float]:
    """Suite2p's pictures as volumes; those that all planes have."""
    out: dict[str, Float] = {}
    for theirs, ours in PICTURES.items():
        volume = np.zeros(shape, np.float32)
        for plane in planes:
            picture = plane.ops.get(theirs)
            if not isinstance(picture, np.ndarray) or picture.ndim != 2 or picture.dtype.kind not in "fiu":
                break
            top, left = _begins(plane, picture)
            part = picture[: shape[1] - top, : shape[2] - left]
            volume[plane.number, top : top + part.shape[0], left : left + part.shape[1]] = part
        else:
            out[ours] = volume
    return out


def _begins(plane: Plane, picture: npt.NDArray[Any]) -> tuple[int, int]:
    """Where in the whole plane a picture begins, which Suite2p may have cut to what stays in view."""
    top, left = plane.corner
    if picture.shape == plane.size:
        return top, left
    try:
        return top + int(plane.ops["yrange"][0]), left + int(plane.ops["xrange"][0])
    except (KeyError, TypeError, IndexError, ValueError):
        return top, left


IMPORTER = Importer(
    "suite2p",
    "folder of Suite2p, all its planes or one",
    read_suite2p,
    frozenset({"rate", "voxel_size", "shape"}),
)
