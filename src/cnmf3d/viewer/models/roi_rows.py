"""Rows: what the table of ROIs says of each, sorted and filtered as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import UsageError
from cnmf3d.results.curation import rules
from cnmf3d.results.curation.choosing import values_of

if TYPE_CHECKING:
    from cnmf3d.viewer.models.roi_store import RoiStore

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    title : str
    values : (n,) array
        Numbers, bools, or tags as objects; None where there is no tag.
    digits : int
        Digits after the point.
    tag : str or None
        Tag column that it shows.
    tip : str
    """

    title: str
    values: npt.NDArray[Any]
    digits: int = 0
    tag: str | None = None
    tip: str = ""

    def text(self, at: int) -> str:
        """One cell."""
        value = self.values[at]
        if value is None:
            return ""
        if isinstance(value, (bool, np.bool_)):
            return "yes" if value else "no"
        if isinstance(value, (float, np.floating)):
            return "" if np.isnan(value) else f"{value:.{self.digits}f}"
        return str(value)

    def order(self, descending: bool) -> Ints:
        """Places in the order of the values; what has none comes last."""
        values = self.values
        if values.dtype == object:
            empty = np.array([value is None for value in values], bool)
            keys = np.array(["" if value is None else str(value).casefold() for value in values])
        else:
            empty = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
            keys = values
        filled = np.flatnonzero(~empty)
        places = filled[np.argsort(keys[filled], kind="stable")]
        return np.concatenate([places[::-1] if descending else places, np.flatnonzero(empty)]).astype(np.int64)


def columns_of(store: RoiStore, micrometres: bool) -> list[Column]:
    """All columns: id, place, measures, tags, verdict.

    Parameters
    ----------
    store : RoiStore
    micrometres : bool
        Whether the voxel size is known.
    """
    unit = "µm" if micrometres else "voxels"
    place = store.centroids_um
    out = [Column("id", store.ids), Column("ok", np.asarray(store.accepted, bool), tip="Accepted")]
    out.append(Column("z", np.round(np.nan_to_num(store.centroids[:, 0])).astype(int), tip="Plane of its centre"))
    for number, name in ((2, "x"), (1, "y")):
        out.append(Column(f"{name} ({unit})", place[:, number], 1, tip=f"Centre, {unit}"))
    first = [name for name in TITLES if name in store.metrics]
    for name in (*first, *(name for name in store.metrics if name not in TITLES)):
        values = store.metrics[name]
        whole = np.asarray(values).dtype.kind in "iu"
        out.append(Column(TITLES.get(name, name), np.asarray(values), 0 if whole else 2, tip=TIPS.get(name, name)))
    for name, known in store.tags.items():
        tags = np.empty(len(store), object)
        for at, roi in enumerate(store.ids):
            tags[at] = known.get(int(roi))
        out.append(Column(name, tags, tag=name, tip=f"Tag {name}; edit it here"))
    return out


TITLES = {
    "snr": "SNR",
    "r_value": "r",
    "reliability": "rel.",
    "skewness": "skew",
    "compactness": "comp.",
    "smoothness": "smooth",
    "width": "width",
    "aspect": "aspect",
    "soma": "soma",
    "p_cell": "p cell",
    "motion_r": "motion",
    "double": "double",
    "size": "size",
    "seen": "seen",
    "decay": "decay (s)",
    "rise": "rise (s)",
    "noise": "noise",
    "time_offset": "late (s)",
    "red": "red",
    "red_z": "red z",
}
"""Of the measures that are looked at most, in the order of the table."""

TIPS = {
    "snr": "Signal-to-noise ratio of the trace",
    "r_value": "Correlation of the footprint with the movie when it is active",
    "reliability": "How far the trace lasts beyond a moment, as transients do and noise does not: 0 for noise",
    "skewness": "Skewness of the trace: transients only go up",
    "compactness": "Cosine of the footprint with a Gaussian of a cell's size",
    "smoothness": "Smoothness of the outline: 1 for a square, about 0.6 to 0.8 for a disk, less than 0.4 where ragged",
    "width": "Width of the footprint across its narrow side, in voxels",
    "aspect": "Length of the footprint over its width: 1 for a disk",
    "soma": "Probability of being a cell body; 1 where all components are of one kind",
    "p_cell": "probability of being a cell, fitted to simulated movies; it has no part in the verdict",
    "motion_r": "Correlation of the trace with the motion: cells have less than 0.6, edges that move more",
    "double": "1 where a brighter ROI left it over: within it or at its edge, and following its trace; rejected",
    "size": "Voxels of the footprint",
    "decay": "Decay time of calcium, in seconds",
    "rise": "Rise time of calcium, in seconds; 0 where the model has none",
    "noise": "Standard deviation of the trace's noise in one frame, in units of the trace",
    "red": "Mean of the structural channel in the footprint",
    "red_z": "By how many standard deviations that is brighter than beside it: above 5 the cell is labelled",
    "time_offset": "Seconds by which the trace is later than its volume, as its plane is scanned later",
    "seen": "Share of the footprint that the movie shows, mean over the frames: less where registration moved it out",
}


def matching(store: RoiStore, columns: list[Column], text: str) -> npt.NDArray[np.bool_]:
    """Which ROIs a filter lets through, (n,).

    Parameters
    ----------
    store : RoiStore
    columns : list of Column
    text : str
        Words, all of which must fit: a number is an id, ``accepted`` or ``rejected`` a verdict, and any other a part
        of a tag. Or a rule, where it has a comparison: ``snr < 3 and size > 200``; one that isn't complete yet lets
        all through.
    """
    out = np.ones(len(store), bool)
    if any(sign in text for sign in "<>="):
        try:
            return rules.matching(text, values_of(store))
        except UsageError:
            return out
    for word in text.casefold().split():
        if word in ("accepted", "rejected"):
            out &= np.asarray(store.accepted, bool) == (word == "accepted")
            continue
        fits = np.zeros(len(store), bool)
        if word.isdecimal():
            fits |= store.ids == int(word)
        for column in columns:
            if column.tag is not None:
                fits |= np.array([value is not None and word in str(value).casefold() for value in column.values], bool)
        out &= fits
    return out
