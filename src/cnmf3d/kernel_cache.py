"""Where numba keeps what it compiles: a temporary folder where none that it would take can be written to.

Numba refuses to compile at all otherwise.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"
"""Environment variable that names the folder for compiled kernels, which numba reads."""

KERNELS = ("engine/kernels/numba", "motion", "movies/registered")
"""Folders of the package with modules whose kernels are kept; numba writes into ``__pycache__`` there."""

NOT_KEPT = "CNMF3D_KERNELS_NOT_KEPT"
"""Environment variable by which processes that are started from here know why the folder is a temporary one."""


def ensure() -> None:
    """See that numba finds a folder, here and in processes that are started from here; called before it is imported."""
    named, package = os.environ.get(VARIABLE), Path(__file__).parent
    if named:
        if _writable(Path(named)):
            return
        reason = f"the folder that {VARIABLE} names can't be written to ({named})"
    elif all(_writable(package / folder / "__pycache__") for folder in KERNELS) or _writable(_users()):
        return
    else:
        reason = "neither the folder of the package nor the user's cache folder can be written to"
    import atexit
    import tempfile

    from cnmf3d.written import sweep, temporary_name

    base = Path(tempfile.gettempdir())
    sweep(base)  # what killed programs left
    folder = base / temporary_name()
    folder.mkdir(mode=0o700)
    atexit.register(_remove, folder, os.getpid())
    os.environ[VARIABLE], os.environ[NOT_KEPT] = str(folder), reason
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(folder)


def why_not_kept() -> str:
    """Why what is compiled now is gone with this process, and what helps; empty where it is kept."""
    reason = os.environ.get(NOT_KEPT)
    if not reason:
        return ""
    return (
        f"{reason}: compiled kernels are kept in a temporary folder, and every run compiles them anew. "
        f"Name a folder for them: {VARIABLE}=FOLDER"
    )


def _remove(folder: Path, process: int) -> None:
    """Remove the folder at the end of the process that made it; forks of it leave it."""
    import shutil

    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _users() -> Path:
    """Numba's own choice beside the package, as its documentation says: a folder in the user's caches."""
    from platformdirs import user_cache_path

    return user_cache_path("numba", appauthor=False)


def _writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or the folder itself where it isn't there."""
    there = next((each for each in (folder, *folder.parents) if os.path.exists(each)), None)  # noqa: PTH110 - its own raises in folders of others
    return there is not None and there.is_dir() and os.access(there, os.W_OK | os.X_OK)
