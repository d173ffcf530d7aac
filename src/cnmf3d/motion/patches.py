"""Displacements that differ from place to place: the regression in each patch, and what patches know of one another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.motion.frames import parts, spread
from cnmf3d.motion.learning import Learned, average_frames
from cnmf3d.motion.products import bounded_products, by_blocks, products
from cnmf3d.motion.regression import Basis, Box, Grams, Whitening, regress

Float = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Shape = tuple[int, int, int]
PATCH_ERROR = 0.18
"""Voxels of expected error that a patch may have: smaller patches follow a field more closely, and know less."""
LEAST_SIDE = 12
"""Voxels that a patch is wide at least: cells have to be seen with what is around them."""
LEAST_PATCHES, MOST_PATCHES = 5, 10
"""Along each axis of a plane that is wide enough."""
TOGETHER = 8
"""Patches that are regressed at once: single ones cost more in calls than in sums."""
DEPTH = 5
"""Planes of a patch, about."""


@dataclass(frozen=True)
class Patches:
    """The volume in patches side by side.

    Attributes
    ----------
    edges : three int64 arrays
        Where patches begin along z, y and x, and where the last one ends.
    """

    edges: tuple[Whole, Whole, Whole]

    @classmethod
    def of(cls, shape: Shape, error: float, strides: tuple[float, float, float] | None = None) -> Patches:
        """Choose patches.

        Parameters
        ----------
        shape : (Z, Y, X)
        error : float
            Expected error of shifts that all of the volume gives.
        strides : (z, y, x), optional
            Their size, instead of what structure and noise suggest.
        """
        depth = round(shape[0] / DEPTH) if shape[0] >= 2 * DEPTH - 2 else 1
        share = min((max(error, 1e-3) / PATCH_ERROR) ** 2 * depth, 1.0)
        side = max(float(np.sqrt(share * shape[1] * shape[2])), LEAST_SIDE)
        counts = [
            depth,
            *(
                int(np.clip(round(n / side), max(1, min(LEAST_PATCHES, n // LEAST_SIDE)), MOST_PATCHES))
                for n in shape[1:]
            ),
        ]
        if strides is not None:
            counts = [int(max(1, round(n / size))) for n, size in zip(shape, strides, strict=True)]
        z, y, x = (
            np.linspace(0, n, min(count, n) + 1).round().astype(np.int64)
            for n, count in zip(shape, counts, strict=True)
        )
        return cls((z, y, x))

    @classmethod
    def planes(cls, shape: Shape) -> Patches:
        """Each plane as one patch."""
        return cls((np.arange(shape[0] + 1), np.array([0, shape[1]]), np.array([0, shape[2]])))

    @property
    def by_planes(self) -> bool:
        """Whether planes are moved as wholes."""
        return self.grid[0] > 1 and self.grid[1:] == (1, 1)

    @property
    def grid(self) -> Shape:
        """Number of patches along z, y and x."""
        z, y, x = (len(edge) - 1 for edge in self.edges)
        return z, y, x

    @property
    def centres(self) -> tuple[Float, Float, Float]:
        """Centres of the patches along each axis, voxels."""
        z, y, x = (((edge[:-1] + edge[1:] - 1) / 2).astype(np.float32) for edge in self.edges)
        return z, y, x

    @property
    def places(self) -> Double:
        """Centre of each patch, (patches, 3), in C order."""
        return np.stack([part.ravel() for part in np.meshgrid(*self.centres, indexing="ij")], axis=1).astype(float)

    @property
    def boxes(self) -> list[Box]:
        """Slices of each patch, in C order."""
        sides = [[slice(int(a), int(b)) for a, b in pairwise(edge)] for edge in self.edges]
        return [(z, y, x) for z in sides[0] for y in sides[1] for x in sides[2]]


class PatchRegistrar:
    """Fits the patches of frames to a template.

    Parameters
    ----------
    learned : Learned
    patches : Patches
    reach : (3,) int
        Largest whole shift of a patch.
    """

    def __init__(self, learned: Learned, patches: Patches, reach: Whole) -> None:
        self.learned, self.patches, self.reach = learned, patches, reach
        basis = learned.basis
        self.grams = Grams(basis, reach, [edge.tolist() for edge in patches.edges])
        self.images = [by_blocks(basis.images[:, *box]) for box in patches.boxes]
        self.instruments = [by_blocks(basis.instruments[:, *box]) for box in patches.boxes]
        self.limits = [by_blocks(learned.limit[None, *box]) for box in patches.boxes]

    def fit(
        self, frames: npt.NDArray[Any], shifts: Double, workers: int, *, bounded: bool = True
    ) -> tuple[Double, Double]:
        """Find every patch's displacement.

        Parameters
        ----------
        frames : (n, Z, Y, X)
        shifts : (n, patches, 3)
            Where to begin.
        workers : int
        bounded : bool
            Fit again with bounded residuals; that takes twice the time.

        Returns
        -------
        shifts, errors : (n, patches, 3) float64
            Errors are infinite where a patch isn't seen.
        """
        axes = self.learned.basis.axes
        moves = np.isin(range(3), axes)
        whole = np.where(moves, np.clip(np.rint(shifts), -self.reach, self.reach), 0).astype(np.int64)

        def several(part: slice) -> tuple[Double, Double]:
            numbers = range(len(self.patches.boxes))[part]
            gram = np.concatenate([self.grams.of(whole[:, n], self.patches.boxes[n]) for n in numbers])
            seen = np.concatenate([self._project(frames, n, whole[:, n], None) for n in numbers])
            fit = regress(gram, seen, axes)
            if bounded:
                factors = fit.coefficients.reshape(len(numbers), len(frames), -1)
                left = [self._project(frames, n, whole[:, n], own) for n, own in zip(numbers, factors, strict=True)]
                seen = np.einsum("nij,nj->ni", gram, fit.coefficients) + np.concatenate(left)
                fit = regress(gram, seen, axes, fit.offset)
            error = np.where(np.isfinite(fit.error[:, 3:]), fit.error[:, :3], np.inf)
            shape = (len(numbers), len(frames), 3)
            return fit.offset.reshape(shape), error.reshape(shape)

        found = spread(several, parts(len(self.patches.boxes), TOGETHER), workers)
        offset, error = (np.concatenate(some).swapaxes(0, 1) for some in zip(*found, strict=True))
        return whole + offset, np.ascontiguousarray(error)

    def _project(self, frames: npt.NDArray[Any], n: int, whole: Whole, coefficients: Double | None) -> Double:
        """Products of a patch of frames with the instruments, or of what is left beside a fit, bounded: (frames, K)."""
        images, instruments, level = self.images[n], self.instruments[n], self.learned.level
        corners = whole + [side.start for side in self.patches.boxes[n]]
        out = np.empty((len(frames), images.shape[2]))
        if coefficients is None:
            products(frames, corners, level, instruments, out)
        else:
            factors = coefficients.astype(np.float32)
            bounded_products(frames, corners, level, self.limits[n], factors, images, instruments, out)
        return out


@dataclass(frozen=True)
class FieldModel:
    """How displacements of patches go together.

    Attributes
    ----------
    gains : (3, patches, patches) float64
        What measured deviations of all patches say of each one's true deviation, along z, y and x.
    others : (3, patches, patches) float64
        What those of the other patches say of each one's measured deviation.
    held_out : (3,) float64
        Share of the squares of a patch's deviation that the other patches predict; no gain where it is too little.
    predicted : (3,) float64
        The same in squared voxels.
    """

    gains: Double
    others: Double
    held_out: Double
    predicted: Double

    @property
    def helps(self) -> bool:
        """Whether there is a field along any axis."""
        return bool(self.gains.any())

    @property
    def explained(self) -> float:
        """Squared voxels of deviation that patches predict of one another."""
        return float(self.predicted[self.gains.any(axis=(1, 2))].sum())

    def smooth(self, deviations: Double, errors: Double) -> Double:
        """Estimate the true deviations, (n, patches, 3); patches that aren't seen follow the others."""
        unseen: npt.NDArray[np.bool_] = np.asarray(~np.isfinite(errors).all(axis=2))
        filled = np.where(unseen[..., None], 0.0, deviations)
        out = filled
        for _ in range(1 if not unseen.any() else 5):
            out = np.einsum("aij,nja->nia", self.gains, filled)
            filled = np.where(unseen[..., None], out, filled)
        return np.asarray(out)

    def without_field(self) -> FieldModel:
        """Nothing deviates."""
        return replace(self, gains=np.zeros_like(self.gains))

    def confirmed(self, deviations: Double, errors: Double) -> FieldModel:
        """Keep the field along axes where it is right in other frames than those that it was learned from.

        Each patch's deviation is predicted from those of the other patches. Against leaving patches where the rigid
        shift puts them that must be better by `PREDICTED` of the squares, and surely so.

        Parameters
        ----------
        deviations, errors : (n, patches, 3)
            From the rigid shift, of frames that nothing was learned from, in their order.
        """
        keep = np.zeros(3, np.bool_)
        gains, predicted = self.gains.copy(), self.predicted.copy()
        unseen: npt.NDArray[np.bool_] = np.asarray(~np.isfinite(errors).all(axis=2))
        weights = 1 / np.maximum(np.median(np.where(unseen[..., None], np.inf, errors), axis=0), 1e-3) ** 2
        for axis in np.flatnonzero(self.gains.any(axis=(1, 2))):
            values = np.where(unseen, 0.0, np.clip(deviations[..., axis], -FARTHEST, FARTHEST))
            left = np.where(unseen, 0.0, values - values @ self.others[axis].T)
            predicted[axis] = float((values**2 - left**2).sum() / max((~unseen).sum(), 1))
            total, missed = ((part**2 * weights[:, axis]).sum(axis=1) for part in (values, left))
            share, unsure = _share(total - missed, total)
            keep[axis] = share > max(PREDICTED, SURE * unsure)
        gains[~keep] = 0
        return replace(self, gains=gains, predicted=predicted)


