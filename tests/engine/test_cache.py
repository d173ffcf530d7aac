"""The cache of time bins: bins in units of noise, whatever the type and the level of the movie's values."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.engine import cache as caching
from cnmf3d.engine.block import STEP
from cnmf3d.engine.blocks import cut
from cnmf3d.engine.cache import ingest
from cnmf3d.events import silent


@pytest.mark.parametrize("width", [1, 3, 7])
@pytest.mark.parametrize("workers", [1, 3])
def test_the_cache_holds_binned_frames_in_units_of_noise(tmp_path, width, workers):
    rng = np.random.default_rng(3)
    level, noise = rng.uniform(100, 1000, (3, 6, 7)), rng.uniform(2, 20, (3, 6, 7))
    values = (level + noise * rng.standard_normal((500, 3, 6, 7))).astype(np.float32)
    values[:, 1, 2, 3] = 55
    cache = ingest(open_movie(values, rate=5), tmp_path / "c", width, workers=workers, reporter=silent)
    statistics = cache.statistics
    good = np.ones((3, 6, 7), bool)
    good[1, 2, 3] = False
    assert np.array_equal(statistics.valid.reshape(3, 6, 7), good)
    assert np.allclose(statistics.mean.reshape(3, 6, 7), values.mean(axis=0), rtol=1e-4)
    assert np.allclose(statistics.std.reshape(3, 6, 7), values.std(axis=0), rtol=1e-2, atol=1e-2)
    assert np.array_equal(statistics.maximum.reshape(3, 6, 7), values.max(axis=0))
    ratio = statistics.noise.reshape(3, 6, 7)[good] / noise[good]
    assert abs(np.median(ratio) - 1) < 0.1
    (box,) = cut((3, 6, 7), (3, 6, 7), (0, 0, 0))
    rows = cache.load(box).rows.astype(float) / STEP
    assert cache.bins == rows.shape[1]
    whole = 500 // width * width
    binned = values[:whole].reshape(-1, width, 3, 6, 7).mean(axis=1).reshape(-1, 126).T[:, : cache.bins]
    expected = (binned - cache.centre[:, None]) / cache.scale[:, None] * np.sqrt(width)
    assert np.abs(rows[good.ravel(), : binned.shape[1]] - expected[good.ravel()]).max() <= 0.6 / STEP
    assert not rows[~good.ravel()].any()


def test_a_part_of_the_cache_is_that_part_of_the_whole(tmp_path):
    values = np.random.default_rng(1).poisson(50, (120, 4, 12, 10)).astype(np.uint16)
    cache = ingest(open_movie(values, rate=5), tmp_path / "c", 2, workers=2, reporter=silent)
    (whole,) = cut((4, 12, 10), (4, 12, 10), (0, 0, 0))
    rows = cache.load(whole).rows.reshape(4, 12, 10, -1)
    for box in cut((4, 12, 10), (2, 5, 6), (1, 2, 2)):
        part = cache.load(box)
        assert np.array_equal(part.rows.reshape(*part.shape, -1), rows[box.slices])


FORMS = {
    "int16": lambda whole, offset: (whole - 1000).astype(np.int16),
    "int32": lambda whole, offset: (whole + offset).astype(np.int32),
    "float32": lambda whole, offset: (whole + offset).astype(np.float32),
    "float64": lambda whole, offset: (whole + offset).astype(np.float64),
    "big-endian": lambda whole, offset: (whole + abs(offset)).astype(">u4"),
}


@settings(max_examples=25, deadline=None)
@given(
    form=st.sampled_from(list(FORMS)),
    offset=st.integers(-65_536, 65_536),  # beyond that a float32 doesn't hold a sixteenth of the noise of the darkest
    level=st.integers(0, 3000),
    width=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_a_constant_or_another_type_changes_no_bit_of_the_time_bins(form, offset, level, width, seed):
    rng = np.random.default_rng(seed)
    whole = rng.poisson(level + rng.uniform(0, 50, (2, 5, 4)), (90, 2, 5, 4))
    (box,) = cut((2, 5, 4), (2, 5, 4), (0, 0, 0))
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        for values in (whole.astype(np.uint16), FORMS[form](whole, offset)):
            cache = ingest(open_movie(values, rate=5), Path(folder) / "c", width, workers=1, reporter=silent)
            seen.append((cache.load(box).rows, cache.scale, cache.statistics.noise, cache.statistics.std))
    for one, other in zip(*seen, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("scale", [1e-6, 0.3, 1.0, 1e5])
def test_levels_are_close_to_the_mean_at_any_scale(tmp_path, scale):
    values = (scale * np.random.default_rng(0).normal(100, 3, (300, 2, 5, 4))).astype(np.float32)
    cache = ingest(open_movie(values, rate=5), tmp_path / "c", 1, workers=1, reporter=silent)
    assert (np.abs(cache.centre - values.mean(axis=0).ravel()) < 1.5 * cache.scale).all()
    assert np.median(cache.scale) == pytest.approx(3 * scale, rel=0.15)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_bins_are_left_out_evenly_over_all_chunks(tmp_path, monkeypatch, step):
    values = np.random.default_rng(1).poisson(50, (125, 2, 6, 5)).astype(np.uint16)
    monkeypatch.setattr(caching, "CHUNK_VALUES", 10 * 60)
    cache = ingest(open_movie(values, rate=5), tmp_path / "c", 2, workers=2, reporter=silent)
    (box,) = cut((2, 6, 5), (2, 6, 5), (0, 0, 0))
    assert cache.chunk_bins == 5 and cache.bins == 62
    assert np.array_equal(cache.load(box, step).rows, cache.load(box).rows[:, ::step])
