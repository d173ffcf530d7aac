"""Where frames lie, to within a voxel or so, from nothing: a template of few frames, then all against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.motion.bad_frames import OFF, contrast
from cnmf3d.motion.correlation import Field, Matcher, Spectra, Waves, path, usual_step
from cnmf3d.motion.frames import Source, bin_frames, parts, spread
from cnmf3d.motion.kernels import add

Float = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
FRAMES = 32
"""Frames that the first template is made of, spread over the recording, and as many that follow them."""
LEAST = 4
"""Frames that must be left of these when odd ones are left out."""
GROUP = 8
"""Frames that are transformed at once."""
ROUNDS = 3
"""Times that the template is made anew at most; it mostly stays after two."""
POINTS, MORE_POINTS = 20_000, 60_000
"""Binned voxels that are correlated, about: a part of a larger field tells as much to within a voxel. More where these
say too little."""
ENOUGH = 500.0
"""Log-likelihood (median over frames) of the first template from which these say enough: a wrong peak of noise has some
ten, and activity some hundred."""
IN_VIEW = 4
"""Times the reach that it is wide at least, so that a frame at the farthest shift still shows most of it."""
BRIGHT = 99.0
"""Percentile of values up to which they count: a cell that lights up where the template has none looks like the
template's cells displaced; a lower one takes from what the template shows."""
RUNS = (1, 5, 1, 15)
"""Frames in a row whose mean is tried as the first template: one is sharp, more have less noise."""


@dataclass(frozen=True)
class Start:
    """What correlation says of all frames.

    Attributes
    ----------
    shifts : (T, 3) float64
        Voxels of the source, z, y, x; to within a voxel or so.
    peaks : (T,) float64
        Log-likelihood of the chosen peak over that of no match.
    level : (T,) float64
        Mean of what was looked at in each frame.
    """

    shifts: Double
    peaks: Double
    level: Double


@dataclass(frozen=True)
class Window:
    """The part of a volume that is correlated, binned in the plane.

    Attributes
    ----------
    rows, columns : slice
        In voxels of the source.
    by : int
    """

    rows: slice
    columns: slice
    by: int

    def of(self, frames: npt.NDArray[Any], workers: int) -> Float:
        """Cut frames and bin them, (n, Z, Y, X)."""
        return bin_frames(frames[:, :, self.rows, self.columns], self.by, workers)


@dataclass(frozen=True)
class Search:
    """What every frame is compared with.

    Attributes
    ----------
    window : Window
    spectra : Spectra
    matcher : Matcher
    most : float32
        Value up to which voxels count.
    """

    window: Window
    spectra: Spectra
    matcher: Matcher
    most: np.float32

    def sharper(self, template: Float, frames: int, workers: int) -> Search:
        """The same with a better template, (Z, Y, X) in voxels of the source, learned from so many frames."""
        image = np.minimum(self.window.of(template[None], workers)[0], self.most)
        return replace(self, matcher=Matcher.of(self.matcher.field, image, frames, self.spectra, active=True))

    def start(self, source: Source, tell: Callable[[int], None] = lambda done: None) -> Start:
        """Compare all frames, and choose a peak of each."""
        peaks, level = [], []
        field = self.matcher.field
        for start, frames in source.chunks():
            images = self.window.of(frames, source.workers)
            level.append(images.mean(axis=(1, 2, 3), dtype=np.float64))
            bounded = np.minimum(images, self.most)

            def match(part: slice, bounded: Float = bounded) -> Double:
                return self.matcher.peaks(field.transform(bounded[part]))

            peaks += spread(match, parts(len(bounded), GROUP), source.workers)
            tell(start + len(frames))
        found = np.concatenate(peaks)
        chosen = path(found, np.maximum(1.5 * usual_step(found), 0.5))
        best = found[np.arange(len(found)), chosen]
        return Start(best[:, :3] * [1, self.window.by, self.window.by], best[:, 3], np.concatenate(level))


def first_search(source: Source, reach: tuple[int, int, int]) -> Search:
    """Make a template to begin with.

    Parameters
    ----------
    source : Source
    reach : (3,)
        Largest shift along z, y, x, voxels of the source.
    """
    time = source.shape[0]
    few = np.unique(np.linspace(0, max(time - 2, 0), min(FRAMES, time)).astype(int))
    pairs = source.pick(np.stack([few, np.minimum(few + 1, time - 1)], axis=1).ravel())
    pairs, few = _usual(pairs, few)
    search, peak = _search(source, reach, pairs, few, POINTS)
    if peak < ENOUGH and search.window != _window(pairs, reach, MORE_POINTS):
        search, _ = _search(source, reach, pairs, few, MORE_POINTS)
    return search


