"""JSON of files: whatever is wrong with it ends in one kind of error."""

from __future__ import annotations

import json
from typing import Any


def loads(text: str | bytes) -> Any:
    """What a text of JSON says.

    Raises
    ------
    ValueError
        Where it is none, or nested so deeply that Python's own reader gives up with a RecursionError.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