def _share(part: Double, whole: Double) -> tuple[float, float]:
    """Share of one sum in another over frames in a row, and its standard error over stretches of time.

    That of a ratio (Cochran 1977, Sampling Techniques, 6.4): tissue moves more at some times than at others, which says
    nothing against the share.
    """
    stretches = np.array_split(np.stack([part, whole], axis=1), min(STRETCHES, len(part)))
    shares, wholes = np.array([stretch.sum(axis=0) for stretch in stretches]).T
    share = shares.sum() / max(wholes.sum(), 1e-30)
    error = np.sqrt(((shares - share * wholes) ** 2).sum() * len(wholes) / max(len(wholes) - 1, 1))
    return float(share), float(error / max(wholes.sum(), 1e-30))


LENGTHS = (0.7, 1.0, 1.5, 2.0, 3.0, 5.0)
"""Patches over which displacements may go together."""
PREDICTED = 0.1
"""Share of a patch's deviations that the others must predict: chance predicts nothing, active cells that lie in two
patches up to 0.05, a warp of half a voxel 0.3 to 0.5."""
SURE = 2.0
"""Standard errors by which predicting must be better in frames that nothing was learned from."""
STRETCHES = 8
"""Stretches of time over which that error is taken: activity lasts."""
LEAST = 0.1
"""Voxels rms below which a field does more harm by interpolation than good."""
SHARED_PLANES = 2.5
"""Planes within which the same cells are seen."""
FARTHEST = 3.0
"""Voxels beyond which a deviation that was measured counts no more when covariances are taken."""


