"""Where numba keeps what it compiles: a temporary folder where neither the package nor the user's cache can be written.

Numba refuses to compile at all otherwise.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"
"""Environment variable that names the folder for compiled kernels, which numba reads."""

NOTE = (
    "neither the folder of the package nor the user's cache folder can be written to: compiled kernels are kept in a "
    f"temporary folder, and every run compiles them anew. Name a folder for them: {VARIABLE}=FOLDER"
)

_temporary: list[str] = []


def ensure() -> None:
    """See that numba finds a folder, here and in processes that are started from here; called before it is imported."""
    if os.environ.get(VARIABLE) or any(_writable(folder) for folder in (Path(__file__).parent, _users())):
        return
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="cnmf3d-kernels-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _temporary.append(folder)
    os.environ[VARIABLE] = folder
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = folder


def is_temporary() -> bool:
    """Whether what is compiled now is gone with this process."""
    return bool(_temporary)


def _users() -> Path:
    """Numba's own choice beside the package, as its documentation says: a folder in the user's caches."""
    from platformdirs import user_cache_path

    return user_cache_path("numba", appauthor=False)


def _writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or the folder itself where it isn't there."""
    there = next((each for each in (folder, *folder.parents) if os.path.exists(each)), None)  # noqa: PTH110 - its own raises in folders of others
    return there is not None and there.is_dir() and os.access(there, os.W_OK | os.X_OK)
