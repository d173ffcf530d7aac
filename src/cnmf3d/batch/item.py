"""What a batch knows of one piece of work: frozen, as it was when it was read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnmf3d.batch.status import Status
from cnmf3d.errors import InputError
from cnmf3d.stored_names import CHANGED, moment_of, uuid_named


@dataclass(frozen=True)
class Input:
    """A movie by reference: it is never copied.

    Attributes
    ----------
    paths : tuple of str
        Absolute paths, or addresses.
    relative : tuple of str
        The same from the batch's folder, where that is possible; else empty.
    opening : mapping
        Keywords of `cnmf3d.open_movie`, plain values.
    fingerprint : str
        Of the content (`Movie.fingerprint`).
    item : str
        UUID of the item of the same batch (module ``mcorr_3d``) whose motion registers the movie; else empty.
    """

    paths: tuple[str, ...]
    relative: tuple[str, ...] = ()
    opening: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    item: str = ""

    @classmethod
    def at(cls, paths: tuple[str, ...], folder: Path, opening: Mapping[str, Any], fingerprint: str) -> Input:
        """A movie in these files, told from a folder, too.

        Parameters
        ----------
        paths : tuple of str
            Paths, or addresses.
        folder : Path
            Of the batch or the project.
        opening : mapping
        fingerprint : str
        """
        absolute = tuple(path if "://" in path else str(Path(path).resolve()) for path in paths)
        relative: tuple[str, ...] = ()
        if not any("://" in path for path in paths):
            try:
                relative = tuple(os.path.relpath(path, folder.resolve()) for path in absolute)
            except ValueError:  # another drive on Windows
                relative = ()
        return cls(absolute, relative, dict(opening), fingerprint)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Input:
        """Read what JSON keeps of one: lists where there were tuples.

        Raises
        ------
        LookupError, TypeError, ValueError
            Where it isn't what JSON keeps of one.
        """
        made = cls(**{**told, "paths": tuple(told["paths"]), "relative": tuple(told["relative"])})
        if not all(isinstance(path, str) and "\0" not in path for path in (*made.paths, *made.relative)):
            raise ValueError("a path of its movie is no text")
        if not isinstance(made.opening, Mapping) or not isinstance(made.fingerprint, str):
            raise TypeError("how its movie is opened is no mapping, or its fingerprint no text")
        return made

    def found(self, folder: Path) -> tuple[str, ...]:
        """Where the movie is, looked for from the batch's folder first; empty where it isn't."""
        near = tuple(str((folder / path).resolve()) for path in self.relative)
        for paths in (near, self.paths):
            if paths and all("://" in path or Path(path).exists() for path in paths):
                return paths
        return ()


@dataclass(frozen=True)
class Change:
    """One change of an item's status."""

    when: str
    status: Status
    why: str = ""

    def __post_init__(self) -> None:
        """See that its time is one."""
        moment_of(self.when, "a change of an item")


@dataclass(frozen=True)
class Item:
    """One piece of work of a batch.

    Attributes
    ----------
    uuid, name, module, engine : str
    parameters : mapping
        ``CnmfParameters.to_dict()``; of the module ``mcorr_3d`` ``{"motion": MotionParameters}`` as plain values.
    input : Input
    options : mapping
        What isn't a parameter of the method: ``keep_memmap``, ``use_memmap``, ``memmap_uuid``, ``engine_python``, ...
    status : Status
    attempts : int
        How often it was started.
    added, started, finished : str
        ISO 8601 with time zone; empty where that didn't happen.
    summary : mapping
        Of the output: ``frames``, ``shape``, ``seconds``; of results ``accepted``, ``rejected``; of a motion ``kind``,
        ``largest`` (x, y, z) and ``bad_frames``.
    warnings : tuple of str
    error : str
        All that is known of a failure.
    """

    uuid: str
    name: str
    module: str
    engine: str
    parameters: Mapping[str, Any]
    input: Input
    options: Mapping[str, Any]
    status: Status
    attempts: int = 0
    added: str = ""
    started: str = ""
    finished: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: str = ""

    def __post_init__(self) -> None:
        """See that its UUID, which names its run folder, is one, and that of the item that registers its movie."""
        uuid_named(self.uuid, f"the item {self.name}")
        for moment in (self.added, self.started, self.finished):
            moment_of(moment, f"the item {self.name}")
        if self.input.item:
            uuid_named(self.input.item, f"the item that registers the movie of {self.name}")

    @property
    def last_line(self) -> str:
        """The line of the error that says most: of a traceback the last one, else the first."""
        lines = self.error.strip().splitlines() or [""]
        return lines[-1 if lines[0].startswith("Traceback") else 0]


def item_of(row: Mapping[str, Any]) -> Item:
    """A row of the database, its JSON read, as an item.

    Raises
    ------
    InputError
        Where a value can't be one of an item.
    """
    values = {name: value for name, value in row.items() if name not in ("position", "abort")}
    try:
        read = {
            "input": Input.from_dict(values["input"]),
            "status": Status(values["status"]),
            "warnings": tuple(values["warnings"]),
        }
        wrong = [name for name in _MAPPINGS if not isinstance(values[name], Mapping)]
        if wrong:
            raise ValueError(f"{wrong[0]} is no mapping")
        wrong = [name for name in _TEXTS if not isinstance(values[name], str)]
        wrong += ["a warning"] if not all(isinstance(each, str) for each in values["warnings"]) else []
        if wrong:
            raise ValueError(f"{wrong[0]} is no text")
        return Item(**{**values, **read})
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise InputError(f"the item {values.get('name')!r} of the batch can't be read: {error}", CHANGED) from error


_MAPPINGS = ("parameters", "options", "summary")
_TEXTS = ("name", "module", "engine", "added", "started", "finished", "error")
