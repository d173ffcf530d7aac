"""BadFrames: frames that are left out, marked and unmarked by hand, with undo."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from psygnal import Signal

Bool = npt.NDArray[np.bool_]


class BadFrames:
    """Which frames are left out.

    Attributes
    ----------
    changed : Signal
        `marked` is another one; not emitted by `begin`.
    marked : (T,) bool
        Never changed in place.
    """

    changed = Signal()

    def __init__(self) -> None:
        self.begin(np.zeros(0, bool))

    def begin(self, marked: Bool) -> None:
        """Take the frames of another motion; there is nothing to undo."""
        self.marked = np.array(marked, bool)
        self._before: list[Bool] = []
        self._after: list[Bool] = []

    def mark(self, start: int, stop: int, bad: bool = True) -> None:
        """Mark the frames ``start:stop``, or unmark them; one step of undo where that changes anything.

        Parameters
        ----------
        start, stop : int
            What lies outside of the movie is passed over.
        bad : bool
        """
        marked = self.marked.copy()
        marked[max(start, 0) : max(stop, 0)] = bad
        if (marked != self.marked).any():
            self._before.append(self.marked)
            self._after.clear()
            self._set(marked)

    def toggle(self, frame: int) -> None:
        """Mark one frame, or unmark it where it is marked."""
        if 0 <= frame < len(self.marked):
            self.mark(frame, frame + 1, not self.marked[frame])

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step that was taken back."""
        return bool(self._after)

    def undo(self) -> None:
        """Take the last step back."""
        if self._before:
            self._after.append(self.marked)
            self._set(self._before.pop())

    def redo(self) -> None:
        """Do again what was taken back."""
        if self._after:
            self._before.append(self.marked)
            self._set(self._after.pop())

    def stretches(self) -> list[tuple[int, int]]:
        """Marked frames as stretches, (start, stop)."""
        edges = np.flatnonzero(np.diff(np.concatenate([[0], self.marked.astype(np.int8), [0]])))
        return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]

    def _set(self, marked: Bool) -> None:
        self.marked = marked
        self.changed.emit()
