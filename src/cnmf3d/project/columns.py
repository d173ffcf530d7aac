"""What a project asks of its samples: columns of ROIs, of stimuli and of samples, and those that are shown."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

import numpy as np

from cnmf3d.errors import InputError, UsageError

Value = str | int | float | bool
"""What a cell may hold."""

FIXED = (
    "sample", "animal", "trial", "date", "comments", "roi", "accepted", "x_um", "y_um", "z_um", "uuid",
    "rois", "frames", "rate", "added", "changed", "index", "row", "curve", "raw", "dff", "denoised", "spikes",
    "snr", "r_value", "reliability", "skewness", "compactness", "smoothness", "width", "aspect", "soma",
    "motion_r", "seen",
)  # fmt: skip
"""Names that every project has a column for, or may have one for."""

NAME = re.compile(r"[^\W\d_](?:[\w .%-]*[\w.%])?")


class Kind(StrEnum):
    """What a column is about."""

    ROI = "roi"
    """A tag of each ROI."""

    STIMULUS = "stimulus"
    """When which stimulus was, in each sample."""

    CUSTOM = "custom"
    """A value of each sample."""


class Type(StrEnum):
    """What a custom column holds."""

    TEXT = "text"
    WHOLE = "whole"
    DECIMAL = "decimal"
    BOOL = "bool"


@dataclass(frozen=True)
class Column:
    """A column of a project.

    Attributes
    ----------
    name : str
        Letters, digits, spaces, ``_ . % -``.
    kind : Kind
    type : Type
        Tags and stimuli are text.
    default : str, int, float, bool or None
        Of samples that are there when it is added, and of new ones that tell none. None: not known.
    """

    name: str
    kind: Kind = Kind.CUSTOM
    type: Type = Type.TEXT
    default: Value | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not NAME.fullmatch(self.name):
            raise UsageError(
                f"a column can't be named {self.name!r}",
                "Begin with a letter; go on with letters, digits, spaces, or any of _ . % -.",
            )
        if self.name.casefold() in FIXED:
            raise UsageError(f"every project has a column {self.name} already", "Choose another name.")
        if self.kind is not Kind.CUSTOM and (self.type is not Type.TEXT or self.default is not None):
            raise UsageError(f"{self.name} is a {self.kind} column: its values are texts, without a default", "")
        if self.default is not None:
            object.__setattr__(self, "default", self.value(self.default))

    def value(self, given: Any) -> Value | None:
        """A value as this column holds it; text that says one is read, None and empty text are not known.

        Raises
        ------
        UsageError
            Where it is of another type.
        """
        if given is None or (isinstance(given, str) and not given.strip()):
            return None
        given = given.item() if isinstance(given, np.generic) else given
        try:
            return READERS[self.type](given)
        except (ValueError, TypeError, OverflowError):
            raise UsageError(
                f"the column {self.name} holds {MEANING[self.type]}, not {given!r}", f"Give {EXAMPLE[self.type]}."
            ) from None


def _text(given: Any) -> str:
    if not isinstance(given, (str, bool, int, float)):
        raise TypeError
    return str(given)


def _whole(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, (str, int, float)) or float(given) != int(float(given)):
        raise ValueError
    return int(given)


def _decimal(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (str, int, float)) or not math.isfinite(float(given)):
        raise ValueError
    return float(given)


def _bool(given: Any) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    word = str(given).strip().lower()
    if not isinstance(given, (str, bool, int)) or word not in words:
        raise ValueError
    return words[word]


READERS: dict[Type, Callable[[Any], Value]] = {
    Type.TEXT: _text,
    Type.WHOLE: _whole,
    Type.DECIMAL: _decimal,
    Type.BOOL: _bool,
}
MEANING = {Type.TEXT: "text", Type.WHOLE: "whole numbers", Type.DECIMAL: "decimal numbers", Type.BOOL: "yes or no"}
EXAMPLE = {
    Type.TEXT: "a text",
    Type.WHOLE: "one like 12",
    Type.DECIMAL: "one like 0.5",
    Type.BOOL: "yes or no",
}


FLAGS: dict[Kind | None, str] = {
    Kind.ROI: "--add-roi-type NAME",
    Kind.STIMULUS: "--add-stimulus NAME",
    Kind.CUSTOM: "--add-custom NAME:TYPE",
}
"""How the command line adds a column."""


@dataclass(frozen=True)
class Config:
    """The columns of a project.

    Attributes
    ----------
    columns : tuple of Column
    visible : tuple of str
        Columns that the browser and ``cnmf3d project show`` show, in this order; empty: all.
    """

    columns: tuple[Column, ...] = ()
    visible: tuple[str, ...] = ()

    def of(self, kind: Kind) -> tuple[Column, ...]:
        """Columns of one kind."""
        return tuple(column for column in self.columns if column.kind is kind)

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Names of the columns of one kind."""
        return tuple(column.name for column in self.of(kind))

    def column(self, name: str, kind: Kind | None = None) -> Column:
        """The column of that name.

        Raises
        ------
        UsageError
            Where there is none, or it is of another kind.
        """
        there = [column.name for column in self.columns if kind is None or column.kind is kind]
        for column in self.columns:
            if column.name == name and (kind is None or column.kind is kind):
                return column
        near = get_close_matches(name, there, 1)
        hint = f"Did you mean {near[0]}? " if near else f"There are {', '.join(there)}. " if there else ""
        what = "column" if kind is None else f"{kind} column"
        raise UsageError(
            f"the project has no {what} {name}",
            f"{hint}Columns are added with `cnmf3d project config DIR {FLAGS.get(kind, '--add-roi-type NAME')}`.",
        )

    def with_column(self, column: Column) -> Config:
        """With one more column.

        Raises
        ------
        UsageError
            Where there is one of that name, in any case of letters.
        """
        self._free(column.name)
        return replace(self, columns=(*self.columns, column))

    def renamed(self, name: str, new: str) -> Config:
        """With another name of a column."""
        old = self.column(name)
        if new.casefold() != name.casefold():
            self._free(new)
        columns = tuple(replace(column, name=new) if column is old else column for column in self.columns)
        return Config(columns, tuple(new if shown == name else shown for shown in self.visible))

    def without(self, name: str) -> Config:
        """Without a column."""
        old = self.column(name)
        columns = tuple(column for column in self.columns if column is not old)
        return Config(columns, tuple(shown for shown in self.visible if shown != name))

    def _free(self, name: str) -> None:
        taken = next((column for column in self.columns if column.name.casefold() == name.casefold()), None)
        if taken is not None:
            raise UsageError(f"the project has a {taken.kind} column {taken.name} already", "Choose another name.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        columns = [
            {"name": each.name, "kind": each.kind.value, "type": each.type.value, "default": each.default}
            for each in self.columns
        ]
        return {"columns": columns, "visible": list(self.visible)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Config:
        """Read what `to_dict` gave.

        Raises
        ------
        InputError
            Where it is something else.
        """
        try:
            columns = tuple(
                Column(each["name"], Kind(each["kind"]), Type(each["type"]), each["default"])
                for each in told["columns"]
            )
            return cls(columns, tuple(told["visible"]))
        except (KeyError, TypeError, ValueError, UsageError) as error:
            raise InputError(
                f"the project's columns are damaged: {error}", "Restore a copy of project.sqlite."
            ) from error


@dataclass(frozen=True)
class Add:
    """Add a column; samples that are there get its default."""

    column: Column


@dataclass(frozen=True)
class Rename:
    """Give a column another name, in all samples."""

    name: str
    new: str


@dataclass(frozen=True)
class Remove:
    """Take a column away, with its values in all samples."""

    name: str


@dataclass(frozen=True)
class Show:
    """Choose the columns that are shown; none: all."""

    names: Sequence[str] = ()


Change = Add | Rename | Remove | Show
"""A change of a project's configuration."""


def changed(config: Config, change: Change) -> Config:
    """The configuration after a change.

    Raises
    ------
    UsageError
        Where it can't be made.
    """
    match change:
        case Add(column):
            return config.with_column(column)
        case Rename(name, new):
            return config.renamed(name, new)
        case Remove(name):
            return config.without(name)
        case Show(names):
            return replace(config, visible=tuple(dict.fromkeys(names)))


def told(change: Change) -> str:
    """A change in words."""
    match change:
        case Add(column):
            default = "" if column.default is None else f", default {column.default}"
            what = f" ({MEANING[column.type]}{default})" if column.kind is Kind.CUSTOM else ""
            return f"add the {column.kind} column {column.name}{what}"
        case Rename(name, new):
            return f"rename the column {name} to {new}"
        case Remove(name):
            return f"remove the column {name}"
        case Show(names):
            return f"show {', '.join(names)}" if names else "show all columns"
