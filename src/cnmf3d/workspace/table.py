"""The items of a batch as a pandas DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnmf3d.batch import Batch, Item, Status
from cnmf3d.errors import UsageError

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    *("uuid", "name", "module", "engine", "status", "input_item", "input_params", "options", "attempts"),
    *("added", "started", "finished", "accepted", "rejected", "frames", "seconds", "output", "warnings", "error"),
)


def table(batch: Batch) -> pandas.DataFrame:
    """One row for each item, in the order of adding.

    Parameters
    ----------
    batch : Batch

    Raises
    ------
    UsageError
        Where pandas isn't installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise UsageError("a DataFrame needs pandas, which isn't installed", "pip install 'cnmf3d[project]'") from error
    frame = pandas.DataFrame([_row(batch, item) for item in batch.items()], columns=list(COLUMNS))
    for name in ("added", "started", "finished"):
        frame[name] = pandas.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame


def _row(batch: Batch, item: Item) -> dict[str, Any]:
    """One item; what it doesn't have is None."""
    paths = item.input.found(batch.folder) or item.input.paths
    return {
        **{name: getattr(item, name) for name in ("uuid", "name", "module", "engine", "attempts", "error")},
        "status": item.status.value,
        "input_item": paths[0] if len(paths) == 1 else list(paths),
        "input_params": dict(item.parameters),
        "options": dict(item.options),
        **{name: getattr(item, name) or None for name in ("added", "started", "finished")},
        **{name: item.summary.get(name) for name in ("accepted", "rejected", "frames", "seconds")},
        "output": str(batch.run_folder(item).output(item.module)) if item.status is Status.DONE else "",
        "warnings": list(item.warnings),
    }
