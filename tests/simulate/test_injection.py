from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.errors import UsageError
from cnmf3d.simulate import draw, inject, scene_of
from cnmf3d.simulate.injection import gain_of, trace_noise
from cnmf3d.simulate.scoring import score

from .conftest import components_of

CELLS = {"size": "80,80,3", "frames": 300, "cells": 12, "separation": 2.2}


@pytest.fixture(scope="module")
def movie():
    scene = scene_of("photons", {"size": "80,80,3", "frames": 300, "cells": 0, "neuropil": 0.0})
    return np.stack(list(draw(scene, 5).frames(1)))


def test_the_peak_of_a_trace_is_the_snr_times_its_own_noise(movie):
    made = inject(movie, scene_of("small", CELLS), snr=8, seed=1)
    assert made.movie.dtype == movie.dtype and made.truth.count == 12
    noise = trace_noise(movie, made.truth.footprints)
    np.testing.assert_allclose(made.truth.traces.max(axis=1) / noise, 8, rtol=1e-5)
    # Grain that neighbours share makes a trace noisier than its voxels are.
    assert noise.mean() > 1.2 * movie.std(axis=0).mean()
    added = (made.movie.astype(float) - movie).reshape(300, -1)
    np.testing.assert_allclose(
        (added @ made.truth.footprints.toarray()).sum(axis=0),
        ((made.truth.footprints.T @ made.truth.footprints) @ made.truth.traces).sum(axis=1),
        rtol=0.1,
    )
    assert not added[:, np.asarray(made.truth.footprints.sum(axis=1)).ravel() == 0].any()


def test_injected_cells_are_scored_as_others_are(movie):
    truth = inject(movie, scene_of("small", CELLS), snr=5).truth
    found = score(components_of(truth.shape, truth.footprints, truth.traces, truth.spikes), truth)
    assert found.accepted.f1 == 1 and found.trace_p5 == pytest.approx(1)


def test_cells_are_kept_away_and_seeds_repeat(movie):
    avoid = np.zeros(movie.shape[1:], bool)
    avoid[:, :, :40] = True
    first, again, other = (inject(movie, scene_of("small", CELLS), snr=5, seed=s, avoid=avoid) for s in (3, 3, 4))
    assert first.truth.centres[:, 2].min() >= 39.5
    np.testing.assert_array_equal(first.movie, again.movie)
    assert not np.array_equal(first.truth.centres, other.truth.centres)
    avoid[:] = True
    with pytest.raises(UsageError, match="fit"):
        inject(movie, scene_of("small", CELLS), snr=5, avoid=avoid)


def test_what_nobody_saw_stays_so():
    movie = np.random.default_rng(0).normal(100, 5, (60, 1, 40, 40)).astype(np.float32)
    movie[:, :, :10] = np.nan
    scene = scene_of("toy2d", {"size": "40,40,1", "frames": 60, "cells": 4})
    made = inject(movie, scene, snr=6)
    np.testing.assert_array_equal(np.isnan(made.movie), np.isnan(movie))
    assert np.isfinite(made.truth.traces).all()


@pytest.mark.parametrize(("gain", "spread"), [(4.0, 0.0), (10.0, 1.0)])
def test_gain_is_the_slope_of_variance_over_mean(gain, spread):
    look = {
        "size": "80,80,2",
        "frames": 200,
        "gain": gain,
        "pulse_spread": spread,
        "resting": 60 * gain,
        "vignette": 0.9,
    }
    movie = np.stack(list(draw(scene_of("noise", look), 1).frames(1)))
    assert gain_of(movie) == pytest.approx(gain * (1 + spread**2), rel=0.1)


def test_a_scene_of_another_size_is_refused(movie):
    with pytest.raises(UsageError, match="movie of"):
        inject(movie, scene_of("small", {**CELLS, "frames": 20}), snr=5)
    assert gain_of(np.ones((60, 1, 5, 5), np.uint16)) == 1
