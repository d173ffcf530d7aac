"""Where an item of a batch stands."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where an item stands.

    Attributes
    ----------
    colour : str
        As the Batch Manager shows it; a colour name of rich.
    over : bool
        Nothing happens to it unless it is tried again.
    """

    PENDING = "pending"
    MOVING = "moving"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ABORTED = "aborted"
    INTERRUPTED = "interrupted"

    @property
    def colour(self) -> str:
        """Colour of the Batch Manager."""
        return _COLOURS[self]

    @property
    def over(self) -> bool:
        """Whether nothing happens to it unless it is tried again."""
        return self in (Status.DONE, Status.FAILED, Status.ABORTED)

    @property
    def active(self) -> bool:
        """Whether a process is at work on it."""
        return self in (Status.RUNNING, Status.MOVING)


_COLOURS = {
    Status.PENDING: "white",
    Status.MOVING: "blue",
    Status.RUNNING: "yellow",
    Status.DONE: "green",
    Status.FAILED: "red",
    Status.ABORTED: "dark_orange",
    Status.INTERRUPTED: "magenta",
}
