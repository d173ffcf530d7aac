"""How a recording was understood: where the length of each axis, the rate and the size of a voxel were read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from cnmf3d.movies.stored import Facts, Stored

NAMES = {"t": "time", "z": "z", "y": "y", "x": "x", "c": "channel"}
"""What the axes are called where a person reads of them."""


def axis_sources(stored: Stored, shape: Sequence[int], axes: str, said: Mapping[str, str]) -> dict[str, str]:
    """Where the length of each axis was read, and what was left out of it.

    Parameters
    ----------
    stored : Stored
        What a format found.
    shape : sequence of int
        Of the array as it is read.
    axes : str
        A letter for each of its dimensions.
    said : mapping
        Who said ``axes``, ``z`` (planes), ``c`` (channels) and ``order`` (of planes), where the file didn't.

    Returns
    -------
    dict
        By letter. A format's own words (`Facts.sources`) win over those made here.
    """
    own, sources = stored.facts.sources, {}
    sizes = dict(zip(axes, map(int, shape), strict=True))
    folded = tuple(shape) != tuple(stored.data.shape)
    for letter in "tzyxc":
        if letter not in axes:
            if letter == "z" and "y" in axes:
                sources[letter] = own.get(letter, "one plane")
            continue
        if letter == "z" and "order" in said:
            sources[letter] = f"in the order of {said['order']}"
        elif letter in said:
            sources[letter] = said[letter]
        elif letter in own:
            sources[letter] = own[letter]
        elif "axes" in said:
            sources[letter] = said["axes"]
        elif letter == "t" and folded and "?" in stored.axes:
            sources[letter] = "pages of one list" + _left(stored.data.shape, shape)
        elif letter in stored.axes:
            sources[letter] = f"the file ({stored.format})"
        else:
            sources[letter] = "assumed: the file doesn't name it"
    if sizes.get("c", 1) > 1:
        sources["c"] = f"{sizes['c']} channels, {sources['c']}"
    return sources


def _left(before: Sequence[int], after: Sequence[int]) -> str:
    """How many pages of a list are left out; empty for none."""
    left = math.prod(before[:-2]) - math.prod(after[:-2])
    return f"; the last {left} are left out" if left > 0 else ""


def sources_of(known: Sequence[tuple[str, Facts]]) -> dict[str, str]:
    """Where everything was read, by the names that a person knows.

    Parameters
    ----------
    known : sequence of (name, Facts)
        As in `agreement.rate_of`; the last one is the file.
    """
    axes = known[-1][1].sources
    out = {NAMES[letter]: axes[letter] for letter in NAMES if letter in axes}
    names = [name for name, _ in known[:-1]] + ["the file"]
    rated = next((place for place, (_, facts) in enumerate(known) if facts.rate is not None), None)
    if rated is not None:
        facts = known[rated][1]
        detail = facts.sources.get("rate") or ("time stamps" if "interval_s" in facts.metadata else "")
        out["rate"] = names[rated] + (f" ({detail})" if detail else "")
    sized = next((place for place, (_, facts) in enumerate(known) if facts.voxel_size is not None), None)
    if sized is not None:
        out["voxel size"] = names[sized]
    return out
