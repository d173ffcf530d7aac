"""Tables: a row for each ROI with everything that is known of it; curves; files that others open."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import openpyxl
import pandas as pd
import pytest
from pyarrow import parquet

from cnmf3d.components import Components
from cnmf3d.csv_cells import unguarded
from cnmf3d.errors import UsageError
from cnmf3d.project import Project
from cnmf3d.project.tables import to_csv, to_excel, to_parquet, write_table
from cnmf3d.results import curated
from cnmf3d.results.curation import Entry, with_log


@pytest.fixture
def filled(project, results, random_results):
    """Two samples: five ROIs with tags, and three without a voxel size."""
    project.add(
        results,
        animal="a",
        trial="1",
        custom={"age": 4, "weight": 0.5},
        stimuli={"odour": [("rose", 0, 1), ("none", 1, 2), ("rose", 2, 3)]},
        tags={"cell type": ["pyr", None, "PV", None, "=1+1"]},
        comments="c",
    )
    other = dataclasses.replace(random_results(3, seed=2), voxel_size=None)
    quality = {"snr": np.array([1, np.nan, 3], np.float32), "age": np.ones(3, np.float32)}
    other = dataclasses.replace(other, components=dataclasses.replace(other.components, quality=quality))
    project.add(other, animal="b", trial="1")
    return project


def test_a_row_for_each_roi(filled, results):
    frame = filled.dataframe()
    assert list(frame.columns) == [
        *("sample", "animal", "trial", "date", "roi", "accepted", "cell type", "layer", "odour"),
        *("age", "weight", "anaesthesia", "line", "x_um", "y_um", "z_um"),
        *("snr", "r_value", "reliability", "age (metric)", "comments", "uuid"),
    ]
    assert frame["sample"].tolist() == ["a/1"] * 5 + ["b/1"] * 3 and frame["roi"].tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert frame["accepted"].tolist()[:5] == results.components.accepted.tolist()
    assert frame["cell type"].tolist() == ["pyr", "", "PV", "", "=1+1", "", "", ""]
    assert frame["odour"].tolist() == ["rose, none"] * 5 + [""] * 3
    assert frame["age"].dtype == "Int64" and frame["age"].isna().sum() == 3
    assert frame["anaesthesia"].dtype == "boolean" and not frame["anaesthesia"].any()
    centroids = results.components.centroids() * np.array(results.voxel_size)
    assert np.array_equal(frame[["z_um", "y_um", "x_um"]].to_numpy()[:5], centroids)
    assert frame["x_um"].isna().tolist() == [False] * 5 + [True] * 3
    assert np.array_equal(frame["snr"].to_numpy()[:5].astype(np.float32), results.components.quality["snr"])
    assert np.isnan(frame["snr"][6]) and frame["age (metric)"][7] == 1
    samples = filled.sample_dataframe()
    assert samples["sample"].tolist() == ["a/1", "b/1"] and samples["rois"].tolist() == [5, 3]
    assert samples["accepted"].tolist() == frame.groupby("sample")["accepted"].sum().tolist()


def test_a_project_without_samples_has_a_table(project):
    frame = project.dataframe(curves=["dff"])
    assert len(frame) == 0 and "cell type" in frame and len(project.sample_dataframe()) == 0
    assert frame["snr" if "snr" in frame else "x_um"].dtype == float and frame["age"].dtype == "Int64"


def test_filters_of_a_table(filled):
    frame = filled.dataframe(where=["cell type: pyr|=PV", "animal = a"])
    assert frame["roi"].tolist() == [0, 2] and frame.index.tolist() == [0, 1]
    with pytest.raises(UsageError, match="names no column"):
        filled.dataframe(where=["celltype: x"])


def test_curves_are_read_where_they_are_used(filled, results, monkeypatch):
    frame = filled.dataframe(where=["animal = a", "roi: !=1"], curves=["raw", "spikes"])
    components = results.components
    keep = [0, 2, 3, 4]
    assert np.array_equal(np.stack([np.asarray(each) for each in frame["raw"]]), components.raw[keep])
    assert np.asarray(frame["spikes"][1]).dtype == np.float32
    shuffled = filled.dataframe().iloc[[6, 2, 0, 7]]
    dff = filled.curves(shuffled, "dff")
    assert np.array_equal(dff[1], components.dff[2]) and np.array_equal(dff[2], components.dff[0])
    assert np.array_equal(dff[3], filled.results("b/1").components.dff[2])
    assert np.array_equal(filled.curves("a/1", "denoised"), components.traces)
    for key, ids, kind, problem in (("a/1", [9], "dff", "has no ROI 9"), ("a/1", [0], "df", "no curves df")):
        with pytest.raises(UsageError, match=problem):
            filled.curves(pd.DataFrame({"uuid": [filled.sample(key).uuid], "roi": ids}), kind)
    with pytest.raises(UsageError, match="no curves x"):
        filled.dataframe(curves=["x"])


def test_curated_rois_keep_their_numbers_and_curves(project, results):
    components = results.components
    made = components.select(np.array([3]))
    made = dataclasses.replace(made, traces=made.traces * 2, dff=made.dff + 1)
    log = (
        Entry("delete", (1,)),
        Entry("replace", (0, 2), {"made": [5], "rows": [5], "accepted": [True], "how": "merge"}),
        Entry("tag", (5, 4), {"column": "layer", "values": ["L1", "L2"]}),
    )
    curation = with_log(results, log, made)
    assert curated(curation).ids.tolist() == [3, 4, 5]
    sample = project.add(curation, animal="a", trial="1")
    frame = project.dataframe(curves=["dff"])
    assert frame["roi"].tolist() == [3, 4, 5] and frame["layer"].tolist() == ["", "L2", "L1"]
    assert [entry["what"] for entry in sample.info.history[1]["curation"]["log"]] == ["delete", "replace", "tag"]
    expected = np.stack([components.dff[3], components.dff[4], made.dff[0]])
    assert np.array_equal(np.stack([np.asarray(each) for each in frame["dff"]]), expected)
    assert isinstance(curated(project.results("a/1")).results.components, Components)


def test_tables_as_files_that_others_open(filled, tmp_path):
    frame = filled.dataframe()
    again = pd.read_csv(to_csv(frame, tmp_path / "r.csv"), dtype={"trial": str, "uuid": str}, keep_default_na=False)
    cells = again["cell type"].tolist()
    assert [unguarded(cell) for cell in cells] == frame["cell type"].tolist() and "'=1+1" in cells
    assert list(again.columns) == list(frame.columns)
    pd.testing.assert_frame_equal(pd.read_parquet(to_parquet(frame, tmp_path / "r.parquet")), frame)
    sheet = openpyxl.load_workbook(to_excel(frame, tmp_path / "r.xlsx"))["ROIs"]
    assert sheet.max_row == 9 and sheet["G6"].value == "=1+1" and sheet["G6"].data_type == "s"
    curves = filled.dataframe(curves=["dff"])
    kept = pd.read_parquet(to_parquet(curves, tmp_path / "c.parquet"))
    assert np.array_equal(np.array(kept["dff"][2], np.float32), np.asarray(curves["dff"][2]))
    schema = parquet.read_schema(tmp_path / "c.parquet")
    told = {field.name: {k.decode(): v.decode() for k, v in (field.metadata or {}).items()} for field in schema}
    assert (told["x_um"]["unit"], told["dff"]["unit"], told["snr"]["unit"]) == ("µm", "1", "1")
    assert "dF/F" in told["dff"]["description"] and "unit" not in told["layer"]
    with pytest.raises(UsageError, match=re.escape("r.csv exists already")):
        write_table(frame, tmp_path / "r.csv")
    write_table(frame.head(2), tmp_path / "r.csv", force=True)
    assert len(pd.read_csv(tmp_path / "r.csv")) == 2
    with pytest.raises(UsageError, match=r"no name of a table\nLet it end in \.csv"):
        write_table(frame, tmp_path / "r.txt")
    with pytest.raises(UsageError, match="is not a folder"):
        write_table(frame, tmp_path / "none" / "r.csv")
    assert sorted(path.name for path in tmp_path.glob("*.*") if path.is_file() and path.suffix != ".tif") == [
        "c.parquet", "r.csv", "r.parquet", "r.xlsx",
    ]  # fmt: skip


def test_another_program_sees_what_one_adds(filled):
    with Project.open(filled.folder) as other:
        filled.edit_rois("a/1", "layer", {0: "L1"})
        assert other.dataframe(where=["layer = L1"])["roi"].tolist() == [0]
