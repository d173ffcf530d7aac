"""What a sample is made from: results in memory, or a results file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from cnmf3d.batch import Input, RunFolder
from cnmf3d.batch.modules import CNMF, MCORR
from cnmf3d.batch.motions import own_motion
from cnmf3d.batch.store import now
from cnmf3d.damage import DAMAGE
from cnmf3d.errors import InputError, UsageError
from cnmf3d.movies.registered import read_motion
from cnmf3d.movies.registered.storing import holds_motion
from cnmf3d.project.curating import with_curation
from cnmf3d.project.files import Written
from cnmf3d.project.rois import Rois, rois_of
from cnmf3d.project.sample import Info, Sample
from cnmf3d.results import Results, load_results
from cnmf3d.results.curation.journal import journal_path
from cnmf3d.results.history import history_entry, motion_entry

Source = Results | str | Path
"""What a sample can be made from."""


@dataclass(frozen=True)
class Read:
    """Results, and how they are kept.

    Attributes
    ----------
    results : Results
    rois : Rois
    history : tuple of mapping
        What is known of how they were made.
    kept : Results or Path
        What the sample's file is written from: a file of ours is copied with everything that is in it.
    movie : Input or None
        The movie of a batch's item, which also tells how it is opened.
    folder : Path or None
        Where the results file lies.
    """

    results: Results
    rois: Rois
    history: tuple[Mapping[str, Any], ...]
    kept: Results | Path
    movie: Input | None = None
    folder: Path | None = None

    @property
    def meta(self) -> dict[str, Any]:
        """What the results tell of the recording, as metadata."""
        told: dict[str, Any] = {"fps": self.results.rate} if self.results.rate > 0 else {}
        size = self.results.voxel_size
        return told if size is None else {**told, "voxel_size": dict(zip("xyz", size.xyz, strict=True))}


def read_source(source: Source) -> Read:
    """Read results.

    Raises
    ------
    UsageError
        Where it is something else.
    InputError
        Where the file can't be read.
    """
    kept: Results | Path
    if isinstance(source, Results):
        results = kept = source
    elif isinstance(source, (str, Path)):
        results = load_results(source)
        kept = Path(source) if _ours(Path(source)) else results
    else:
        raise UsageError(f"a sample can't be made from a {type(source).__name__}", "Give results, or a results file.")
    movie = None if isinstance(source, Results) else _of_item(Path(source), results)
    history = with_curation([*_registration(movie), {"cnmf_3d": history_entry(results)}], results)
    folder = None if isinstance(source, Results) else Path(source).absolute().parent
    return Read(results, rois_of(results), history, kept, movie, folder)


def made(uuid: str, info: Info, movie: Input, read: Read, written: Written) -> Sample:
    """A sample at its first revision."""
    moment = now()
    return Sample(
        uuid=uuid,
        info=info,
        movie=movie,
        copied=False,
        rois=len(read.rois.ids),
        accepted=int(read.rois.accepted.sum()),
        frames=read.results.components.frames,
        rate=read.results.rate,
        revision=1,
        file=written.name,
        size=written.size,
        hash=written.hash,
        added=moment,
        changed=moment,
    )


def see_stimuli(info: Info, results: Results) -> None:
    """See that the stimuli begin while the recording lasts."""
    for column, stimuli in info.stimuli.items():
        stimuli.see_inside(results.components.frames, results.rate, column, results.timeline.stamps)


def _of_item(path: Path, results: Results) -> Input | None:
    """The movie of the item whose run folder a results file lies in, registered as it was for that."""
    folder = RunFolder(path.absolute().parent)
    if folder.results.name != path.name:
        return None
    try:
        job = folder.job
    except InputError:
        return None
    source = job.input
    batch = folder.path.parents[1]
    found = dataclasses.replace(source, paths=source.found(batch) or source.paths, relative=(), item="")
    own = own_motion(folder) if job.module == CNMF and not source.item else {}
    if own or (source.item and "motion" in source.opening):  # an item's fingerprint is that of the recording
        opening = {**found.opening, **own}
        return dataclasses.replace(found, opening=opening, fingerprint=results.provenance.fingerprint)
    return found


def _registration(movie: Input | None) -> list[dict[str, Any]]:
    """What is known of the registration of an item's movie."""
    motion = None if movie is None else movie.opening.get("motion")
    if motion is None or not Path(motion).is_file() or not holds_motion(Path(motion)):
        return []
    try:
        return [{MCORR: motion_entry(read_motion(motion))}]
    except InputError:  # damaged: the movie can't be opened either
        return []


def _ours(path: Path) -> bool:
    """Whether a file can be kept as it is: CaImAn's doesn't tell its axes, and a journal would be left behind."""
    if journal_path(path).exists():
        return False
    try:
        with h5py.File(path, "r") as file:
            return "cnmf3d" in file and "format" in file["cnmf3d"].attrs
    except DAMAGE:
        return False
