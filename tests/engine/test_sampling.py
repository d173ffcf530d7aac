"""The sampler's jumps beside numpy twins that work with whole matrices and the same random numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from cnmf3d.engine.deconvolution import Response
from cnmf3d.engine.kernels.numba import sampling
from cnmf3d.engine.kernels.numba.deconvolution import products_between
from cnmf3d.engine.kernels.numba.random_numbers import KINDS
from cnmf3d.engine.kernels.numba.random_numbers import seed as begin

WORD = 2**64 - 1


def test_every_sweep_and_kind_has_random_numbers_of_its_own():
    assert sampling.MOVES + 1 < KINDS
    states, state = set(), np.ones(1, np.uint64)
    for sweep in range(4):
        for kind in range(sampling.MOVES + 2):
            begin(sweep, kind, 5, state)
            states.add(int(state[0]))
    assert len(states) == 4 * (sampling.MOVES + 2)


class Numbers:
    """Twin of the kernel's random numbers (Marsaglia's xorshift)."""

    def __init__(self, seed):
        self.x = seed

    def __call__(self):
        x = self.x
        x ^= (x << 13) & WORD
        x ^= x >> 7
        x ^= (x << 17) & WORD
        self.x = x
        return ((x >> 11) + 0.5) / 2**53


def log_posterior(spikes, residual_without, matrix, prior, variance):
    """Log density of spikes up to a constant: how well they explain, and each spike's prior (odds, size)."""
    log_odds, size, width = prior
    left = residual_without - matrix @ spikes
    each = log_odds + 0.5 * (size / width) ** 2 + norm.logpdf((spikes[spikes > 0] - size) / width)
    return -0.5 * left @ left / variance + each.sum()


def merged_twin(last, t, spikes, target, matrix, prior, variance, seed):
    """A split part in one of `REACH` frames on either side, uniform in size, is the way back (Green 1995)."""
    draw = Numbers(seed)
    stay, gone = (t, last) if draw() < 0.5 else (last, t)
    new = spikes.copy()
    new[stay] += new[gone]
    new[gone] = 0
    odds = log_posterior(new, target, matrix, prior, variance) - log_posterior(spikes, target, matrix, prior, variance)
    ways = 0.5 / sampling.REACH / new[stay] / 0.5  # of splitting so, over those of merging so
    return (new, stay) if math.log(draw()) < odds + math.log(ways) else (spikes, t)


def split_twin(t, spikes, target, matrix, prior, variance, seed):
    """A part of a spike goes to a frame near by that no spike lies before; merging the two is the way back."""
    draw = Numbers(seed)
    step = 1 + int(draw() * sampling.REACH)
    u = t + step if draw() < 0.5 else t - step
    between = [k for k in range(min(t, u), max(t, u) + 1) if k != t]
    if not 0 <= u < len(spikes) or any(spikes[k] > 0 for k in between):
        return spikes
    part = spikes[t] * draw()
    new = spikes.copy()
    new[t] -= part
    new[u] += part
    odds = log_posterior(new, target, matrix, prior, variance) - log_posterior(spikes, target, matrix, prior, variance)
    ways = 0.5 / (0.5 / sampling.REACH / spikes[t])
    return new if math.log(draw()) < odds + math.log(ways) else spikes


def scene(seed, frames, decay, rise):
    """Kernel, its matrix, a trace, spikes in some frames, and what the kernels of the sampler keep beside."""
    rng = np.random.default_rng(seed)
    kernel = Response(decay, rise).kernel(frames)
    matrix = np.zeros((frames, frames))
    for t in range(frames):
        matrix[t:, t][: len(kernel)] = kernel[: frames - t]
    truth = (rng.random(frames) < 0.3) * rng.uniform(0.5, 2, frames)
    target = matrix @ truth + 0.3 * rng.standard_normal(frames)
    spikes = ((rng.random(frames) < 0.4) * rng.uniform(0.2, 2, frames)).astype(np.float32)
    products = np.empty((len(kernel) + 1, len(kernel)), np.float32)
    products_between(kernel, products)
    mirrored = np.concatenate((products[-1][:0:-1], products[-1]))
    gain = (matrix.T @ (target - matrix @ spikes)).astype(np.float32)
    return target, matrix, spikes, gain, products, mirrored


cases = given(
    st.integers(0, 10_000), st.integers(6, 30), st.floats(1.5, 8), st.floats(0, 0.9), st.integers(1, WORD),
    st.floats(-6, -1), st.floats(0.05, 0.5),
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@cases
def test_two_spikes_are_merged_as_the_twin_merges_them(seed, frames, decay, rise, number, odds, variance):
    target, matrix, spikes, gain, products, mirrored = scene(seed, frames, decay, rise)
    places = np.flatnonzero(spikes)
    near = [k for k in range(1, len(places)) if places[k] - places[k - 1] <= sampling.REACH]
    if not near:
        return
    last, t = (int(places[near[0] - 1]), int(places[near[0]]))
    prior, state = np.array([odds, 1.0, 0.45]), np.array([number], np.uint64)
    wanted, place = merged_twin(last, t, spikes.astype(float), target, matrix, prior, variance, number)
    assert sampling._merge(last, t, spikes, gain, products, mirrored, prior, variance, state) == place
    assert np.allclose(spikes, wanted, atol=1e-5)
    assert np.allclose(gain, matrix.T @ (target - matrix @ wanted), atol=1e-3)


@settings(deadline=None, max_examples=150)
@cases
def test_a_spike_is_split_as_the_twin_splits_it(seed, frames, decay, rise, number, odds, variance):
    target, matrix, spikes, gain, products, mirrored = scene(seed, frames, decay, rise)
    if not spikes.any():
        return
    t = int(np.flatnonzero(spikes)[seed % np.count_nonzero(spikes)])
    prior, state = np.array([odds, 1.0, 0.45]), np.array([number], np.uint64)
    wanted = split_twin(t, spikes.astype(float), target, matrix, prior, variance, number)
    sampling._split(t, spikes, gain, products, mirrored, prior, variance, state)
    assert np.allclose(spikes, wanted, atol=1e-5)
    assert np.allclose(gain, matrix.T @ (target - matrix @ wanted), atol=1e-3)


def test_some_of_these_jumps_are_taken():
    taken = {"merge": 0, "split": 0}
    for seed in range(200):
        target, matrix, spikes, *_ = scene(seed, 20, 4.0, 0.5)
        places, prior = np.flatnonzero(spikes), np.array([-3.0, 1.0, 0.45])
        if len(places) > 1:
            args = (target, matrix, prior, 0.2, seed + 1)
            merged, _ = merged_twin(int(places[0]), int(places[1]), spikes.astype(float), *args)
            taken["merge"] += np.count_nonzero(merged) < len(places)
            taken["split"] += np.count_nonzero(split_twin(int(places[0]), spikes.astype(float), *args)) > len(places)
    assert min(taken.values()) > 5


@pytest.mark.parametrize("fade", [0.5, 0.95, 0.999])
def test_calcium_from_before_is_taken_out_of_the_gain_as_a_whole(fade):
    rng = np.random.default_rng(0)
    n, kernel = 400, Response(9.0, 1.0).kernel(400)
    gain, residual = np.empty(n, np.float32), rng.standard_normal(n).astype(np.float32)
    sampling._gains(residual, kernel, gain)
    sampling._lower(gain, kernel, fade, 0.7, 2.0)
    lower = residual - 0.7 - 2.0 * fade ** np.arange(n)
    twin = [lower[t : t + len(kernel)] @ kernel[: n - t] for t in range(n)]
    assert np.allclose(gain, twin, atol=2e-3)
