"""MATLAB files: what scipy reads of whole ones, and no damaged one that ends a process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import io, sparse

from cnmf3d import matlab_files

CONTENT = {
    "info": {"sz": np.array([16.0, 16.0]), "name": "mouse", "otwave": np.arange(5), "deep": {"chan": {"nchan": 2}}},
    "cells": np.array([np.eye(2), "text", np.zeros((0, 3))], object),
    "z": np.array([[1 + 2j, 3]]),
    "flags": np.array([True, False]),
    "small": np.arange(6, dtype=np.int8).reshape(2, 3),
    "places": sparse.csc_array(np.diag([1.0, 0, 2])),
    "structs": np.array([(1, "a"), (2, "b")], [("n", object), ("t", object)]),
}


@pytest.mark.parametrize("compressed", [False, True])
def test_whole_files_are_read_as_by_scipy(tmp_path, compressed):
    io.savemat(tmp_path / "m.mat", CONTENT, do_compression=compressed)
    for plain in (False, True):
        found = matlab_files.load(tmp_path / "m.mat", plain=plain)
        assert repr(found) == repr(io.loadmat(tmp_path / "m.mat", simplify_cells=plain))
    assert [n for n in matlab_files.load(tmp_path / "m.mat", ["z"]) if n[0] != "_"] == ["z"]


@pytest.mark.parametrize("version", ["4", "5"])
def test_a_matrix_of_either_version_is_read(tmp_path, version):
    io.savemat(tmp_path / "m.mat", {"x": np.arange(6.0).reshape(2, 3)}, format=version)
    assert np.array_equal(matlab_files.load(tmp_path / "m.mat")["x"], np.arange(6.0).reshape(2, 3))


def test_a_type_that_there_is_not_is_refused(tmp_path):
    """Scipy looks such a type up at an address that isn't its own."""
    io.savemat(tmp_path / "m.mat", {"x": np.arange(6.0)})
    content = bytearray((tmp_path / "m.mat").read_bytes())
    content[content.index(b"\x09\x00\x00\x00\x30\x00\x00\x00")] = 0  # 48 bytes of doubles
    (tmp_path / "m.mat").write_bytes(content)
    with pytest.raises(ValueError, match="fewer values"):
        matlab_files.load(tmp_path / "m.mat")


def test_a_sparse_matrix_with_places_outside_is_refused(tmp_path):
    io.savemat(tmp_path / "m.mat", {"places": sparse.csc_array(np.diag([1.0, 0, 2]))})
    content = (tmp_path / "m.mat").read_bytes()
    rows = np.array([0, 2], "<i4").tobytes()
    (tmp_path / "m.mat").write_bytes(content.replace(rows, np.array([0, 2**30], "<i4").tobytes(), 1))
    with pytest.raises(ValueError, match="outside"):
        matlab_files.load(tmp_path / "m.mat")


DAMAGING = """
import random, sys
from pathlib import Path
from cnmf3d import matlab_files
whole = Path(sys.argv[1]).read_bytes()
for seed in range(1500):
    rng, content = random.Random(seed), bytearray(whole)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(124, len(content))
        what = rng.choice(("bit", "zeros", "ones", "cut"))
        if what == "bit":
            content[at] ^= 1 << rng.randrange(8)
        elif what == "cut":
            del content[at : at + rng.choice((1, 8, 100))]
        else:
            content[at : at + 8] = (b"\\x00" if what == "zeros" else b"\\xff") * 8
        if len(content) < 140:
            break
    path = Path(sys.argv[1] + ".bad")
    path.write_bytes(content)
    try:
        matlab_files.load(path, plain=bool(seed % 2))
    except Exception:
        pass
"""


def test_no_damaged_file_ends_a_process(tmp_path):
    io.savemat(tmp_path / "m.mat", CONTENT)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DAMAGING, str(tmp_path / "m.mat")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
