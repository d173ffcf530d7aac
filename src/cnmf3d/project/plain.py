"""Values as JSON keeps them, so that what is read again is what was written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from pathlib import PurePath
from typing import Any
from uuid import UUID

import numpy as np

from cnmf3d.errors import UsageError


def plain(value: Any, where: str) -> Any:
    """A value made of dicts, lists, texts, numbers, bools and None.

    Parameters
    ----------
    value
        Also tuples, sets, arrays, paths, dates and UUIDs, which become lists and texts; numbers that aren't finite
        become texts.
    where : str
        What to call it in an error.

    Raises
    ------
    UsageError
        For anything else.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, np.generic):
        return plain(value.item(), where)
    if isinstance(value, np.ndarray):
        return plain(value.tolist(), where)
    if isinstance(value, Mapping):
        return {str(name): plain(each, f"{where}.{name}") for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each, f"{where}[{number}]") for number, each in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(each, where) for each in value), key=str)
    if isinstance(value, (PurePath, date, UUID)):
        return str(value)
    raise UsageError(
        f"{where} is a {type(value).__name__}, which can't be kept",
        "Make it text, a number, a list or a dict of these.",
    )
