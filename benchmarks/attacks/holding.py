"""Commands that write, and what has to hold whenever one of them is stopped."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attacks.corpus import Base
from attacks.table import Row
from cnmf3d.errors import Cnmf3dError
from cnmf3d.project import Project
from cnmf3d.project.checking import check
from cnmf3d.results import load_results

Holds = Callable[[Row, Path], None]

FINE_AFTERWARDS = ("exists", "already", "no project", "nothing to", "is no batch")
"""What the same command may say when it is given again."""


@dataclass(frozen=True)
class Deed:
    """A command that writes.

    Attributes
    ----------
    name : str
    words : tuple of str
        ``{}`` stands for the folder.
    seconds : float
        How long it takes, about; kills come within that.
    holds : callable
        Counts what isn't as it has to be, whether the command ended or was stopped.
    done : callable
        Counts what isn't there after the command reported success.
    """

    name: str
    words: tuple[str, ...]
    seconds: float
    holds: Holds
    done: Holds = lambda row, folder: None

    def command(self, folder: Path) -> list[str]:
        """For a folder."""
        return [word.replace("{}", str(folder)) for word in self.words]


def results_whole(row: Row, folder: Path, name: str = "results.hdf5") -> None:
    """Results can be read."""
    try:
        load_results(folder / name)
    except Cnmf3dError as error:
        row.count("lost", f"{name}: {error}")


def whole_or_absent(name: str, inside: str = "") -> Holds:
    """What is written has its name only when it is whole."""

    def holds(row: Row, folder: Path) -> None:
        path = folder / name
        if path.exists() and inside and not (path / inside).exists():
            row.count("lost", f"half of {name}: {sorted(each.name for each in path.iterdir())}")
        if path.is_file() and path.stat().st_size == 0:
            row.count("lost", f"{name} is empty")

    return holds


def is_there(name: str) -> Holds:
    """What a command reported as written is there."""

    def holds(row: Row, folder: Path) -> None:
        path = folder / name
        if not path.exists() or (path.is_file() and path.stat().st_size == 0):
            row.count("lost", f"{name} was reported and isn't there")

    return holds


def project_whole(row: Row, folder: Path) -> None:
    """A project, where there is one, has all that its database names."""
    if not (folder / "project" / "project.sqlite").exists():
        return
    try:
        with Project.open(folder / "project") as opened:
            found = [each for each in check(opened, content=True) if each.what not in ("stray", "movie")]
    except Cnmf3dError as error:
        row.count("lost", f"project: {error}")
        return
    if found:
        row.count("lost", str(found[0]))


def sample_is_there(row: Row, folder: Path) -> None:
    """The sample that was reported as added."""
    project_whole(row, folder)
    end = row.run(["project", "show", str(folder / "project"), "a/1"])
    if end.code:
        row.count("lost", f"a sample that was reported: {end.said}")


def listed(kind: str, name: str) -> Holds:
    """A batch or project, where there is one, can be listed."""

    def holds(row: Row, folder: Path) -> None:
        if (folder / name / f"{kind}.sqlite").exists():
            end = row.run([kind, "list", str(folder / name)])
            if end.code:
                row.count("lost", f"{kind} {name}: {end.said}")

    return holds


def rejected(row: Row, folder: Path) -> None:
    """A step of curation that was reported."""
    results_whole(row, folder)
    end = row.run(["curate", "show", str(folder / "results.hdf5")])
    if "1 step" not in end.said and "reject" not in end.said:
        row.count("lost", f"a step that was reported: {end.said}")


def deeds() -> list[Deed]:
    """All of them, in an order in which each finds what it needs."""
    results, curated = "{}/results.hdf5", ("curate", "reject", "{}/results.hdf5", "id == 1")
    add = ("project", "add", "{}/project", results, "--animal", "a", "--trial", "1")
    register = ("register", "{}/movie.tif", "-o", "{}/m.hdf5", "-q", "--kind", "rigid", "--workers", "1", "--force")
    run = ("run", "{}/movie.tif", "-o", results, "--force", "-q", "--workers", "1", "--register", "none")

    def export(kind: str, name: str, inside: str = "", *more: str, seconds: float = 0.4) -> Deed:
        words = ("export", kind, results, f"{{}}/{name}", "--force", *more)
        return Deed(f"export {kind}", words, seconds, whole_or_absent(name, inside), is_there(name))

    return [
        Deed("curate", curated, 0.4, results_whole, rejected),
        export("csv", "csv", "rois.csv"),
        export("parquet", "pq", "rois.parquet"),
        export("suite2p", "s2p"),
        export("caiman", "caiman.hdf5"),
        export("label-tiff", "labels.tif"),
        export("ome-zarr", "o.zarr", ".zattrs", seconds=0.8),
        export("nwb", "o.nwb", "", "--set", "session_start_time=2026-01-31T14:00:00+01:00", seconds=1.5),
        Deed("report", ("report", results, "-o", "{}/r.html"), 2.0, whole_or_absent("r.html"), is_there("r.html")),
        Deed("project new", ("project", "new", "{}/project"), 0.3, listed("project", "project"), is_there("project")),
        Deed("project add", add, 0.8, project_whole, sample_is_there),
        Deed("batch new", ("batch", "new", "{}/batch"), 0.3, listed("batch", "batch"), is_there("batch")),
        Deed("batch add", ("batch", "add", "{}/batch", "{}/movie.tif"), 0.5, listed("batch", "batch")),
        Deed("convert", ("convert", "{}/movie.tif", "-o", "{}/c.tif", "-q"), 0.4, whole_or_absent("c.tif"),
             is_there("c.tif")),
        Deed("convert", ("convert", "{}/movie.tif", "-o", "{}/c.zarr", "-q"), 0.8,
             whole_or_absent("c.zarr", ".zattrs"), is_there("c.zarr")),
        Deed("register", register, 3.0, whole_or_absent("m.hdf5"), is_there("m.hdf5")),
        Deed("run", run, 2.5, results_whole, results_whole),
        Deed("run, a new cache", (*run[:2], "--min-snr", "3", *run[2:]), 2.5, results_whole, results_whole),
    ]  # fmt: skip


@contextmanager
def copied(base: Base, where: Path | None = None) -> Iterator[Path]:
    """A new folder with a copy of a movie and its results."""
    with tempfile.TemporaryDirectory(prefix="attack-", dir=where, ignore_cleanup_errors=True) as name:
        for each in (base.movie, base.results):
            shutil.copy(each, name)
        yield Path(name)


def leftovers(folder: Path) -> list[Path]:
    """Temporary files and folders in it, but drafts of `convert`, which the next one of that name goes on with."""
    return [
        each
        for each in folder.iterdir()
        if (each.name.endswith(".part") or (each.name.startswith(".") and "part" in each.name))
        and each.name not in (".c.tif.part", ".c.zarr.part")
    ]
