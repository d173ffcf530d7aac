"""Real files of CaImAn: our native file says the same as they do, and they leave in every format."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import tifffile
from scipy import sparse

from cnmf3d.results import load_results
from cnmf3d.results.exports import export, export_of
from cnmf3d.results.imports import import_results

NAMES = ("sim_tiny_patch_fit", "sim_tiny_patch_refit", "toy3d_u16_single_refit", "toy3d_u16_patch_refit")


def footprints_of(file):
    group = file["estimates/A"]
    return sparse.csc_array((group["data"][()], group["indices"][()], group["indptr"][()]), shape=group["shape"][()])


@pytest.mark.parametrize("name", NAMES)
def test_our_file_holds_what_caiman_wrote(data, tmp_path, name):
    source = data / f"caiman_results/{name}.hdf5"
    export("caiman", load_results(source), tmp_path / "r.hdf5")
    with h5py.File(source) as theirs, h5py.File(tmp_path / "r.hdf5") as ours:
        assert np.array_equal(theirs["dims"][()], ours["dims"][()])
        a, b = footprints_of(theirs), footprints_of(ours)
        assert a.shape == b.shape and abs(a - b).max() < 1e-6 * abs(a).max()
        for member in ("C", "S", "YrA", "b", "f", "SNR_comp", "r_values", "sn"):
            one, other = theirs[f"estimates/{member}"], ours[f"estimates/{member}"]
            if one.dtype.kind == "f":
                assert one.shape == other.shape, member
                assert np.allclose(one[()], other[()], rtol=1e-6, atol=1e-6), member
        for member in ("idx_components", "idx_components_bad"):
            if theirs[f"estimates/{member}"].dtype.kind == "i":
                assert np.array_equal(theirs[f"estimates/{member}"][()], ours[f"estimates/{member}"][()])
        assert list(ours["params/data/dims"]) == list(theirs["dims"])
        for group, values in theirs["params"].items():
            for member in set(values) - {"dims", "fnames"}:
                assert np.array_equal(values[member][()], ours["params"][group][member][()]), (group, member)
            for member in set(values.attrs) - {"last_commit"}:
                assert values.attrs[member] == ours["params"][group].attrs[member], (group, member)


def test_caimans_file_as_nwb_and_back(data, tmp_path):
    pytest.importorskip("pynwb")
    results = load_results(data / "caiman_results/sim_tiny_patch_refit.hdf5", axes="yxz")
    metadata = {"session_start_time": "2026-01-31T14:00:00+01:00"}
    export("nwb", export_of(results, metadata=metadata), tmp_path / "r.nwb")
    back = import_results("nwb", tmp_path / "r.nwb")
    one, other = results.components, back.components
    assert one.shape == other.shape == (10, 60, 60)
    assert (one.footprints != other.footprints).nnz == 0
    for name in ("traces", "residuals", "spikes", "dff", "accepted"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert np.array_equal(one.background.spatial, other.background.spatial)
    assert back.parameters["caiman"]["init"] == results.parameters["caiman"]["init"]
    assert np.array_equal(results.noise, back.noise) and back.rate == results.rate


def test_caimans_file_in_the_other_formats(data, tmp_path):
    results = load_results(data / "caiman_results/toy3d_u16_single_refit.hdf5")
    for name, out in (("csv", "csv"), ("suite2p", "s2p"), ("ome-zarr", "r.ome.zarr"), ("label-tiff", "l.tif")):
        export(name, results, tmp_path / out)
    labels = tifffile.imread(tmp_path / "l.tif")
    assert labels.shape == results.components.shape
    found = np.setdiff1d(labels, [0]) - 1
    assert len(found) > 0.8 * results.components.count
    centres = results.components.centroids()
    for i in found:
        inside = np.argwhere(labels == i + 1).mean(axis=0)
        assert np.linalg.norm(inside - centres[i]) < 4
