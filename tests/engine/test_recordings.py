"""The engine on recordings: what any recording must show, whatever its truth is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

import cnmf3d
from cnmf3d import open_movie

RECORDINGS = {
    "small": ("mouse_two_photon_small_500x64x64_u16.tif", "TYX", 4.0, 8),
    "crop": ("mouse_two_photon_TZYX_400x2x128x128_u16.tif", "TZYX", 5.0, 12),
}
"""File, axes, rate in Hz, and cells that anyone sees in its maximum: so many are found at the least."""


@pytest.fixture(scope="module", params=RECORDINGS)
def recording(request, data):
    """A recording's values, rate, and what is accepted of it."""
    name, axes, rate, least = RECORDINGS[request.param]
    path = data / name
    if not path.is_file():
        pytest.skip(f"{name} is absent")
    movie = open_movie(path, axes=axes, rate=rate)
    values = movie.read(0, movie.shape[0]).copy()
    components = cnmf3d.run(open_movie(values, rate=rate), reporter=cnmf3d.silent).components
    return values, rate, components.select(components.accepted), least


def test_cells_are_found(recording):
    _, _, accepted, least = recording
    assert accepted.count >= least


def test_each_footprint_is_in_one_piece_at_a_third_of_its_peak(recording):
    _, _, accepted, _ = recording
    pieces = []
    for k in range(accepted.count):
        volume = accepted.footprints[:, [k]].toarray().reshape(accepted.shape)
        pieces.append(ndimage.label(volume >= 0.3 * volume.max())[1])
    assert pieces == [1] * accepted.count


def test_no_trace_is_white(recording):
    _, _, accepted, _ = recording
    traces = accepted.raw - accepted.raw.mean(axis=1, keepdims=True)
    follows = (traces[:, 1:] * traces[:, :-1]).sum(axis=1) / (traces**2).sum(axis=1)
    assert (follows > 0.1).all()


def test_nothing_is_accepted_where_no_transient_outlasts_a_frame(recording):
    """The same frames in random order: all that is left is what a single frame shows."""
    values, rate, accepted, _ = recording
    shuffled = np.random.default_rng(1).permutation(values)
    found = cnmf3d.run(open_movie(shuffled, rate=rate), reporter=cnmf3d.silent).components
    assert found.accepted.sum() <= 0.02 * accepted.count
