"""From a job to a results file by way of the user's CaImAn."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cnmf3d.batch.engines.caiman.child import converse
from cnmf3d.batch.engines.caiman.interpreter import named
from cnmf3d.batch.engines.caiman.kept import memmap_for
from cnmf3d.batch.engines.caiman.memmap import projections
from cnmf3d.batch.engines.caiman.settings import Groups, own_among, settings_for
from cnmf3d.batch.runfolder import Job, RunFolder
from cnmf3d.engine.parallel import cores
from cnmf3d.engine.planning import contradictions, name_of, voxel_size
from cnmf3d.engine.run import NO_RATE, Listener
from cnmf3d.errors import InputError
from cnmf3d.events import Caution, Note, Reporter
from cnmf3d.movies import Movie, open_movie
from cnmf3d.movies.watching import Watch
from cnmf3d.parameters import CnmfParameters, read_parameters
from cnmf3d.results import Provenance, annotate_results, load_results

FLOW = Path(__file__).with_name("flow.py")
"""What runs in CaImAn's Python."""


def work(folder: RunFolder, job: Job, reporter: Reporter) -> None:
    """Do a job that the engine found suitable."""
    started, begin = datetime.now().astimezone(), time.perf_counter()
    heard = Listener(reporter)
    parameters = read_parameters(job.parameters)
    movie = _movie(job, heard)
    for text in contradictions(movie, parameters):
        heard(Caution("ingest", text))
    size = voxel_size(movie, parameters)
    settings = settings_for(parameters, own_among(job.options), rate=_rate(movie, parameters), voxel_size=size)
    for text in settings.choices:
        heard(Note("estimate", text))
    for text in settings.changed:
        heard(Caution("estimate", text))
    with temporary(folder.path / "scratch") as scratch:
        watch = Watch.of(movie, caution=lambda text: heard(Caution("ingest", text)))
        memmap = memmap_for(movie, folder, job, scratch, heard)
        watch.check(content=True)
        ingest = time.perf_counter() - begin
        done = fit(
            named(job.options),
            memmap,
            settings.groups,
            scratch,
            workers=job.workers or cores(),
            refit=parameters.refit,
            reporter=heard,
        )
        images = projections(memmap, movie.shape[0], movie.shape[1:])
        saved = scratch / "results.hdf5"
        results = load_results(saved)
        provenance = Provenance(
            input_paths=movie.paths,
            fingerprint=movie.fingerprint(),
            versions={"cnmf3d": version("cnmf3d"), **done["versions"]},
            started=started.isoformat(timespec="seconds"),
            timings={"ingest": ingest, **done["seconds"], "total": time.perf_counter() - begin},
            warnings=tuple(heard.cautions),
        )
        about = dataclasses.replace(
            results,
            parameters=settings.used,
            rate=settings.used["data"]["fr"],
            voxel_size=size,
            projections=images,
            provenance=provenance,
        )
        annotate_results(saved, about)
        saved.replace(folder.results)


def fit(
    python: str,
    memmap: Path,
    groups: Groups,
    scratch: Path,
    *,
    workers: int,
    refit: bool,
    reporter: Reporter,
) -> dict[str, Any]:
    """Let CaImAn fit a memory map; it saves ``results.hdf5`` in `scratch`.

    Parameters
    ----------
    python : str
        The Python that has CaImAn.
    memmap : Path
        From `cnmf3d.batch.engines.caiman.memmap`.
    groups : dict
        Groups of ``CNMFParams``.
    scratch : Path
        An empty folder.
    workers : int
        Processes.
    refit : bool
    reporter : Reporter

    Returns
    -------
    dict
        ``seconds`` of each of CaImAn's stages and ``versions``.
    """
    file = scratch / "settings.json"
    values = {
        "memmap": str(memmap),
        "output": str(scratch / "results.hdf5"),
        "processes": workers,
        "refit": refit,
        "parameters": groups,
        "ends_with_input": True,
    }
    file.write_text(json.dumps(values, indent=1), encoding="utf-8")
    return converse([python, str(FLOW), str(file)], scratch, reporter)


@contextmanager
def temporary(folder: Path) -> Iterator[Path]:
    """An empty folder, also where a killed attempt left one; removed afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _movie(job: Job, reporter: Reporter) -> Movie:
    """The movie, where it is a volume's."""
    paths = job.input.paths
    movie = open_movie(paths[0] if len(paths) == 1 else list(paths), **job.input.opening)
    for text in movie.warnings:
        if not text.endswith(NO_RATE):
            reporter(Caution("ingest", text))
    volumes_of(movie)
    return movie


def volumes_of(movie: Movie) -> None:
    """See that a movie is of volumes.

    Raises
    ------
    InputError
        Where it has one plane.
    """
    if movie.shape[1] == 1:
        raise InputError(
            f"{name_of(movie)} has one plane, and this flow of CaImAn's is for volumes",
            "Take the engine native; or, if there are more, give the order of the axes (axes) or the planes (planes).",
        )


def _rate(movie: Movie, parameters: CnmfParameters) -> float:
    """Volumes a second: as given, or as the movie tells."""
    rate = parameters.data.fr or movie.rate
    if rate is None:
        raise InputError(
            f"{name_of(movie)} does not tell its rate, and fr is not given",
            'Give it in volumes a second: data.fr, --fps on the command line, or {"fps": 5} in a sidecar file.',
        )
    return float(rate)
