"""Where a frame lies against a template: whitened correlation in three dimensions, and a path through its peaks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import fft

from cnmf3d.motion.kernels import faded, highest
from cnmf3d.motion.spectra import over_shells, shells

Float = npt.NDArray[np.float32]
Waves = npt.NDArray[np.complex64]
Volume = tuple[int, int, int]
CANDIDATES = 8
"""Peaks of a frame's correlation that are kept: its own neighbours in time choose among them. In the dark the right one
is often none of the highest four; more hardly cost anything, but a path through them does."""
LEAST_ENERGY = 0.05
"""Share of the template's energy that a shift must leave in view to count for what it is: of less noise makes much."""
CLEAR = 6.0
"""Log-likelihood by which a peak must exceed the next for a frame to tell how far the tissue moves in one."""

MANY_SHIFTS = 32
"""Shifts along y from which a fast transform back costs less than a product with a matrix for those in reach."""
TAPER = 0.08
"""Share of each side of an image that is faded out: steps at the borders look like structure that never moves."""
JUMP = 12.0
"""Log-likelihood that a jump costs, whatever its length: a peak that is so much better than one near by is believed."""


@dataclass(frozen=True)
class Field:
    """The grid on which correlations are computed.

    Attributes
    ----------
    shape : (Z, Y, X)
        Of binned frames.
    reach : (3,)
        Largest shift along z, y and x, in binned voxels.
    padded : (Z, Y, X)
        Of the transforms: with room for the reach, so that nothing wraps around.
    window : (Z, Y, X) float32
        1 inside, faded out towards the borders in the plane.
    """

    shape: Volume
    reach: tuple[int, int, int]
    padded: Volume
    window: Float

    @classmethod
    def of(cls, shape: Volume, reach: tuple[int, int, int]) -> Field:
        """Make the grid for binned frames of this shape."""
        padded = tuple(fft.next_fast_len(n + r, real=True) if n > 1 else 1 for n, r in zip(shape, reach, strict=True))
        sides = [np.ones(shape[0])] + [_tapered(n) for n in shape[1:]]
        window = sides[0][:, None, None] * sides[1][:, None] * sides[2]
        return cls(shape, reach, (padded[0], padded[1], padded[2]), window.astype(np.float32))

    @property
    def frequencies(self) -> tuple[npt.NDArray[np.float64], ...]:
        """Angular frequencies along z, y and x of the transforms, radians a binned voxel, broadcastable."""
        z, y, x = self.padded
        waves = (np.abs(fft.fftfreq(z)), np.abs(fft.fftfreq(y)), fft.rfftfreq(x))
        return tuple(
            2 * np.pi * wave.reshape([-1 if n == axis else 1 for n in range(3)]) for axis, wave in enumerate(waves)
        )

    def transform(self, frames: Float) -> Waves:
        """Transform frames (n, Z, Y, X) without the mean of each plane; values that are none count as the level."""
        flat = np.empty(frames.shape, np.float32)
        faded(frames, self.window, flat)
        depth, height, width = self.padded
        # an axis at a time: rows that are only padding are not transformed
        waves = fft.fft(fft.rfft(flat, width, axis=3), height, axis=2, overwrite_x=True)
        return np.asarray(fft.fft(waves, depth, axis=1, overwrite_x=True), np.complex64)

    def shifts(self, waves: Waves) -> Float:
        """Transform back (n, ...), shifts within reach only: (n, 2 rz + 1, 2 ry + 1, 2 rx + 1) from the lowest."""
        depth, height, width = self._back
        z, y, x = (2 * reach + 1 for reach in self.reach)
        if y > MANY_SHIFTS:
            near = fft.ifft(waves, axis=2)[:, :, np.arange(-self.reach[1], self.reach[1] + 1)]
        else:
            near = np.matmul(height, waves)
        near = np.matmul(depth, near.reshape(*near.shape[:2], -1))
        found = near.view(np.float32).reshape(-1, len(width)) @ width
        return np.asarray(found.reshape(len(waves), z, y, x), np.float32)

    @cached_property
    def _back(self) -> tuple[Waves, Waves, Float]:
        """Matrices that transform back along z, y and x: shifts within reach are few, so that products are cheaper."""
        z, y, x = (
            np.exp(2j * np.pi * np.outer(np.arange(-reach, reach + 1), np.arange(n)) / n) / n
            for reach, n in zip(self.reach, self.padded, strict=True)
        )
        half = x.T[: self.padded[2] // 2 + 1].copy()  # of a real image one half of the waves is the other's conjugate
        half[1 : (self.padded[2] + 1) // 2] *= 2
        width = np.stack([half.real, -half.imag], axis=1).reshape(-1, half.shape[1])
        return z.astype(np.complex64), y.astype(np.complex64), np.asarray(width, np.float32)


def _tapered(length: int) -> npt.NDArray[np.float64]:
    width = max(1, round(TAPER * length))
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(width) + 0.5) / width)
    return np.concatenate([rise, np.ones(length - 2 * width), rise[::-1]])


