"""A sample: one recording of one animal, with all that is known of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

from cnmf3d.batch import Input
from cnmf3d.errors import UsageError
from cnmf3d.project.columns import Config, Kind, Value
from cnmf3d.project.plain import plain
from cnmf3d.project.stimuli import StimulusMap, read_stimuli
from cnmf3d.stored_names import name_like, uuid_named

DATA = re.compile(r"roi-data-\d+\.hdf5")
"""Names of files with a sample's ROIs."""


@dataclass(frozen=True)
class Info:
    """What people say of a sample.

    Attributes
    ----------
    animal, trial : str
        Unique together; neither is empty nor has a ``/``.
    date, comments : str
    custom : mapping of column to value
        Only what is known.
    stimuli : mapping of column to StimulusMap
    meta : mapping
        Metadata of the recording, plain values.
    history : tuple of mapping
        What was done to the data, the oldest first: ``{"cnmf_3d": {...}}``.
    """

    animal: str
    trial: str
    date: str = ""
    comments: str = ""
    custom: Mapping[str, Value] = field(default_factory=dict)
    stimuli: Mapping[str, StimulusMap] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()

    @property
    def id(self) -> str:
        """``animal/trial``."""
        return f"{self.animal}/{self.trial}"

    def with_values(self, config: Config, values: Mapping[str, Any]) -> Info:
        """With other values, seen to fit the project.

        Parameters
        ----------
        config : Config
        values : mapping
            Fields by name. ``custom`` and ``stimuli`` change the columns that they name; None takes a value away.

        Raises
        ------
        UsageError
            For unknown names and columns, and for values that can't be.
        InputError
            For stimuli that can't be read.
        """
        unknown = [name for name in values if name not in READERS]
        if unknown:
            near = get_close_matches(unknown[0], READERS, 1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise UsageError(f"a sample has no {unknown[0]}", f"{hint}There are {', '.join(READERS)}.")
        return replace(self, **{name: READERS[name](config, self, value) for name, value in values.items()})


@dataclass(frozen=True)
class Sample:
    """A sample of a project, as it was when it was read.

    Attributes
    ----------
    uuid : str
        Never changes.
    info : Info
    movie : Input
        Where the movie is, by reference, with its fingerprint; no paths where it isn't known.
    copied : bool
        Whether the project has a copy of it.
    rois, accepted : int
        How many there are.
    frames : int
    rate : float
        Volumes a second.
    revision : int
        Counts the saves of its ROIs.
    file : str
        Its data, a results file in its folder.
    size : int
    hash : str
        Of the file's bytes.
    added, changed : str
        ISO 8601 with time zone.
    """

    uuid: str
    info: Info
    movie: Input
    copied: bool
    rois: int
    accepted: int
    frames: int
    rate: float
    revision: int
    file: str
    size: int
    hash: str
    added: str
    changed: str

    def __post_init__(self) -> None:
        """See that UUID and file, which become a path, are what they should be."""
        uuid_named(self.uuid, f"the sample {self.info.id}")
        name_like(self.file, DATA, f"the sample {self.info.id}")

    @property
    def id(self) -> str:
        """``animal/trial``."""
        return self.info.id


def new_info(config: Config, values: Mapping[str, Any]) -> Info:
    """What is said of a new sample, with the defaults of custom columns.

    Raises
    ------
    UsageError, InputError
        As `Info.with_values`.
    """
    defaults = {each.name: each.default for each in config.of(Kind.CUSTOM) if each.default is not None}
    return Info("", "", custom=defaults).with_values(config, values)


def identifier(name: str, given: Any) -> str:
    """An animal or trial ID.

    Parameters
    ----------
    name : str
        ``animal`` or ``trial``.
    given : str or int

    Raises
    ------
    UsageError
        Where it is empty, or has characters that can't be.
    """
    if isinstance(given, bool) or not isinstance(given, (str, int)) or not str(given).strip():
        raise UsageError(f"a sample needs {'an animal' if name == 'animal' else 'a trial'} ID", f"Give one: {name}.")
    text = unicodedata.normalize("NFC", str(given).strip())
    bad = [sign for sign in text if sign == "/" or not sign.isprintable()]
    if bad:
        raise UsageError(
            f"the {name} ID {text!r} has the character {bad[0]!r}", "A / stands between animal and trial: use - or _."
        )
    return text


def _date(given: Any) -> str:
    if given is None:
        return ""
    if isinstance(given, (date, datetime)):
        return given.isoformat()
    return _text("date", given)


def _text(name: str, given: Any) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise UsageError(f"{name} is {given!r}", "Give a text.")
    return given


def _custom(config: Config, info: Info, given: Any) -> dict[str, Value]:
    """Custom values, each of its column's type."""
    values = dict(info.custom)
    for name, each in _mapping("custom", given).items():
        value = config.column(name, Kind.CUSTOM).value(each)
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value
    return values


def _stimuli(config: Config, info: Info, given: Any) -> dict[str, StimulusMap]:
    """Stimulus maps, each of its column."""
    values = dict(info.stimuli)
    for name, each in _mapping("stimuli", given).items():
        config.column(name, Kind.STIMULUS)
        if each is None:
            values.pop(name, None)
        else:
            values[name] = read_stimuli(each)
    return values


def _history(config: Config, info: Info, given: Any) -> tuple[Mapping[str, Any], ...]:
    if isinstance(given, (str, Mapping)) or not all(isinstance(each, Mapping) for each in given):
        raise UsageError("history is no list of mappings", "Give history_trace of a work environment.")
    return tuple(plain(each, "history") for each in given)


def _mapping(name: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise UsageError(f"{name} is {given!r}", "Give values by name of the column: {'age': 12}.")
    return given


READERS: dict[str, Any] = {
    "animal": lambda config, info, given: identifier("animal", given),
    "trial": lambda config, info, given: identifier("trial", given),
    "date": lambda config, info, given: _date(given),
    "comments": lambda config, info, given: _text("comments", given),
    "custom": _custom,
    "stimuli": _stimuli,
    "meta": lambda config, info, given: plain(_mapping("meta", given), "meta"),
    "history": _history,
}
"""How the value of each field is read."""
