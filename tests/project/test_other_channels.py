"""A label's column and its filter, and curves of another channel, in the tables of a project."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from pyarrow import parquet

from cnmf3d.components import TRACES, Traced
from cnmf3d.errors import UsageError
from cnmf3d.project.tables import to_parquet, write_table
from cnmf3d.results.curation import Entry, with_log


@pytest.fixture
def labelled(results):
    """Results with a label and a second channel."""
    parts, rng = results.components, np.random.default_rng(1)
    other = Traced(*(rng.random(parts.traces.shape, np.float32) for _ in TRACES))
    label = {"red": np.arange(5, dtype=np.float32), "red_z": np.array([9, 1, 6, np.nan, 7], np.float32)}
    parts = dataclasses.replace(parts, channels={"channel1": other}, quality={**parts.quality, **label})
    return dataclasses.replace(results, components=parts)


def test_a_label_is_a_column_and_a_filter(project, labelled, random_results, tmp_path):
    project.add(labelled, animal="a", trial="1")
    project.add(random_results(3, seed=2), animal="b", trial="1")
    frame = project.dataframe()
    assert list(frame.columns).index("red_z") == list(frame.columns).index("red") + 1
    assert frame["red"].tolist()[:5] == [0, 1, 2, 3, 4] and frame["red"].isna().sum() == 3
    assert project.dataframe(where=["red_z > 5"])["roi"].tolist() == [0, 2, 4]
    for name in ("t.csv", "t.xlsx"):
        assert write_table(frame, tmp_path / name).stat().st_size
    to_parquet(frame, tmp_path / "t.parquet")
    field = parquet.read_schema(tmp_path / "t.parquet").field("red")
    assert field.metadata[b"unit"] == b"of the channel" and b"structural channel" in field.metadata[b"description"]


def test_curves_of_another_channel(project, labelled, random_results, tmp_path):
    project.add(labelled, animal="a", trial="1")
    project.add(random_results(3, seed=2), animal="b", trial="1")
    known = labelled.components.channels["channel1"]
    for kind, values in (("raw", known.raw), ("dff", known.dff), ("denoised", known.traces), ("spikes", known.spikes)):
        assert np.array_equal(project.curves("a/1", f"{kind}_channel1"), values)
    frame = project.dataframe(curves=["dff_channel1", "dff"])
    assert np.array_equal(np.asarray(frame["dff_channel1"][3]), known.dff[3])
    to_parquet(frame, tmp_path / "t.parquet")
    table = parquet.read_table(tmp_path / "t.parquet")
    assert np.array_equal(table["dff_channel1"][4].as_py(), known.dff[4])
    assert set(table["dff_channel1"][5].as_py()) == {None}  # its sample was recorded in one channel
    assert b"channel1" in table.schema.field("dff_channel1").metadata[b"description"]
    with pytest.raises(UsageError, match="b/1 has no curves dff_channel1"):
        project.curves("b/1", "dff_channel1")
    with pytest.raises(UsageError, match="no sample of the table has curves raw_channel2"):
        project.curves(frame, "raw_channel2")
    for wrong in ("dff_red", "dff_", "channel1", "dff_channel"):
        with pytest.raises(UsageError, match=f"no curves {wrong}"):
            project.dataframe(curves=[wrong])


def test_curves_of_another_channel_after_curation(project, labelled):
    parts = labelled.components
    made = parts.select(np.array([3]))
    doubled = {name: getattr(made.channels["channel1"], name) * 2 for name in TRACES}
    made = dataclasses.replace(made, channels={"channel1": Traced(**doubled)})
    log = (Entry("replace", (0, 2), {"made": [5], "rows": [5], "accepted": [True], "how": "merge"}),)
    project.add(with_log(labelled, log, made), animal="a", trial="1")
    assert project.dataframe()["roi"].tolist() == [1, 3, 4, 5]
    known = parts.channels["channel1"].traces
    expected = np.stack([known[1], known[3], known[4], 2 * known[3]])
    assert np.array_equal(project.curves("a/1", "denoised_channel1"), expected)
