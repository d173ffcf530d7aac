"""Suite2p's folder: each ROI once, in the plane where most of it is, with its whole footprint beside."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import sparse

from cnmf3d.errors import UsageError
from cnmf3d.geometry import ZYX
from cnmf3d.results.exports import Export, export
from cnmf3d.results.exports.suite2p import FILES, WHOLE
from cnmf3d.results.exports.suite2p_settings import diameter_of
from cnmf3d.results.imports import import_results

READ = {
    "ops": "Ly Lx fs tau nframes nplanes nchannels yrange xrange meanImg meanImgE max_proj Vcorr diameter aspect "
    "neucoeff mesoscan data_path save_path save_path0 save_folder save_mat",
    "db": "Ly Lx nframes nplanes nchannels data_path",
    "settings": "fs tau diameter io extraction",
    "reg_outputs": "meanImg meanImgE yrange xrange",
    "detect_outputs": "max_proj Vcorr",
}
"""What Suite2p 0.14.4 and 1.1.0 look up in each file: their windows (File > Load processed data, > Load folder with
plane folders), ``io.combined`` and ``io.save_nwb``. Tried by hand: importing Suite2p takes torch and cellpose.
"""

READ_OF_ROIS = "ypix xpix lam med npix npix_norm radius aspect_ratio compact footprint skew std overlap"


def test_every_roi_is_in_its_main_plane_once(tmp_path, random_results):
    results = random_results(12, (3, 9, 11), 20)
    components, ids = results.components, np.arange(12) * 2
    notes = export("suite2p", Export(results, ids), tmp_path / "s2p")
    assert "plane" in notes[0]
    seen = []
    dense = components.footprints.toarray().reshape(3, 9, 11, 12)
    for plane in range(3):
        folder = tmp_path / f"s2p/plane{plane}"
        assert {path.name for path in folder.iterdir()} == set(FILES)
        stat = np.load(folder / "stat.npy", allow_pickle=True)
        rows = [row["cnmf3d_roi"] // 2 for row in stat]
        seen += rows
        assert all(dense[..., row].sum(axis=(1, 2)).argmax() == plane for row in rows)
        assert np.array_equal(np.load(folder / "F.npy"), components.raw[rows])
        assert np.array_equal(np.load(folder / "spks.npy"), components.spikes[rows])
        assert not np.load(folder / "Fneu.npy").any()
        iscell = np.load(folder / "iscell.npy")
        assert np.array_equal(iscell[:, 0].astype(bool), components.accepted[rows])
        assert np.allclose(iscell[:, 1], components.quality["r_value"][rows])
        image = np.zeros((9, 11), int)
        for row, roi in zip(stat, rows, strict=True):
            here = np.zeros((9, 11), np.float32)
            here[row["ypix"], row["xpix"]] = row["lam"]
            assert np.array_equal(here, dense[plane, ..., roi])
            assert row["npix"] == len(row["ypix"]) == len(row["overlap"])
            assert row["radius"] > 0 and row["aspect_ratio"] >= 1 and row["compact"] >= 1
            image += here > 0
            z, y, x, lam = (row[name] for name in WHOLE)
            whole = np.zeros((3, 9, 11), np.float32)
            whole[z, y, x] = lam
            assert np.array_equal(whole, dense[..., roi])
        assert all(np.array_equal(row["overlap"], image[row["ypix"], row["xpix"]] > 1) for row in stat)
        ops = np.load(folder / "ops.npy", allow_pickle=True).item()
        assert (ops["Ly"], ops["Lx"], ops["nplanes"], ops["nframes"], ops["fs"]) == (9, 11, 3, 20, 7.5)
        assert np.array_equal(ops["meanImg"], results.projections["mean"][plane])
    assert sorted(seen) == list(range(12))


def test_one_plane_no_judgement_and_an_empty_footprint(tmp_path, random_results):
    results = random_results(3, (1, 9, 11), 20)
    footprints = results.components.footprints.copy()
    footprints.data[footprints.indptr[1] : footprints.indptr[2]] = 0
    footprints.eliminate_zeros()
    flat = np.zeros((3, 20), np.float32)
    components = dataclasses.replace(results.components, footprints=footprints, quality={}, traces=flat, residuals=flat)
    results = dataclasses.replace(results, components=components, projections={}, voxel_size=None)
    assert export("suite2p", results, tmp_path / "s2p") == ()
    stat = np.load(tmp_path / "s2p/plane0/stat.npy", allow_pickle=True)
    assert [row["npix"] > 0 for row in stat] == [True, False, True]
    assert all(np.isfinite([row["skew"], row["compact"], row["radius"], row["footprint"]]).all() for row in stat)
    assert np.array_equal(np.load(tmp_path / "s2p/plane0/iscell.npy")[:, 1], components.accepted)


def test_whole_footprints_and_traces_come_back(tmp_path, random_results):
    results = random_results(9, (3, 9, 11), 20)
    export("suite2p", results, tmp_path / "s2p")
    back = import_results("suite2p", tmp_path / "s2p")
    assert (back.rate, back.voxel_size) == (results.rate, results.voxel_size)
    order = [
        row["cnmf3d_roi"]
        for plane in range(3)
        for row in np.load(tmp_path / f"s2p/plane{plane}/stat.npy", allow_pickle=True)
    ]
    now, then = back.components, results.components.select(np.array(order))
    assert now.shape == then.shape == (3, 9, 11)
    norms = np.sqrt(then.footprints.power(2).sum(axis=0))
    assert np.allclose(now.footprints.toarray(), then.footprints.toarray() / norms, atol=1e-6)
    assert np.array_equal(now.raw, then.raw) and np.array_equal(now.spikes, then.spikes)
    assert np.array_equal(now.accepted, then.accepted)
    assert np.array_equal(back.projections["mean"], results.projections["mean"])


def test_only_an_earlier_export_is_replaced(tmp_path, random_results):
    export("suite2p", random_results(2), tmp_path / "s2p")
    export("suite2p", random_results(0), tmp_path / "s2p", force=True)
    assert len(np.load(tmp_path / "s2p/plane0/F.npy")) == 0
    (tmp_path / "s2p/plane0/data.bin").write_bytes(b"movie")
    with pytest.raises(UsageError, match="something else"):
        export("suite2p", random_results(2), tmp_path / "s2p", force=True)


def _settings_of(folder):
    return {name: np.load(folder / f"{name}.npy", allow_pickle=True).item() for name in READ}


@pytest.mark.parametrize("depth", [1, 3])
def test_all_that_suite2p_looks_up_is_there_in_every_plane(tmp_path, random_results, depth):
    results = random_results(6, (depth, 9, 11), 20)
    export("suite2p", results, tmp_path / "s2p")
    for plane in range(depth):
        folder = tmp_path / f"s2p/plane{plane}"
        files = _settings_of(folder)
        for name, keys in READ.items():
            assert set(keys.split()) <= set(files[name]), name
        for name in ("Ly", "Lx", "nframes", "fs", "tau", "diameter", "meanImg", "Vcorr"):
            alone = [each[name] for which, each in files.items() if which != "ops" and name in each]
            assert len(alone) == 1 and np.array_equal(alone[0], files["ops"][name])
        ops = files["ops"]
        assert all(ops[name].shape == (9, 11) for name in ("meanImg", "meanImgE", "max_proj", "Vcorr"))
        assert (ops["yrange"], ops["xrange"]) == ([0, 9], [0, 11]) and ops["data_path"] == ["a folder/mövie.tif"]
        assert ops["aspect"] == results.voxel_size.x / results.voxel_size.y == 1.5  # µm a pixel in x over those in y
        assert files["settings"]["extraction"]["neuropil_coefficient"] == ops["neucoeff"] == 0
        assert files["settings"]["io"]["save_mat"] is False and "mesoscan" not in files["settings"]
        for row in np.load(folder / "stat.npy", allow_pickle=True):
            assert set(READ_OF_ROIS.split()) <= set(row) and isinstance(row["med"], list)


def test_a_plane_without_rois_is_named(tmp_path, random_results):
    results = random_results(1, (3, 9, 11), 20)
    notes = export("suite2p", results, tmp_path / "s2p")
    [full] = [plane for plane in range(3) if len(np.load(tmp_path / f"s2p/plane{plane}/F.npy"))]
    assert notes[-1].startswith(", ".join(f"plane{plane}" for plane in range(3) if plane != full) + ": no ROI")


@pytest.mark.parametrize(("size", "wanted"), [(None, (16, 16)), (ZYX(5, 2, 1), (8, 16)), (ZYX(5, 1, 2), (16, 8))])
def test_the_diameter_is_that_of_round_cells(random_results, size, wanted):
    _, y, x = np.mgrid[:3, :40, :40]
    disk = ((y - 20) / (wanted[0] / 2)) ** 2 + ((x - 20) / (wanted[1] / 2)) ** 2 <= 1
    disk[[0, 2]] = False
    components = random_results(1, (3, 40, 40)).components
    footprints = sparse.csc_array(disk.reshape(-1, 1).astype(np.float32))
    found = diameter_of(dataclasses.replace(components, footprints=footprints), size)
    assert found == pytest.approx(wanted, rel=0.05)


def test_without_cells_the_diameter_is_suite2ps_own(random_results):
    assert diameter_of(random_results(0).components, None) == (12, 12)
    assert np.prod(diameter_of(random_results(0).components, ZYX(4, 1, 2))) == pytest.approx(144)
