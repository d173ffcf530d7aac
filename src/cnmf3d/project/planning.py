"""What a change of the columns means for the samples that are there: planned before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from cnmf3d.project import schema
from cnmf3d.project.columns import Add, Change, Config, Kind, Remove, Rename, changed, told
from cnmf3d.project.patch import Patch


@dataclass(frozen=True)
class Preview:
    """What a change would do.

    Attributes
    ----------
    what : str
        The change in words.
    config : Config
        The columns afterwards.
    samples, rois : int
        How many of them have values that would change.
    examples : tuple of str
        Some of these values.
    """

    what: str
    config: Config
    samples: int
    rois: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        """A sentence or two."""
        if not (self.samples or self.rois):
            return f"{self.what}: no sample's values change"
        where = [
            f"{n} {name if n != 1 else name[:-1]}" for n, name in ((self.samples, "samples"), (self.rois, "ROIs")) if n
        ]
        return f"{self.what}: values of {' and '.join(where)} change ({', '.join(self.examples)})"


def plan(connection: Connection, config: Config, change: Change) -> Patch:
    """The cells that a change of the columns changes.

    Raises
    ------
    UsageError
        Where the change can't be made.
    """
    new = changed(config, change)
    match change:
        case Add(column) if column.kind is Kind.CUSTOM and column.default is not None:
            field = f"custom.{column.name}"
            uuids = connection.execute(select(schema.samples.c.uuid).order_by(schema.samples.c.position)).scalars()
            return Patch(new, {uuid: {field: column.default} for uuid in uuids})
        case Rename(name, other) if name != other:
            return _moved(connection, new, config.column(name).kind, name, other)
        case Remove(name):
            return _moved(connection, new, config.column(name).kind, name, None)
    return Patch(new)


def _moved(connection: Connection, config: Config, kind: Kind, name: str, new: str | None) -> Patch:
    """Take all values from a column, to another one."""
    if kind is Kind.ROI:
        table = schema.rois
        found: dict[str, dict[str, Any]] = {}
        for uuid, roi, tags in connection.execute(select(table.c.sample, table.c.roi, table.c.tags)):
            if name in tags:
                found.setdefault(uuid, {})[str(roi)] = tags[name]
        return Patch(
            config,
            rois={
                uuid: {f"tags.{name}": dict.fromkeys(values)} | ({f"tags.{new}": values} if new else {})
                for uuid, values in found.items()
            },
        )
    group = "custom" if kind is Kind.CUSTOM else "stimuli"
    query = select(schema.samples.c.uuid, schema.samples.c[group]).order_by(schema.samples.c.position)
    cells = {
        uuid: {f"{group}.{name}": None} | ({f"{group}.{new}": values[name]} if new else {})
        for uuid, values in connection.execute(query)
        if name in values
    }
    return Patch(config, samples=cells)


def preview(connection: Connection, config: Config, change: Change) -> Preview:
    """What a change would do."""
    patch = plan(connection, config, change)
    rois = {(uuid, roi) for uuid, fields in patch.rois.items() for values in fields.values() for roi in values}
    return Preview(
        told(change), changed(config, change), len(patch.samples) or len(patch.rois), len(rois), _examples(patch)
    )


def _examples(patch: Patch) -> tuple[str, ...]:
    """Up to five of the values that move or go."""
    texts: dict[str, None] = {}
    for fields in patch.samples.values():
        texts |= dict.fromkeys(_short(value) for value in fields.values() if value is not None)
    for columns in patch.rois.values():
        texts |= dict.fromkeys(_short(v) for values in columns.values() for v in values.values() if v is not None)
    shown = list(texts)
    return tuple(shown[:5]) + (("...",) if len(shown) > 5 else ())


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return f"{len(value.get('periods', ()))} stimuli"
    return str(value)
