from __future__ import annotations

import h5py
import numpy as np
import pytest

from cnmf3d.errors import InputError
from cnmf3d.simulate import load_truth, scene_of
from cnmf3d.simulate.drawing import draw
from cnmf3d.simulate.truth import save_truth


@pytest.mark.parametrize("axes", ["TYXZ", "TXYZ", "TZYX"])
def test_npz_rows_become_c_order_over_zyx(tmp_path, axes):
    length = {"Z": 3, "Y": 4, "X": 5}
    dims = [length[axis] for axis in axes[1:]]
    place = {"Z": 1, "Y": 3, "X": 2}
    row = np.ravel_multi_index([place[axis] for axis in axes[1:]], dims, order="F")
    path = tmp_path / "t.npz"
    np.savez(
        path,
        dims=dims,
        axes=f"{axes} (dims, F order)",
        A_data=[1.0],
        A_indices=[row],
        A_indptr=[0, 1],
        A_shape=[60, 1],
        C=np.ones((1, 7)),
        S=np.zeros((1, 7), bool),
        centers=[[place[axis] for axis in axes[1:]]],
    )
    truth = load_truth(path)
    assert truth.shape == (3, 4, 5)
    assert truth.footprints.toarray().reshape(truth.shape)[1, 3, 2] == 1
    assert truth.centres.tolist() == [[1, 3, 2]]
    assert truth.rate is None and np.isnan(truth.snr).all()


def test_shared_truths_are_read(data):
    tiny = load_truth(data / "sim_tiny_gt.npz")
    assert (tiny.shape, tiny.count, tiny.rate, tiny.traces.shape) == ((10, 60, 60), 25, 10, (25, 300))
    toy = load_truth(data / "toy3d_motion_u16_gt.npz")
    assert (toy.shape, toy.count, toy.shifts.shape) == ((10, 50, 70), 20, (256, 3))
    for truth in (tiny, toy):
        grid = np.stack(np.unravel_index(np.arange(truth.voxels), truth.shape), axis=1)
        mass = truth.footprints.sum(axis=0)
        assert np.median(np.abs(truth.footprints.T @ grid / mass[:, None] - truth.centres)) < 0.5


def test_files_that_are_no_truth_are_named(tmp_path):
    with pytest.raises(InputError, match="no truth file"):
        load_truth(tmp_path / "absent.h5")
    (tmp_path / "text.truth.h5").write_text("hello")
    (tmp_path / "text.npz").write_text("hello")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["A"] = 1
    np.savez(tmp_path / "other.npz", C=np.zeros(3))
    np.savez(tmp_path / "pickle.npz", dims=np.array([{}], object))
    for name in ("text.truth.h5", "text.npz", "other.h5", "other.npz", "pickle.npz"):
        with pytest.raises(InputError, match=name):
            load_truth(tmp_path / name)


def test_the_truth_has_each_cells_own_light_and_the_scale_of_spikes(tmp_path):
    scene = scene_of("tiny", {"cells": 6, "inhibited": 0.5, "neuropil": 0.0, "frames": 120})
    truth = draw(scene, 3).truth
    save_truth(truth, tmp_path / "t.h5")
    read = load_truth(tmp_path / "t.h5")
    np.testing.assert_array_equal(read.rest, truth.rest)
    np.testing.assert_array_equal(read.height, truth.height)
    own, everything = truth.f0("own"), truth.f0("all")
    assert (own > 0).all() and (own < 0.6 * everything).all()
    np.testing.assert_allclose(truth.dff("own") * own[:, None], truth.traces, rtol=1e-4, atol=1e-3)
    lowest = truth.dff("own").min(axis=1)
    assert (lowest >= -scene.inhibition - 1e-6).all() and (lowest[:3] < -0.3).all() and (lowest[3:] > -1e-6).all()
