"""The report's pictures, in sections."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from cnmf3d.components import bridged
from cnmf3d.results.model import Results
from cnmf3d.results.report import figures

ROWS = 8
"""Components a picture of traces shows."""


TRACES = (
    "Grey: demixed raw trace; black: denoised, blue: where that lies with 90 % probability (where errors are known); "
    "below: deconvolved activity. Numbers: SNR / r value."
)

LACKS = " Under them: other measures that are beyond their threshold."

THRESHOLDS = {
    "snr": "min_SNR",
    "r_value": "rval_thr",
    "skewness": "skew_thr",
    "compactness": "compact_thr",
    "smoothness": "smooth_thr",
    "soma": "soma_thr",
    "motion_r": "motion_thr",
}
"""Measure to the parameter that is its threshold."""

MEANINGS = {
    "smoothness": "of the footprint's outline (a disk has about 0.6 to 0.8)",
    "soma": "probability of being a cell body and not a thinner thing, as a dendrite",
    "p_cell": "probability of being a cell, fitted to simulated movies; it decides nothing",
    "decay": "decay time of calcium in seconds",
    "rise": "rise time of calcium in seconds",
    "noise": "standard deviation of the trace's noise in one frame",
    "motion_r": "correlation of the trace with the motion; above its threshold four times min_SNR is asked for",
    "red": "mean of the structural channel in the footprint",
    "red_z": "significance of that, in standard deviations: above 5 a cell counts as labelled",
    "double": "1 where a brighter component left it over, within it or at its edge; such are rejected",
    "seen": "share of the footprint that the movie shows, mean over the frames",
}
"""What measures are whose names don't say it."""


@dataclass(frozen=True)
class Section:
    """Pictures that belong together.

    Attributes
    ----------
    title, text : str
        Heading, and what is to be seen.
    pictures : mapping of name to Figure
        Not empty.
    """

    title: str
    text: str
    pictures: Mapping[str, Figure]


@rc_context({"text.parse_math": False})  # names are names, whatever $ or backslashes are in them
def sections_of(results: Results) -> list[Section]:
    """All pictures of the report; what there is nothing of has no section."""
    components = results.components
    order = _ranked(results)
    accepted = [i for i in order if components.accepted[i]]
    rejected = [i for i in order if not components.accepted[i]]
    images = [name for name in ("mean", "correlation", "std", "max") if name in results.projections] or ["footprints"]
    sections = [
        _section(
            "Where the cells are",
            "Maximum projections along z, y and x. Green: accepted, with numbers; red: rejected.",
            {name: figures.overview(results, name) for name in images},
        ),
        _section(
            "Plane by plane",
            "Outlines of what lies in each plane.",
            {"planes": figures.planes(results, "correlation" if "correlation" in images else images[0])},
        ),
    ]
    thresholds = _thresholds(results)
    groups = {
        "Best traces": accepted[:ROWS],
        "Weakest accepted": accepted[ROWS:][-ROWS:],
        "Strongest rejected": rejected[:ROWS],
    }
    for name, chosen in groups.items():
        drawn = figures.traces(results, chosen, thresholds) if chosen and components.frames else None
        about = TRACES + LACKS if chosen is groups["Strongest rejected"] else TRACES
        sections.append(_section(name, about, {name: drawn}))
    for name in components.channels:
        other = dataclasses.replace(results, components=components.of_channel(name))
        drawn = figures.traces(other, accepted[:ROWS], thresholds) if accepted and components.frames else None
        text = f"The same cells as those of the best traces, in {name}, whose light is taken on the same footprints. "
        text += "SNR and r value are those of the first channel."
        sections.append(_section(f"Traces in {name}", text, {name: drawn}))
    sections += [
        _section("All accepted traces", "", {"raster": figures.raster(results)}),
        _section("Quality", _about_quality(results, thresholds), {"quality": figures.quality(results, thresholds)}),
        _section("Neuropil", "Courses beside the resting image, and where they are.", {"n": figures.neuropil(results)}),
    ]
    return [section for section in sections if section.pictures]


def _section(title: str, text: str, drawn: Mapping[str, Figure | None]) -> Section:
    return Section(title, text, {name: figure for name, figure in drawn.items() if figure is not None})


def _ranked(results: Results) -> list[int]:
    """Components from the best SNR to the worst; by the height of their traces where it isn't known."""
    components = results.components
    values = components.quality.get("snr")
    if values is None:
        values = bridged(components.traces).max(axis=1, initial=0)
    return [int(i) for i in np.argsort(-np.nan_to_num(values), kind="stable")]


def _thresholds(results: Results) -> dict[str, float]:
    """Quality name to threshold, from the parameters, ours or CaImAn's."""
    groups = results.parameters.get("caiman", results.parameters)
    values = groups.get("quality", {})
    return {
        ours: float(values[name]) for ours, name in THRESHOLDS.items() if isinstance(values.get(name), (int, float))
    }


def _about_quality(results: Results, thresholds: Mapping[str, float]) -> str:
    """What the histograms show, and how many of the rejected components each threshold concerns."""
    components = results.components
    text = ["Dashed: threshold."]
    rejected = np.flatnonzero(~components.accepted)
    counts = {
        name: int(np.count_nonzero(figures.lacks(name, components.quality[name][rejected], limit)))
        for name, limit in thresholds.items()
        if name in components.quality
    }
    if below := [f"{name} {n}" for name, n in sorted(counts.items(), key=lambda item: -item[1]) if n]:
        text.append(
            f"Of {rejected.size} rejected, beyond a threshold (a component can be beyond several): {', '.join(below)}."
        )
    text += [f"{name}: {meaning}." for name, meaning in MEANINGS.items() if name in components.quality]
    return " ".join(text)
