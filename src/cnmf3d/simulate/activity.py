"""What the cells of a synthetic volume do: bursts of spikes, calcium with a rise and a decay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from cnmf3d.simulate.scene import Scene

Float = npt.NDArray[np.float64]
LEAST_BURSTS = 3
GROUPS = 5
"""Number of groups of cells that burst together."""


@dataclass(frozen=True)
class Activity:
    """Spikes and calcium of all cells.

    Attributes
    ----------
    spikes : (cells, frames) int16
        Number of spikes in each frame.
    calcium : (cells, frames) float64
        Response to them; one spike's response peaks at 1.
    decay, rise : (cells,) float64
        Time constants, s.
    dips : (cells, frames) float64
        Share of a cell's resting light that inhibition takes.
    """

    spikes: npt.NDArray[np.int16]
    calcium: Float
    decay: Float
    rise: Float
    dips: Float

    def light(self, saturation: float) -> Float:
        """Light that the calcium gives, in that of a single spike far from saturation: ``c / (1 + saturation c)``."""
        return self.calcium / (1 + saturation * self.calcium)


def draw_activity(scene: Scene, rng: np.random.Generator) -> Activity:
    """Draw spikes and the calcium that follows them.

    Bursts come at random times; a burst holds 1 + Poisson spikes at exponential delays. A share of the bursts
    are those of the cell's group. Calcium follows ``c[t] = g1 c[t-1] + g2 c[t-2] + s[t]`` with the roots
    ``exp(-1 / (rate τ))`` of decay and rise (Pnevmatikakis 2016, eq. 2). The last cells are those with long stretches
    of activity, the first ones those that are inhibited.
    """
    decay, rise = _constants(scene, rng)
    seconds = scene.frames / scene.rate
    groups = [rng.uniform(0, seconds, rng.poisson(scene.bursts * seconds / 60) + 1) for _ in range(GROUPS)]
    spikes = np.zeros((scene.cells, scene.frames), np.int16)
    calcium = np.zeros(spikes.shape)
    for k in range(scene.cells):
        spikes[k] = _spikes(scene, groups[k % GROUPS], rng)
        if k >= scene.cells - round(scene.sustained * scene.cells):
            within = _stretches(scene, scene.sustained_time, rng)
            spikes[k] += np.where(within, rng.poisson(scene.sustained_rate / scene.rate, scene.frames), 0)
        calcium[k] = _respond(spikes[k], scene.rate, decay[k], rise[k])
    dips = np.zeros(calcium.shape)
    for k in range(round(scene.inhibited * scene.cells)):
        fade = np.exp(-1 / (scene.rate * decay[k]))
        below = _stretches(scene, scene.inhibition_time, rng)
        dips[k] = scene.inhibition * lfilter([1 - fade], [1.0, -fade], below)
    return Activity(spikes, calcium, decay, rise, dips)


def _constants(scene: Scene, rng: np.random.Generator) -> tuple[Float, Float]:
    """Decay and rise of each cell, s."""
    spread = rng.lognormal(0, scene.kinetics_spread, scene.cells)
    decay, share = scene.decay * spread, np.ones(scene.cells)
    low, high = scene.decay_range
    if high > 0:
        decay = np.exp(rng.uniform(np.log(low), np.log(high), scene.cells))
        share = decay / scene.decay
    rise = scene.rise * share * rng.lognormal(0, scene.kinetics_spread, scene.cells)
    return decay, np.minimum(rise, 0.9 * decay)


def _stretches(scene: Scene, duration: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Frames within stretches of this mean length, s: one at the least, a third of the recording together."""
    seconds = scene.frames / scene.rate
    number = 1 + rng.poisson(max(seconds / (3 * duration) - 1, 0))
    starts = rng.uniform(0, max(seconds - duration, 0), number)[:, None]
    lengths = duration * rng.uniform(0.5, 1.5, number)[:, None]
    time = np.arange(scene.frames) / scene.rate
    return np.asarray(((time >= starts) & (time < starts + lengths)).any(axis=0))


def _spikes(scene: Scene, group: Float, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Spike counts of one cell, (frames,)."""
    seconds = scene.frames / scene.rate
    expected = scene.bursts * rng.lognormal(0, scene.activity_spread) * seconds / 60
    own = rng.uniform(0, seconds * 0.97, max(LEAST_BURSTS, rng.poisson(expected * (1 - scene.coactivity))))
    shared = group[rng.random(len(group)) < scene.coactivity]
    starts = np.concatenate([own, shared])
    number = 1 + rng.poisson(max(scene.burst_spikes - 1, 0), len(starts))
    delays = rng.exponential(scene.burst_duration / 2, number.sum())
    delays[np.cumsum(number) - number] = 0
    frames = ((np.repeat(starts, number) + delays) * scene.rate).astype(int)
    return np.bincount(frames[frames < scene.frames], minlength=scene.frames)


def _respond(spikes: npt.NDArray[np.int16], rate: float, decay: float, rise: float) -> Float:
    """Calcium after spikes; a single spike peaks at 1."""
    slow, fast = np.exp(-1 / (rate * decay)), np.exp(-1 / (rate * rise))
    recursion = [1.0, -(slow + fast), slow * fast]
    impulse = np.zeros(max(8, int(np.ceil(10 * rise * rate))))
    impulse[0] = 1
    return np.asarray(lfilter([1.0], recursion, spikes) / lfilter([1.0], recursion, impulse).max())


def recorded(scene: Scene, cells: int, rng: np.random.Generator) -> tuple[Activity, Float, Float]:
    """Draw the activity of cells as a scene's frames see it.

    Time between trials is lived through but not seen; where planes are taken in turn, each sees the calcium of its
    own time.

    Returns
    -------
    Activity
        Spikes of each frame; calcium and dips at the frame's beginning.
    light, dips : (cells, frames, moments) float64
        Light of the calcium, as `Activity.light`, and share of the resting light that is lost; one moment, or one for
        each plane.
    """
    moments = scene.shape[0] if scene.in_turn else 1
    gap = round(scene.trial_gap * scene.rate) if scene.trials > 1 else 0
    lived = scene.frames + gap * (scene.trials - 1)
    long = scene.model_copy(update={"cells": cells, "frames": lived * moments, "rate": scene.rate * moments})
    activity = draw_activity(long, rng)
    seen = np.arange(scene.frames) + gap * scene.trial
    spikes = activity.spikes.reshape(cells, lived, moments).sum(axis=2, dtype=np.int16)[:, seen]
    shape = (cells, lived, moments)
    calcium, dips = activity.calcium.reshape(shape)[:, seen, 0], activity.dips.reshape(shape)[:, seen]
    light = activity.light(scene.saturation).reshape(shape)[:, seen]
    return Activity(spikes, calcium, activity.decay, activity.rise, dips[:, :, 0]), light, dips
