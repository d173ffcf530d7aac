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
    """

    spikes: npt.NDArray[np.int16]
    calcium: Float
    decay: Float
    rise: Float


def draw_activity(scene: Scene, rng: np.random.Generator) -> Activity:
    """Draw spikes and the calcium that follows them.

    Bursts come at random times; a burst holds 1 + Poisson spikes at exponential delays. A share of the bursts
    are those of the cell's group. Calcium follows ``c[t] = g1 c[t-1] + g2 c[t-2] + s[t]`` with the roots
    ``exp(-1 / (rate τ))`` of decay and rise (Pnevmatikakis 2016, eq. 2).
    """
    decay = scene.decay * rng.lognormal(0, scene.kinetics_spread, scene.cells)
    rise = np.minimum(scene.rise * rng.lognormal(0, scene.kinetics_spread, scene.cells), 0.9 * decay)
    seconds = scene.frames / scene.rate
    groups = [rng.uniform(0, seconds, rng.poisson(scene.bursts * seconds / 60) + 1) for _ in range(GROUPS)]
    spikes = np.zeros((scene.cells, scene.frames), np.int16)
    calcium = np.zeros(spikes.shape)
    for k in range(scene.cells):
        spikes[k] = _spikes(scene, groups[k % GROUPS], rng)
        calcium[k] = _respond(spikes[k], scene.rate, decay[k], rise[k])
    return Activity(spikes, calcium, decay, rise)


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


def recorded(scene: Scene, cells: int, rng: np.random.Generator) -> tuple[Activity, Float]:
    """Draw the activity of cells as a scene's frames see it.

    Time between trials is lived through but not seen; where planes are taken in turn, each sees the calcium of its
    own time.

    Returns
    -------
    Activity
        Spikes of each frame; calcium at the frame's beginning.
    calcium : (cells, frames, moments) float64
        One moment, or one for each plane.
    """
    moments = scene.shape[0] if scene.in_turn else 1
    gap = round(scene.trial_gap * scene.rate) if scene.trials > 1 else 0
    lived = scene.frames + gap * (scene.trials - 1)
    long = scene.model_copy(update={"cells": cells, "frames": lived * moments, "rate": scene.rate * moments})
    activity = draw_activity(long, rng)
    seen = np.arange(scene.frames) + gap * scene.trial
    spikes = activity.spikes.reshape(cells, lived, moments).sum(axis=2, dtype=np.int16)[:, seen]
    calcium = activity.calcium.reshape(cells, lived, moments)[:, seen]
    return Activity(spikes, calcium[:, :, 0], activity.decay, activity.rise), calcium