def learn_field(
    deviations: Double, errors: Double, patches: Patches, scale: Double | None = None, *, forced: bool = False
) -> FieldModel:
    """Learn from measured deviations how smooth the field is, and how wrong each patch.

    Errors of different patches have nothing to do with one another: what two patches have in common is motion. Their
    covariance falls with the distance as a Gaussian (a Gaussian process). What the usual patch's variance has beside
    that is error, and other patches have as much of it as is expected of them. The true deviation given all measured
    ones follows (kriging; Wiener's filter in space).

    Parameters
    ----------
    deviations, errors : (n, patches, 3)
        From the rigid shift.
    patches : Patches
    scale : (3,), optional
        Voxels of the movie in one of the source.
    forced : bool
        Whether there is a field even where it predicts nothing.
    """
    count = deviations.shape[1]
    size = np.array([np.diff(edge).mean() for edge in patches.edges])
    apart = ((patches.places[:, None] - patches.places[None]) / size) ** 2
    # planes that are near to each other show the same cells, and are wrong alike
    pairs = (apart[..., 0] > SHARED_PLANES**2) if patches.by_planes else ~np.eye(count, dtype=bool)
    seen: npt.NDArray[np.bool_] = np.asarray(np.isfinite(errors).all(axis=2))
    gains, others = np.zeros((2, 3, count, count))
    held_out, predicted = np.zeros((2, 3))
    for axis in range(1 if patches.by_planes else 0, 3):
        values = np.where(seen, np.clip(deviations[..., axis], -FARTHEST, FARTHEST), 0.0)
        together = np.maximum(seen.astype(float).T @ seen, 1)
        covariance = values.T @ values / together
        variance, shape = _falling(covariance, apart, pairs)
        if variance <= 0:
            continue
        known = np.where(np.isfinite(errors[..., axis]), errors[..., axis], 0)
        least = (known**2).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        # the usual patch tells by how much errors are larger than expected; one that moves more than others is no error
        least = np.maximum(least, 1e-4)
        noise = least * max(float(np.median((np.diag(covariance) - variance) / least)), 1.0)
        prior = variance * shape
        inverse = np.linalg.inv(prior + np.diag(noise))
        gains[axis] = prior @ inverse
        others[axis] = np.eye(count) - inverse / np.diag(inverse)[:, None]
        left = np.where(seen, values - values @ others[axis].T, 0)
        total = float((values**2).sum())
        predicted[axis] = (total - float((left**2).sum())) / max(seen.sum(), 1)
        held_out[axis] = predicted[axis] * max(seen.sum(), 1) / total if total > 0 else 0
        if forced:
            continue
        if held_out[axis] < PREDICTED or np.sqrt(variance) * (1 if scale is None else scale[axis]) < LEAST:
            gains[axis] = 0
    return FieldModel(gains, others, held_out, predicted)


