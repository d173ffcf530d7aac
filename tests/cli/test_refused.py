"""Places that the system refuses are no fault of ours: a sentence, no traceback."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cnmf3d.cli.app import call
from cnmf3d.kernel_cache import _writable

REAL = Path.stat


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A folder that somebody else may not look into (tests may run as root, who may)."""
    folder = tmp_path / "locked"

    def stat(path, **how):
        if folder in path.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return REAL(path, **how)

    monkeypatch.setattr(Path, "stat", stat)
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["info", "{}/m.tif"],
        ["run", "{}/m.tif", "-o", "{}/r.hdf5"],
        ["curate", "show", "{}/r.hdf5"],
        ["export", "csv", "{}/r.hdf5", "{}/c"],
        ["import", "nwb", "{}/r.nwb", "{}/r.hdf5"],
        ["deconvolve", "{}/F.npy", "--fps", "5", "-o", "{}/o.csv"],
        ["batch", "list", "{}/b"],
        ["project", "list", "{}/p"],
        ["score", "{}/r.hdf5", "{}/t.h5"],
    ],
    ids=" ".join,
)
def test_what_is_in_a_folder_of_somebody_else_is_named(locked, capsys, words):
    assert call([word.replace("{}", str(locked)) for word in words]) in (2, 3)
    said = capsys.readouterr().err
    assert said.startswith("Error: ") and "went wrong inside" not in said and str(locked) in said


def test_a_name_that_no_file_system_takes_is_named(tmp_path, capsys):
    assert call(["info", str(tmp_path / ("a" * 300 + ".tif"))]) in (2, 3)
    assert "went wrong inside" not in capsys.readouterr().err


def test_kernels_are_not_kept_in_a_folder_of_somebody_else(locked, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    assert not _writable(locked / "cache" / "numba")
