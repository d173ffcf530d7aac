"""What tells items apart: the settings in which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnmf3d.batch.item import Item


def settings(item: Item) -> dict[str, Any]:
    """All settings of an item under one name each.

    Parameters
    ----------
    item : Item

    Returns
    -------
    dict
        Parameters as ``group.name``, the movie, how it is opened, module, engine and options.
    """
    return {
        "movie": list(item.input.paths),
        **({"registered by": item.input.item} if item.input.item else {}),
        "module": item.module,
        "engine": item.engine,
        **flat("", item.parameters),
        **flat("opening.", item.input.opening),
        **flat("options.", item.options),
    }


def differing(items: Sequence[Item]) -> dict[str, list[Any]]:
    """Settings that aren't the same in all items.

    Parameters
    ----------
    items : sequence of Item

    Returns
    -------
    dict
        For each such setting its value in every item; None where an item doesn't have it.
    """
    each = [settings(item) for item in items]
    names = list(dict.fromkeys(name for values in each for name in values))
    rows = {name: [values.get(name) for values in each] for name in names}
    return {name: values for name, values in rows.items() if any(value != values[0] for value in values)}


def flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Groups of values as one level of names with dots.

    Parameters
    ----------
    prefix : str
        Of every name.
    values : mapping
    """
    out: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            out |= flat(f"{prefix}{name}.", value)
        else:
            out[prefix + name] = list(value) if isinstance(value, tuple) else value
    return out