def _falling(covariance: Double, apart: Double, pairs: npt.NDArray[np.bool_]) -> tuple[float, Double]:
    """Fit variance and reach of a covariance that falls with the distance; 0 where there is none."""
    best = (np.inf, 0.0, np.eye(len(covariance)))
    if pairs.sum() < 6:
        return best[1:]
    target = covariance[pairs]
    for along_z in LENGTHS if apart[..., 0].any() else (1.0,):
        for in_plane in LENGTHS:
            shape = np.exp(-0.5 * (apart[..., 0] / along_z**2 + (apart[..., 1] + apart[..., 2]) / in_plane**2))
            # a line through the pairs: what the rigid shift took along lowers all of them alike
            falling, around = shape[pairs] - shape[pairs].mean(), target - target.mean()
            slope = float(falling @ around / max(falling @ falling, 1e-30))
            miss = float(((slope * falling - around) ** 2).sum())
            if slope > 0 and miss < best[0]:
                best = miss, slope, shape
    return best[1], best[2]


def relearn(frames: npt.NDArray[Any], shifts: Double, learned: Learned, patches: Patches, workers: int) -> Learned:
    """Make the template again, each patch by its own shifts, (n, patches, 3): sharp where the tissue warps.

    What fluctuates stays as the rigid fit left it: patches that are free to move take activity for motion, and noise
    that is measured behind them lacks it.
    """
    average = average_frames(frames, shifts, learned.level, learned.mean, learned.bound, workers, patches.boxes)
    whitening = Whitening(
        np.where(average.seen, learned.whitening.weight, 0).astype(np.float32), learned.whitening.gain
    )
    basis = Basis.of(average.template(), whitening, learned.basis.axes)
    return replace(learned, basis=basis, whitening=whitening, mean=average.mean)
