"""What an item's run folder keeps of the work environment that it was added from: metadata and history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from cnmf3d import plain_json
from cnmf3d.batch.runfolder import RunFolder, write_whole
from cnmf3d.errors import UsageError
from cnmf3d.workspace.environment import ViewerWorkEnv

FILE = "workspace.json"

DEEPEST = 100
"""Levels of dicts and lists in one another."""


@dataclass(frozen=True)
class Carried:
    """What a work environment says beside what its movie says itself.

    Attributes
    ----------
    meta : mapping
        Metadata that the movie's files don't tell: a file that `meta_path` named, or a script.
    history : tuple of dict
        What was done to the data before.
    sample_id, comments : str
    """

    meta: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[dict[str, Any], ...] = ()
    sample_id: str = ""
    comments: str = ""


def to_carry(env: ViewerWorkEnv) -> str:
    """What `env` says beside its movie, as JSON; empty where that is nothing.

    Parameters
    ----------
    env : ViewerWorkEnv

    Raises
    ------
    UsageError
        For metadata or a history that contain themselves.
    """
    told = {
        "meta": env.imgdata.told_beside(),
        "history": env.history_trace,
        "sample_id": env.sample_id,
        "comments": env.comments,
    }
    return json.dumps(plain(told), indent=1) if any(told.values()) else ""


def carry(text: str, folder: RunFolder) -> None:
    """Keep what `to_carry` told in a run folder.

    Parameters
    ----------
    text : str
    folder : RunFolder
    """
    if text:
        folder.path.mkdir(parents=True, exist_ok=True)
        write_whole(folder.path / FILE, text)


def carried(folder: RunFolder) -> Carried:
    """What a run folder keeps; nothing where it was added without a work environment, or the file is damaged."""
    try:
        told = plain_json.loads((folder.path / FILE).read_text(encoding="utf-8"))
        return Carried(dict(told["meta"]), tuple(told["history"]), str(told["sample_id"]), str(told["comments"]))
    except (OSError, ValueError, TypeError, KeyError):
        return Carried()


def plain(value: Any, depth: int = 0) -> Any:
    """A value of metadata or history as JSON has it.

    Raises
    ------
    UsageError
        For one that contains itself.
    """
    if depth > DEEPEST:
        raise UsageError("the metadata or the history contain themselves", "Set plain values: numbers, texts, lists.")
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): plain(each, depth + 1) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each, depth + 1) for each in value]
    if isinstance(value, (set, frozenset)):
        return [plain(each, depth + 1) for each in sorted(value, key=str)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)
