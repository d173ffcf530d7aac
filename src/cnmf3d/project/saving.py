"""How samples are saved: checked, then written to a file of their own, then named by one transaction."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, update

from cnmf3d.database import reading
from cnmf3d.project import files, log, movies, rows, schema
from cnmf3d.project.curating import with_curation
from cnmf3d.project.patch import config_of
from cnmf3d.project.rois import GivenTags, Tags, insert_rois, tags_of
from cnmf3d.project.sample import Info, Sample, new_info
from cnmf3d.project.sources import Read, Source, made, read_source, see_stimuli

if TYPE_CHECKING:
    from cnmf3d.project.store import Project


@dataclass(frozen=True)
class Asked:
    """What is asked of a new sample; see `Project.add`."""

    movie: Any
    opening: Mapping[str, Any]
    tags: GivenTags | None
    copy_movie: bool
    values: Mapping[str, Any]


def add(project: Project, source: Source, asked: Asked) -> Sample:
    """Add a sample."""
    read = read_source(source)
    with reading(project.engine) as connection:
        _new(connection, read, asked)
    place = movies.movie_of(read, asked.movie, asked.opening, project.folder)
    uuid = str(uuids.uuid4())
    with _files(project):
        written = files.write_data(project.place(uuid), 1, read.kept)
        sample = replace(made(uuid, Info("", ""), place, read, written), copied=asked.copy_movie)
        if asked.copy_movie:
            movie = movies.movie_at(replace(sample, copied=False), project.folder, project.place(uuid))
            movies.copy_movie(movie, project.place(uuid) / files.MOVIE)
        with project.engine.begin() as connection:
            info, tags = _new(connection, read, asked)  # what was true before may be so no more
            sample = replace(sample, info=info)
            connection.execute(insert(schema.samples).values(**rows.values_of(sample)))
            insert_rois(connection, uuid, read.rois, tags)
            log.note(connection, f"add the sample {info.id}")
    return sample


def save(project: Project, key: str, source: Source, tags: GivenTags | None, values: Mapping[str, Any]) -> Sample:
    """Save the ROIs of a sample anew."""
    read = read_source(source)
    old = project.sample(key)
    movies.see_same(read.results, old.movie)
    with reading(project.engine) as connection:
        _again(connection, old, read, tags, values)
    with _files(project):
        revision = project.sample(old.uuid).revision + 1
        written = files.write_data(project.place(old.uuid), revision, read.kept)
        table = schema.samples
        with project.engine.begin() as connection:
            now = rows.sample_with(connection, old.uuid)
            info, mine = _again(connection, now, read, tags, values)
            new = made(now.uuid, info, now.movie, read, written)
            new = replace(new, revision=revision, added=now.added, copied=now.copied)
            connection.execute(update(table).where(table.c.uuid == now.uuid).values(**rows.values_of(new)))
            connection.execute(delete(schema.rois).where(schema.rois.c.sample == now.uuid))
            insert_rois(connection, now.uuid, read.rois, mine)
            log.note(connection, f"save the sample {info.id}")
    return new


def _new(connection: Connection, read: Read, asked: Asked) -> tuple[Info, Tags]:
    """What is said of a new sample and its ROIs, seen to fit the project and the recording."""
    config = config_of(connection)
    info = new_info(config, {"history": read.history, "meta": read.meta, **asked.values})
    info = replace(info, meta={**read.meta, **info.meta})
    rows.see_unique(connection, info)
    see_stimuli(info, read.results)
    return info, tags_of(config, read.rois, asked.tags)


def _again(
    connection: Connection, old: Sample, read: Read, tags: GivenTags | None, values: Mapping[str, Any]
) -> tuple[Info, Tags]:
    """The same of a sample that is there."""
    config = config_of(connection)
    history = with_curation(old.info.history, read.results)
    info = old.info.with_values(config, {"history": history, **values})
    rows.see_unique(connection, info, besides=old.uuid)
    see_stimuli(info, read.results)
    return info, tags_of(config, read.rois, tags)


@contextmanager
def _files(project: Project) -> Iterator[None]:
    """Be the only one that writes files of samples; afterwards, those that no sample names are removed."""
    with files.saving(project.folder):
        try:
            yield
        finally:
            project.sweep()
