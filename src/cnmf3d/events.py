"""What a computation tells while it runs: one frozen object an event, one JSON object a line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal[
    "compile", "register", "ingest", "estimate", "blocks", "traces", "shapes", "deconvolve", "evaluate", "write"
]


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage has come so far.

    Attributes
    ----------
    stage : str
        Name of the stage (see `Stage`).
    done, total : int
        Units of work finished and expected (frames, blocks or components).
    unit : str
        What is counted, in the plural: ``"frames"``, ``"blocks"``, ``"components"``.
    voxel_frames : int
        Voxel-frames handled so far in this stage; 0 where that says nothing.
    """

    stage: str
    done: int
    total: int
    unit: str = "frames"
    voxel_frames: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a line in the log: a choice that was made and why."""

    stage: str
    text: str


@dataclass(frozen=True, slots=True)
class Caution:
    """Something the user should know about the data or the result; kept in the results file."""

    stage: str
    text: str


Event = Progress | Note | Caution
Reporter = Callable[[Event], None]


def silent(event: Event) -> None:
    """Drop the event: the reporter of a caller that doesn't listen."""


def to_json(event: Event) -> str:
    """One line of JSON with a ``kind`` field (``progress``, ``note``, ``caution``)."""
    return json.dumps({"kind": type(event).__name__.lower(), **dataclasses.asdict(event)})
