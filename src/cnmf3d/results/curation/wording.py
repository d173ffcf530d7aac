"""Steps of curation in words, for lists that people read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnmf3d.results.curation.log import Entry

FEW = 8
"""ROIs that are named one by one."""

VERBS = {"replace": "replaced", "merge": "merged", "split": "split"}


def said(entry: Entry) -> str:
    """One step in a few words: ``rejected 3, 5``, ``merged 1, 3 into 12``, ``tagged 7: layer = deep``."""
    some, values = listed(entry.ids), entry.values
    match entry.what:
        case "replace":
            new = listed(values["made"])
            way = str(values.get("how", {}).get("way", "replace"))
            return f"{VERBS.get(way, way)} {some} into {new}" if some else f"added {new}"
        case "edit":
            return f"reshaped {some}"
        case "tag":
            kinds = list(dict.fromkeys("no tag" if v is None else str(v) for v in values["values"]))
            return f"tagged {some}: {values['column']} = {', '.join(kinds[:4])}{', ...' if len(kinds) > 4 else ''}"
        case "add column" | "drop column":
            return f"{'made' if entry.what == 'add column' else 'dropped'} the tag column {values['column']}"
        case "judge":
            good = sum(values["accepted"])
            return f"accepted {good} and rejected {len(entry.ids) - good} ROIs"
        case "undo" | "redo":
            return f"{'undid' if entry.what == 'undo' else 'redid'} a step ({some or 'tag columns'})"
        case _:
            return f"{entry.what}{'d' if entry.what.endswith('e') else 'ed'} {some}"


def listed(ids: Sequence[Any]) -> str:
    """Numbers of ROIs, the first few of many."""
    named = ", ".join(str(i) for i in ids[:FEW])
    return f"{named}, ... ({len(ids)} ROIs)" if len(ids) > FEW else named
