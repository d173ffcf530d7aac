"""One plane: its file is what CaImAn writes in 2D, ours comes back, and so do files from before that."""

from __future__ import annotations

import dataclasses

import h5py
import numpy as np
import pytest
from scipy import sparse

from cnmf3d.results import load_results, write_results
from cnmf3d.results.curation.session import CurationSession


def dense_of(file: h5py.File) -> np.ndarray:
    """Footprints as CaImAn's readers make pictures of them: Fortran order over dims, (rows, columns, ROIs)."""
    group = file["estimates/A"]
    parts = (group["data"][()], group["indices"][()], group["indptr"][()])
    matrix = sparse.csc_matrix(parts, shape=tuple(group["shape"]))
    matrix.check_format(full_check=True)
    return matrix.toarray().reshape((*file["dims"][()], -1), order="F")


def test_its_dims_are_rows_and_columns_and_voxels_lie_as_caiman_has_them(tmp_path, random_results):
    results = random_results(3, (1, 5, 8))
    components = results.components
    with h5py.File(write_results(results, tmp_path / "r.hdf5")) as file:
        assert file["dims"][()].tolist() == file["params/data/dims"][()].tolist() == [5, 8]
        assert file["params/init/gSig"][()].tolist() == [4, 4]
        pictures = dense_of(file).astype(np.float32)
        assert np.array_equal(pictures, components.footprints.toarray().reshape(5, 8, 3))
        background = file["estimates/b"][()].reshape((5, 8, -1), order="F").astype(np.float32)
        assert np.array_equal(background, components.background.spatial.reshape(5, 8, -1))
        assert np.array_equal(file["estimates/sn"][()].reshape((5, 8), order="F").astype(np.float32), results.noise[0])
        assert file["cnmf3d"].attrs["shape_zyx"].tolist() == [1, 5, 8]


def test_lengths_are_along_rows_and_columns(tmp_path, random_results):
    results = dataclasses.replace(random_results(2, (1, 5, 8)), parameters={"init": {"gSig": [3.0, 4.0, 1.0]}})
    with h5py.File(write_results(results, tmp_path / "r.hdf5")) as file:
        assert file["params/init/gSig"][()].tolist() == [4, 3]
    assert load_results(tmp_path / "r.hdf5").parameters["init"]["gSig"] == [3, 4, 1]


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("old", [False, True])
def test_what_is_written_is_read_again_from_old_files_too(tmp_path, random_results, later, old):
    results = random_results(4, (1, 5, 8))
    path = write_results(results, tmp_path / "r.hdf5")
    if old:  # three dims, in C order over (Z, Y, X), and format 1
        as_before(path, results)
    back = load_results(path, later=later)
    assert (back.components.footprints != results.components.footprints).nnz == 0
    assert np.array_equal(back.components.background.spatial, results.components.background.spatial)
    assert np.array_equal(back.noise, results.noise) and back.components.shape == (1, 5, 8)


def as_before(path, results):
    with h5py.File(path, "r+") as file:
        del file["dims"], file["estimates/A"], file["estimates/b"], file["estimates/sn"]
        file["dims"] = [8, 5, 1]
        footprints = results.components.footprints
        group = file.create_group("estimates/A")
        group["data"], group["indices"], group["indptr"] = footprints.data, footprints.indices, footprints.indptr
        group["shape"] = footprints.shape
        file["estimates/b"] = results.components.background.spatial
        file["estimates/sn"] = results.noise.ravel()
        file["cnmf3d"].attrs["format"] = 1


def test_it_is_curated_like_a_volume(tmp_path, random_results):
    results = random_results(4, (1, 5, 8))
    path = write_results(results, tmp_path / "r.hdf5")
    with CurationSession.open(path) as rois:
        rois.replace([0], rois.components([1]))
        rois.save()
    footprints = results.components.footprints[:, [1, 2, 3, 1]]
    assert (load_results(path).components.footprints != footprints).nnz == 0


def test_without_our_group_it_is_a_picture_of_caimans(tmp_path, random_results):
    results = random_results(4, (1, 5, 8))
    path = write_results(results, tmp_path / "r.hdf5")
    with h5py.File(path, "r+") as file:
        del file["cnmf3d"]
    back = load_results(path)
    assert back.components.shape == (1, 5, 8)
    assert (back.components.footprints != results.components.footprints).nnz == 0
    assert np.array_equal(back.noise, results.noise)
