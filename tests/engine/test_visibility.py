"""Values that show nothing: binned over the frames that do, and expected elsewhere."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from cnmf3d.engine.block import STEP, Block, Fit, Hidden
from cnmf3d.engine.cache import hidden_in
from cnmf3d.engine.kernels.numba import ingest
from cnmf3d.engine.visibility import fill_hidden


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    frames=st.integers(1, 20),
    voxels=st.integers(1, 30),
    width=st.integers(1, 6),
    share=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
)
def test_bins_are_means_of_the_frames_that_show_a_voxel(seed, frames, voxels, width, share):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 500, (frames, voxels)).astype(np.uint16)
    hidden = rng.random((frames, voxels)) < share
    centre, gain = rng.uniform(0, 400, voxels).astype(np.float32), rng.uniform(0.1, 4, voxels).astype(np.float32)
    bins = -(-frames // width)
    out = np.full((voxels, bins + 1), 7, np.int16)
    ingest.bin_seen(values, hidden, width, centre, gain, out)
    for b in range(bins):
        part, seen = values[b * width : (b + 1) * width], ~hidden[b * width : (b + 1) * width]
        mean = np.divide((part * seen).sum(axis=0), seen.sum(axis=0), where=seen.any(axis=0), out=np.zeros(voxels))
        expected = np.where(seen.any(axis=0), (mean - centre) * gain, ingest.HIDDEN)
        assert np.abs(out[:, b] - expected).max() <= 1
        assert ((out[:, b] == ingest.HIDDEN) == ~seen.any(axis=0)).all()
    assert (out[:, bins:] == 7).all()
    if share == 0:
        usual = np.full_like(out, 7)
        ingest.bin_chunk(values, width, centre, gain, usual)
        assert np.abs(usual - out.astype(int)).max() <= 1


def test_hidden_bins_are_zero_until_they_are_expected():
    rows = np.arange(12, dtype=np.int16).reshape(3, 4)
    rows[1, 2] = rows[2, 0] = ingest.HIDDEN
    assert hidden_in(rows.copy(), np.array([True, False, False])) is None
    hidden = hidden_in(rows, np.ones(3, bool))
    assert hidden is not None and hidden.voxels.tolist() == [1, 2]
    assert np.array_equal(np.argwhere(hidden.mask), [[0, 2], [1, 0]]) and rows[1, 2] == rows[2, 0] == 0


def test_what_is_hidden_is_expected_and_what_is_seen_stays():
    rng = np.random.default_rng(0)
    footprint = rng.random((50, 2)).astype(np.float32)
    traces, courses = rng.random((2, 30)).astype(np.float32), rng.standard_normal((1, 30)).astype(np.float32)
    images = rng.random((50, 1)).astype(np.float32)
    model = footprint @ traces + images @ courses
    mask = rng.random((20, 30)) < 0.4
    voxels = np.sort(rng.choice(50, 20, replace=False))
    rows = rng.integers(-300, 300, (50, 30)).astype(np.int16)
    block = Block(rows.copy(), (2, 5, 5), hidden=Hidden(voxels, mask))
    fill_hidden(block, Fit(sparse.csc_array(footprint), traces, images, courses, images))
    whole = np.zeros((50, 30), bool)
    whole[voxels] = mask
    assert np.array_equal(block.rows[~whole], rows[~whole])
    assert np.abs(block.rows[whole] / STEP - model[whole]).max() <= 0.5 / STEP + 1e-4