@dataclass(frozen=True)
class Spectra:
    """Power of signal and noise of single frames, at each coefficient of the transform, averaged over shells.

    Attributes
    ----------
    signal : what consecutive frames have in common, waves that motion turns between them left out
    noise : the rest
    """

    signal: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]

    @classmethod
    def of(cls, field: Field, waves: Waves) -> Spectra:
        """Measure both in pairs of consecutive frames, (2 n, ...): noise is new in each."""
        index, count = shells(field.frequencies), len(waves) // 2
        both, shared = np.zeros((2, *waves.shape[1:]))
        for one, two in zip(waves[::2], waves[1::2], strict=True):
            both += np.abs(one) ** 2 + np.abs(two) ** 2
            shared += (one * two.conj()).real
        power, common = over_shells(both / (2 * count), index), over_shells(shared / count, index)
        signal = np.clip(common, 0, power)
        return cls(signal, np.maximum(power - signal, 1e-3 * power + 1e-30))

    def shrinkage(self, frames: float) -> npt.NDArray[np.float64]:
        """Share of a mean over so many frames that is signal."""
        return self.signal / (self.signal + self.noise / frames)


@dataclass(frozen=True)
class Matcher:
    """A template that frames are compared with.

    Attributes
    ----------
    field : Field
    spectrum : complex64
        Conjugate of the template's transform over the noise's power.
    energy : (2 rz + 1, 2 ry + 1, 2 rx + 1) float32
        Half of the template's energy that a frame would show at each shift.
    """

    field: Field
    spectrum: npt.NDArray[np.complex64]
    energy: Float

    @classmethod
    def of(cls, field: Field, template: Float, frames: float, spectra: Spectra, *, active: bool = False) -> Matcher:
        """Whiten a template.

        Parameters
        ----------
        field : Field
        template : (Z, Y, X) float32
            Binned mean of `frames` frames.
        frames : float
        spectra : Spectra
        active : bool
            Count as noise, too, what frames have in common with the next one beside the template: cells that light up.
        """
        share = spectra.shrinkage(frames)
        spectrum = field.transform(template[None])[0] * share
        noise = spectra.noise * (1 + share / frames)
        if active:
            noise = noise + np.maximum(
                spectra.signal - over_shells(np.abs(spectrum) ** 2, shells(field.frequencies)), 0
            )
        root = fft.irfftn(spectrum / np.sqrt(noise), field.padded)
        seen = np.zeros(field.padded, np.float32)
        seen[tuple(slice(n) for n in field.shape)] = field.window
        overlap = np.conj(fft.rfftn(np.asarray(root**2, np.float32))) * fft.rfftn(seen)
        scale = np.prod(field.padded)
        half = scale * field.shifts(overlap[None])[0] / 2
        return cls(
            field,
            np.asarray(np.conj(spectrum) / noise * scale, np.complex64),
            np.asarray(np.maximum(half, LEAST_ENERGY * half.max() + 1e-30), np.float32),
        )

    def likelihood(self, waves: Waves) -> Float:
        """Log-likelihood of each frame's shifts within reach over that of no match, at the best brightness for each.

        Of ``a c - a² E / 2``, c the correlation and E the template's energy in view, that is ``c² / (2 E)``. At a
        brightness of 1 a frame whose cells are silent would rather show less of the template: the farthest shifts.
        """
        seen = self.field.shifts(waves * self.spectrum)
        return np.asarray(np.maximum(seen, 0) ** 2 / (4 * self.energy), np.float32)

    def peaks(self, waves: Waves, count: int = CANDIDATES) -> npt.NDArray[np.float64]:
        """Find each frame's highest peaks, (n, `count`, 4): shift along z, y, x in binned voxels, log-likelihood.

        Rows beyond the number of peaks have a log-likelihood of minus infinity.
        """
        out = np.empty((len(waves), count, 4))
        for values, peaks in zip(self.likelihood(waves), out, strict=True):
            highest(values, peaks)
        out[..., :3] -= self.field.reach
        return out


def usual_step(peaks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Usual distance of two consecutive frames along each axis, (3,): median where both have a clear peak.

    Wrong peaks lie anywhere: where they are many, steps between highest peaks would allow any step.

    Parameters
    ----------
    peaks : (frames, candidates, 4)
        From `Matcher.peaks`.
    """
    if len(peaks) < 2:
        return np.zeros(3)
    step = np.abs(np.diff(peaks[:, 0, :3], axis=0))
    ahead = peaks[:, 0, 3] - peaks[:, 1, 3]
    both = np.minimum(ahead[1:], ahead[:-1])
    few = both >= min(CLEAR, float(np.sort(both)[-max(1, len(both) // 8)]))
    return np.asarray(np.median(step[few], axis=0))


def path(peaks: npt.NDArray[np.float64], step: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Choose a peak of each frame so that likelihood and smoothness together are best (Viterbi's algorithm).

    A step costs ``½ Σ (distance / step)²``, at most `JUMP`.

    Parameters
    ----------
    peaks : (frames, candidates, 4)
        From `Matcher.peaks`.
    step : (3,)
        Usual distance of two consecutive frames along each axis.

    Returns
    -------
    (frames,) int64
    """
    frames, candidates = peaks.shape[:2]
    best = peaks[0, :, 3].copy()
    back = np.zeros((frames, candidates), np.int64)
    for t in range(1, frames):
        apart = (peaks[t, :, None, :3] - peaks[t - 1, None, :, :3]) / step
        cost = best[None] - np.minimum((apart**2).sum(axis=2) / 2, JUMP)
        back[t] = cost.argmax(axis=1)
        best = cost[np.arange(candidates), back[t]] + peaks[t, :, 3]
        best -= best.max()
    chosen = np.zeros(frames, np.int64)
    chosen[-1] = best.argmax()
    for t in range(frames - 1, 0, -1):
        chosen[t - 1] = back[t, chosen[t]]
    return chosen
