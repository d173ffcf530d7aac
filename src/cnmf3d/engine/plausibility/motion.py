"""How much a movie moves, from a sample: without registering anything.

A displacement `s` changes an image by ``-s · ∇image`` (Lucas & Kanade 1981). It is estimated from one side of the plane
and from the other, with a gap between them: what both say alike is motion; noise and active cells are not alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.engine.plausibility.check import Check
from cnmf3d.engine.plausibility.sample import Sample
from cnmf3d.geometry import ZYX

GAP = 12
"""Voxels between the two sides, so that no cell lies in both; a sixth of small planes."""

SMOOTH, FINE = 1.0, 3.0
"""Voxels by which the mean image is smoothed before it is differentiated, and above which structures don't count:
neuropil and brightness change in wide patches, which looks like a displacement of what is as wide."""

DEPTH = 3
"""Planes from which on displacement along z can be seen."""

STRUCTURE = 0.25
"""Share of the gradient that two independent mean images must have in common: less is noise, and nothing can be
said."""

BRIEF = 0.75
"""Voxels from the median of the volumes around that make a brief displacement: below, residual motion is so, too."""

SMALLEST, QUARTERED = 32, 80
"""Rows and columns below which too few things are apart to tell motion from activity; in the whole, and in
quarters."""

Double = npt.NDArray[np.float64]
Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Motion:
    """Displacement in voxels, rms over the sample's volumes.

    Displacements of more than a structure's width (some two voxels) come out too small.

    Attributes
    ----------
    total : ZYX
        From the mean image.
    fast : ZYX
        From the mean of the volumes around: within a second or so.
    brief : float
        Share of the volumes that are displaced by more than `BRIEF` from those around.
    """

    total: ZYX
    fast: ZYX
    brief: float


def motion_of(stretches: tuple[Float, ...], noise: Float) -> Motion | None:
    """Displacement of a movie's volumes; None where the image has too little structure to show one.

    Parameters
    ----------
    stretches : tuple of (volumes, Z, Y, X) float32
        Consecutive volumes, from several places of the movie; at least two.
    noise : (Z, Y, X) float32
        Variance of the noise; weighs the voxels.
    """
    if len(stretches) < 2 or min(noise.shape[1:]) < SMALLEST:
        return None
    means = [np.mean([part.mean(axis=0) for part in stretches[first::2]], axis=0) for first in (0, 1)]
    mean = (means[0] + means[1]) / 2
    changes = _Changes.of(means, noise)
    if changes is None:
        return None
    found = [changes.displacements(part - mean) for part in stretches]
    total = _shared(np.concatenate(found, axis=2))
    around = [each - np.median(each, axis=2, keepdims=True) for each in found]
    fast = _shared(np.concatenate([each - each.mean(axis=2, keepdims=True) for each in found], axis=2))
    return Motion(_axes(total), _axes(fast), _brief(np.concatenate(around, axis=2)[:, -2:]))


def uneven_motion_of(stretches: tuple[Float, ...], noise: Float, whole: Motion) -> float:
    """Displacement in the plane that differs from place to place, in voxels rms: what quarters have beyond the whole.

    Zero where planes are too small for quarters. Displacement that differs within a quarter is not seen.

    Parameters
    ----------
    stretches, noise :
        As for `motion_of`.
    whole : Motion
        Of the same movie.
    """
    _, height, width = noise.shape
    if min(height, width) < QUARTERED:
        return 0.0
    powers = []
    for rows in (slice(0, height // 2), slice(height // 2, height)):
        for columns in (slice(0, width // 2), slice(width // 2, width)):
            motion = motion_of(tuple(part[:, :, rows, columns] for part in stretches), noise[:, rows, columns])
            if motion is None:
                return 0.0
            powers.append(motion.total.y**2 + motion.total.x**2)
    return float(np.sqrt(max(float(np.mean(powers)) - whole.total.y**2 - whole.total.x**2, 0.0)))


@dataclass(frozen=True)
class _Changes:
    """What displacements do to each side of the image.

    Attributes
    ----------
    filters : (voxels, sides * images) float32
    solvers : (sides, axes, images) float64
    """

    filters: Float
    solvers: Double

    @classmethod
    def of(cls, means: list[Float], noise: Float) -> _Changes | None:
        """From two independent mean images; None where they have too little in common."""
        weight = _weights(noise)
        means = [mean - mean.mean() for mean in means]
        smooth = [_fine(_centred(images_of(mean, SMOOTH), weight)) for mean in means]
        plain = [images_of(mean, 0) for mean in means]
        filters = (smooth[0] + smooth[1]) / 2
        common = [float((smooth[0][a] * smooth[1][a] * weight).sum()) for a in range(1, len(filters))]
        whole = [float((filters[a] ** 2 * weight).sum()) for a in range(1, len(filters))]
        if min(one / max(all_, 1e-30) for one, all_ in zip(common, whole, strict=True)) < STRUCTURE:
            return None
        columns, solvers = [], []
        for side in sides(noise.shape[1:]):
            part = np.where(side, weight, np.float32(0))
            # each smooth image with the other mean's gradient: noise that both had would count as structure
            pairs = [(_flat(smooth[i] * part), _flat(plain[1 - i])) for i in (0, 1)]
            normal = sum((first @ other.T).astype(np.float64) for first, other in pairs) / 2
            columns.append(_flat(np.asarray(filters * part, np.float32)))
            solvers.append(np.linalg.pinv(normal, rcond=1e-8)[1:])
        return cls(np.ascontiguousarray(np.concatenate(columns).T), np.array(solvers))

    def displacements(self, changed: Float) -> Double:
        """Displacement of volumes less the mean image, (sides, axes, volumes)."""
        seen = changed.reshape(len(changed), -1) @ self.filters
        seen = seen.reshape(len(changed), len(self.solvers), -1).astype(np.float64)
        return np.asarray(np.einsum("sai,tsi->sat", self.solvers, seen))


def images_of(mean: Float, smooth: float) -> Float:
    """What brightness and displacement along z, y and x do to an image, (images, Z, Y, X); along z in deep volumes."""
    image = ndimage.gaussian_filter(mean, (0, smooth, smooth)) if smooth else mean
    axes = (0, 1, 2) if mean.shape[0] >= DEPTH else (1, 2)
    return np.stack([image, *(-np.gradient(image, axis=axis) for axis in axes)])


def sides(plane: tuple[int, ...]) -> list[npt.NDArray[np.bool_]]:
    """Two pairs of sides of a plane: top and bottom, left and right, (1, Y, X) each."""
    out = []
    for axis, length in enumerate(plane):
        gap = min(GAP, length // 6)
        place = np.arange(length)
        place = place[:, None] if axis == 0 else place[None]
        for side in (place < (length - gap) // 2, place >= (length + gap) // 2):
            out.append(np.broadcast_to(side, plane)[None])
    return out


def _flat(images: Float) -> Float:
    return images.reshape(len(images), -1)


def _weights(noise: Float) -> Float:
    power = ndimage.gaussian_filter(noise, (0, 2, 2))
    typical = float(np.median(power))
    # as a share of the usual, so that float32 holds the sums whatever the units
    return np.asarray((typical or 1.0) / np.maximum(power, 0.1 * (typical or 1.0)), np.float32)


def _centred(images: Float, weight: Float) -> Float:
    """Images without what each row has in common: line noise would else be taken for motion."""
    return np.asarray(
        images - (images * weight).sum(axis=-1, keepdims=True) / np.maximum(weight.sum(axis=-1, keepdims=True), 1e-30)
    )


def _fine(images: Float) -> Float:
    return np.asarray(images - ndimage.gaussian_filter(images, (0, 0, FINE, FINE)))


def _shared(found: Double) -> Double:
    """Root of what the two sides of a pair have in common, (axes,): the lesser of both pairs."""
    products = (found[0::2] * found[1::2]).mean(axis=2)
    return np.asarray(np.sqrt(np.maximum(products.min(axis=0), 0)))


def _brief(around: Double) -> float:
    """Share of the volumes that all four sides see displaced the same way, by more than `BRIEF` in the plane."""
    same = (np.sign(around) == np.sign(around[:1])).all(axis=0)
    least = np.where(same, np.abs(around).min(axis=0), 0)
    return float((np.hypot(*least) > BRIEF).mean())


def _axes(values: Double) -> ZYX:
    z = 0.0 if values.size == 2 else float(values[0])
    return ZYX(z, float(values[-2]), float(values[-1]))


MOVES = 0.45
"""Voxels rms in the plane from which on a movie is said to move. Registration by whole voxels leaves 0.41, and the
engine takes that as background; less would name every recording that was registered so."""

MOVES_Z = 0.3
"""The same along z, in planes."""

UNEVEN = 0.25
"""The same for what differs from place to place: recordings that don't move have up to 0.16 by chance."""

