from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.batch.engines.caiman import memmap
from cnmf3d.errors import EngineError
from cnmf3d.events import Caution, silent


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(2, 9), *[st.integers(1, 7)] * 3),
    kind=st.sampled_from(["u1", "i2", "u2", "f4", "f8"]),
    volumes=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_voxels_in_fortran_order_over_xyz(tmp_path_factory, shape, kind, volumes, seed):
    values = np.random.default_rng(seed).integers(0, 100, shape).astype(kind)
    movie = open_movie(values, rate=5)
    folder = tmp_path_factory.mktemp("maps")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memmap, "chunk_bytes", lambda: volumes * 4 * int(np.prod(shape[1:])))
        patch.setattr(memmap, "LEAST_CHUNK", 8 * shape[0])
        path = memmap.write_memmap(movie, folder / memmap.file_name(movie, "name"), silent)
        images = memmap.projections(path, shape[0], shape[1:])
    t, z, y, x = shape
    assert path.name == f"name_d1_{x}_d2_{y}_d3_{z}_order_C_frames_{t}.mmap"
    written = np.fromfile(path, np.float32).reshape(-1, t)
    expected = values.transpose(0, 3, 2, 1).reshape(t, -1, order="F").T.astype(np.float32) + np.float32(1e-4)
    assert np.array_equal(written, expected)
    assert images["mean"] == pytest.approx(values.mean(axis=0, dtype=float), abs=1e-3)
    assert images["max"] == pytest.approx(values.max(axis=0), abs=1e-3)
    assert images["std"] == pytest.approx(values.std(axis=0, dtype=float), abs=1e-3)
    assert list(folder.iterdir()) == [path]


def test_values_that_are_not_finite_are_told(tmp_path):
    values = np.ones((5, 2, 3, 4), np.float32)
    values[2, 0, 1, 1] = np.nan
    values[3, 0, 1, 1] = np.inf
    events = []
    path = memmap.write_memmap(open_movie(values, rate=5), tmp_path / "a.mmap", events.append)
    assert np.isfinite(np.fromfile(path, np.float32)).all()
    (caution,) = [event.text for event in events if isinstance(event, Caution)]
    assert caution.startswith("2 values")


def test_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr(memmap.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10})())
    with pytest.raises(EngineError, match="memory map needs"):
        memmap.write_memmap(open_movie(np.ones((5, 2, 3, 4), np.uint8), rate=5), tmp_path / "a.mmap", silent)
    assert list(tmp_path.iterdir()) == []
