"""Where a run's files lie: the binned movie, in the shared caches or a temporary folder, and results of its steps."""

from __future__ import annotations

import dataclasses
import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnmf3d.caches import Caches, Held
from cnmf3d.engine.cache import Cache, cache_bytes, ingest
from cnmf3d.engine.solutions import Place, Solutions, hash_of_file
from cnmf3d.engine.voxels import (
    BINS,
    SOLUTIONS,
    DamagedError,
    OutdatedError,
    content_of,
    read_entry,
    write_entry,
)
from cnmf3d.errors import EngineError
from cnmf3d.events import Caution, Note, Progress, Reporter
from cnmf3d.movies import Movie
from cnmf3d.written import sweep, temporary_name

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a full disk says."""

STATISTICS_BYTES = 40
"""Of each voxel, generously."""

LEAST_SOLUTIONS = 256 * 2**20
"""Kept results on a movie may take as much as its time bins, or this if it is more."""


@dataclass(frozen=True)
class Storage:
    """Where a run may keep files.

    Attributes
    ----------
    scratch : Path
        Parent of the temporary folder.
    caches : Caches or None
        Shared between runs; None: what is made goes with the run.
    checkpoint : Path or None
        Folder of finished steps of this one run.
    """

    scratch: Path
    caches: Caches | None = None
    checkpoint: Path | None = None

    @classmethod
    def of(
        cls, scratch: str | Path | None, caches: str | Path | Caches | None, checkpoint: str | Path | None
    ) -> Storage:
        """From what `run` was given."""
        return cls(
            Path(scratch) if scratch is not None else Path(tempfile.gettempdir()),
            Caches(caches) if isinstance(caches, (str, Path)) else caches,
            None if checkpoint is None else Path(checkpoint),
        )

    @contextmanager
    def files(self, movie: Movie, width: int, key: str, reporter: Reporter) -> Iterator[Files]:
        """The files of one run: what goes with it is removed afterwards.

        Parameters
        ----------
        movie : Movie
        width : int
            Frames a time bin.
        key : str
            Of the caches' entry; see `voxel_key`.
        reporter : Reporter
            Told where there is no room in the caches.

        Raises
        ------
        EngineError
            Where there is no room for a temporary file either.
        """
        with ExitStack() as stack:
            files = Files(self, movie, width, stack)
            if self.caches is not None:
                need = cache_bytes(movie, width) + STATISTICS_BYTES * int(np.prod(movie.shape[1:])) + 2**16
                try:
                    files.held = stack.enter_context(self.caches.hold(key, need))
                except OSError as error:
                    reporter(not_kept(self.caches, error))
            if files.held is None:
                files.open_temporary()
            yield files


@dataclass
class Files:
    """The files of one run; see `Storage.files`.

    Attributes
    ----------
    storage : Storage
    movie : Movie
    width : int
        Frames a time bin.
    stack : ExitStack
        Cleans up.
    held : Held or None
        The entry of the caches.
    temporary : Path or None
        A folder that goes with the run, where there is no entry.
    """

    storage: Storage
    movie: Movie
    width: int
    stack: ExitStack
    held: Held | None = None
    temporary: Path | None = None

    def open_temporary(self) -> Path:
        """Make the temporary folder."""
        folder = temporary_folder(self.storage.scratch, cache_bytes(self.movie, self.width))
        self.temporary = self.stack.enter_context(folder)
        return self.temporary

    def ingested(self, workers: int, reporter: Reporter) -> tuple[Cache, Solutions]:
        """The binned movie, found or made, and the kept results of steps on it."""
        if self.held is not None and self.held.found:
            try:
                return self._found(self.held, workers, reporter)
            except OutdatedError as error:
                reporter(Note("ingest", f"the movie is read again: {error}"))
            except DamagedError as error:
                reporter(Caution("ingest", f"the cache {self.held.folder} was damaged and is made anew: {error}"))
            try:
                self.held.renew()
            except OSError as error:
                reporter(not_kept(self.held.caches, error))
                self.held = None
        if self.held is None:
            path = (self.temporary or self.open_temporary()) / BINS
            cache = self._ingest(path, workers, reporter)
            places = self._checkpoint()
            return cache, Solutions(
                content_of(cache, self.movie.shape[0], hash_of_file(path)) if places else "", places
            )
        return self._made(self.held, workers, reporter)

    def _found(self, held: Held, workers: int, reporter: Reporter) -> tuple[Cache, Solutions]:
        cache, content = read_entry(held.folder, held.key, self.movie, workers)
        reporter(Note("ingest", "time bins of an earlier run are used again"))
        total = self.movie.shape[0]
        reporter(Progress("ingest", total, total, "frames", total * int(np.prod(cache.shape))))
        return cache, self._solutions(held, content, cache)

    def _ingest(self, path: Path, workers: int, reporter: Reporter) -> Cache:
        try:
            return ingest(self.movie, path, self.width, workers=workers, reporter=reporter)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise EngineError(
                f"{path.parent} can't hold the time bins of the movie: {error.strerror}",
                "Free some space, or choose another folder (--scratch).",
            ) from error

    def _made(self, held: Held, workers: int, reporter: Reporter) -> tuple[Cache, Solutions]:
        path = held.folder / BINS
        cache = self._ingest(path, workers, reporter)
        content = write_entry(held.folder, held.key, cache, self.movie)
        try:
            held.publish()
        except OSError as error:
            reporter(not_kept(held.caches, error))
        cache = dataclasses.replace(cache, path=held.folder / BINS)
        return cache, self._solutions(held, content, cache)

    def _solutions(self, held: Held, content: str, cache: Cache) -> Solutions:
        most = max(cache.path.stat().st_size, LEAST_SOLUTIONS)
        return Solutions(content, (*self._checkpoint(), Place(held.folder / SOLUTIONS, most)))

    def _checkpoint(self) -> tuple[Place, ...]:
        folder = self.storage.checkpoint
        return () if folder is None else (Place(folder),)


def not_kept(caches: Caches, error: OSError) -> Note:
    """That the caches can't be used, and why."""
    return Note("ingest", f"no cache is kept in {caches.folder}: {error.strerror or error}")


@contextmanager
def temporary_folder(parent: Path, needed: int) -> Iterator[Path]:
    """A folder with room for `needed` bytes; removed afterwards."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(parent).free
        if needed > free:
            raise EngineError(
                f"the temporary file needs {needed / 2**30:.1f} GiB, {parent} has {free / 2**30:.1f} GiB left",
                "Free some space, or choose another folder (--scratch).",
            )
        sweep(parent)
        folder = parent / temporary_name()
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise EngineError(
            f"{parent} can't hold the temporary file: {error.strerror}", "Choose another folder (--scratch)."
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
