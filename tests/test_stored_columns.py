"""Matrices that files hold: places outside of them make an error, not a read of any address."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy import sparse

from cnmf3d.engine.seeds import seeds_of
from cnmf3d.errors import InputError
from cnmf3d.simulate import load_truth, simulate
from cnmf3d.stored_columns import stored_columns

SOUND = {"data": np.ones(3, np.float32), "indices": np.array([0, 2, 1]), "indptr": np.array([0, 2, 3])}
BAD = {
    "a row beyond": {"indices": np.array([0, 2**30, 1])},
    "a row before": {"indices": np.array([0, -(2**30), 1])},
    "ends beyond": {"indptr": np.array([0, 2**30, 3])},
    "an end beyond": {"indptr": np.array([0, 2, 2**30])},
    "ends that fall": {"indptr": np.array([0, 3, 1])},
    "a begin before": {"indptr": np.array([-5, 2, 3])},
    "no number": {"indptr": np.array([0, 2, np.nan])},
    "fewer values": {"data": np.ones(2, np.float32)},
    "a table": {"indices": np.array([[0, 2, 1]])},
    "nothing": {"indptr": np.array([], int)},
}
"""What is changed of a matrix of 4 rows."""


def test_a_sound_one_is_what_scipy_makes():
    made = stored_columns(**SOUND, rows=4)
    assert made.shape == (4, 2) and made.indices.dtype == np.int32
    np.testing.assert_array_equal(made.toarray(), [[1, 0], [0, 1], [1, 0], [0, 0]])


@pytest.mark.parametrize("bad", BAD)
def test_places_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError, match=r"\w"):
        stored_columns(**{**SOUND, **BAD[bad]}, rows=4)


def test_a_truth_with_such_places_is_none(tmp_path):
    path = tmp_path / "m.tif"
    simulate(path, "tiny", seed=1, overrides={"size": (32, 32, 4), "cells": 3, "frames": 20})
    truth = tmp_path / "m.truth.h5"
    with h5py.File(truth, "r+") as file:
        file["footprints/indices"][0] = 2**30
    with pytest.raises(InputError, match="no truth file"):
        load_truth(truth)


@pytest.mark.parametrize("name", ["traces", "spikes", "centres", "snr", "resting", "neuropil_courses", "others/traces"])
def test_a_truth_whose_arrays_do_not_fit_is_none(tmp_path, name):
    simulate(tmp_path / "m.tif", "tiny", seed=1, overrides={"size": (32, 32, 4), "cells": 3, "frames": 20})
    truth = tmp_path / "m.truth.h5"
    load_truth(truth)
    with h5py.File(truth, "r+") as file:
        del file[name]
        file[name] = np.zeros(7, np.float32)
    with pytest.raises(InputError, match="no truth file"):
        load_truth(truth)


@pytest.mark.parametrize("kind", ["csc", "csr", "coo", "bsr"])
def test_seeds_with_such_places_are_none(tmp_path, kind):
    matrix = getattr(sparse, f"{kind}_array")(np.eye(8, dtype=np.float32))
    place = matrix.coords[0] if kind == "coo" else matrix.indices
    place[0] = 2**30
    sparse.save_npz(tmp_path / "s.npz", matrix)
    with pytest.raises(InputError, match="read as seeds"):
        seeds_of(tmp_path / "s.npz", (2, 2, 2))
