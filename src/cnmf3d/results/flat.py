"""Nested values as rows of a table: a name and a value of JSON, none of which holds names of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cnmf3d import plain_json


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Rows of a nested mapping.

    Parameters
    ----------
    values : mapping
        Of plain values, lists and mappings.
    prefix : str
        Put before every name.

    Yields
    ------
    tuple of str
        Name, as a JSON pointer (RFC 6901) without its first slash: ``init/gSig``; and value, as JSON.
    """
    for name, value in values.items():
        place = prefix + str(name).replace("~", "~0").replace("/", "~1")
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{place}/")
        else:
            yield place, json.dumps(None if isinstance(value, Mapping) else value)


def nested(rows: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The mapping whose rows these are; a mapping that was empty is None."""
    found: dict[str, Any] = {}
    for name, value in rows:
        *groups, last = (part.replace("~1", "/").replace("~0", "~") for part in name.split("/"))
        inner = found
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[last] = plain_json.loads(value)
    return found
