"""The table: what was tried, and what must not have happened."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field

from attacks.server import Ended, ran

SHOWN = 8
"""Examples of each fault."""

FAULTS = ("Traceback (most recent call last)", "something went wrong inside")

PEAK = 2 * 2**30
"""Bytes of memory that no command needs for files as small as these."""

BAD = ("lost", "traceback", "killed by a signal", "hangs", "memory", "left over", "other result")


rows: list[Row] = []
"""All lines, in the order in which they were begun."""


@dataclass
class Row:
    """A line of the table; it joins `rows`."""

    attack: str
    tried: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows.append(self)

    def count(self, what: str, example: str = "") -> None:
        """One more of what must not be; the first ones are shown."""
        if self.counts.get(what, 0) < SHOWN:
            print(f"  {self.attack}: {what}: {example[-600:]}", flush=True)
        self.counts[what] = self.counts.get(what, 0) + 1

    def judge(self, words: Sequence[str], end: Ended) -> str:
        """Count what no command may do; what it was, or empty."""
        found, line = "", " ".join(words)
        if end.hung:
            found = "hangs"
        elif end.code < 0:
            found, line = "killed by a signal", f"{signal.Signals(-end.code).name}: {line}"
        elif any(fault in end.said for fault in FAULTS):
            found = "traceback"
        elif end.peak > PEAK or "has no memory left" in end.said:
            found = "memory"
        if found:
            self.count(found, f"{line}: {end.said}")
        return found

    def run(self, words: Sequence[str], **how: object) -> Ended:
        """Run a command to its end, and judge it."""
        end = ran(words, **how)
        self.judge(words, end)
        return end

    def cells(self) -> str:
        """As a line of Markdown."""
        return f"| {self.attack} | {self.tried} | {' | '.join(str(self.counts.get(what, 0)) for what in BAD)} |"


def table() -> str:
    """All lines as Markdown."""
    head = f"| attack | tried | {' | '.join(BAD)} |\n|---|---|{'---|' * len(BAD)}"
    return "\n".join([head, *(row.cells() for row in rows)])
