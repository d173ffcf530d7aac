"""Curves of ROIs, read where they are used."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components, Float, hidden_traces
from cnmf3d.damage import DAMAGE
from cnmf3d.errors import InputError, UsageError
from cnmf3d.hdf5 import refuse_elsewhere
from cnmf3d.results import curated
from cnmf3d.results.channels import GROUP as CHANNELS
from cnmf3d.results.reading import read_file, timeline_in
from cnmf3d.results.seen import SEEN, WHOLE, hides
from cnmf3d.timeline import Timeline

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from cnmf3d.project.store import Project

KINDS: Mapping[str, tuple[str, ...]] = {"raw": ("C", "YrA"), "dff": ("F_dff",), "denoised": ("C",), "spikes": ("S",)}
"""Kinds of curves, and what they are the sum of in a results file."""


def kind_of(text: str) -> tuple[str, str]:
    """Kind of a curve and its channel, which is empty for the first one: ``dff``, ``dff_channel1``.

    Raises
    ------
    UsageError
        For a kind that there isn't.
    """
    kind, _, channel = text.partition("_")
    if kind not in KINDS or ("_" in text and not re.fullmatch(r"channel\d+", channel)):
        fix = f"There are {', '.join(KINDS)}; those of another channel are called dff_channel1."
        raise UsageError(f"there are no curves {text}", fix)
    return kind, channel


@dataclass(frozen=True)
class Curve:
    """A curve of one ROI: ``numpy.asarray(curve)`` reads it.

    Attributes
    ----------
    sample : str
        UUID.
    roi : int
    kind : str
    """

    project: Project = field(repr=False)
    sample: str
    roi: int
    kind: str

    @property
    def values(self) -> Float:
        """(frames,) float32."""
        return np.asarray(read_curves(self.project, self.sample, [self.roi], self.kind)[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read it."""
        return np.asarray(self.values, dtype=dtype)


def read_curves(project: Project, key: str, ids: Sequence[int] | None, kind: str) -> Float:
    """Curves of ROIs of one sample.

    Parameters
    ----------
    project : Project
    key : str
        Of the sample.
    ids : sequence of int, optional
        Numbers of the ROIs; all, in the order of their numbers, where it isn't given.
    kind : str
        ``raw``, ``dff``, ``denoised`` or ``spikes``; of another functional channel ``dff_channel1``.

    Returns
    -------
    (ROIs, frames) float32

    Raises
    ------
    UsageError
        For ROIs and kinds that there aren't.
    InputError
        Where the sample's file can't be read.
    """
    curves = _curves(project, key, ids, kind)
    if curves is None:
        raise UsageError(f"{project.sample(key).id} has no curves {kind}", "It was recorded in other channels.")
    return curves


def _curves(project: Project, key: str, ids: Sequence[int] | None, kind: str) -> Float | None:
    """Curves of ROIs of one sample; None where it has no such channel."""
    name, channel = kind_of(kind)
    sample = project.sample(key)
    rows = project.rows(sample.uuid)
    wanted = list(rows) if ids is None else [int(roi) for roi in ids]
    gone = [roi for roi in wanted if roi not in rows]
    if gone:
        raise UsageError(f"{sample.id} has no ROI {gone[0]}", "The table lists their numbers.")
    return _read(project.file(sample), [rows[roi] for roi in wanted], wanted, name, channel)


def timeline_of(project: Project, key: str) -> Timeline:
    """When the volumes of a sample were taken."""
    return timeline_in(project.file(project.sample(key)))


def seconds_of(project: Project, key: str) -> npt.NDArray[np.float64]:
    """Seconds of each volume of a sample, with gaps; numbers of volumes where its rate isn't known."""
    sample = project.sample(key)
    return timeline_of(project, key).seconds(sample.frames, sample.rate)


def curves_of(project: Project, frame: pd.DataFrame, kind: str) -> list[Float]:
    """Curves of the rows of a table, in its order; each file is opened once.

    They are NaN where a sample hasn't the channel that others of the table have.

    Parameters
    ----------
    project : Project
    frame : DataFrame
        With the columns ``uuid`` and ``roi``.
    kind : str
    """
    out: list[Float] = [np.zeros(0, np.float32)] * len(frame)
    places: dict[str, list[int]] = {}
    lacking: list[str] = []
    for place, uuid in enumerate(frame["uuid"]):
        places.setdefault(uuid, []).append(place)
    ids = frame["roi"].to_numpy()
    for uuid, mine in places.items():
        curves = _curves(project, uuid, ids[mine].tolist(), kind)
        if curves is None:
            lacking.append(uuid)
            curves = np.full((len(mine), project.sample(uuid).frames), np.nan, np.float32)
        for place, curve in zip(mine, curves, strict=True):
            out[place] = curve
    if lacking and len(lacking) == len(places):
        raise UsageError(f"no sample of the table has curves {kind}", "They were recorded in other channels.")
    return out


def _read(path: Path, rows: Sequence[int], ids: Sequence[int], kind: str, channel: str) -> Float | None:
    """Read rows from a results file; those of ROIs that curation made, from its own data. None without the channel."""
    try:
        with h5py.File(path, "r") as file:
            refuse_elsewhere(file, path)
            inside = f"{CHANNELS}/{channel}" if channel else "estimates"
            if inside not in file:
                return None
            group, count = file[inside], file["estimates/C"].shape[0]
            if all(row < count for row in rows):
                curves = sum_of([group[name] for name in KINDS[kind]], rows)
                return hidden_traces(curves, sum_of([file[SEEN]], rows) / np.float32(WHOLE)) if hides(file) else curves
    except DAMAGE as error:
        raise InputError(f"{path} can't be read: {error}", "`cnmf3d project check` tells what is damaged.") from error
    found = curated(read_file(path))
    place = {int(roi): number for number, roi in enumerate(found.ids)}
    components = found.results.components
    return curve_kinds(components.of_channel(channel) if channel else components, kind)[[place[roi] for roi in ids]]


def sum_of(parts: Sequence[h5py.Dataset], rows: Sequence[int]) -> Float:
    """Sum of the rows of datasets."""
    order = np.array(rows, np.int64)
    if not len(order):
        return np.zeros((0, parts[0].shape[1]), np.float32)
    first, last = int(order.min()), int(order.max()) + 1
    few = len(order) * 4 < last - first

    def part(values: h5py.Dataset) -> Float:
        if values.shape != parts[0].shape:
            return np.zeros((len(order), parts[0].shape[1]), np.float32)
        if few:
            return np.stack([values[row] for row in rows]).astype(np.float32)
        return np.asarray(values[first:last][order - first], np.float32)

    total = part(parts[0])
    for each in parts[1:]:
        total = total + part(each)
    return total


def curve_kinds(components: Components, kind: str) -> Float:
    """Curves of components by kind."""
    match kind:
        case "raw":
            return components.raw
        case "dff":
            return components.dff
        case "denoised":
            return components.traces
        case _:
            return components.spikes
