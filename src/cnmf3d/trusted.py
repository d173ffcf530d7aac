"""Programs that data name, and that the user has agreed to run: kept in the user's settings folder, never in the data.

A batch names the Python that has the user's CaImAn. A batch may come from anybody, so that such a name alone runs
nothing: a program is run only if the user named it himself on this machine, and if it is still the same program.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from cnmf3d import plain_json
from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.written import whole_file


def settings_file() -> Path:
    """Where it is kept: a JSON object from the program's path to the SHA-256 of its content."""
    from platformdirs import user_config_path

    return user_config_path("cnmf3d", appauthor=False) / "trusted.json"


def is_trusted(program: str) -> bool:
    """Whether the user agreed to run a program, and it is the same one as then.

    Parameters
    ----------
    program : str
        Path, or name on the search path.
    """
    path = _found(program)
    if path is None:
        return False
    known = _known().get(str(path))
    return known is not None and known == _digest(path)


def trust(program: str) -> Path:
    """Remember that the user agreed to run a program; its absolute path.

    Parameters
    ----------
    program : str
        Path, or name on the search path.

    Raises
    ------
    UsageError
        Where there is no such program.
    Cnmf3dError
        Where the settings folder can't be written to.
    """
    path = _found(program)
    digest = None if path is None else _digest(path)
    if path is None or digest is None:
        raise UsageError(f"there is no program {program}", "Give the path of a Python: .../bin/python.")
    file = settings_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Cnmf3dError(
            f"{file.parent}, where trusted programs are kept, can't be made: {error.strerror}",
            "Name the program by an environment variable instead: CNMF3D_CAIMAN_PYTHON.",
        ) from error
    with whole_file(file) as temporary:
        temporary.write_text(json.dumps({**_known(), str(path): digest}, indent=1), encoding="utf-8")
    return path


def _found(program: str) -> Path | None:
    """The absolute path of a program; its links aren't followed, for they say which environment it is of."""
    try:
        path = shutil.which(program)
    except ValueError:  # a NUL in it
        return None
    return None if path is None else Path(path).absolute()


def _known() -> dict[str, str]:
    try:
        told = plain_json.loads(settings_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(path): str(digest) for path, digest in told.items()} if isinstance(told, dict) else {}


def _digest(path: Path) -> str | None:
    """SHA-256 of a program's content; None where it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
