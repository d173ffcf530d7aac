"""The template, and what fluctuates around it, from some of the frames: in rounds with their shifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.motion.frames import parts, spread
from cnmf3d.motion.kernels import add, move
from cnmf3d.motion.products import bounded_products, by_blocks, products
from cnmf3d.motion.regression import Basis, Box, Fit, Grams, Whitening, regress
from cnmf3d.motion.spectra import from_waves, sharpened, smoothed, to_waves

Float = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
GROUP = 16
"""Frames that one thread multiplies at once: more read the images less often, fewer are shared among more threads."""
BOUND = 3.0
"""Standard deviations of a voxel's noise that it counts at most: bright cells lie beyond, and 0.3 % of normal noise."""
BOUNDED_FITS = 4
ODD = 0.7
"""Times the usual brightness: below it, or above its inverse, the first fit is no place to begin at."""
CHANGED = 0.05
"""Voxels from which a bounded fit has changed a shift so that it is worth another one."""
RESIDUALS, LEAST_RESIDUALS, RESIDUAL_VOXELS = 40, 16, 2**21
"""Frames whose residuals give noise and spectrum, at least so many of large volumes, and voxels in them."""
SETTLED = 0.05
"""Voxels (median over frames) from which on another round changes nothing that matters."""
STRETCHES = 8
"""Stretches of time whose frames go to either half of a template in turn: activity lasts, and would be in both."""
AGAIN = 0.6
"""Voxels of a frame's offset from which it is moved by whole voxels and fitted once more."""
SEEN = 0.05
"""Share of the frames that must show a voxel for it to count."""


@dataclass(frozen=True)
class Learned:
    """What all frames are registered to.

    Attributes
    ----------
    basis : Basis
    whitening : Whitening
    level : float32
        Subtracted from all values.
    shifts : (n, 3) float64
        Of the frames that it was learned from.
    errors : (n, 4) float64
        Their expected standard errors, and those of the frames' brightness.
    error : float
        Of the shifts, median.
    limit : (Z, Y, X) float32
        Residual up to which each voxel counts.
    mean, bound : (Z, Y, X) float32
        For `average_frames`: where the next one begins.
    """

    basis: Basis
    whitening: Whitening
    level: np.float32
    shifts: Double
    errors: Double
    error: float
    limit: Float
    mean: Float
    bound: Float


