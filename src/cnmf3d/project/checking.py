"""Whether a project is whole: its database, its files, and the movies that it refers to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnmf3d.database import reading
from cnmf3d.errors import Cnmf3dError
from cnmf3d.project import files, rows
from cnmf3d.project.patch import config_of
from cnmf3d.project.rois import rois_of
from cnmf3d.project.sample import Sample
from cnmf3d.results.reading import read_file

if TYPE_CHECKING:
    from cnmf3d.project.store import Project


@dataclass(frozen=True)
class Problem:
    """Something that isn't as it should be.

    Attributes
    ----------
    what : str
        ``database``, ``file``, ``rois``, ``movie``, ``columns``, or ``stray``: a file that no sample names, which the
        next save removes.
    where : str
        The sample, or a path.
    problem, fix : str
    """

    what: str
    where: str
    problem: str
    fix: str

    def __str__(self) -> str:
        """A line."""
        return f"{self.where}: {self.problem}. {self.fix}"


def check(project: Project, *, content: bool = True) -> list[Problem]:
    """Look at everything that a project is made of.

    Parameters
    ----------
    project : Project
    content : bool
        Read files and movies, too, rather than only see that they are there.

    Returns
    -------
    list of Problem
        Empty where all is well.
    """
    with reading(project.engine) as connection:
        told = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check")]
        told += [
            f"a row of {row[0]} refers to nothing" for row in connection.exec_driver_sql("PRAGMA foreign_key_check")
        ]
        samples, named = rows.all_samples(connection), rows.named(connection)
    found = [
        Problem("database", str(project.folder), text, "Restore a copy: backups/, or your own.")
        for text in told
        if text != "ok"
    ]
    for sample in samples:
        found += [*_file(project, sample, content), *_columns(project, sample), *_movie(project, sample, content)]
    found += [
        Problem("stray", str(path.relative_to(project.folder)), "no sample names it", "The next save removes it.")
        for path in files.strays(project.folder, named)
    ]
    return found


def _file(project: Project, sample: Sample, content: bool) -> Iterator[Problem]:
    """The data of a sample."""
    path, restore = project.file(sample), "Restore a copy of it."
    if not path.is_file():
        yield Problem("file", sample.id, f"its data {path} are not there", restore)
        return
    if path.stat().st_size != sample.size:
        yield Problem("file", sample.id, f"{path} has {path.stat().st_size} bytes, not {sample.size}", restore)
        return
    if not content:
        return
    if files.hash_of(path) != sample.hash:
        yield Problem("file", sample.id, f"{path} was changed, or is damaged", restore)
        return
    try:
        read = rois_of(read_file(path))
    except Cnmf3dError as error:
        yield Problem("file", sample.id, error.problem, restore)
        return
    if dict(zip(read.ids.tolist(), read.rows.tolist(), strict=True)) != project.rows(sample.uuid):
        yield Problem("rois", sample.id, "the table lists other ROIs than its data hold", restore)


def _columns(project: Project, sample: Sample) -> Iterator[Problem]:
    """Values of columns that there aren't."""
    with reading(project.engine) as connection:
        known = {column.name for column in config_of(connection).columns}
        tags = rows.cells(connection, sample.uuid)[1]
    for name in {*sample.info.custom, *sample.info.stimuli, *tags} - known:
        yield Problem("columns", sample.id, f"it has values in {name}, which is no column", "Add the column again.")


def _movie(project: Project, sample: Sample, content: bool) -> Iterator[Problem]:
    """The movie of a sample, by its fingerprint."""
    if not sample.movie.paths and not sample.copied:
        return
    try:
        movie = project.movie(sample.uuid)
        if content and sample.movie.fingerprint and movie.fingerprint() != sample.movie.fingerprint:
            yield Problem("movie", sample.id, f"{movie.paths[0]} is another movie than it was", "Put the old one back.")
    except Cnmf3dError as error:
        yield Problem("movie", sample.id, error.problem, error.fix)
