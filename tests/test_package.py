"""The package as a whole: what it offers, and that it is cheap to import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import cnmf3d

ROOT = Path(__file__).parents[1]


def test_public_names_are_there():
    for name in cnmf3d.__all__:
        assert getattr(cnmf3d, name) is not None
    with pytest.raises(AttributeError):
        cnmf3d.nothing  # noqa: B018


def test_the_api_is_listed_before_it_is_used():
    code = "import cnmf3d; print([name for name in dir(cnmf3d) if not name.startswith('_')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(sorted(name for name in cnmf3d.__all__ if not name.startswith("_")))


def test_importing_loads_nothing_heavy():
    heavy = ("numba", "scipy", "h5py", "matplotlib", "zarr", "pydantic", "rich")
    code = f"import sys, cnmf3d; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"]])
def test_help_needs_no_engine(words):
    code = (
        f"import sys\nfrom cnmf3d.cli.app import call\ncall({words})\n"
        "sys.stderr.write(str([n for n in ('numba', 'scipy', 'matplotlib', 'h5py') if n in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_command_imports_no_other():
    code = (
        "import sys\nfrom cnmf3d.cli.app import call\ncall(['info', 'nowhere.tif'])\n"
        "sys.stderr.write(str([n for n in sys.modules if n.startswith('cnmf3d.cli.')]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stderr.splitlines()[-1]
    assert "cnmf3d.cli.info" in loaded and "cnmf3d.cli.run" not in loaded and "cnmf3d.cli.batch" not in loaded


def test_no_file_is_too_long():
    long = [
        path.name for path in (ROOT / "src").rglob("*.py") if len(path.read_text(encoding="utf-8").splitlines()) > 500
    ]
    assert long == []


def test_no_two_files_of_tests_have_one_name():
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if not (path.parent / "__init__.py").exists()]
    names = [path.name for path in files]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


KNOWN = (
    "workspace/program.py",
    "viewer/controllers/scripting.py",
    "batch/mesmerize.py",
    "plain_pickle.py",
    "results/exports/suite2p.py",
)
"""Run the user's own script; name files of that kind; read them as plain data, with nothing in them called; writes
the arrays of objects that Suite2p reads."""


def test_nothing_dangerous_is_used():
    for path in (ROOT / "src").rglob("*.py"):
        if path.as_posix().endswith(KNOWN):
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\bpickle\b|(?<![\w.])eval\(|(?<![\w.])exec\(|shell=True|allow_pickle=True", text), path


def test_links_of_the_documentation_lead_somewhere():
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not link.startswith(("http", "mailto:")):
                assert (page.parent / link).exists(), f"{page.name}: {link}"
