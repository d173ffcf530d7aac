"""Record: what a user does in the window, as a script that does the same."""

from __future__ import annotations

from collections.abc import Mapping
from pprint import pformat
from typing import Any

from psygnal import Signal

HEAD = '''"""Recorded in the viewer. Runs in its Script Editor, and without a screen: cnmf3d script FILE."""
'''

MANAGER = "get_batch_manager()"


class Recorder:
    """Writes lines of Python while it is on.

    Attributes
    ----------
    changed : Signal
        It was switched on or off, or wrote a line.
    on : bool
    lines : list of str
    """

    changed = Signal()

    def __init__(self) -> None:
        self.on = False
        self.lines: list[str] = []
        self._items: dict[str, str] = {}

    def start(self) -> None:
        """Begin a new script."""
        self.on, self.lines, self._items = True, [], {}
        self.changed.emit()

    def stop(self) -> str:
        """End it.

        Returns
        -------
        str
            The script; empty where nothing was done.
        """
        self.on = False
        self.changed.emit()
        return "\n".join([HEAD, *self.lines, ""]) if self.lines else ""

    def add(self, *lines: str) -> None:
        """Write lines, where it is on."""
        if self.on:
            self.lines += lines
            self.changed.emit()

    def opened(self, source: Any, opening: Mapping[str, Any]) -> None:
        """A movie was opened."""
        self.add(f"vi.viewer.workEnv = ViewerWorkEnv.from_movie({called(source, opening)})", "vi.update_workEnv()")

    def cleared(self) -> None:
        """The work environment was cleared."""
        self.add("clear_workEnv()")

    def batch_opened(self, folder: str) -> None:
        """A batch was opened, or made."""
        self.add(f"{MANAGER}.open_or_make({folder!r})")

    def item_added(self, params: Mapping[str, Any], uuid: str, engine: str = "native", module: str = "cnmf_3d") -> None:
        """The current movie was added to the batch."""
        name = f"item_{len(self._items) + 1}"
        text = pformat(dict(params), sort_dicts=False, width=100)
        by = "" if engine == "native" else f", engine={engine!r}"
        self.add(f"params = {text}", f"{name} = get_module({module!r}, hide=True).add_to_batch(params{by})")
        self._items[uuid] = name

    def batch_started(self, start_at: str = "") -> None:
        """The batch was started."""
        self.add(f"{MANAGER}.process_batch({self._called(start_at) if start_at else ''})")

    def output_loaded(self, uuid: str) -> None:
        """An item's output was loaded."""
        self.add(f"{MANAGER}.load_item_output(vi, {self._called(uuid)})")

    def _called(self, uuid: str) -> str:
        """An item as the script calls it: one that it adds itself has another UUID when it runs again."""
        return self._items.get(uuid, repr(uuid))


def called(first: Any, keywords: Mapping[str, Any]) -> str:
    """Arguments of a call, as they are written."""
    named = [f"{name}={value!r}" for name, value in keywords.items()]
    return ", ".join([repr(list(first) if isinstance(first, tuple) else first), *named])
