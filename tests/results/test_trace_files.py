"""Tables of traces, read and written."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.results.trace_files import read_traces, write_deconvolution

VALUES = np.random.default_rng(0).normal(size=(3, 40)).astype(np.float32)


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
@pytest.mark.parametrize("header", [True, False])
def test_text_is_read_whatever_is_between_its_numbers(tmp_path, mark, header):
    rows = [mark.join(f"{v:.6f}" for v in row) for row in VALUES.T]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(([mark.join("abc")] if header else []) + rows))
    read = read_traces(path)
    assert np.allclose(read.values, VALUES, atol=1e-5)
    assert "--cells rows" in read.cautions[0]


def test_a_column_of_time_is_no_cell_and_empty_fields_are_nan(tmp_path):
    table = np.column_stack([np.arange(40) / 7.5, VALUES.T])
    rows = [",".join(f"{v:.6f}" for v in row) for row in table]
    rows[5] = rows[5].rsplit(",", 1)[0] + ","
    (tmp_path / "t.csv").write_text("\n".join(rows))
    read = read_traces(tmp_path / "t.csv")
    assert read.values.shape == (3, 40) and np.isnan(read.values[2, 5]) and "time" in " ".join(read.cautions)


def test_suite2p_neuropil_beside_is_taken_out(tmp_path):
    np.save(tmp_path / "F.npy", VALUES)
    np.save(tmp_path / "Fneu.npy", np.ones_like(VALUES))
    read = read_traces(tmp_path / "F.npy")
    assert np.allclose(read.values, VALUES - 0.7) and not read.cautions and "0.7" in read.notes[0]
    assert np.allclose(read_traces(tmp_path / "F.npy", factor=0).values, VALUES)
    np.save(tmp_path / "Fneu.npy", np.ones((2, 7)))
    with pytest.raises(InputError, match="shape"):
        read_traces(tmp_path / "F.npy")


def test_matlab_files_old_and_new(tmp_path):
    savemat(tmp_path / "old.mat", {"dff": VALUES, "time": np.zeros((1, 5))})
    with h5py.File(tmp_path / "new.mat", "w") as file:
        file["dff"] = VALUES.T
    for name in ("old.mat", "new.mat"):
        assert np.allclose(read_traces(tmp_path / name).values, VALUES)
    assert "--variable" in read_traces(tmp_path / "old.mat").cautions[0]
    with pytest.raises(InputError, match="nothing"):
        read_traces(tmp_path / "old.mat", name="nothing")


@pytest.mark.parametrize("name", ["no.npy", "bad.csv", "empty.csv", "broken.mat", "t.xyz", "three.npy", "words.npy"])
def test_what_is_no_table_is_named(tmp_path, name):
    (tmp_path / "bad.csv").write_text("1,2\n3,four\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "broken.mat").write_bytes(b"nothing")
    (tmp_path / "t.xyz").write_text("1")
    np.save(tmp_path / "three.npy", np.zeros((2, 2, 2)))
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    with pytest.raises(Cnmf3dError) as told:
        read_traces(tmp_path / name)
    assert name in told.value.problem and told.value.fix


def test_what_was_found_is_written(tmp_path):
    arrays = {"spikes": VALUES, "decay": np.array([0.1, 0.2, 0.3], np.float32)}
    for name in ("a.npz", "a.hdf5"):
        assert write_deconvolution(arrays, {"rate": 10.0}, tmp_path / name) == [tmp_path / name]
    with np.load(tmp_path / "a.npz") as file:
        assert np.array_equal(file["spikes"], VALUES) and file["rate"] == 10
    with h5py.File(tmp_path / "a.hdf5") as hdf:
        assert np.array_equal(hdf["spikes"][()], VALUES) and hdf.attrs["rate"] == 10
    written = write_deconvolution(arrays, {"rate": 10.0}, tmp_path / "a.csv")
    assert [path.name for path in written] == ["a.csv", "a_spikes.csv"]
    assert np.allclose(read_traces(tmp_path / "a_spikes.csv").values, VALUES, atol=1e-5)
    with pytest.raises(UsageError, match="exists"):
        write_deconvolution(arrays, {}, tmp_path / "a.npz")
    with pytest.raises(UsageError, match="written as"):
        write_deconvolution(arrays, {}, tmp_path / "a.xls")
