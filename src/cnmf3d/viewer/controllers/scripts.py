"""Scripts that are being written: files and what isn't saved yet, which no crash loses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import cnmf3d
from cnmf3d import plain_json
from cnmf3d.batch.runfolder import write_whole
from cnmf3d.errors import InputError

NEW = '''"""A script. It finds get_module, get_batch_manager, get_workEnv, ViewerWorkEnv, vi, np, pd, glob, os."""

'''


@dataclass
class Script:
    """One tab.

    Attributes
    ----------
    key : str
        Of its automatic copy.
    title : str
        Where it has no file yet.
    path : Path or None
    text, saved : str
        As it is, and as its file is.
    """

    key: str
    title: str
    path: Path | None = None
    text: str = ""
    saved: str = ""

    @property
    def changed(self) -> bool:
        """Whether it isn't as its file is."""
        return self.path is None or self.text != self.saved

    @property
    def name(self) -> str:
        """What the tab says."""
        return self.path.name if self.path is not None else self.title


class Scripts:
    """Opens, saves and keeps scripts.

    Parameters
    ----------
    folder : Path, optional
        Of the automatic copies; in the user's state folder if not given.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._count = 0

    @property
    def folder(self) -> Path:
        """Where automatic copies are."""
        if self._folder is None:
            from platformdirs import user_state_path

            self._folder = user_state_path("cnmf3d", appauthor=False) / "scripts"
        return self._folder

    def new(self, text: str = NEW, title: str = "") -> Script:
        """A script without a file."""
        self._count += 1
        return Script(uuid4().hex, title or f"untitled {self._count}", text=text)

    def open(self, path: str | Path) -> Script:
        """A script from its file.

        Raises
        ------
        InputError
            Where it can't be read.
        """
        place = Path(path)
        try:
            text = place.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{place} can't be read: {error}", "Choose a Python script, text in UTF-8.") from error
        return Script(uuid4().hex, place.name, place, text, text)

    def save(self, script: Script, path: str | Path | None = None) -> None:
        """Write a script to its file, or to another.

        Raises
        ------
        InputError
            Where it can't be written.
        """
        place = Path(path) if path is not None else script.path
        if place is None:
            raise InputError("the script has no file", "Choose one.")
        try:
            write_whole(place, script.text)
        except OSError as error:
            raise InputError(f"{place} can't be written: {error.strerror}", "Choose another file.") from error
        script.path, script.saved = place, script.text
        self.forget(script)

    def keep(self, script: Script) -> None:
        """Write an automatic copy, where the file isn't as the script is."""
        if not script.changed:
            self.forget(script)
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        facts = {"title": script.title, "path": None if script.path is None else str(script.path), "text": script.text}
        write_whole(self.folder / f"{script.key}.json", json.dumps(facts))

    def forget(self, script: Script) -> None:
        """Remove the automatic copy, and the file that was run."""
        for suffix in (".json", ".py"):
            (self.folder / f"{script.key}{suffix}").unlink(missing_ok=True)

    def kept(self) -> list[Script]:
        """Scripts that were not saved when their window went away; damaged copies are left alone."""
        found: list[Script] = []
        for file in sorted(self.folder.glob("*.json"), key=lambda each: each.stat().st_mtime):
            try:
                facts = plain_json.loads(file.read_text(encoding="utf-8"))
                path = None if facts["path"] is None else Path(facts["path"])
                saved = path.read_text(encoding="utf-8") if path is not None and path.is_file() else ""
                found.append(Script(file.stem, str(facts["title"]), path, str(facts["text"]), saved))
            except (OSError, ValueError, KeyError, TypeError):
                continue
        used = [int(end) for script in found if (end := script.title.removeprefix("untitled ")).isdecimal()]
        self._count = max([self._count, *used])
        return found

    def runnable(self, script: Script) -> Path:
        """A file that holds the script as it is, to be run: its own where it is saved."""
        if script.path is not None and not script.changed:
            return script.path
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self.folder / f"{script.key}.py"
        write_whole(place, script.text)
        return place


def examples() -> list[Path]:
    """Scripts of the documentation."""
    package = Path(cnmf3d.__file__).parent
    for folder in (package / "examples", package.parents[1] / "docs" / "examples"):
        if folder.is_dir():
            return sorted(folder.glob("*.py"))
    return []
