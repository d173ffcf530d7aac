"""Patches: changes of cells in one transaction, and what takes them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from cnmf3d.errors import UsageError
from cnmf3d.project import schema
from cnmf3d.project.columns import Config

Cells = Mapping[str, Mapping[str, Any]]
"""By sample's UUID, then by field."""

NESTED = ("custom", "stimuli")
PLAIN = ("animal", "trial", "date", "comments", "meta", "history", "movie")


@dataclass(frozen=True)
class Patch:
    """New values of cells.

    Attributes
    ----------
    config : Config, optional
        New columns.
    samples : mapping
        UUID to field to value: ``animal``, ``custom.NAME``, ``stimuli.NAME``, ... None takes a value away.
    rois : mapping
        UUID to field to ROI number (as text) to value: ``accepted``, ``tags.NAME``.
    """

    config: Config | None = None
    samples: Cells = field(default_factory=dict)
    rois: Cells = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return self.config is not None or bool(self.samples) or bool(self.rois)

    @property
    def cells(self) -> int:
        """How many cells it changes, in samples and in ROIs."""
        there = sum(len(fields) for fields in self.samples.values())
        return there + sum(len(each) for fields in self.rois.values() for each in fields.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        config = None if self.config is None else self.config.to_dict()
        return {"config": config, "samples": dict(self.samples), "rois": dict(self.rois)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Patch:
        """Read what `to_dict` gave."""
        config = None if told["config"] is None else Config.from_dict(told["config"])
        return cls(config, told["samples"], told["rois"])


def config_of(connection: Connection) -> Config:
    """The project's columns."""
    told = connection.execute(select(schema.about.c.value).where(schema.about.c.name == "columns")).scalar_one()
    return Config.from_dict(told)


def apply(connection: Connection, patch: Patch, expected: Patch | None = None) -> Patch:
    """Write new values.

    Parameters
    ----------
    connection : Connection
        Of a transaction.
    patch : Patch
    expected : Patch, optional
        What the same cells must hold now.

    Returns
    -------
    Patch
        What the cells held: it takes `patch` back.

    Raises
    ------
    UsageError
        Where the cells hold something else than `expected`, or a sample or an ROI is gone.
    """
    config = None
    if patch.config is not None:
        config = config_of(connection)
        place = schema.about.c.name == "columns"
        connection.execute(schema.about.update().where(place).values(value=patch.config.to_dict()))
    samples = {uuid: _sample(connection, uuid, fields) for uuid, fields in patch.samples.items() if fields}
    rois = {uuid: _rois(connection, uuid, fields) for uuid, fields in patch.rois.items() if fields}
    before = Patch(config, samples, rois)
    if expected is not None and (before.config, before.samples, before.rois) != (
        expected.config,
        expected.samples,
        expected.rois,
    ):
        raise UsageError("what is to be undone was changed since, by somebody else", "Change it by hand.")
    return before


def _sample(connection: Connection, uuid: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Write fields of a sample; what they were."""
    table = schema.samples
    row = connection.execute(select(table).where(table.c.uuid == uuid)).mappings().one_or_none()
    if row is None:
        raise UsageError("a sample of this change was deleted since", "It can't be undone.")
    before: dict[str, Any] = {}
    values: dict[str, Any] = {name: dict(row[name]) for name in NESTED}
    for name, value in fields.items():
        group, _, inner = name.partition(".")
        if group in NESTED:
            before[name] = values[group].pop(inner, None)
            if value is not None:
                values[group][inner] = value
        elif name in PLAIN:
            before[name], values[name] = row[name], value
        else:
            raise KeyError(name)
    connection.execute(update(table).where(table.c.uuid == uuid).values(**values))
    return before


def _rois(connection: Connection, uuid: str, fields: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Write fields of ROIs; what they were."""
    table = schema.rois
    query = select(table.c.roi, table.c.accepted, table.c.tags).where(table.c.sample == uuid)
    accepted: dict[str, int] = {}
    tags: dict[str, dict[str, Any]] = {}
    for roi, verdict, each in connection.execute(query):
        accepted[str(roi)], tags[str(roi)] = verdict, dict(each)
    before: dict[str, dict[str, Any]] = {}
    touched: set[str] = set()
    for name, values in fields.items():
        gone = next((roi for roi in values if roi not in tags), None)
        if gone is not None:
            raise UsageError(f"a sample has no ROI {gone} any more", "It was saved without it since.")
        touched |= set(values)
        before[name] = {}
        for roi, value in values.items():
            if name == "accepted":
                before[name][roi], accepted[roi] = bool(accepted[roi]), int(value)
                continue
            inner = name.removeprefix("tags.")
            before[name][roi] = tags[roi].pop(inner, None)
            if value is not None:
                tags[roi][inner] = value
    if touched:
        connection.execute(
            update(table)
            .where(table.c.sample == uuid, table.c.roi == bindparam("which"))
            .values(accepted=bindparam("verdict"), tags=bindparam("each", type_=table.c.tags.type)),
            [{"which": int(roi), "verdict": accepted[roi], "each": tags[roi]} for roi in touched],
        )
    return before
