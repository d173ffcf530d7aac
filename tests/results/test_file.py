"""The results file: what is written is read again, in CaImAn's schema; bad files are named."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnmf3d.components import Components
from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.results import Results, load_results, summary, write_results
from cnmf3d.results import writing as writing_module


def assert_same(one: Results, other: Results) -> None:
    """Everything is the same, to the bit where the file holds doubles of our floats."""
    a, b = one.components, other.components
    assert a.shape == b.shape
    assert a.footprints.shape == b.footprints.shape
    assert (a.footprints != b.footprints).nnz == 0
    for field in dataclasses.fields(Components):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, field.name
            assert np.array_equal(left, right), field.name
    assert np.array_equal(a.background.spatial, b.background.spatial)
    assert np.array_equal(a.background.temporal, b.background.temporal)
    for field in dataclasses.fields(a.kinetics):
        assert np.array_equal(getattr(a.kinetics, field.name), getattr(b.kinetics, field.name)), field.name
    assert set(a.quality) == set(b.quality)
    assert all(np.array_equal(a.quality[name], b.quality[name]) for name in a.quality)
    assert one.parameters == other.parameters
    assert (one.rate, one.voxel_size, one.provenance) == (other.rate, other.voxel_size, other.provenance)
    assert one.noise is other.noise is None or np.array_equal(one.noise, other.noise)
    assert set(one.projections) == set(other.projections)
    assert all(np.array_equal(one.projections[name], other.projections[name]) for name in one.projections)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(0, 6),
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    frames=st.integers(1, 30),
    seed=st.integers(0, 1000),
)
def test_what_is_written_is_read_again(tmp_path, random_results, count, shape, frames, seed):
    results = random_results(count, shape, frames, seed)
    assert_same(results, load_results(write_results(results, tmp_path / "r.hdf5")))


def test_what_is_not_known_stays_unknown(tmp_path, random_results):
    results = dataclasses.replace(random_results(), noise=None, voxel_size=None, projections={})
    assert_same(results, load_results(write_results(results, tmp_path / "r.hdf5")))


@pytest.mark.parametrize(("worth", "how"), [(2**10, "gzip"), (2**30, None)])
def test_the_background_of_many_voxels_is_compressed_and_the_same(tmp_path, random_results, monkeypatch, worth, how):
    monkeypatch.setattr(writing_module, "WORTH_COMPRESSING", worth)
    results = random_results(2, (6, 16, 16), 20)
    path = write_results(results, tmp_path / "r.hdf5")
    with h5py.File(path) as file:
        assert file["estimates/b"].compression == how
    assert_same(results, load_results(path))


def members(path: Path, kind: str) -> dict[str, h5py.Dataset | None]:
    """Datasets, groups and attributes of a file by name, with type and number of axes."""
    found = {}
    with h5py.File(path, "r") as file:

        def visit(group, prefix):
            found.update({f"{prefix}@{attribute}": "text" for attribute in group.attrs})
            for key, member in group.items():
                name = f"{prefix}{key}"
                found[name] = "group" if isinstance(member, h5py.Group) else (member.dtype.kind, member.ndim)
                if isinstance(member, h5py.Group) and key not in ("cnmf3d", "discarded_components"):
                    visit(member, f"{name}/")

        visit(file, "")
    return found


def test_it_has_every_member_of_caimans_with_its_type(tmp_path, data, random_results):
    results = random_results(18, (10, 50, 70), 256)
    ours = members(write_results(results, tmp_path / "r.hdf5"), "ours")
    theirs = members(data / "caiman_results/toy3d_u16_patch_refit.hdf5", "theirs")
    missing = set(theirs) - set(ours) - {"params/data/@last_commit", "estimates/discarded_components"}
    assert missing == set()
    # what CaImAn could only write as text, or had left out, we write as numbers
    better = {"estimates/" + name for name in ("discarded_components", "bl", "c1", "lam", "neurons_sn", "F_dff")} | {
        "params/data/fnames"
    }
    free = {"params/init/K", "params/init/gSig", "params/init/gSiz", "params/patch/rf", "params/patch/stride"}
    odd = {name: (theirs[name], ours[name]) for name in set(theirs) & set(ours) if theirs[name] != ours[name]}
    assert {name for name in odd if name.startswith("estimates")} <= better
    assert {name for name in odd if name.startswith("params")} - better - free <= {
        name for name in odd if {kind[0] for kind in odd[name]} <= set("iufO")
    }


def test_caimans_voxel_order_is_ours(tmp_path, random_results):
    results = random_results(3, (4, 5, 6))
    with h5py.File(write_results(results, tmp_path / "r.hdf5"), "r") as file:
        x, y, z = file["dims"][()]
        group = file["estimates/A"]
        column = np.zeros(group["shape"][0])
        part = slice(group["indptr"][1], group["indptr"][2])
        column[group["indices"][part]] = group["data"][part]
        volume = column.reshape((x, y, z), order="F")
    ours = results.components.footprints[:, [1]].toarray().reshape(4, 5, 6)
    assert np.array_equal(volume.transpose(2, 1, 0).astype(np.float32), ours)


@pytest.mark.parametrize("name", ["sim_tiny_patch_fit", "sim_tiny_patch_refit", "toy3d_u16_single_refit"])
def test_caimans_files_are_read(data, name):
    results = load_results(data / f"caiman_results/{name}.hdf5")
    components = results.components
    assert components.count > 10
    assert components.raw.shape == components.spikes.shape == (components.count, components.frames)
    assert 0 < components.accepted.sum() <= components.count
    assert results.rate == 10
    assert results.parameters["caiman"]["init"]["method_init"] == "greedy_roi"
    assert np.isfinite(components.kinetics.noise).all()
    assert summary(results).accepted == components.accepted.sum()


def test_caimans_file_written_by_us_keeps_its_components(tmp_path, data):
    theirs = load_results(data / "caiman_results/sim_tiny_patch_refit.hdf5")
    again = load_results(write_results(theirs, tmp_path / "r.hdf5"))
    assert_same(dataclasses.replace(theirs, provenance=again.provenance), again)


def test_a_file_of_one_plane_as_caiman_writes_it(tmp_path):
    rows, columns = 5, 7
    image = np.arange(rows * columns, dtype=float).reshape(rows, columns)
    path = tmp_path / "flat.hdf5"
    with h5py.File(path, "w") as file:
        file["dims"] = [rows, columns]
        group = file.create_group("estimates/A")
        group["data"], group["indices"] = image.ravel(order="F"), np.arange(35)
        group["indptr"], group["shape"] = [0, 35], [35, 1]
        file["estimates/C"] = np.ones((1, 3))
    results = load_results(path)
    components = results.components
    assert components.shape == (1, rows, columns) and results.provenance.warnings == ()
    assert np.array_equal(components.footprints.toarray().reshape(rows, columns), image)


def test_the_order_of_caimans_dims_is_a_guess_that_is_told(tmp_path):
    volume = np.arange(4 * 5 * 6, dtype=float).reshape(4, 5, 6)  # (Z, Y, X)
    path = tmp_path / "theirs.hdf5"
    with h5py.File(path, "w") as file:
        file["dims"] = [5, 6, 4]  # CaImAn was given T × Y × X × Z
        group = file.create_group("estimates/A")
        group["data"], group["indices"] = volume.transpose(1, 2, 0).ravel(order="F"), np.arange(120)
        group["indptr"], group["shape"] = [0, 120], [120, 1]
        file["estimates/C"] = np.ones((1, 3))
    (text,) = load_results(path).provenance.warnings
    assert "(5, 6, 4)" in text and 'axes="yxz"' in text and 'axes="zyx"' in text
    results = load_results(path, axes="yxz")
    assert results.provenance.warnings == ()
    assert np.array_equal(results.components.footprints.toarray().reshape(4, 5, 6), volume)
    assert load_results(path, axes="xyz").provenance.warnings == ()


def break_shape(file):
    del file["estimates/A/shape"]
    file["estimates/A/shape"] = [7, 5]
    del file["cnmf3d"]


def break_version(file):
    file["cnmf3d"].attrs["format"] = 99


def drop_components(file):
    del file["estimates"]


def drop_dims(file):
    del file["dims"], file["cnmf3d"]


def break_indices(file):
    file["estimates/A/indices"][0] = 10**6


def drop_part(file):
    del file["estimates/A/indptr"]


def break_provenance(file):
    file["cnmf3d"].attrs["provenance"] = "{"


def drop_parameters(file):
    del file["cnmf3d"].attrs["parameters"]


@pytest.mark.parametrize(
    "damage",
    [
        break_shape,
        break_version,
        drop_components,
        drop_dims,
        break_indices,
        drop_part,
        break_provenance,
        drop_parameters,
    ],
)
def test_a_damaged_file_is_named_with_what_helps(tmp_path, random_results, damage):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(InputError) as error:
        load_results(path)
    assert "r.hdf5" in error.value.problem
    assert error.value.fix


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_a_file_that_is_cut_short(tmp_path, random_results, size):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match="HDF5"):
        load_results(path)


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        load_results(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        load_results(tmp_path / "r.hdf5")
    (tmp_path / "text.hdf5").write_text("hello")
    with pytest.raises(InputError, match=r"text\.hdf5 holds no results: it is no HDF5 file"):
        load_results(tmp_path / "text.hdf5")
    with pytest.raises(InputError):
        load_results(tmp_path)


def test_an_older_file_stays_where_writing_fails(tmp_path, random_results, monkeypatch):
    path = write_results(random_results(seed=1), tmp_path / "r.hdf5")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing_module, "_own", full)
    with pytest.raises(Cnmf3dError, match="disk is full"):
        write_results(random_results(seed=2), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["r.hdf5"]


def test_an_open_file_can_be_replaced(tmp_path, random_results):
    old, new = random_results(seed=1), random_results(seed=2)
    path = write_results(old, tmp_path / "r.hdf5")
    with h5py.File(path, "r") as reader:
        write_results(new, path)
        assert np.array_equal(reader["estimates/C"][()].astype(np.float32), old.components.traces)
    assert_same(new, load_results(path))


def test_no_folder_to_write_to(tmp_path, random_results):
    with pytest.raises(InputError, match="can't be written"):
        write_results(random_results(), tmp_path / "none" / "r.hdf5")


def test_parameters_are_readable_without_us(tmp_path, random_results):
    with h5py.File(write_results(random_results(), tmp_path / "r.hdf5"), "r") as file:
        assert json.loads(file["cnmf3d"].attrs["parameters"])["init"]["gSig"] == [4, 4, 2]
        assert list(file["params/init/gSig"][()]) == [4, 4, 2]
        assert file["params/data/fr"][()] == 7.5


def test_files_without_dff_get_it_from_what_they_have(data):
    components = load_results(data / "caiman_results/toy3d_u16_patch_refit.hdf5").components
    assert components.dff.shape == components.traces.shape
    assert np.isfinite(components.dff).all()
    level = (
        components.footprints.T @ components.background.spatial @ components.background.temporal.mean(axis=1)
    ).ravel()
    for trace, dff, rest in zip(components.raw, components.dff, level, strict=True):
        scale, quiet = np.polyfit(dff.astype(float), trace.astype(float), 1)  # trace = quiet + scale * dff
        assert scale == pytest.approx(quiet + rest, rel=1e-3)
        assert trace.min() <= quiet <= np.percentile(trace, 95)
