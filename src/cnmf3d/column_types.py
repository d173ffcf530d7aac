"""Types of a database's columns that see what they read: SQLite keeps a value of any kind in any column."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Dialect, Float, Integer, String
from sqlalchemy.types import TypeDecorator

from cnmf3d.errors import InputError

COPY = "Restore a copy of it."

PLACE = "cnmf3d_place"
"""Attribute of an engine's dialect: the database's file, for messages."""


class _Seen(TypeDecorator[Any]):
    """Values of some kinds, or nothing.

    Raises
    ------
    InputError
        Where a database holds another one.
    """

    cache_ok = True
    kinds: ClassVar[tuple[type, ...]]
    named: ClassVar[str]

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Give it as it is."""
        if value is None or isinstance(value, self.kinds):
            return value
        place = getattr(dialect, PLACE, "the database")
        raise InputError(f"{place} is damaged: it holds {repr(value)[:40]} where {self.named} belongs", COPY)


class Text(_Seen):
    """A text."""

    impl = String
    cache_ok = True
    kinds = (str,)
    named = "text"


class Whole(_Seen):
    """A whole number."""

    impl = Integer
    cache_ok = True
    kinds = (int,)
    named = "a whole number"


class Real(_Seen):
    """A number."""

    impl = Float
    cache_ok = True
    kinds = (int, float)
    named = "a number"
