"""Kernels compile where nothing that numba would write to can be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnmf3d import kernel_cache

CODE = """
import os, sys
from cnmf3d import kernel_cache
kernel_cache._writable = lambda folder: False
kernel_cache.ensure()
folder = os.environ["NUMBA_CACHE_DIR"]
sys.path.insert(0, os.getcwd())
import kernel
assert kernel.twice(2) == 4 and kernel_cache.is_temporary() and any(files for _, _, files in os.walk(folder))
print(folder)
"""


@pytest.mark.parametrize("early", ["", "import numba\n"])
def test_a_temporary_folder_takes_what_is_compiled(tmp_path, early):
    (tmp_path / "kernel.py").write_text("from numba import njit\n@njit(cache=True)\ndef twice(x):\n    return 2 * x\n")
    environment = {name: value for name, value in os.environ.items() if name != kernel_cache.VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", early + CODE], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not Path(done.stdout.strip()).exists()  # it goes with the process


def test_a_folder_that_was_named_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv(kernel_cache.VARIABLE, str(tmp_path))
    monkeypatch.setattr(kernel_cache, "_writable", lambda folder: False)
    kernel_cache.ensure()
    assert os.environ[kernel_cache.VARIABLE] == str(tmp_path) and not kernel_cache.is_temporary()


def test_what_can_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    assert kernel_cache._writable(tmp_path / "new" / "folder") and not kernel_cache._writable(tmp_path / "file")
