"""Overlay: which ROIs are shown, and by what they are coloured, as small numbers of one fixed palette."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from cnmf3d.components import bridged
from cnmf3d.errors import UsageError

if TYPE_CHECKING:
    from cnmf3d.viewer.models.roi_store import RoiStore

Classes = npt.NDArray[np.uint8]
Show = Literal["all", "accepted", "rejected", "tagged", "selected", "none"]
SHOWS: tuple[Show, ...] = ("all", "accepted", "rejected", "tagged", "selected", "none")

HIDDEN, ACCEPTED, REJECTED, PLAIN, SELECTED = 0, 1, 2, 3, 4
SCALE, INDEX, LINEAR, TAGS = 8, 72, 136, 200
"""First colour of the scale for measures, the mixed colours, the ordered ones and those of tags."""
STEPS = 64
"""Colours of a scale."""
TAG_COLOURS = 48

COLOURS = ("verdict", "index", "index, in order", "correlation")
"""What ROIs can be coloured by, beside ``"metric NAME"`` and ``"tag COLUMN"``."""


@dataclass(frozen=True)
class Scale:
    """What the colours of a measure mean.

    Attributes
    ----------
    low, high : float
        Values of the first and the last colour.
    """

    low: float
    high: float


class Overlay:
    """How the ROIs are drawn.

    Attributes
    ----------
    changed : Signal
        Emitted after any of the settings changed.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._show: Show = "all"
        self._colour = "verdict"
        self._outline = True
        self._opacity = 0.7
        self._verdict: npt.NDArray[np.bool_] | None = None

    @property
    def show(self) -> Show:
        """Which ROIs are shown."""
        return self._show

    @show.setter
    def show(self, value: Show) -> None:
        if value not in SHOWS:
            raise UsageError(f"ROIs can't be shown as {value!r}", f"There are {', '.join(SHOWS)}.")
        self._set("_show", value)

    @property
    def colour(self) -> str:
        """What they are coloured by."""
        return self._colour

    @colour.setter
    def colour(self, value: str) -> None:
        kind = value.split(" ")[0]
        if value not in COLOURS and (kind not in ("metric", "tag") or " " not in value):
            raise UsageError(
                f"ROIs can't be coloured by {value!r}",
                f"There are {', '.join(COLOURS)}, 'metric NAME' and 'tag COLUMN'.",
            )
        self._set("_colour", value)

    @property
    def outline(self) -> bool:
        """Whether only outlines are drawn in planes."""
        return self._outline

    @outline.setter
    def outline(self, value: bool) -> None:
        self._set("_outline", bool(value))

    @property
    def opacity(self) -> float:
        """From 0 to 1."""
        return self._opacity

    @opacity.setter
    def opacity(self, value: float) -> None:
        self._set("_opacity", float(min(max(value, 0.0), 1.0)))

    @property
    def verdict(self) -> npt.NDArray[np.bool_] | None:
        """Verdicts that are only tried, (n,), shown in place of those that hold; None: none are."""
        return self._verdict

    @verdict.setter
    def verdict(self, value: npt.NDArray[np.bool_] | None) -> None:
        if value is not self._verdict:
            self._verdict = value
            self.changed.emit()

    def accepted(self, store: RoiStore) -> npt.NDArray[np.bool_]:
        """Verdicts that are shown, (n,)."""
        tried = self._verdict
        return np.asarray(store.accepted if tried is None or len(tried) != len(store) else tried, bool)

    def classes(self, store: RoiStore) -> Classes:
        """Colour of each ROI, (n,) in the order of ``store.ids``; `HIDDEN` where it isn't shown.

        Parameters
        ----------
        store : RoiStore
        """
        out = self._coloured(store)
        chosen = np.isin(store.ids, store.selection)
        out[~self._shown(store, chosen)] = HIDDEN
        if self._show != "none":
            out[chosen] = SELECTED
        return out

    def scale(self, store: RoiStore) -> Scale | None:
        """What the colours mean, where ROIs are coloured by a measure."""
        if self._colour == "correlation":
            return Scale(0.0, 1.0)
        if not self._colour.startswith("metric "):
            return None
        values = store.metrics.get(self._colour.removeprefix("metric "))
        known = np.zeros(0) if values is None else np.asarray(values, float)[np.isfinite(values)]
        if not known.size:
            return Scale(0.0, 1.0)
        low, high = (float(v) for v in np.percentile(known, (2, 98)))
        return Scale(low, high if high > low else low + 1.0)

    def _set(self, name: str, value: object) -> None:
        if getattr(self, name) != value:
            setattr(self, name, value)
            self.changed.emit()

    def _shown(self, store: RoiStore, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which ROIs are shown, beside those that are selected."""
        if self._show == "all":
            return np.ones(len(store), bool)
        if self._show == "accepted":
            return self.accepted(store)
        if self._show == "rejected":
            return ~self.accepted(store)
        if self._show == "tagged":
            tagged = [roi for values in store.tags.values() for roi in values]
            return np.isin(store.ids, np.array(tagged, np.int64))
        return chosen if self._show == "selected" else np.zeros(len(store), bool)

    def _coloured(self, store: RoiStore) -> Classes:
        """Colour of each ROI, were it shown and not selected."""
        count = len(store)
        if self._verdict is not None:
            return np.where(self.accepted(store), ACCEPTED, REJECTED).astype(np.uint8)
        if self._colour == "index":
            return (INDEX + store.ids % STEPS).astype(np.uint8)
        if self._colour == "index, in order":
            return (LINEAR + np.arange(count) * STEPS // max(count, 1)).astype(np.uint8)
        if self._colour.startswith("tag "):
            return _by_tag(store, self._colour.removeprefix("tag "))
        if self._colour == "correlation":
            return _scaled(correlation_with_selected(store), Scale(0.0, 1.0))
        scale = self.scale(store)
        if scale is not None:
            values = store.metrics.get(self._colour.removeprefix("metric "))
            return _scaled(np.full(count, np.nan) if values is None else np.asarray(values, float), scale)
        return np.where(self.accepted(store), ACCEPTED, REJECTED).astype(np.uint8)


def correlation_with_selected(store: RoiStore) -> npt.NDArray[np.float64]:
    """Correlation of each ROI's denoised trace with that of the first selected one; NaN where none is selected."""
    if not store.selection.size:
        return np.full(len(store), np.nan)
    mine = bridged(store.traces("denoised", store.selection[:1]))[0]
    mine = mine - mine.mean()
    out = np.empty(len(store))
    for start in range(0, len(store), 2000):  # bounds the memory
        part = bridged(store.traces("denoised", store.ids[start : start + 2000]))
        part = part - part.mean(axis=1, keepdims=True)
        size = np.sqrt((part**2).sum(axis=1) * (mine**2).sum())
        out[start : start + 2000] = np.where(size > 0, part @ mine / np.maximum(size, 1e-30), np.nan)
    return out


def tag_values(store: RoiStore, column: str) -> list[object]:
    """Values of a tag column, in the order of their colours."""
    return sorted(set(store.tags.get(column, {}).values()), key=lambda value: (str(type(value)), str(value)))


def tag_colour(number: int) -> int:
    """Colour of the value with a number in `tag_values`."""
    return TAGS + number % TAG_COLOURS


def _by_tag(store: RoiStore, column: str) -> Classes:
    out = np.full(len(store), PLAIN, np.uint8)
    known = store.tags.get(column, {})
    colours = {value: tag_colour(number) for number, value in enumerate(tag_values(store, column))}
    there = np.array(list(known), np.int64)
    place = np.searchsorted(store.ids, there)
    for roi, at in zip(there, place, strict=True):
        if at < len(store) and store.ids[at] == roi:
            out[at] = colours[known[int(roi)]]
    return out


def _scaled(values: npt.NDArray[np.float64], scale: Scale) -> Classes:
    """Colours of values; `PLAIN` for not-a-number."""
    share = (values - scale.low) / (scale.high - scale.low)
    steps = np.clip(np.nan_to_num(share, nan=0.0) * STEPS, 0, STEPS - 1)
    return np.where(np.isfinite(values), SCALE + steps.astype(int), PLAIN).astype(np.uint8)


def palette() -> npt.NDArray[np.float32]:
    """(256, 4) colours, RGBA from 0 to 1. The same for every movie: the layer is never recoloured."""
    import matplotlib

    out = np.zeros((256, 4), np.float32)
    out[ACCEPTED] = (0.25, 0.85, 0.35, 1)
    out[REJECTED] = (0.95, 0.35, 0.25, 1)
    out[PLAIN] = (0.65, 0.65, 0.65, 1)
    out[SELECTED] = (1.0, 1.0, 0.25, 1)
    out[SCALE : SCALE + STEPS] = matplotlib.colormaps["viridis"](np.linspace(0, 1, STEPS))
    golden = [(number * 0.618034) % 1 for number in range(STEPS)]
    out[INDEX : INDEX + STEPS] = [
        (*colorsys.hsv_to_rgb(hue, (0.55, 0.8, 1.0)[number % 3], (1.0, 0.85)[number % 2]), 1)
        for number, hue in enumerate(golden)
    ]
    out[LINEAR : LINEAR + STEPS] = matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, STEPS))
    ten = matplotlib.colormaps["tab10"](np.arange(10))
    rest = [(*colorsys.hsv_to_rgb((0.1 + number * 0.618034) % 1, 0.7, 1.0), 1) for number in range(TAG_COLOURS - 10)]
    out[TAGS : TAGS + TAG_COLOURS] = [*ten, *rest]
    return out
