"""The curation log: what people did to the ROIs of a results file, one frozen entry a step, never taken back."""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from cnmf3d import plain_json
from cnmf3d.errors import InputError

Value = str | int | float | bool
"""What a tag may be."""

What = Literal[
    "accept",
    "reject",
    "judge",
    "delete",
    "restore",
    "replace",
    "edit",
    "tag",
    "add column",
    "drop column",
    "undo",
    "redo",
]
"""What an entry can say.

``judge`` accepts some and rejects others. ``replace`` takes the ROIs `ids` away and puts new ones in their place: a
merge, a split, an added ROI.
``edit`` gives ROIs that stay other footprints and traces.
"""

KINDS: tuple[What, ...] = get_args(What)


@dataclass(frozen=True)
class Entry:
    """One step of curation.

    Attributes
    ----------
    what : str
        See `What`.
    ids : tuple of int
        The ROIs that it concerns.
    values : mapping
        The rest, as plain values. ``judge``: ``accepted`` (one for each ROI); ``replace``: ``made`` (new ids),
        ``rows`` (where their data lie), ``accepted``, ``how`` and ``tags`` (column, number of the new ROI, value);
        ``edit``: ``rows``, ``how``; ``tag``: ``column`` and ``values`` (one for each ROI, None takes the tag away);
        ``add column``, ``drop column``: ``column``.
    time : str
        ISO 8601 with time zone.
    who : str
        Who did it.
    """

    what: What
    ids: tuple[int, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    time: str = ""
    who: str = ""

    @classmethod
    def now(cls, what: What, ids: Sequence[int] = (), who: str | None = None, /, **values: Any) -> Entry:
        """Make an entry of this moment, by `who` (the user of this computer where that isn't said)."""
        time = datetime.now().astimezone().isoformat(timespec="seconds")
        plain = json.loads(json.dumps(values, allow_nan=False))
        return cls(what, tuple(int(i) for i in ids), plain, time, someone() if who is None else who)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(
            {"what": self.what, "ids": self.ids, "values": dict(self.values), "time": self.time, "who": self.who},
            ensure_ascii=False,
            allow_nan=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Entry:
        """Read what `to_json` wrote.

        Raises
        ------
        InputError
            Where it isn't an entry.
        """
        try:
            return cls.from_dict(plain_json.loads(text))
        except ValueError as error:
            raise _damaged(text[:80]) from error

    @classmethod
    def from_dict(cls, told: Any) -> Entry:
        """Read an entry from what its JSON holds.

        Raises
        ------
        InputError
            Where it isn't an entry.
        """
        try:
            what, ids, values = told["what"], tuple(told["ids"]), dict(told["values"])
            good = what in KINDS and all(type(i) is int and i >= 0 for i in ids)
            entry = cls(what, ids, values, str(told["time"]), str(told["who"]))
        except (TypeError, KeyError, ValueError) as error:
            raise _damaged(str(told)[:80]) from error
        if not good:
            raise _damaged(str(told)[:80])
        return entry


def _damaged(text: str) -> InputError:
    return InputError(
        f"the curation log has an entry that can't be understood: {text}",
        "The file is damaged, or a newer cnmf3d wrote it.",
    )


def someone() -> str:
    """Name of the user of this computer; empty where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
