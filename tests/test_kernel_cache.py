"""Kernels compile where nothing that numba would write to can be written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cnmf3d
from cnmf3d import kernel_cache
from cnmf3d.written import temporary_name

PACKAGE = Path(cnmf3d.__file__).parent
CODE = """
import os, sys
early and __import__("numba")
from cnmf3d import kernel_cache
from cnmf3d.motion.products import bounded_products
from cnmf3d.movies.registered.kernels import move_frame
from cnmf3d.engine.kernels.numba.block import coarsen
import numpy as np
coarsen(np.ones((8, 4), np.int16), np.zeros(8, np.int64), np.zeros((1, 4), np.float32))
folder = os.environ[kernel_cache.VARIABLE]
assert any(name.endswith(".nbi") for _, _, names in os.walk(folder) for name in names), "nothing was compiled there"
print(folder, kernel_cache.why_not_kept(), sep="\\n")
import subprocess
asked = "import os, cnmf3d.kernel_cache as k; print(os.environ[k.VARIABLE], k.why_not_kept())"
child = subprocess.run([sys.executable, "-P", "-c", asked], capture_output=True, text=True, check=True)
assert child.stdout.split(maxsplit=1) == [folder, kernel_cache.why_not_kept() + "\\n"], child.stdout
"""


@pytest.fixture
def run(powerless):
    """Run code with a package and a home folder, as a user who must keep to permissions."""

    def run(code, package, home, work, **more):
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("XDG_", "NUMBA_CACHE", "CNMF3D_"))}
        own = {"HOME": str(home), "PYTHONPATH": str(package.parent), "TMPDIR": str(work)}
        return powerless([sys.executable, "-P", "-c", code], cwd=work, env={**kept, **own, **more})

    return run


@pytest.fixture
def package(tmp_path):
    """A copy of the package in folders that can't be written to."""
    copy = shutil.copytree(PACKAGE, tmp_path / "installed/cnmf3d", ignore=shutil.ignore_patterns("__pycache__"))
    folders = [copy, *(each for each in copy.rglob("*") if each.is_dir())]
    for each in folders:
        each.chmod(0o555)
    yield copy
    for each in folders:
        each.chmod(0o755)


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


@pytest.fixture
def work(tmp_path):
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of folders are other ones")
@pytest.mark.parametrize("early", [False, True])
def test_neither_package_nor_home_can_be_written_to(run, package, home, work, early):
    done = run(f"early = {early}" + CODE, package, home, work)
    assert done.returncode == 0, done.stderr
    folder, why = done.stdout.splitlines()
    assert "neither the folder of the package" in why and "every run compiles them anew" in why
    assert Path(folder).parent == work and not any(work.iterdir())  # it goes with the process
    assert not any(home.iterdir()) and not any(package.rglob("*.nbi"))


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of folders are other ones")
def test_a_folder_that_was_named_and_cannot_be_written_to(run, package, home, work):
    done = run("early = False" + CODE, package, home, work, **{kernel_cache.VARIABLE: str(home / "kernels")})
    assert done.returncode == 0, done.stderr
    assert f"the folder that NUMBA_CACHE_DIR names can't be written to ({home / 'kernels'})" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of folders are other ones")
def test_home_alone_is_enough(run, package, home, work):
    home.chmod(0o755)
    code = "import os, cnmf3d.kernel_cache as k; print(os.environ.get(k.VARIABLE), repr(k.why_not_kept()))"
    done = run(code, package, home, work)
    assert done.stdout.split() == ["None", "''"], done.stderr


def test_a_folder_that_was_named_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv(kernel_cache.VARIABLE, str(tmp_path))
    monkeypatch.setattr(kernel_cache, "_users", lambda: tmp_path / "file" / "no")
    kernel_cache.ensure()
    assert os.environ[kernel_cache.VARIABLE] == str(tmp_path) and not kernel_cache.why_not_kept()


def test_what_killed_processes_left_is_removed(monkeypatch, tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    left = tmp_path / temporary_name().replace(f"-{os.getpid()}-", f"-{int(dead.stdout)}-")
    left.mkdir()
    code = "import os, cnmf3d.kernel_cache as k; print(os.environ[k.VARIABLE])"
    environment = {**os.environ, kernel_cache.VARIABLE: __file__, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert Path(done.stdout.strip()).parent == tmp_path and not any(tmp_path.iterdir()), done.stderr


def test_what_can_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    assert kernel_cache._writable(tmp_path / "new" / "folder") and not kernel_cache._writable(tmp_path / "file")


def test_all_kernels_lie_in_the_folders_that_are_looked_at():
    kept = {
        path.parent.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^@.*cache=True|^    cache=True", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert kept == set(kernel_cache.KERNELS)
