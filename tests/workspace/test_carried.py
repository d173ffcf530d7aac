"""Metadata and history that stay with an item: whatever they are."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnmf3d.batch import RunFolder
from cnmf3d.errors import UsageError
from cnmf3d.workspace import ImgData, ViewerWorkEnv
from cnmf3d.workspace.carried import FILE, Carried, carried, carry, to_carry

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(st.text(), PLAIN, max_size=4), st.lists(st.dictionaries(st.text(), PLAIN, max_size=2)), st.text()
)
def test_plain_values_come_back(tmp_path, meta, history, comments):
    (tmp_path / FILE).unlink(missing_ok=True)
    carry(to_carry(ViewerWorkEnv(ImgData(meta=meta), history_trace=history, comments=comments)), RunFolder(tmp_path))
    assert carried(RunFolder(tmp_path)) == Carried(meta, tuple(history), "", comments)


def test_other_values_come_back_as_plain_ones(tmp_path):
    meta = {
        "array": np.arange(4).reshape(2, 2),
        "number": np.float64(1.5),
        "texts": np.array(["a", "b"], dtype=object),
        "set": {2, 1},
        "tuple": (1, (2, 3)),
        "date": datetime.date(2024, 1, 31),
        "time": datetime.datetime(2024, 1, 31, 14, 25),
        "path": Path("a/b"),
        7: {np.int64(3): "keys"},
        "complex": 1 + 2j,
        "not a number": math.nan,
    }
    carry(to_carry(ViewerWorkEnv(ImgData(meta=meta))), RunFolder(tmp_path))
    back = dict(carried(RunFolder(tmp_path)).meta)
    assert math.isnan(back.pop("not a number"))
    assert back == {
        "array": [[0, 1], [2, 3]],
        "number": 1.5,
        "texts": ["a", "b"],
        "set": [1, 2],
        "tuple": [1, [2, 3]],
        "date": "2024-01-31",
        "time": "2024-01-31T14:25:00",
        "path": str(Path("a/b")),
        "7": {"3": "keys"},
        "complex": "(1+2j)",
    }


def test_what_contains_itself_is_told():
    meta = {}
    meta["meta"] = meta
    with pytest.raises(UsageError, match="contain themselves"):
        to_carry(ViewerWorkEnv(ImgData(meta=meta)))


def test_nothing_is_kept_of_nothing(tmp_path):
    carry(to_carry(ViewerWorkEnv()), RunFolder(tmp_path / "run"))
    assert not (tmp_path / "run").exists() and carried(RunFolder(tmp_path / "run")) == Carried()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"meta": 1, "history": [], "sample_id": "", "comments": ""}'])
def test_a_damaged_file_says_nothing(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    assert carried(RunFolder(tmp_path)) == Carried()


def test_the_file_is_json(tmp_path):
    carry(to_carry(ViewerWorkEnv(comments="mäuse")), RunFolder(tmp_path))
    assert json.loads((tmp_path / FILE).read_text(encoding="utf-8"))["comments"] == "mäuse"
