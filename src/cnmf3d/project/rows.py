"""Samples as rows of the database."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, func, select

from cnmf3d.batch import Input
from cnmf3d.errors import InputError, UsageError
from cnmf3d.project import files, schema
from cnmf3d.project.patch import NESTED
from cnmf3d.project.sample import Info, Sample
from cnmf3d.project.stimuli import StimulusMap
from cnmf3d.stored_names import CHANGED


def _query() -> Select[Any]:
    """Samples with the numbers of their ROIs, in the order of adding."""
    table, rois = schema.samples, schema.rois
    counts = (
        select(rois.c.sample, func.count().label("rois"), func.sum(rois.c.accepted).label("accepted"))
        .group_by(rois.c.sample)
        .subquery()
    )
    return (
        select(table, counts.c.rois, counts.c.accepted)
        .outerjoin(counts, counts.c.sample == table.c.uuid)
        .order_by(table.c.position)
    )


def all_samples(connection: Connection) -> list[Sample]:
    """All samples, in the order of adding."""
    return [_sample(row) for row in connection.execute(_query()).mappings()]


def sample_with(connection: Connection, key: str) -> Sample:
    """The sample with this UUID, the start of one, or ``animal/trial``.

    Raises
    ------
    UsageError
        Where there is none, or more than one.
    """
    table = schema.samples
    ids = [(row.uuid, f"{row.animal}/{row.trial}") for row in connection.execute(select(table)).all()]
    exact = [uuid for uuid, name in ids if key in (uuid, name)]
    found = exact or [uuid for uuid, _ in ids if len(key) >= 4 and uuid.startswith(key)]
    if len(found) == 1:
        row = connection.execute(_query().where(table.c.uuid == found[0])).mappings().one()
        return _sample(row)
    if found:
        raise UsageError(
            f"{key} means {len(found)} samples", f"Say which: {', '.join(each[:8] for each in found[:6])}."
        )
    import difflib

    near = difflib.get_close_matches(key, [name for _, name in ids], n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise UsageError(f"the project has no sample {key}", f"{hint}A sample is named animal/trial, or by its UUID.")


def see_unique(connection: Connection, info: Info, besides: str = "") -> None:
    """See that no other sample is of that animal and trial.

    Raises
    ------
    UsageError
        Where one is.
    """
    table = schema.samples
    query = select(table.c.uuid).where(table.c.animal == info.animal, table.c.trial == info.trial)
    if any(uuid != besides for uuid in connection.execute(query).scalars()):
        raise UsageError(
            f"the project has a sample {info.id} already", "Choose another trial ID, or save that sample anew."
        )


def named(connection: Connection) -> dict[str, set[str]]:
    """By UUID, the names of files that each sample has in its folder."""
    query = select(schema.samples.c.uuid, schema.samples.c.file, schema.samples.c.movie)
    return {
        uuid: {file, *([files.MOVIE] if movie["copied"] else [])} for uuid, file, movie in connection.execute(query)
    }


def cells(connection: Connection, uuid: str) -> tuple[dict[int, bool], dict[str, dict[int, str]]]:
    """Verdicts of a sample's ROIs, and their tags by column."""
    table = schema.rois
    query = select(table.c.roi, table.c.accepted, table.c.tags).where(table.c.sample == uuid).order_by(table.c.roi)
    accepted: dict[int, bool] = {}
    tags: dict[str, dict[int, str]] = {}
    for roi, verdict, each in connection.execute(query):
        accepted[roi] = bool(verdict)
        for column, text in each.items():
            tags.setdefault(column, {})[roi] = text
    return accepted, tags


def places(connection: Connection, uuid: str) -> dict[int, int]:
    """Where the curves of each ROI of a sample lie in its file."""
    table = schema.rois
    query = select(table.c.roi, table.c.row).where(table.c.sample == uuid).order_by(table.c.roi)
    return {each.roi: each.row for each in connection.execute(query)}


def roi_table(connection: Connection) -> list[Any]:
    """All ROIs as (sample, roi, accepted, x, y, z, metrics, tags), the last two as JSON; by sample."""
    query = """
        SELECT rois.sample, roi, accepted, x_um, y_um, z_um, metrics, tags
        FROM samples JOIN rois ON rois.sample = samples.uuid ORDER BY samples.position, roi
    """
    return list(connection.exec_driver_sql(query).cursor.fetchall())


def values_of(sample: Sample) -> dict[str, Any]:
    """A sample as a row, without its ROIs."""
    return {
        **{name: getattr(sample, name) for name in ("uuid", "frames", "rate", "revision", "file", "size", "hash")},
        **_plain(sample.info),
        "added": sample.added,
        "changed": sample.changed,
        "movie": {**dataclasses.asdict(sample.movie), "copied": sample.copied},
    }


def cells_of(before: Info, after: Info) -> dict[str, Any]:
    """What differs, as fields of a patch."""
    old, new = _plain(before), _plain(after)
    cells: dict[str, Any] = {name: new[name] for name in new if name not in NESTED and new[name] != old[name]}
    for group in NESTED:
        for name in {**old[group], **new[group]}:
            if old[group].get(name) != new[group].get(name):
                cells[f"{group}.{name}"] = new[group].get(name)
    return cells


def _plain(info: Info) -> dict[str, Any]:
    return {
        **{name: getattr(info, name) for name in ("animal", "trial", "date", "comments")},
        "custom": dict(info.custom),
        "stimuli": {name: each.to_dict() for name, each in info.stimuli.items()},
        "meta": dict(info.meta),
        "history": [dict(each) for each in info.history],
    }


def _sample(row: Mapping[str, Any] | Any) -> Sample:
    """A row as a sample.

    Raises
    ------
    InputError
        Where a value can't be one of a sample.
    """
    try:
        sample = _read(row)
        if not all(isinstance(each, Mapping) for each in (sample.info.custom, sample.info.meta, *sample.info.history)):
            raise ValueError("what should be a mapping is none")
        return sample
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise InputError(f"the sample {row['animal']}/{row['trial']} can't be read: {error}", CHANGED) from error


def _read(row: Mapping[str, Any] | Any) -> Sample:
    movie = dict(row["movie"])
    copied = bool(movie.pop("copied"))
    info = Info(
        animal=row["animal"],
        trial=row["trial"],
        date=row["date"],
        comments=row["comments"],
        custom=row["custom"],
        stimuli={name: StimulusMap.from_dict(each) for name, each in row["stimuli"].items()},
        meta=row["meta"],
        history=tuple(row["history"]),
    )
    return Sample(
        uuid=row["uuid"],
        info=info,
        movie=Input.from_dict(movie),
        copied=copied,
        rois=row["rois"] or 0,
        accepted=row["accepted"] or 0,
        **{name: row[name] for name in ("frames", "rate", "revision", "file", "size", "hash", "added", "changed")},
    )
