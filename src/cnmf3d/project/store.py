"""A project: a folder with a database of samples, and a folder for the data of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, update
from sqlalchemy.exc import IntegrityError

from cnmf3d.batch.relink import found_again
from cnmf3d.components import Float
from cnmf3d.database import is_made, reading
from cnmf3d.errors import InputError, UsageError
from cnmf3d.events import Reporter, silent
from cnmf3d.movies import Movie
from cnmf3d.project import columns, files, frames, log, movies, rows, saving, schema
from cnmf3d.project.columns import Change, Config, Kind
from cnmf3d.project.curating import with_cells
from cnmf3d.project.curves import curves_of, read_curves
from cnmf3d.project.patch import Patch, apply, config_of
from cnmf3d.project.planning import Preview, plan, preview
from cnmf3d.project.rois import GivenTags, tag, verdict
from cnmf3d.project.sample import Sample
from cnmf3d.project.sources import Source
from cnmf3d.results import Results
from cnmf3d.results.reading import read_file

if TYPE_CHECKING:
    import pandas as pd


class Project:
    """A project on disk; any number of programs may have it open at once.

    Every change is one transaction of the database. A file of a sample is written whole under a name of its own before
    the transaction that names it: whatever is killed, the project is as before or as after.
    """

    def __init__(self, folder: Path, *, create: bool) -> None:
        self.folder = folder
        self.engine = schema.connect(folder / schema.FILE, create=create)

    @classmethod
    def create(cls, folder: str | Path) -> Project:
        """Make a new project.

        Raises
        ------
        UsageError
            Where there is one already, or the folder can't be made.
        """
        folder = Path(folder)
        if is_made(folder / schema.FILE):
            raise UsageError(f"{folder} is a project already", "Add to it, or choose another folder.")
        try:
            (folder / files.FOLDER).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"there can't be a folder {folder}: {error.strerror}", "Choose another.") from error
        return cls(folder, create=True)

    @classmethod
    def open(cls, folder: str | Path) -> Project:
        """Open a project that is there.

        Raises
        ------
        InputError
            Where there is none, or its database can't be used.
        """
        folder = Path(folder)
        if not (folder / schema.FILE).is_file():
            raise InputError(
                f"{folder} is no project: it holds no {schema.FILE}", f"Make one: cnmf3d project new {folder}"
            )
        return cls(folder, create=False)

    @classmethod
    def open_or_create(cls, folder: str | Path) -> Project:
        """Open a project, or make it where there is none yet; ``~`` is the user's home.

        Raises
        ------
        UsageError
            Where the folder can't be made.
        InputError
            Where its database can't be used.
        """
        folder = Path(folder).expanduser()
        return cls.open(folder) if is_made(folder / schema.FILE) else cls.create(folder)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def __enter__(self) -> Project:
        """Use it in a ``with``."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let go of the database."""
        self.close()

    def __repr__(self) -> str:
        """Tell where it is."""
        return f"<Project {self.folder}>"

    # columns

    @property
    def config(self) -> Config:
        """The project's columns."""
        with reading(self.engine) as connection:
            return config_of(connection)

    def preview(self, change: Change) -> Preview:
        """What a change of the columns would do to the samples; nothing is changed.

        Raises
        ------
        UsageError
            Where it can't be made.
        """
        with reading(self.engine) as connection:
            return preview(connection, config_of(connection), change)

    def configure(self, *changes: Change) -> Config:
        """Change the columns, and the samples with them; all changes or none.

        Parameters
        ----------
        *changes : Add, Rename, Remove or Show

        Raises
        ------
        UsageError
            Where one can't be made.
        """
        with self.engine.begin() as connection:
            for change in changes:
                patch = plan(connection, config_of(connection), change)
                log.note(connection, columns.told(change), patch, apply(connection, patch))
            return config_of(connection)

    # samples

    def samples(self) -> list[Sample]:
        """All samples, in the order of adding."""
        with reading(self.engine) as connection:
            return rows.all_samples(connection)

    def sample(self, key: str) -> Sample:
        """The sample with this UUID, the start of one, or ``animal/trial``.

        Raises
        ------
        UsageError
            Where there is none, or more than one.
        """
        with reading(self.engine) as connection:
            return rows.sample_with(connection, key)

    def add(
        self,
        source: Source,
        *,
        animal: str,
        trial: str,
        movie: Any = None,
        opening: Mapping[str, Any] | None = None,
        tags: GivenTags | None = None,
        copy_movie: bool = False,
        **values: Any,
    ) -> Sample:
        """Add a sample.

        Parameters
        ----------
        source : path or Results
            Of its ROIs; a results file is copied with everything that is in it.
        animal, trial : str
            Together unlike those of every other sample.
        movie : path, list of paths, Movie or Input, optional
            Where the results say by default. It is kept by reference, with its fingerprint.
        opening : mapping, optional
            Keywords of `cnmf3d.open_movie` that the movie needs.
        tags : mapping, optional
            Column to values: one for each ROI, or by number.
        copy_movie : bool
            Copy the movie into the project, too.
        **values
            ``date``, ``comments``, ``custom``, ``stimuli``, ``meta``, ``history``: see `Info`.

        Raises
        ------
        UsageError
            For values that can't be, and where there is a sample of that animal and trial.
        InputError
            For results and movies that can't be read.
        """
        given = {**values, "animal": animal, "trial": trial}
        return saving.add(self, source, saving.Asked(movie, opening or {}, tags, copy_movie, given))

    def save(self, key: str, source: Source, *, tags: GivenTags | None = None, **values: Any) -> Sample:
        """Save a sample's ROIs anew: they take the place of those that are there, with their tags.

        Parameters
        ----------
        key : str
        source : path or Results
        tags : mapping, optional
            As for `add`.
        **values
            Of `Info`; what isn't named stays.

        Raises
        ------
        UsageError, InputError
            As `add`.
        """
        return saving.save(self, key, source, tags, values)

    def edit(self, key: str, **values: Any) -> Sample:
        """Change what people say of a sample; it can be undone.

        Parameters
        ----------
        key : str
        **values
            ``animal``, ``trial``, ``date``, ``comments``, ``custom``, ``stimuli``, ``meta``, ``history``.

        Raises
        ------
        UsageError
            For values that can't be.
        """
        with self.engine.begin() as connection:
            old = rows.sample_with(connection, key)
            info = old.info.with_values(config_of(connection), values)
            rows.see_unique(connection, info, besides=old.uuid)
            self._change(
                connection, f"change {', '.join(values)} of {old.id}", {old.uuid: rows.cells_of(old.info, info)}
            )
            return rows.sample_with(connection, old.uuid)

    def rename_animal(self, animal: str, new: str) -> list[Sample]:
        """Give an animal another ID, in all of its samples; it can be undone.

        Raises
        ------
        UsageError
            Where there is no such animal, or a sample of the other one has the same trial ID.
        """
        with self.engine.begin() as connection:
            config = config_of(connection)
            mine = [each for each in rows.all_samples(connection) if each.info.animal == animal]
            if not mine:
                raise UsageError(f"the project has no animal {animal}", "`cnmf3d project list` shows all.")
            infos = {each.uuid: each.info.with_values(config, {"animal": new}) for each in mine}
            for uuid, info in infos.items():
                rows.see_unique(connection, info, besides=uuid)
            cells = {each.uuid: rows.cells_of(each.info, infos[each.uuid]) for each in mine}
            self._change(connection, f"rename the animal {animal} to {new}", cells)
            return [rows.sample_with(connection, each.uuid) for each in mine]

    def edit_rois(self, key: str, column: str, values: Mapping[int, Any]) -> None:
        """Change tags or verdicts of ROIs; it can be undone.

        Parameters
        ----------
        key : str
            Of a sample.
        column : str
            A column of tags, or ``accepted``.
        values : mapping of ROI number to value
            None takes a tag away.

        Raises
        ------
        UsageError
            For columns and ROIs that aren't there, and values that can't be.
        """
        with self.engine.begin() as connection:
            sample = rows.sample_with(connection, key)
            cells: dict[str, Any]
            if column == "accepted":
                cells = {"accepted": {str(roi): verdict(value) for roi, value in values.items()}}
            else:
                name = config_of(connection).column(column, Kind.ROI).name
                cells = {f"tags.{name}": {str(roi): tag(name, value) for roi, value in values.items()}}
            self._change(connection, f"change {column} of {len(values)} ROIs of {sample.id}", {}, {sample.uuid: cells})

    def delete(self, keys: Iterable[str]) -> list[Sample]:
        """Remove samples with their data; movies that are only referred to stay. It can't be undone.

        Raises
        ------
        UsageError
            Where one isn't there; then none is removed.
        """
        with files.saving(self.folder):
            with self.engine.begin() as connection:
                found = [rows.sample_with(connection, key) for key in keys]
                for sample in found:
                    connection.execute(delete(schema.samples).where(schema.samples.c.uuid == sample.uuid))
                    log.note(connection, f"delete the sample {sample.id}")
            self.sweep()
        return found

    def copy_movie(self, key: str, *, reporter: Reporter = silent) -> Sample:
        """Copy the movie of a sample into the project, as compressed OME-Zarr.

        Raises
        ------
        UsageError
            Where there is a copy already, or the movie isn't found.
        """
        sample = self.sample(key)
        if sample.copied:
            raise UsageError(f"the movie of {sample.id} was copied already", "It is in the sample's folder.")
        with files.saving(self.folder):
            movies.copy_movie(self.movie(sample.uuid), self.place(sample.uuid) / files.MOVIE, reporter=reporter)
            with self.engine.begin() as connection:
                now = replace(rows.sample_with(connection, sample.uuid), copied=True)
                table = schema.samples
                query = update(table).where(table.c.uuid == sample.uuid)
                connection.execute(query.values(movie=rows.values_of(now)["movie"]))
                log.note(connection, f"copy the movie of {sample.id}")
        return self.sample(sample.uuid)

    def relink(self, places: Iterable[str | Path]) -> list[Sample]:
        """Find movies that were moved, by name below `places` and by content; the samples that were mended.

        Parameters
        ----------
        places : iterable of paths
            Folders to look in.
        """
        mended = []
        lost = self.without_movie()
        for sample, movie in zip(lost, found_again([each.movie for each in lost], places), strict=True):
            if movie is None:
                continue
            found = movies.reference(movie.paths, self.folder, sample.movie.opening, sample.movie.fingerprint)
            with self.engine.begin() as connection:
                now = replace(rows.sample_with(connection, sample.uuid), movie=found)
                cells = {sample.uuid: {"movie": rows.values_of(now)["movie"]}}
                self._change(connection, f"find the movie of {sample.id}", cells)
            mended.append(self.sample(sample.uuid))
        return mended

    def without_movie(self) -> list[Sample]:
        """Samples whose movie isn't where it was any more, and isn't copied."""
        return [
            each
            for each in self.samples()
            if each.movie.paths and not each.copied and not each.movie.found(self.folder)
        ]

    # what is in a sample

    def place(self, uuid: str) -> Path:
        """Folder of a sample."""
        return files.place(self.folder, uuid)

    def file(self, sample: Sample) -> Path:
        """Results file of a sample, which must not be changed."""
        return self.place(sample.uuid) / sample.file

    def results(self, key: str) -> Results:
        """A sample's file, with a curation log that leads to what the project says of its ROIs."""
        with reading(self.engine) as connection:
            sample, config = rows.sample_with(connection, key), config_of(connection)
            accepted, tags = rows.cells(connection, sample.uuid)
        return with_cells(read_file(self.file(sample)), config, accepted, tags)

    def tags(self, key: str) -> dict[str, dict[int, str]]:
        """Tags of a sample's ROIs: column to ROI number to value."""
        with reading(self.engine) as connection:
            sample = rows.sample_with(connection, key)
            names = config_of(connection).names(Kind.ROI)
            _, found = rows.cells(connection, sample.uuid)
        return {name: dict(found.get(name, {})) for name in names}

    def movie(self, key: str) -> Movie:
        """Open the movie of a sample: the project's copy, or where it is referred to.

        Raises
        ------
        InputError
            Where it isn't there any more.
        """
        sample = self.sample(key)
        return movies.movie_at(sample, self.folder, self.place(sample.uuid) / files.MOVIE)

    def movie_source(self, key: str) -> tuple[str | tuple[str, ...], dict[str, Any]]:
        """What `cnmf3d.open_movie` opens the movie of a sample with: the source, and the keywords.

        Raises
        ------
        InputError
            Where it isn't there any more.
        """
        sample = self.sample(key)
        return movies.source_of(sample, self.folder, self.place(sample.uuid) / files.MOVIE)

    # tables

    def dataframe(self, *, where: Sequence[str] = (), curves: Sequence[str] = ()) -> pd.DataFrame:
        """A row for each ROI; see `cnmf3d.project.frames.rois_frame`.

        Parameters
        ----------
        where : sequence of str
            Filters: ``"cell type: pyr|PV"``, ``"snr > 5"``.
        curves : sequence of str
            Kinds of curves to add as columns, read when they are used.
        """
        return frames.rois_frame(self, where=where, curves=curves)

    def sample_dataframe(self) -> pd.DataFrame:
        """A row for each sample."""
        return frames.samples_frame(self)

    def curves(self, rois: pd.DataFrame | str, kind: str = "dff") -> list[Float]:
        """Curves of the ROIs of a table, in its order, or of a sample.

        Parameters
        ----------
        rois : DataFrame or str
            Rows of `dataframe`, or a sample's key.
        kind : str
            ``raw``, ``dff``, ``denoised`` or ``spikes``; of another functional channel ``dff_channel1``.
        """
        if isinstance(rois, str):
            return list(read_curves(self, rois, None, kind))
        return curves_of(self, rois, kind)

    def rows(self, uuid: str) -> dict[int, int]:
        """Where the curves of each ROI of a sample lie in its file."""
        with reading(self.engine) as connection:
            return rows.places(connection, uuid)

    # undo

    def log(self) -> list[log.Logged]:
        """Everything that was done to the project, the oldest first."""
        with reading(self.engine) as connection:
            return log.logged(connection)

    def undo(self) -> str:
        """Take back the last change of columns or cells; what it was.

        Raises
        ------
        UsageError
            Where there is none, or somebody changed the same since.
        """
        return self._turned(log.undo)

    def redo(self) -> str:
        """Do again what was undone last; what it was.

        Raises
        ------
        UsageError
            Where there is none, or somebody changed the same since.
        """
        return self._turned(log.redo)

    def _turned(self, turn: Callable[[Connection], str]) -> str:
        try:
            with self.engine.begin() as connection:
                return turn(connection)
        except IntegrityError as error:
            raise UsageError("another sample has that animal and trial ID now", "Rename that one first.") from error

    def _change(self, connection: Connection, what: str, samples: Any, rois: Any = None) -> None:
        """Change cells, with an entry in the log that takes it back."""
        patch = Patch(None, {uuid: each for uuid, each in samples.items() if each}, rois or {})
        if patch.cells:
            log.note(connection, what, patch, apply(connection, patch))

    def sweep(self) -> None:
        """Remove files that no sample names; only while no other program saves."""
        with reading(self.engine) as connection:
            named = rows.named(connection)
        files.sweep(self.folder, named)