def learn(frames: npt.NDArray[Any], shifts: Double, axes: tuple[int, ...], rounds: int, workers: int) -> Learned:
    """Learn the template from frames whose shifts are known to within a voxel.

    Parameters
    ----------
    frames : (n, Z, Y, X)
        Pairs of frames in a row.
    shifts : (n, 3)
        Voxels, z, y, x.
    axes : tuple of int
        Along which the tissue moves.
    rounds : int
        At most so many.
    workers : int
    """
    few = frames[:: max(1, len(frames) // 16)]
    some = few[:, :, ::4, ::4].astype(np.float32)
    some = some[np.isfinite(some)]
    level = np.float32(np.median(some) if some.size else 0)
    shifts = np.where(np.isin(range(3), axes), shifts - np.median(shifts, axis=0), 0.0)
    reach = np.ceil(np.abs(shifts).max(axis=0)).astype(np.int64) + 1
    whitening = Whitening(np.asarray(1 / _difference_noise(frames), np.float32))
    mean: Float | None = None
    bound: Float | None = None
    for _ in range(rounds):
        average = average_frames(frames, shifts, level, mean, bound, workers)
        mean = average.mean
        basis = Basis.of(average.template(), whitening, axes)
        fit, whole = Registrar(basis, level, reach, None).fit(frames, shifts, workers)
        before, shifts = shifts, whole + fit.offset
        shifts = shifts - np.median(shifts, axis=0)
        residuals = residual_frames(frames, whole, fit, basis, level, workers)
        whitening, limit = measure_noise(residuals, average.seen)
        # half a voxel's slope on top: frames are moved by whole voxels only
        bound = limit + np.abs(basis.images[1 : 1 + len(axes)]).sum(axis=0) / 2
        if float(np.median(np.abs(shifts - before).max(axis=1))) < SETTLED:
            break
    assert bound is not None
    del basis, residuals, fit  # as large as all that follows
    average = average_frames(frames, shifts, level, average.mean, bound, workers)
    shifts, error = _fit_apart(frames, shifts, average, whitening, axes, reach, limit, workers)
    average = average_frames(frames, shifts, level, average.mean, bound, workers)
    basis = Basis.of(average.template(), whitening, axes)
    return Learned(
        *(basis, whitening, level, shifts, error, float(np.median(error[:, list(axes)])) if axes else 0.0),
        *(limit, average.mean, bound),
    )


def _fit_apart(
    frames: npt.NDArray[Any],
    shifts: Double,
    average: Average,
    whitening: Whitening,
    axes: tuple[int, ...],
    reach: Whole,
    limit: Float,
    workers: int,
) -> tuple[Double, Double]:
    """Fit each half of the frames to the template of the other: shifts (n, 3), and standard errors (n, 4).

    A frame that is part of a template, with what its cells did, is drawn to where it was put.
    """
    shifts, error = shifts.copy(), np.zeros((len(frames), 4))
    templates = [average.template(half) for half in (0, 1)]

    def fit_half(half: int) -> Double:
        few = np.flatnonzero(average.half == half)
        basis = Basis.of(templates[1 - half], whitening, axes)
        fit, whole = Registrar(basis, average.level, reach, limit).fit(frames[few], shifts[few], workers)
        shifts[few], error[few] = whole + fit.offset, fit.error
        return _apart(templates[half], basis)

    apart = [fit_half(half) for half in (0, 1)]
    # where one template lies beside the other, all frames of a half do
    shifts -= np.where(average.half[:, None] == 0, 0.25, -0.25) * (apart[0] - apart[1])
    return shifts - np.median(shifts, axis=0), error


def _apart(template: Float, basis: Basis) -> Double:
    """Shift of a template against that of a basis, (3,)."""
    still = np.zeros((1, 3), np.int64)
    seen = project(template[None], still, by_blocks(basis.instruments), np.float32(0), 1)
    shift: Double = regress(Grams(basis, (0, 0, 0)).of(still), seen, basis.axes).offset[0]
    return shift


@dataclass(frozen=True)
class Average:
    """Mean of frames at their shifts.

    Attributes
    ----------
    mean : (Z, Y, X) float32
    halves : two of (Z, Y, X) float32
        Means of one half of the frames and of the other.
    seen : (Z, Y, X) bool
        Voxels that enough frames show.
    half : (n,) int64
        Which half a frame belongs to.
    left : (n, boxes, 3) float64
        What moving by whole voxels left of the shifts.
    level : float32
    """

    mean: Float
    halves: tuple[Float, Float]
    seen: npt.NDArray[np.bool_]
    half: Whole
    left: Double
    level: np.float32

    def template(self, half: int | None = None) -> Float:
        """The mean above the level, or that of a half of the frames: sharpened, and without what noise left."""
        if half is None:
            waves, left = to_waves(self.mean - self.level), self.left
        else:
            waves, left = self._waves[half], self.left[self.half == half]
        return from_waves(sharpened(smoothed(waves, self._waves), left.reshape(-1, 3)))

    @cached_property
    def _waves(self) -> tuple[Float, Float]:
        one, other = (to_waves(part - self.level) for part in self.halves)
        return one, other


def average_frames(
    frames: npt.NDArray[Any],
    shifts: Double,
    level: np.float32,
    mean: Float | None,
    bound: Float | None,
    workers: int,
    boxes: Sequence[Box] | None = None,
) -> Average:
    """Average frames at their shifts.

    Parameters
    ----------
    frames, level, workers : as in `learn`
    shifts : (n, 3), or (n, boxes, 3)
    mean : (Z, Y, X) float32, optional
        Result of the round before.
    bound : (Z, Y, X) float32, optional
        Values count up to so far from `mean`: the template is tissue at rest, as most frames show it.
    boxes : sequence of boxes, optional
        Parts of the volume with shifts of their own.
    """
    shape = frames.shape[1:]
    moved = shifts[:, None] if shifts.ndim == 2 else shifts
    whole = np.rint(moved).astype(np.int64)
    sums, counts = (np.zeros((2, *shape), np.float32) for _ in range(2))
    stretches = int(np.clip(len(frames) // 4, 2, STRETCHES))
    half = np.arange(len(frames)) * stretches // len(frames) % 2
    far = np.full(shape, np.inf, np.float32)
    low, high = (-far, far) if mean is None or bound is None else (mean - bound, mean + bound)
    if boxes is None:
        boxes = [(slice(0, shape[0]), rows, slice(0, shape[2])) for rows in parts(shape[1], 8)]

    def add_up(n: int) -> None:
        at = np.ascontiguousarray(whole[:, min(n, whole.shape[1] - 1)])
        box = np.array([(side.start, side.stop) for side in boxes[n]])
        add(frames, at, half, low, high, box, sums, counts)

    spread(add_up, range(len(boxes)), workers)
    total = counts.sum(axis=0)
    seen = total >= max(1.0, SEEN * len(frames))
    mean = _filled(sums.sum(axis=0) / np.maximum(total, 1), seen)
    one, other = (
        _filled(part / np.maximum(count, 1), seen & (count > 0)) for part, count in zip(sums, counts, strict=True)
    )
    return Average(mean, (one, other), seen, half, moved - whole, level)


def _filled(image: Float, seen: npt.NDArray[np.bool_]) -> Float:
    """Repeat the nearest voxel where nothing was seen."""
    if seen.all() or not seen.any():
        return image
    nearest = ndimage.distance_transform_edt(~seen, return_distances=False, return_indices=True)
    return np.asarray(image[tuple(nearest)])


class Registrar:
    """Fits frames to a basis.

    Parameters
    ----------
    basis : Basis
    level : float32
        Subtracted from all values.
    reach : (3,) int
        Largest whole shift along z, y, x.
    bound : (Z, Y, X) float32, optional
        Up to which residuals count, where it is given.
    """

    def __init__(self, basis: Basis, level: np.float32, reach: Whole, bound: Float | None) -> None:
        self.basis, self.level, self.reach = basis, level, reach
        # copies in blocks live as long as the fit of some frames: they are as large as all images
        self.instruments = by_blocks(basis.instruments)
        self.bounds = None if bound is None else (by_blocks(bound[None]), by_blocks(basis.images))
        self.grams = Grams(basis, reach)

    def fit(self, frames: npt.NDArray[Any], shifts: Double, workers: int) -> tuple[Fit, Whole]:
        """Regress frames at the whole voxels next to their shifts; those that come out elsewhere once more.

        Returns
        -------
        fit : Fit
        whole : (n, 3) int64
            Shifts are ``whole + fit.offset``.
        """
        moves = np.isin(range(3), self.basis.axes)
        whole = np.where(moves, np.clip(np.rint(shifts), -self.reach, self.reach), 0).astype(np.int64)
        seen = project(frames, whole, self.instruments, self.level, workers)
        fit = regress(self.grams.of(whole), seen, self.basis.axes)
        moved = np.clip(np.rint(whole + fit.offset), -self.reach, self.reach).astype(np.int64)
        far = np.flatnonzero((np.abs(fit.offset) > AGAIN).any(axis=1) & (moved != whole).any(axis=1))
        if len(far):
            whole[far] = moved[far]
            seen[far] = project(frames[far], whole[far], self.instruments, self.level, workers)
            fit = regress(self.grams.of(whole), seen, self.basis.axes)
        if self.bounds is not None:
            fit = self._bounded(frames, whole, fit, workers)
        return fit, whole

    def _bounded(self, frames: npt.NDArray[Any], whole: Whole, fit: Fit, workers: int) -> Fit:
        """Fit again with bounded residuals; frames that this changes, once more."""
        few = np.arange(len(frames))
        grams = self.grams.of(whole)
        typical = np.median(fit.brightness)
        odd = (fit.brightness < ODD * typical) | (fit.brightness > typical / ODD)
        if odd.any():  # cells drown the template there: residuals are bounded around the template itself
            fit.coefficients[odd] = np.eye(1, fit.coefficients.shape[1]) * typical
            fit.offset[odd] = 0
        seen = np.einsum("nij,nj->ni", grams, fit.coefficients)
        for _ in range(BOUNDED_FITS):
            part = fit.at(few)
            expected = np.einsum("nij,nj->ni", grams[few], part.coefficients)
            some = frames if len(few) == len(frames) else frames[few]  # picking copies them
            seen[few] = expected + self._project_bounded(some, whole[few], part, workers)
            before, fit = fit, regress(grams, seen, self.basis.axes, fit.offset)
            few = np.flatnonzero(np.abs(fit.offset - before.offset).max(axis=1) > CHANGED)
            if not len(few):
                break
        return fit

    def _project_bounded(self, frames: npt.NDArray[Any], whole: Whole, fit: Fit, workers: int) -> Double:
        """Products of the instruments with what frames have beside their fit, bounded in each voxel, (n, K)."""
        assert self.bounds is not None
        bound, images = self.bounds
        out = np.empty((len(frames), images.shape[2]))
        factors = fit.coefficients.astype(np.float32)

        def group(part: slice) -> None:
            bounded_products(
                frames[part], whole[part], self.level, bound, factors[part], images, self.instruments, out[part]
            )

        spread(group, parts(len(frames), GROUP), workers)
        return out


def project(frames: npt.NDArray[Any], whole: Whole, instruments: Float, level: np.float32, workers: int) -> Double:
    """Products of moved frames with instruments in blocks, (n, K)."""
    out = np.empty((len(frames), instruments.shape[2]))

    def group(part: slice) -> None:
        products(frames[part], whole[part], level, instruments, out[part])

    spread(group, parts(len(frames), GROUP), workers)
    return out


def residual_count(voxels: int) -> int:
    """Frames of so many voxels whose residuals are looked at."""
    return int(np.clip(RESIDUAL_VOXELS // voxels // 2 * 2, LEAST_RESIDUALS, RESIDUALS))


def pairs_of(count: int, most: int) -> Whole:
    """Choose up to `most` of so many frames, spread evenly, in pairs of an even one and the next, increasing."""
    first = np.unique(np.linspace(0, max(count // 2 - 1, 0), min(most // 2, max(count // 2, 1))).astype(int)) * 2
    return np.asarray(np.minimum(np.stack([first, first + 1], axis=1).ravel(), count - 1), np.int64)


def residual_frames(
    frames: npt.NDArray[Any], whole: Whole, fit: Fit, basis: Basis, level: np.float32, workers: int
) -> Float:
    """What some frames have beside the fitted template, (n, Z, Y, X), zero out of view."""
    few = pairs_of(len(frames), residual_count(int(np.prod(frames.shape[1:]))))
    out = np.empty((len(few), *basis.template.shape), np.float32)
    flat = basis.images.reshape(len(basis.images), -1)

    def one(n: int) -> None:
        t = few[n]
        move(frames[t], whole[t], level, out[n])
        model = (fit.coefficients[t].astype(np.float32) @ flat).reshape(out[n].shape)
        view = tuple(slice(max(0, -s), size - max(0, s)) for s, size in zip(whole[t], out[n].shape, strict=True))
        out[n][view] -= model[view]

    spread(one, range(len(few)), workers)
    return out


def _difference_noise(frames: npt.NDArray[Any]) -> Float:
    """Noise of each voxel before anything is registered, from pairs of frames in a row."""
    few = pairs_of(len(frames), residual_count(int(np.prod(frames.shape[1:]))))
    if len(few) <= 3:
        return np.ones(frames.shape[1:], np.float32)
    apart = [
        np.nan_to_num(np.subtract(frames[a], frames[b], dtype=np.float32), posinf=0, neginf=0)
        for a, b in zip(few[::2], few[1::2], strict=True)
    ]
    return _regular(np.var(apart, axis=0) / 2)


def measure_noise(residuals: Float, seen: npt.NDArray[np.bool_]) -> tuple[Whitening, Float]:
    """Measure what frames have beside the template.

    Parameters
    ----------
    residuals : (n, Z, Y, X) float32
        Pairs of frames in a row; zero out of view. Bounded here.
    seen : (Z, Y, X) bool
        Other voxels get no weight.

    Returns
    -------
    whitening : Whitening
    limit : (Z, Y, X) float32
        Residual up to which each voxel counts.
    """
    grain = _grain(residuals)
    limit = grain * _bound_factor(residuals, grain)
    np.clip(residuals, -limit, limit, out=residuals)
    weight = np.where(seen, 1 / _residual_noise(residuals), 0).astype(np.float32)
    return Whitening.of(residuals, weight), limit


def _grain(residuals: Float) -> Float:
    """Noise that is new in each frame, from residuals of pairs of frames in a row: without activity, which lasts."""
    one, two = residuals[: len(residuals) // 2 * 2 : 2], residuals[1::2]
    seen = (one != 0) & (two != 0)
    power = np.where(seen, one - two, 0) ** 2
    return _regular(power.sum(axis=0) / np.maximum(2 * seen.sum(axis=0), 1))


def _bound_factor(residuals: Float, grain: Float) -> float:
    """Standard deviations up to which a voxel counts: more where single photons make noise skewed."""
    apart = (residuals[: len(residuals) // 2 * 2 : 2] - residuals[1::2])[:, :, ::2, ::3] / (1.4142 * grain[:, ::2, ::3])
    return float(max(BOUND, BOUND * np.percentile(np.abs(apart), 99) / 2.576))


def _residual_noise(residuals: Float) -> Float:
    """Standard deviation of each voxel's residuals where it is in view."""
    power = np.einsum("nzyx,nzyx->zyx", residuals, residuals)
    return _regular(power / np.maximum(np.count_nonzero(residuals, axis=0), 1))


def _regular(variance: Float) -> Float:
    """Standard deviation, averaged over next neighbours in the plane; never much below the usual one.

    Voxels that hardly ever change (filled borders, dead ones) would outweigh all others.
    """
    smooth = ndimage.uniform_filter(variance, (1, 3, 3), mode="nearest")
    usual = float(np.median(smooth[smooth > 0])) if (smooth > 0).any() else 1.0
    return np.sqrt(np.maximum(smooth, 0.1 * usual)).astype(np.float32)
