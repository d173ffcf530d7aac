"""How the items of a running batch show themselves: each as `cnmf3d run` does, between its name and how it ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from cnmf3d.cli.progress import shown
from cnmf3d.events import Caution, Event, Note, Progress, Reporter

if TYPE_CHECKING:
    from cnmf3d.batch import Item
    from cnmf3d.batch.supervisor import Told

KINDS: dict[Any, type[Event]] = {"progress": Progress, "note": Note, "caution": Caution}


@contextmanager
def items_shown() -> Iterator[Told]:
    """What is told of each event of a batch's items, and shows it on stderr."""
    with ExitStack() as stack:
        live: dict[str, tuple[ExitStack, Reporter]] = {}

        def reporter_of(item: Item) -> Reporter:
            if item.uuid not in live:
                own = stack.enter_context(ExitStack())
                live[item.uuid] = own, own.enter_context(shown(as_json=False, quiet=False, elsewhere=True))
            return live[item.uuid][1]

        def told(item: Item, event: dict[str, Any]) -> None:
            kind = event.get("kind")
            if kind == "start":
                reporter_of(item)(Note("", f"{item.name} ({item.uuid[:8]})"))
            elif kind == "end":
                reporter_of(item)(Note("", ended(item)))
                live.pop(item.uuid)[0].close()
            elif kind in KINDS:
                reporter_of(item)(_event(event))

        yield told


def ended(item: Item) -> str:
    """How an item ended, in a line."""
    if item.error:
        return f"{item.name}: {item.status.value}: {item.last_line}"
    found = item.summary
    if not found:
        return f"{item.name}: {item.status.value}"
    seconds = found.get("seconds")
    took = "" if seconds is None else f" in {seconds:.1f} s"
    return f"{item.name}: {found['accepted']} cells ({found['rejected']} rejected){took}"


def _event(event: dict[str, Any]) -> Event:
    """An event as it was before it became a line of JSON."""
    kind = KINDS[event["kind"]]
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in event.items() if name in names})
