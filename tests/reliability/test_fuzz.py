"""Damaged files: what was found once stays mended, and new damage is sought (`make test-slow`)."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cnmf3d.cli.app import call
from cnmf3d.damage import DAMAGE, explained, reason_of
from cnmf3d.errors import InputError, UsageError
from cnmf3d.results import write_results

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FOUND = Path(__file__).parent / "corpus"
"""Inputs by which commands ended in a traceback or took all memory, each with its command in ``command.txt``."""

INPUTS = int(os.environ.get("CNMF3D_FUZZ", "0"))
SEED = int(os.environ.get("CNMF3D_FUZZ_SEED", "1"))


@pytest.fixture
def attacks(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "attacks"]:
        del sys.modules[name]


@pytest.mark.parametrize("found", sorted(path.name for path in FOUND.iterdir()))
def test_what_was_found_is_an_error_with_a_sentence(tmp_path, capsys, found):
    folder = tmp_path / "x"
    shutil.copytree(FOUND / found, folder)
    words = (folder / "command.txt").read_text().split()
    code = call([word.replace("{}", str(folder)) for word in words])
    said = capsys.readouterr().err
    assert code in (0, 1, 2, 3) and "went wrong inside" not in said and "Traceback" not in said
    assert code == 0 or said.startswith("Error: ")


def test_a_database_with_values_of_another_kind_is_damaged(tmp_path, capsys):
    def changed(*statements: str) -> str:
        with sqlite3.connect(tmp_path / "b" / "batch.sqlite") as file:
            for statement in statements:
                file.execute(statement)
        file.close()
        call(["batch", "list", str(tmp_path / "b")])
        return capsys.readouterr().err

    np.save(tmp_path / "m.npy", np.zeros((9, 2, 4, 4), np.uint16))
    call(["batch", "new", str(tmp_path / "b")])
    call(["batch", "add", str(tmp_path / "b"), str(tmp_path / "m.npy"), "--axes", "tzyx", "--fps", "5"])
    assert "is damaged: it holds" in changed("UPDATE items SET input = '../x'")
    sound = '{"paths": ["m.npy"], "relative": [], "opening": {}, "fingerprint": ""}'
    assert "module is no text" in changed(f"UPDATE items SET input = '{sound}', module = x'ff00'")
    changed("UPDATE items SET module = 'cnmf_3d', warnings = '[1]'")
    assert call(["batch", "show", str(tmp_path / "b"), "m"]) == 3
    assert "a warning is no text" in capsys.readouterr().err
    changed("UPDATE items SET warnings = '[]'", "UPDATE changes SET why = x'ff'")
    assert call(["batch", "log", str(tmp_path / "b"), "m"]) in (0, 3)
    assert "went wrong inside" not in capsys.readouterr().err
    assert "is damaged: there is no format -1" in changed("UPDATE about SET value = -1 WHERE name = 'version'")


@pytest.mark.parametrize(
    ("column", "value"), [("x_um", "'[]'"), ("metrics", "'[1]'"), ("roi", "'a'"), ("tags", "x'ff'")]
)
def test_a_table_of_rois_with_values_of_another_kind_is_damaged(tmp_path, capsys, random_results, column, value):
    write_results(random_results(), tmp_path / "r.hdf5")
    call(["project", "new", str(tmp_path / "p")])
    assert call(["project", "add", str(tmp_path / "p"), str(tmp_path / "r.hdf5"), "--animal", "a", "--trial", "1"]) == 0
    with closing(sqlite3.connect(tmp_path / "p" / "project.sqlite")) as file:
        file.execute(f"UPDATE rois SET {column} = {value} WHERE roi = (SELECT min(roi) FROM rois)")
        file.commit()
    capsys.readouterr()
    assert call(["project", "export", str(tmp_path / "p"), str(tmp_path / "t.csv")]) == 3
    assert "project.sqlite" in capsys.readouterr().err


@pytest.mark.parametrize("error", DAMAGE)
def test_all_that_damage_leads_to_is_one_error_that_names_the_file(error):
    with pytest.raises(InputError, match=r"a\.bin can't be read as a table: "), explained("a.bin", "a table"):
        raise error("no")


def test_errors_of_ours_and_mistakes_of_the_user_pass():
    with pytest.raises(UsageError, match="no such"), explained("a.bin", "a table"):
        raise UsageError("no such option")
    with pytest.raises(KeyboardInterrupt), explained("a.bin", "a table"):
        raise KeyboardInterrupt
    assert reason_of(KeyError("x")) == "it has no 'x'" and reason_of(ValueError()) == "ValueError"


@pytest.mark.parametrize("name", ["m.npy", "p.json", "c.csv", "j.jsonl", "h.h5", "d.sqlite"])
def test_damage_depends_on_the_seed_alone_and_damages(attacks, tmp_path, name):
    import h5py

    from attacks.mutation import mutate

    def make() -> Path:
        path = tmp_path / name
        path.unlink(missing_ok=True)
        if path.suffix == ".npy":
            np.save(path, np.arange(40))
        elif path.suffix == ".h5":
            with h5py.File(path, "w", track_order=False) as file:
                file["a/b"] = np.arange(5)
                file["a"].attrs["c"] = 3
        elif path.suffix == ".sqlite":
            with sqlite3.connect(path) as made:
                made.execute("CREATE TABLE t (a, b)")
                made.execute("INSERT INTO t VALUES (1, '{\"x\": [1]}')")
            made.close()
        else:
            path.write_text({".csv": "a,b\n1,2\n"}.get(path.suffix, '{"a": [1, {"b": 2}]}\n'))
        return path

    sound, same, changed = make().read_bytes(), 0, 0
    for seed in range(30):
        mutate(make(), random.Random(seed))
        first = (tmp_path / name).read_bytes()
        mutate(make(), random.Random(seed))
        same += first == (tmp_path / name).read_bytes()
        changed += first != sound
    assert same >= (30 if name != "h.h5" else 15)  # HDF5 keeps times of change
    assert changed >= 18  # a line that changes places with itself stays


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.skipif(not (INPUTS and hasattr(os, "fork")), reason="hours: make test-slow")
def test_damaged_files_end_in_sentences(tmp_path):
    """In a process of its own, which prints its seed: one with threads can't be forked safely.

    CNMF3D_FUZZ and CNMF3D_FUZZ_SEED set other numbers.
    """
    import subprocess

    words = ["reliability.py", "--only", "fuzz", "--fuzz", str(INPUTS), "--seed", str(SEED), "--keep", str(tmp_path)]
    done = subprocess.run([sys.executable, *words], cwd=BENCHMARKS, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}\nfiles: {tmp_path}"
