"""An entry in use: found complete, or being built in a folder of its own until it appears by rename."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnmf3d.caches.folder import Caches


@dataclass
class Held:
    """An entry that this process uses; see `Caches.hold`. The one mutable thing here: an entry being made.

    Attributes
    ----------
    caches : Caches
    key : str
    folder : Path
        Where its files lie, or are to be written.
    marker : Path
        Says that it is in use.
    found : bool
        It was there, complete; else it is to be built.
    need : int
        Bytes that building it takes.
    """

    caches: Caches
    key: str
    folder: Path
    marker: Path
    found: bool
    need: int

    def publish(self) -> None:
        """Let a built entry appear under its key; where another process was faster, it stays this run's own."""
        self.caches.publish(self)

    def renew(self) -> None:
        """Start anew in place of an entry that turned out to be damaged; raises OSError where there is no room."""
        self.caches.renew(self)
