"""Items read at a glance: the same as the store has them, and the same errors."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from cnmf3d.batch import Batch, Status
from cnmf3d.batch.glance import FILE, items_of
from cnmf3d.errors import InputError


@pytest.fixture
def batch(tmp_path):
    movie = tmp_path / "m.npy"
    np.save(movie, np.zeros((30, 3, 8, 8), np.uint16))
    with Batch.create(tmp_path / "a bätch #1?") as made:
        for number in range(3):
            made.add(movie, {"gSig": (4, 4, number + 1)}, name=f"n{number}", opening={"rate": 5.0})
        yield made


def test_it_reads_what_the_store_has(batch):
    item = batch.items()[1]
    batch.change(item.uuid, Status.PENDING, Status.FAILED, error="a\nb", warnings=["w"], summary={"accepted": 3})
    assert items_of(batch.folder) == batch.items()
    assert items_of(batch.folder)[1].warnings == ("w",)


def test_it_needs_no_sqlalchemy(batch):
    code = "import sys; from cnmf3d.batch import glance; glance.items_of(sys.argv[1]); print(*sys.modules)"
    command = [sys.executable, "-c", code, str(batch.folder)]
    assert "sqlalchemy" not in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE about SET value = '99' WHERE name = 'version'", "newer cnmf3d"),
        ("DELETE FROM about", "not a batch's database"),
    ],
)
def test_what_is_wrong_is_told_by_the_store(batch, change, told):
    batch.close()
    with sqlite3.connect(batch.folder / FILE) as connection:
        connection.execute(change)
    connection.close()
    with pytest.raises(InputError, match=told):
        items_of(batch.folder)


def test_no_batch_and_no_database(tmp_path):
    with pytest.raises(InputError, match="is no batch"):
        items_of(tmp_path)
    (tmp_path / FILE).write_text("nonsense" * 1000)
    with pytest.raises(InputError, match="can't be used"):
        items_of(tmp_path)
