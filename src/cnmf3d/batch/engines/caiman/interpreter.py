"""The Python that has the user's CaImAn: which one it is, and whether it has CaImAn."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnmf3d import plain_json
from cnmf3d.trusted import is_trusted

VARIABLE = "CNMF3D_CAIMAN_PYTHON"
"""Environment variable that names the Python, where a job doesn't."""

OPTION = "engine_python"
"""Option of a job that names it."""

INSTALL = (
    "CaImAn runs in a Python of its own: install it with `conda create -n caiman -c conda-forge caiman`, and name that "
    f"Python by --engine-python PATH or the environment variable {VARIABLE} (`conda run -n caiman which python`, on "
    "Windows `where python`, tells PATH)."
)

PROBE = """
import importlib.metadata, importlib.util, json, os
spec = importlib.util.find_spec("caiman")
places = list(spec.submodule_search_locations or []) if spec else []
try:
    version = importlib.metadata.version("caiman")
except importlib.metadata.PackageNotFoundError:
    version = ""
flow = any(os.path.isdir(os.path.join(place, "source_extraction", "cnmf")) for place in places)
print(json.dumps({"caiman": spec is not None, "flow": flow, "version": version}))
"""
"""Looks for CaImAn without importing it, which takes seconds."""

PATIENCE = 60.0
"""Seconds that a Python may take to answer."""


def named(options: Mapping[str, Any]) -> str:
    """The Python that the options of a job or the environment name; empty where neither does."""
    return str(options.get(OPTION) or os.environ.get(VARIABLE) or "")


def untrusted(options: Mapping[str, Any]) -> str | None:
    """The Python that the options of a job name, if the user never did: options come with a batch, from anybody."""
    python = str(options.get(OPTION) or "")
    mine = os.environ.get(VARIABLE) or ""
    return None if not python or python == mine or is_trusted(python) else python


def missing(options: Mapping[str, Any]) -> str | None:
    """Why CaImAn can't be run, with what helps; None where it can."""
    python = named(options)
    if not python:
        return f"no Python with CaImAn is named. {INSTALL}"
    if untrusted(options) and shutil.which(python) is not None:
        return (
            f"the batch names the program {python}, which you never named yourself on this machine: it was not run. "
            f"If you know that it is your CaImAn's Python: cnmf3d batch trust {shlex.quote(python)}"
        )
    if shutil.which(python) is None:
        return f"{python}, which should be the Python of CaImAn, isn't there or can't be run. {INSTALL}"
    told = _probe(python)
    if told is None:
        return f"{python} isn't a Python that works: it does not answer. {INSTALL}"
    if not told["caiman"]:
        return f"{python} has no CaImAn: `import caiman` finds nothing there. {INSTALL}"
    if not told["flow"]:
        return (
            f"the package caiman of {python} (version {told['version'] or 'unknown'}) is another one of that name, "
            f"which pip installs; CaImAn comes from conda-forge. {INSTALL}"
        )
    return None


def environment(folder: str) -> dict[str, str]:
    """Environment variables for CaImAn: its files in `folder`, one thread a process, nothing of our Python."""
    values = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")
    return {**values, **one, "CAIMAN_TEMP": folder, "MPLBACKEND": "Agg", "PYTHONUNBUFFERED": "1"}


def _probe(python: str) -> dict[str, Any] | None:
    """What a Python says about CaImAn; None where it says nothing that can be understood."""
    try:
        answer = subprocess.run(
            [python, "-c", PROBE],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
            env=environment(str(Path.cwd())),
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).parent,  # `python -c` imports from where it is started, which may be a stranger's folder
        )
        told = plain_json.loads(answer.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    return told if isinstance(told, dict) and {"caiman", "flow", "version"} <= told.keys() else None
