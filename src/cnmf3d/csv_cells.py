"""Texts in CSV files that a spreadsheet would take for a formula, and what stands for them there."""

from __future__ import annotations

from typing import Any

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")
"""With which spreadsheets begin what they compute, which may run programs and send data away."""

GUARD = "'"
"""What spreadsheets, too, write before a text that is to be one."""


def guarded(value: Any) -> Any:
    """A cell as it may stand in a CSV file: a text that begins like a formula, and is no number, after a `GUARD`.

    Parameters
    ----------
    value : object
        Only texts are changed.
    """
    if not isinstance(value, str) or not value.startswith((*BEGINNINGS, GUARD)):
        return value
    if value.startswith(GUARD) and not value[1:].startswith((*BEGINNINGS, GUARD)):
        return value
    return value if _is_number(value) else GUARD + value


def unguarded(text: str) -> str:
    """The text that `guarded` was given."""
    return text[1:] if text.startswith(GUARD) and guarded(text[1:]) == text else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
