"""From light to counts as detectors of microscopes make them: pulses, grain, lines, hot pixels, clipping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.errors import UsageError
from cnmf3d.simulate.camera import Image, expose
from cnmf3d.simulate.scene import Scene

BLINKING = 1 / 3
"""Share of the hot pixels that blink."""
BLINK_TIME = 1.0
"""Mean time for which a blinking pixel stays as it is, s."""
HUM_CYCLES = 0.11
"""Cycles of the wandering stripes a line: nine lines, as 50 Hz beside an 8 kHz resonant scanner is over many frames."""


@dataclass(frozen=True)
class Pattern:
    """What stays in a detector from frame to frame.

    Attributes
    ----------
    gains : (X,) float32
        Gain of each column over the mean.
    hot : (pixels,) int64
        Hot pixels, C order over (Z, Y, X).
    signal : (pixels, frames) float32
        Their signal, counts.
    """

    gains: npt.NDArray[np.float32]
    hot: npt.NDArray[np.int64]
    signal: npt.NDArray[np.float32]


def draw_pattern(scene: Scene, rng: np.random.Generator) -> Pattern:
    """Draw gains of columns and hot pixels."""
    gains = np.maximum(1 + scene.stripes * rng.standard_normal(scene.shape[2]), 0.1)
    voxels = int(np.prod(scene.shape))
    hot = rng.choice(voxels, round(scene.hot * voxels), replace=False)
    signal = scene.hot_counts * rng.lognormal(0, 0.5, (len(hot), 1)) * np.ones(scene.frames)
    for row in signal[: round(BLINKING * len(hot))]:
        changes = rng.random(scene.frames) < 1 / max(BLINK_TIME * scene.rate, 1.0)
        row *= (np.cumsum(changes) + rng.integers(2)) % 2
    return Pattern(gains.astype(np.float32), hot, signal.astype(np.float32))


def check_dtype(scene: Scene) -> None:
    """See that the type of the counts can hold what the scene asks for."""
    if scene.fill == "nan" and scene.dtype != "float32":
        raise UsageError(f"fill = nan can't be written as {scene.dtype}", "Ask for dtype=float32, or another fill.")


def noise_variance(scene: Scene, light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Variance of the counts of one voxel in one frame at its expected counts, without lines and clipping."""
    variance = scene.gain * (1 + scene.pulse_spread**2) * light
    for sigma in scene.grain:
        if sigma:
            variance = variance * float((grain_weights(sigma) ** 2).sum())
    kept = 1 - scene.persistence
    return np.asarray((variance + scene.read_noise**2) * (kept**2 + scene.persistence**2))


def grain_weights(sigma: float) -> npt.NDArray[np.float64]:
    """Weights by which a photon's counts are blurred along one axis."""
    reach = int(np.ceil(4 * sigma)) + 1
    impulse = np.zeros(2 * reach + 1)
    impulse[reach] = 1
    return np.asarray(ndimage.gaussian_filter1d(impulse, sigma, mode="constant"))


def detect(light: Image, rng: np.random.Generator, scene: Scene, pattern: Pattern, frame: int) -> npt.NDArray[Any]:
    """Draw the counts of a volume, as `Scene.dtype`.

    Photons are Poisson numbers; each gives gamma distributed counts with the mean `Scene.gain`. What they differ
    by from the light is blurred onto neighbours; read noise, lines and hum come after that.

    Parameters
    ----------
    light : (Z, Y, X) float32
        Expected counts without the offset.
    rng : numpy.random.Generator
    scene : Scene
    pattern : Pattern
    frame : int
    """
    if _is_plain(scene):
        return expose(light, rng, scene.gain, scene.read_noise, scene.offset)
    light = np.maximum(light, np.float32(0)) * pattern.gains
    light.ravel()[pattern.hot] += pattern.signal[:, frame]
    counts = _pulses(light, rng, scene)
    if any(scene.grain):
        noise = ndimage.gaussian_filter(counts - light, scene.grain[::-1], mode="reflect")
        counts = light + noise
    counts += scene.read_noise * rng.standard_normal(light.shape, dtype=np.float32) + np.float32(scene.offset)
    counts += _lines(scene, rng)
    if scene.dtype == "float32":
        return np.minimum(counts, np.float32(scene.ceiling), dtype=np.float32)
    type_ = np.iinfo(scene.dtype)
    np.rint(counts, out=counts)
    return np.asarray(np.clip(counts, type_.min, min(scene.ceiling, type_.max)), dtype=scene.dtype)


def _is_plain(scene: Scene) -> bool:
    """Whether the detector is an ideal one, for which `expose` is the faster way."""
    odd = (scene.pulse_spread, *scene.grain, scene.line_noise, scene.hum, scene.stripes, scene.hot)
    return not any(odd) and scene.dtype == "uint16" and scene.ceiling >= np.iinfo(np.uint16).max


def _pulses(light: Image, rng: np.random.Generator, scene: Scene) -> Image:
    """Counts of the photons: `n` gamma distributed pulses have the sum of one with `n` times the shape."""
    photons = rng.poisson(light / scene.gain)
    if not scene.pulse_spread:
        return (scene.gain * photons).astype(np.float32)
    shape = 1 / scene.pulse_spread**2
    counts = np.zeros(light.shape, np.float32)
    some = photons > 0
    counts[some] = scene.gain / shape * rng.standard_gamma(shape * photons[some])
    return counts


def _lines(scene: Scene, rng: np.random.Generator) -> Image:
    """Offset of each line of the frame, (Z, Y, 1)."""
    planes, lines, _ = scene.shape
    offset = scene.line_noise * rng.standard_normal((planes, lines))
    phase = rng.uniform(0, 2 * np.pi, (planes, 1))
    offset += scene.hum * np.sin(2 * np.pi * HUM_CYCLES * np.arange(lines) + phase)
    return offset[..., None].astype(np.float32)
