"""What is known of a registered movie's motion, as courses that a block's background may follow.

Registration leaves something behind: interpolation blurs by an amount that depends on the part of a voxel by which a
frame was moved, the first and last plane show what lies beyond them, and displacements are found with errors. All of it
is, in each voxel, a function of the displacement. To second order that is a combination of the displacement, its
products and the sine and cosine of the part of a voxel, with an image each. How wrong a displacement is is not known,
but how wrong it may be: errors of a variance s² blur a frame, by s² times half of the template's second derivatives on
average, so that registration's expected error is a course, too. Which combinations there are is asked of
the data: an image that one half of the recording shows must be the image of the other half.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float
from cnmf3d.engine.block import Block
from cnmf3d.engine.blocks import Box
from cnmf3d.engine.shared_courses import quietness
from cnmf3d.motion.confidence import expected_error
from cnmf3d.movies.blanked import Blanked
from cnmf3d.movies.movie import Frames, Movie
from cnmf3d.movies.registered.frames import Registered
from cnmf3d.movies.registered.motion import Motion

STILL = 0.05
"""Voxels rms below which nothing that a displacement along an axis does can be seen, nor an error that varies so."""

STRETCHES = 8
"""Stretches of the recording, in turn of one half and of the other: each longer than cells stay active."""

REPEATED, OPPOSITE = 6.0, 2.0
"""Standard deviations of what noise makes alike in both halves that an image must reach; and times what the halves
have alike with the opposite sign: activity follows a course by chance, up or down in either half, so that this is what
chance does. Less takes cells' activity for motion and costs their traces; more takes motion for cells."""

SEPARATE = 0.1
"""Part of a course that must be left beside the courses that are known for it to count."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MotionCourses:
    """Courses of what motion leaves behind in a registered movie.

    Attributes
    ----------
    motion : Motion
    width, bins : int
        Frames a time bin, and their number.
    """

    motion: Motion
    width: int
    bins: int

    @classmethod
    def of(cls, movie: Movie, width: int, bins: int) -> MotionCourses | None:
        """Of a movie that is registered as it is read; None of others."""
        frames: Frames = movie.frames
        bad: npt.NDArray[np.bool_] = np.zeros(movie.shape[0], bool)
        if isinstance(frames, Blanked):
            bad, frames = frames.bad, frames.source
        if not isinstance(frames, Registered):
            return None
        motion = frames.motion
        return cls(replace(motion, bad_frames=motion.bad_frames | bad), width, bins)

    def within(self, box: Box) -> Float:
        """Courses of a block, (n, bins) float32: orthonormal, and orthogonal to a constant."""
        moved = functions_of(displacement(self.motion, box))
        courses = np.concatenate([moved, blur_of(self.motion)])
        return orthonormal(binned(courses, self.motion, self.width, self.bins))


def displacement(motion: Motion, box: Box) -> Values:
    """(T, 3) z, y, x: displacement of a block's middle, in voxels."""
    out = motion.rigid.astype(np.float64)
    (first, stop), *_ = box.outer
    if motion.plane_shifts is not None:
        out[:, 1:] += motion.plane_shifts[:, first:stop].mean(axis=1)
    if motion.field is not None and motion.grid is not None:
        place = []
        for (low, high), points in zip(box.outer, motion.grid, strict=True):
            inside = (points >= low) & (points < high)
            nearest = np.arange(len(points)) == np.argmin(np.abs(points - (low + high - 1) / 2))
            place.append(np.flatnonzero(inside if inside.any() else nearest))
        out += motion.field[:, place[0]][:, :, place[1]][:, :, :, place[2]].mean(axis=(1, 2, 3))
    return out


def functions_of(shifts: Values) -> Values:
    """What voxels may depend on, (n, T): each moving axis, products of two, and the part of a voxel."""
    axes = [shifts[:, axis] for axis in range(3) if shifts[:, axis].std() > STILL]
    products = [one * other for i, one in enumerate(axes) for other in axes[i:]]
    parts = [wave(2 * np.pi * axis) for axis in axes for wave in (np.sin, np.cos)]
    return np.array([*axes, *products, *parts]).reshape(-1, len(shifts))


def blur_of(motion: Motion) -> Values:
    """What expected errors of the displacements do, (n, T): their square, where they differ from frame to frame."""
    error = expected_error(motion.confidence)
    good = error[~motion.bad_frames]
    return (error**2)[None] if good.size and good.std() > STILL else np.zeros((0, len(error)))


def binned(courses: Values, motion: Motion, width: int, bins: int) -> Values:
    """Means over time bins, of frames that aren't bad; zeros where all of a bin's are."""
    good = ~motion.bad_frames
    frame = np.minimum(np.arange(len(good)) // width, bins)  # what is beyond the last bin is left out
    count = np.bincount(frame[good], minlength=bins + 1)[:bins]
    sums = np.array([np.bincount(frame[good], course[good], minlength=bins + 1)[:bins] for course in courses])
    means = sums.reshape(-1, bins) / np.maximum(count, 1)
    middle = means[:, count > 0].mean(axis=1, keepdims=True) if (count > 0).any() else 0
    return np.where(count > 0, means - middle, 0)


def orthonormal(courses: Values) -> Float:
    """An orthonormal basis of courses, without what is hardly there, (n, bins)."""
    if not len(courses):
        return courses.astype(np.float32)
    scale = np.maximum(np.linalg.norm(courses, axis=1, keepdims=True), 1e-12)
    _, values, rows = np.linalg.svd(courses / scale, full_matrices=False)
    return np.ascontiguousarray(rows[values > SEPARATE * max(values[0], 1e-12)], np.float32)


def repeated(block: Block, courses: Float) -> Float:
    """Combinations of courses whose images both halves of a block's bins show alike, (m, bins) orthonormal.

    Parameters
    ----------
    block : Block
    courses : (n, bins) float32
        Orthonormal.
    """
    if not len(courses):
        return courses
    half = np.arange(block.bins) * STRETCHES // block.bins % 2 == 0
    weight = quietness(block)
    images = []
    for part in (half, ~half):
        mine = np.where(part, courses, np.float32(0))
        mine = np.where(part, mine - mine.sum(axis=1, keepdims=True) / max(part.sum(), 1), np.float32(0))
        gram = (mine @ mine.T).astype(np.float64)
        # each direction as well known as it is: those that one half hardly has don't count
        values, vectors = np.linalg.eigh(gram)
        root = vectors / np.sqrt(np.maximum(values, 1e-2)) @ vectors.T
        images.append(block.regress(mine).astype(np.float64) @ root)
    alike = images[0].T @ (images[1] * weight[:, None])
    chance = np.sqrt((weight**2).sum() * neighbours(block))
    values, vectors = np.linalg.eigh((alike + alike.T) / 2)
    chosen = values > max(REPEATED * chance, OPPOSITE * -values.min())
    return orthonormal((vectors[:, chosen].T @ courses).astype(np.float64))


def neighbours(block: Block) -> float:
    """Times that the variance of a sum of products is larger because neighbouring voxels share noise."""
    if block.grain is None:
        return 1.0
    grain = np.asarray(block.grain, np.float64)[:, 1:] if np.allclose(block.grain[:, 0], 1) else block.grain
    return float(np.prod(1 + 2 * (np.asarray(grain) ** 2).sum(axis=1)))


def apart(courses: Float, known: Float) -> Float:
    """Courses without what others (orthonormal) hold, orthonormal themselves."""
    left = courses - (courses @ known.T) @ known
    left = left[np.linalg.norm(left, axis=1) > SEPARATE]
    return orthonormal(left.astype(np.float64))
