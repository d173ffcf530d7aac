"""Filters of tables: what a cell of a column must be; each also writes itself as a pandas query."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, Protocol

from cnmf3d.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

Operator = Literal[">=", "<=", ">", "<"]
OPERATORS: tuple[Operator, ...] = (">=", "<=", ">", "<")

SYNTAX = "Write part of a text, =text for the whole, !text for not, a|b for or, >5 or <=5 for numbers."


class Filter(Protocol):
    """Which rows of a table are kept."""

    def mask(self, frame: pd.DataFrame) -> pd.Series[bool]:
        """Whether each row is kept; cells that are not known are not."""
        ...

    def query(self) -> str:
        """The same for `pandas.DataFrame.query`."""
        ...


@dataclass(frozen=True)
class Contains:
    """Texts that have `text` in them, in small or large letters."""

    column: str
    text: str

    def mask(self, frame: pd.DataFrame) -> pd.Series[bool]:
        """Whether each row is kept."""
        return frame[self.column].str.contains(self.text, case=False, regex=False, na=False)

    def query(self) -> str:
        """For pandas."""
        return f"{_name(self.column)}.str.contains({_text(self.text)}, case=False, regex=False, na=False)"


@dataclass(frozen=True)
class Equals:
    """Cells that are `value`."""

    column: str
    value: str | float | bool

    def mask(self, frame: pd.DataFrame) -> pd.Series[bool]:
        """Whether each row is kept."""
        return frame[self.column] == self.value

    def query(self) -> str:
        """For pandas."""
        value = _text(self.value) if isinstance(self.value, str) else repr(self.value)
        return f"{_name(self.column)} == {value}"


@dataclass(frozen=True)
class Compare:
    """Numbers on one side of another."""

    column: str
    operator: Operator
    value: float

    def mask(self, frame: pd.DataFrame) -> pd.Series[bool]:
        """Whether each row is kept."""
        values = frame[self.column]
        match self.operator:
            case ">=":
                return values >= self.value
            case "<=":
                return values <= self.value
            case ">":
                return values > self.value
            case "<":
                return values < self.value

    def query(self) -> str:
        """For pandas."""
        return f"{_name(self.column)} {self.operator} {self.value!r}"


@dataclass(frozen=True)
class Not:
    """Rows of which another filter is false; a cell that is not known is neither."""

    filter: Filter

    def mask(self, frame: pd.DataFrame) -> pd.Series[bool]:
        """Whether each row is kept."""
        match self.filter:
            case Contains() | Equals() | Compare():
                return ~self.filter.mask(frame) & frame[self.filter.column].notna()
            case _:
                return self._inwards().mask(frame)

    def query(self) -> str:
        """For pandas."""
        match self.filter:
            case Contains() | Equals() | Compare():
                name = _name(self.filter.column)
                return f"~({self.filter.query()}) & ({name} == {name})"
            case _:
                return self._inwards().query()

    def _inwards(self) -> Filter:
        """The same with the negations further inside: only a comparison shows which of its cells are known."""
        match self.filter:
            case Not(inner):
                return inner
            case Or(filters):
                return And(tuple(Not(each) for each in filters))
            case And(filters):
                return Or(tuple(Not(each) for each in filters))
            case _:
                raise TypeError(f"{self.filter} is no filter")


@dataclass(frozen=True)
class Or:
    """Rows that any of several filters keeps."""

    filters: tuple[Filter, ...]

    def mask(self, frame: pd.DataFrame) -> pd.Series[bool]:
        """Whether each row is kept."""
        first, *rest = (each.mask(frame) for each in self.filters)
        for mask in rest:
            first = first | mask
        return first

    def query(self) -> str:
        """For pandas."""
        return " | ".join(f"({each.query()})" for each in self.filters)


@dataclass(frozen=True)
class And:
    """Rows that all of several filters keep."""

    filters: tuple[Filter, ...]

    def mask(self, frame: pd.DataFrame) -> pd.Series[bool]:
        """Whether each row is kept."""
        first, *rest = (each.mask(frame) for each in self.filters)
        for mask in rest:
            first = first & mask
        return first

    def query(self) -> str:
        """For pandas."""
        return " & ".join(f"({each.query()})" for each in self.filters)


def kept(frame: pd.DataFrame, *filters: Filter) -> pd.DataFrame:
    """The rows that all filters keep.

    Parameters
    ----------
    frame : DataFrame
    *filters : Filter
    """
    if not filters:
        return frame
    mask = And(filters).mask(frame)
    return frame[mask.fillna(False).astype(bool)]


def read_filter(frame: pd.DataFrame, column: str, text: str) -> Filter:
    """Read what people write to filter a column.

    Parameters
    ----------
    frame : DataFrame
        Whose columns tell which hold texts, numbers, or yes and no.
    column : str
    text : str
        ``pyr`` keeps texts with that in them, in any case; ``=PV`` exactly that; ``!pyr`` and ``!=PV`` not that;
        ``PV|SOM`` either; ``>5``, ``<=5`` numbers. ``=`` alone keeps what is empty. Quotes hide signs: ``"a|b"``.

    Raises
    ------
    UsageError
        Where there is no such column, or the text doesn't fit what it holds.
    """
    if column not in frame.columns:
        near = get_close_matches(column, [str(name) for name in frame.columns], 1)
        raise UsageError(
            f"the table has no column {column}",
            f"Did you mean {near[0]}?" if near else f"It has {', '.join(map(str, frame.columns))}.",
        )
    parts = re.findall(r'(?:"[^"]*"|[^|"])+', text)
    filters = tuple(_one(frame, column, part.strip()) for part in parts if part.strip())
    if not filters:
        raise UsageError(f"there is nothing to look for in {column}", SYNTAX)
    return filters[0] if len(filters) == 1 else Or(filters)


def read_filters(frame: pd.DataFrame, text: str) -> Filter:
    """Read a column and what it must be: ``cell type: pyr|PV``, ``snr > 5``, ``accepted = yes``.

    Parameters
    ----------
    frame : DataFrame
    text : str

    Raises
    ------
    UsageError
        Where it names no column first.
    """
    names = sorted((str(name) for name in frame.columns), key=len, reverse=True)
    for name in names:
        rest = text.strip()[len(name) :].lstrip()
        if text.strip().startswith(name) and rest[:1] in (":", "=", "!", "<", ">"):
            return read_filter(frame, name, rest.removeprefix(":"))
    raise UsageError(
        f"the filter {text!r} names no column", f"Write a column, then what it must be: {names[-1]}: text, snr > 5."
    )


def _one(frame: pd.DataFrame, column: str, text: str) -> Filter:
    """A part between two |."""
    if text.startswith("!"):
        return Not(_one(frame, column, text[1:].strip()))
    for operator in OPERATORS:
        if text.startswith(operator):
            return Compare(column, operator, _number(frame, column, text[len(operator) :]))
    exact = text.startswith("=")
    value = _unquoted(text.lstrip("=").strip())
    kind = _kind(frame, column)
    if kind == "bool":
        return Equals(column, _bool(column, value))
    if kind == "number":
        return Equals(column, _number(frame, column, value))
    if not value and not exact:
        raise UsageError(f"there is nothing to look for in {column}", SYNTAX)
    return Equals(column, value) if exact else Contains(column, value)


def _kind(frame: pd.DataFrame, column: str) -> Literal["bool", "number", "text"]:
    from pandas.api import types

    dtype = frame[column].dtype
    if types.is_bool_dtype(dtype):
        return "bool"
    return "number" if types.is_numeric_dtype(dtype) else "text"


def _number(frame: pd.DataFrame, column: str, text: str) -> float:
    if _kind(frame, column) != "number":
        raise UsageError(f"{column} doesn't hold numbers", SYNTAX)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{column} holds numbers, and {text.strip()!r} is none", "Write >5, <=5 or =5.")
    return value


def _bool(column: str, text: str) -> bool:
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in words:
        raise UsageError(f"{column} is yes or no, not {text!r}", "Write yes or no.")
    return words[text.lower()]


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _name(column: str) -> str:
    return f"`{column}`"


def _text(value: str) -> str:
    """A literal in which nothing stands that pandas would take for a name, a quote or an escaped quote.

    pandas looks for backticks in the text of a query before Python reads it, and loses count at a backslash.
    """
    plain = (each if each.isalnum() or each in " _-.,:" else f"\\U{ord(each):08x}" for each in value)
    return f"'{''.join(plain)}'"
