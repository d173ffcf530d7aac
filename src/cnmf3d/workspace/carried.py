"""What an item's run folder keeps of the work environment that it was added from: metadata and history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from cnmf3d.batch.runfolder import RunFolder, write_whole
from cnmf3d.workspace.environment import ViewerWorkEnv

FILE = "workspace.json"


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


def carry(env: ViewerWorkEnv, folder: RunFolder) -> None:
    """Keep what `env` says beside its movie in a run folder, as plain values.

    Parameters
    ----------
    env : ViewerWorkEnv
    folder : RunFolder
    """
    told = {
        "meta": env.imgdata.told_beside(),
        "history": env.history_trace,
        "sample_id": env.sample_id,
        "comments": env.comments,
    }
    if any(told.values()):
        folder.path.mkdir(parents=True, exist_ok=True)
        write_whole(folder.path / FILE, json.dumps(told, default=_plain, skipkeys=True, indent=1))


def carried(folder: RunFolder) -> Carried:
    """What a run folder keeps; nothing where it was added without a work environment, or the file is damaged."""
    try:
        told = json.loads((folder.path / FILE).read_text(encoding="utf-8"))
        return Carried(dict(told["meta"]), tuple(told["history"]), str(told["sample_id"]), str(told["comments"]))
    except (OSError, ValueError, TypeError, KeyError):
        return Carried()


def _plain(value: Any) -> Any:
    """A value that JSON doesn't know, as one that it does."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    if isinstance(value, Path):
        return str(value)
    return value.isoformat() if isinstance(value, date) else repr(value)