def _search(
    source: Source, reach: tuple[int, int, int], pairs: npt.NDArray[Any], few: Whole, points: int
) -> tuple[Search, float]:
    """Make a template of so many binned voxels; and its log-likelihood in the usual frame that it was made of."""
    window = _window(pairs, reach, points)
    small = window.of(pairs, source.workers)
    some = small[::2, :, ::2]
    most = np.float32(np.percentile(some[np.isfinite(some)], BRIGHT) if np.isfinite(some).any() else np.inf)
    small = np.minimum(small, most)
    field = Field.of(small.shape[1:], _within(reach, small.shape[1:], window.by))
    waves = np.empty((len(small), *field.padded[:2], field.padded[2] // 2 + 1), np.complex64)

    def transform(part: slice) -> None:
        waves[part] = field.transform(small[part])

    spread(transform, parts(len(small), GROUP), source.workers)
    spectra = Spectra.of(field, waves)
    template, peak = _first_template(source, window, field, spectra, few, small[::2], waves[::2])
    return Search(window, spectra, Matcher.of(field, template, len(few), spectra, active=True), most), peak


def _usual(pairs: npt.NDArray[Any], few: Whole) -> tuple[npt.NDArray[Any], Whole]:
    """Leave out pairs with a frame whose level is far from that of the others: flashes, blank and saturated frames.

    They show no place, so that they are put anywhere, and what they have above the others is an edge of the template.
    """
    level = np.array([_level(frame[:, ::2, ::2]) for frame in pairs])
    finite = np.isfinite(level)
    if not finite.any():
        return pairs, few
    around = np.abs(level - np.median(level[finite]))
    good = finite & ~(around > max(OFF * 1.4826 * float(np.median(around[finite])), contrast(pairs)))
    kept = np.flatnonzero(good[::2] & good[1::2])
    if len(kept) < min(LEAST, len(few)) or len(kept) == len(few):
        return pairs, few
    return pairs.reshape(len(few), 2, *pairs.shape[1:])[kept].reshape(-1, *pairs.shape[1:]), few[kept]


def _level(frame: npt.NDArray[Any]) -> float:
    """Mean of the values that are any; NaN where none is."""
    finite = np.isfinite(frame)
    return float(frame.mean(where=finite, dtype=np.float64)) if finite.any() else np.nan


def _within(reach: tuple[int, int, int], shape: tuple[int, ...], by: int) -> tuple[int, int, int]:
    z, y, x = (int(min(np.ceil(r / b), (n - 1) // 2)) for r, n, b in zip(reach, shape, (1, by, by), strict=True))
    return z, y, x


def _window(frames: npt.NDArray[Any], reach: tuple[int, int, int], points: int) -> Window:
    """Choose the binning, and the part of a large field that has most structure."""
    planes, height, width = frames.shape[1:]
    by = 2 if min(height, width) >= 48 else 1
    side = int(np.sqrt(points / planes)) * by
    side = max(side, IN_VIEW * max(reach[1:]), 48)
    rows, columns = min(height, side), min(width, side)
    mean = frames[::2].mean(axis=0, dtype=np.float32)
    detail = (mean - ndimage.uniform_filter(mean, (1, 9, 9))) ** 2
    places = [
        (int(y), int(x))
        for y in sorted({*np.linspace(0, height - rows, 4).astype(int)})
        for x in sorted({*np.linspace(0, width - columns, 4).astype(int)})
    ]
    y, x = max(places, key=lambda at: float(detail[:, at[0] : at[0] + rows, at[1] : at[1] + columns].sum()))
    return Window(slice(y, y + rows), slice(x, x + columns), by)


def _first_template(
    source: Source, window: Window, field: Field, spectra: Spectra, few: Whole, images: Float, waves: Waves
) -> tuple[Float, float]:
    """Make the template: from the best of several starts, remade until its frames stay where they are.

    The number is its log-likelihood in the usual one of them.
    """

    def match(matcher: Matcher) -> tuple[Double, Double]:
        groups = spread(lambda part: matcher.peaks(waves[part], 1), parts(len(waves), GROUP), source.workers)
        found = np.concatenate(groups)[:, 0]
        return found[:, :3], found[:, 3]

    starts: list[tuple[Float, float]] = [(images.mean(axis=0), len(images))]
    for length, number in zip(RUNS, few[np.linspace(0, len(few) - 1, len(RUNS) + 2).astype(int)[1:-1]], strict=True):
        run = window.of(source.read(int(number), int(number) + length), source.workers)
        starts.append((run.mean(axis=0), len(run)))
    results = [match(Matcher.of(field, *start, spectra=spectra)) for start in starts]
    above = images - np.float32(np.median(images[::4]))
    # what a template of one frame says of that frame is no evidence: the best few frames don't count
    order = np.argsort([-np.sort(values)[: len(values) * 3 // 4 + 1].sum() for _, values in results], kind="stable")
    best: tuple[float, Float, float] | None = None
    for number in order[:2]:
        shifts, _ = results[number]
        score = -np.inf
        for _ in range(ROUNDS):
            template = _moved_mean(above, shifts, field)
            shifts, values = match(Matcher.of(field, template, len(images), spectra))
            if values.sum() <= score * (1 + 1e-3):
                break
            score = float(values.sum())
        if best is None or score > best[0]:
            best = score, template, float(np.median(values))
    assert best is not None
    return best[1:]


def _moved_mean(images: Float, shifts: Double, field: Field) -> Float:
    """Mean of frames above their level, moved back by whole voxels around the median shift.

    What is seldom seen counts less.
    """
    whole = np.rint(shifts - np.median(shifts, axis=0)).astype(np.int64)
    whole = np.clip(whole, -np.array(field.reach), field.reach)
    sums, counts = (np.zeros((2, *field.shape), np.float32) for _ in range(2))
    far = np.full(field.shape, np.inf, np.float32)
    add(
        images, whole, np.zeros(len(images), np.int64), -far, far, np.array([(0, n) for n in field.shape]), sums, counts
    )
    return np.asarray(sums[0] / np.maximum(counts[0], len(images) / 4), np.float32)
