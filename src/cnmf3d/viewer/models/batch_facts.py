"""What is known of an item, as rows of names and values for the Batch Manager's panes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from cnmf3d.batch import Batch, Item
from cnmf3d.batch.modules import MCORR
from cnmf3d.parameters import CnmfParameters, MotionParameters, read_parameters
from cnmf3d.viewer.models.batch import seconds_of
from cnmf3d.viewer.models.batch_progress import clock

Rows = list[tuple[str, str]]


def parameter_rows(item: Item) -> list[tuple[str, str, bool]]:
    """Parameters and options of an item: name, value, and whether it differs from its default."""
    if item.module == MCORR:
        usual, values = _flat({"motion": MotionParameters().model_dump(mode="json")}), _flat(item.parameters)
    else:
        usual, values = _flat(CnmfParameters().to_dict()), _of_cnmf(item)
    rows = [(name, shown(value), value != usual.get(name)) for name, value in values.items()]
    options = [(f"options.{name}", shown(value), True) for name, value in item.options.items()]
    return [*rows, *options]


def _of_cnmf(item: Item) -> dict[str, Any]:
    """All parameters of an item, those that its version didn't have, too."""
    try:
        return _flat(read_parameters(item.parameters).to_dict())
    except Exception:  # noqa: BLE001 - another module's, or another version's
        return _flat(item.parameters)


def information_rows(batch: Batch, item: Item) -> Rows:
    """Status, times, movie, output of an item; its warnings, and its error."""
    rows: Rows = [("Status", item.status.value), ("UUID", item.uuid)]
    if item.error:
        rows.append(("Error", item.error.strip()))
    rows += [("Warning", text) for text in item.warnings]
    rows += [("Module", f"{item.module}, engine {item.engine}")]
    for title, when in (("Added", item.added), ("Started", item.started), ("Finished", item.finished)):
        if when:
            rows.append((title, _time(when)))
    seconds = seconds_of(item)
    if seconds:
        rows.append(("Duration", clock(seconds)))
    if item.attempts > 1:
        rows.append(("Attempts", str(item.attempts)))
    summary = item.summary
    if "accepted" in summary:
        rows.append(("Components", f"{summary['accepted']} accepted, {summary.get('rejected', 0)} rejected"))
    if "largest" in summary:
        rows.append(("Motion", f"{summary.get('kind')}, up to {shown(summary['largest'])} voxels (x × y × z)"))
        rows.append(("Bad frames", str(summary.get("bad_frames", 0))))
    if "shape" in summary:
        rows.append(("Volume", f"{' × '.join(map(str, summary['shape']))} voxels (x × y × z)"))
    if "frames" in summary:
        rows.append(("Frames", str(summary["frames"])))
    found = item.input.found(batch.folder)
    rows.append(("Movie", "\n".join(found or item.input.paths) + ("" if found else "  (not there)")))
    rows += [(f"Opened with {name}", shown(value)) for name, value in item.input.opening.items()]
    if item.input.item:
        rows.append(("Registered by", item.input.item))
    results = batch.run_folder(item).output(item.module)
    with suppress(OSError):  # there is none yet, or it moves to or from a work directory right now
        rows.append(("Results", f"{results} ({results.stat().st_size / 2**20:.1f} MiB)"))
    return rows


def shown(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, (list, tuple)):
        return " × ".join(shown(part) for part in value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            out |= _flat(value, f"{prefix}{name}.")
        else:
            out[prefix + name] = value
    return out


def _time(when: str) -> str:
    try:
        return f"{datetime.fromisoformat(when):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return when
