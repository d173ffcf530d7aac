"""Recent: what was opened before, kept in the user's settings folder."""

from __future__ import annotations

import json
from pathlib import Path

from cnmf3d import plain_json

MOST = 12
"""How many are kept."""


class Recent:
    """Paths that were opened, the last one first.

    Parameters
    ----------
    file : Path, optional
        Where they are kept; in the user's settings folder if not given.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file

    @property
    def file(self) -> Path:
        """Where they are kept."""
        if self._file is None:
            from platformdirs import user_state_path

            self._file = user_state_path("cnmf3d", appauthor=False) / "recent.json"
        return self._file

    def paths(self) -> list[str]:
        """Paths or addresses, the last one first; empty where the file is damaged."""
        try:
            told = plain_json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return [path for path in told if isinstance(path, str)][:MOST] if isinstance(told, list) else []

    def add(self, path: str | Path) -> None:
        """Put a path to the front. A settings folder that can't be written to is no reason to stop."""
        text = str(path) if "://" in str(path) else str(Path(path).expanduser().absolute())
        kept = [text, *(old for old in self.paths() if old != text)][:MOST]
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            beside = self.file.with_suffix(".new")
            beside.write_text(json.dumps(kept, ensure_ascii=False, indent=1), encoding="utf-8")
            beside.replace(self.file)
        except OSError:
            return
