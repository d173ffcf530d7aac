"""Recent: what was opened before."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.viewer.recent import MOST, Recent


def test_the_last_one_comes_first_once(tmp_path: Path) -> None:
    recent = Recent(tmp_path / "a" / "recent.json")
    for name in ("a.tif", "möuse 1.tif", "a.tif", "https://host/x.zarr"):
        recent.add(name if "://" in name else tmp_path / name)
    assert recent.paths() == ["https://host/x.zarr", str(tmp_path / "a.tif"), str(tmp_path / "möuse 1.tif")]
    for number in range(30):
        recent.add(tmp_path / f"{number}.tif")
    assert len(recent.paths()) == MOST


@given(content=st.one_of(st.binary(max_size=30), st.sampled_from([b"{}", b"[1, null]", b'["a.tif", 3]'])))
def test_a_damaged_file_is_no_reason_to_stop(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("recent") / "recent.json"
    file.write_bytes(content)
    recent = Recent(file)
    assert all(isinstance(path, str) for path in recent.paths())
    recent.add("https://host/x.zarr")
    assert recent.paths()[0] == "https://host/x.zarr"


def test_a_folder_that_cant_be_written_to_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recent = Recent(tmp_path / "file" / "recent.json")
    recent.add(tmp_path / "a.tif")
    assert recent.paths() == []