OFTEN = 0.05
"""Least share of volumes with a brief displacement for a caution: fewer do little harm; one in a sample is chance."""


FILLED = (0.001, 0.5)
"""Share of the voxels that registration fills in some of the volumes, at least and at most: a line of 512 is 0.002 of
its plane; where most of them are empty at times, volumes were lost."""


def registered_before(sample: Sample) -> bool:
    """Whether borders are filled in some volumes and not in others, as registration leaves them."""
    at_times = float(((sample.hidden > 0) & (sample.hidden < 1)).mean())
    return FILLED[0] < at_times < FILLED[1]


def _remedy(sample: Sample, kind: str) -> str:
    """What helps: registration, unless that is what left it."""
    if "motion" in sample.movie.metadata:
        return "it was registered, so look at its motion file with `cnmf3d motion`"
    if registered_before(sample):  # which auto leaves as it is
        return f"it was registered before; `cnmf3d run --register {'rigid' if kind == 'auto' else kind}` does it again"
    return f"register it with `cnmf3d run --register {kind}`"


def check_motion(sample: Sample) -> Check:
    """Residual displacement."""
    motion = motion_of(sample.frames, sample.noise)
    if motion is None:
        return Check("motion", "the image has too little structure, or is too small, to show motion")
    z, y, x = motion.total
    plane, fast = float(np.hypot(y, x)), float(np.hypot(motion.fast.y, motion.fast.x))
    uneven = uneven_motion_of(sample.frames, sample.noise, motion)
    depth = f", {z:.2f} planes along z" if sample.mean.shape[0] >= DEPTH else ""
    said = f"{x:.2f} voxels rms along x, {y:.2f} along y{depth} ({fast:.2f} within a second or so)"
    finding = remedy = ""
    if plane > MOVES or z > MOVES_Z:
        finding = f"the movie moves by {said}"
        remedy = f"{_remedy(sample, 'auto')}, or cells come out in pieces"
    elif uneven > UNEVEN:
        finding = (
            f"the movie moves differently from place to place, by {uneven:.2f} voxels rms beyond what all of it does "
            f"({said})"
        )
        remedy = _remedy(sample, "piecewise")
    elif motion.brief > OFTEN:
        finding = (
            f"{motion.brief:.0%} of the volumes are displaced by more than {BRIEF:g} voxels from those around, as "
            "when an animal startles"
        )
        remedy = f"{_remedy(sample, 'auto')}, or cut these volumes out"
    caution = f"{finding}: {remedy}" if finding else ""
    figures = {"x": x, "y": y, "z": z, "fast": fast, "uneven": uneven, "brief": motion.brief}
    return Check("motion", said, figures, caution, finding)
