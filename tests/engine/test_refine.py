"""Footprints and traces at the movie's full rate."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from cnmf3d.engine import refine
from cnmf3d.engine.volume import Neuropil
from cnmf3d.events import silent
from cnmf3d.movies import open_movie

SHAPE = (1, 24, 24)


def cell(y, x):
    """A footprint of unit norm."""
    rows, columns = np.mgrid[:24, :24]
    image = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 18).ravel()
    return np.where(image > 0.05, image, 0) / np.linalg.norm(image)


def test_a_bright_cell_takes_nothing_of_a_neighbour_that_is_above_zero_at_rest():
    rng = np.random.default_rng(0)
    frames = 400
    truth = np.stack([cell(12, 9), cell(12, 15)], axis=1)
    events = (rng.random((2, frames)) < 0.05).astype(float)
    traces = np.stack([np.convolve(row, 0.8 ** np.arange(20))[:frames] for row in events]) * [[60.0], [15.0]]
    at_rest = np.array([[0.0], [20.0]])
    values = truth @ (traces + at_rest) + rng.standard_normal((24 * 24, frames))
    movie = open_movie(values.T.reshape(frames, *SHAPE).astype(np.float32), rate=10)
    source = refine.Source(movie, np.zeros(576, np.float32), np.ones(576, np.float32), 1, silent)
    none = np.zeros((0, 576), np.float32)
    runs = np.array([[0, 0, 576]])
    neuropil, courses = Neuropil(none, np.zeros(576, np.float32), runs, runs, 1), np.zeros((0, frames), np.float32)
    supports = sparse.csc_array(np.ones((576, 2), np.float32))
    calcium = traces.astype(np.float32)
    sums = refine.accumulate_shapes(source, supports, calcium, np.zeros_like(calcium))
    found = refine.fit_footprints(sums.weighted, supports, calcium, neuropil, courses, sweeps=40).toarray()
    mixed = np.linalg.lstsq(truth, found, rcond=None)[0]
    np.testing.assert_allclose(mixed, np.eye(2), atol=0.03)
