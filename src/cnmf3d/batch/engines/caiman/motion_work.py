"""From a job to a motion file by way of the user's CaImAn.

CaImAn says by how much it moves each volume, and in patches each patch: the tissue's displacement is the negative.
Its axes are those of the memory map that it reads: x, y, z.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.batch.engines.caiman.child import converse
from cnmf3d.batch.engines.caiman.interpreter import named
from cnmf3d.batch.engines.caiman.kept import memmap_for
from cnmf3d.batch.engines.caiman.motion_settings import MotionSettings, settings_for
from cnmf3d.batch.engines.caiman.settings import own_among
from cnmf3d.batch.engines.caiman.work import FLOW, temporary, volumes_of
from cnmf3d.batch.engines.registering import keep, movies_of
from cnmf3d.batch.modules import MCORR
from cnmf3d.batch.runfolder import Job, RunFolder
from cnmf3d.engine.parallel import cores
from cnmf3d.errors import EngineError
from cnmf3d.events import Caution, Note, Reporter
from cnmf3d.movies import Movie
from cnmf3d.movies.registered import Motion
from cnmf3d.movies.registered.motion import Grid
from cnmf3d.movies.watching import Watch
from cnmf3d.parameters import MotionParameters

Array = npt.NDArray[Any]
ODD = "The log of the item has all that CaImAn said; does its version have 3D motion correction?"


def work(folder: RunFolder, job: Job, reporter: Reporter) -> None:
    """Do a job that the engine found suitable; the motion file appears whole or not at all."""
    movie, seen, other = movies_of(job)
    volumes_of(seen)
    parameters = job.of_motion()
    settings = settings_for(parameters, own_among(job.options), seen.shape)
    for text in settings.choices:
        reporter(Note("register", text))
    for text in settings.changed:
        reporter(Caution("register", text))
    with temporary(folder.path / "scratch") as scratch:
        watch = Watch.of(seen, caution=lambda text: reporter(Caution("register", text)))
        memmap = memmap_for(seen, folder, job, scratch, reporter)
        watch.check(content=True)
        values = {
            "task": MCORR,
            "memmap": str(memmap),
            "output": str(scratch / "shifts.npz"),
            "processes": job.workers or cores(),
            "parameters": settings.given,
            "ends_with_input": True,
        }
        file = scratch / "settings.json"
        file.write_text(json.dumps(values, indent=1), encoding="utf-8")
        done = converse([named(job.options), str(FLOW), str(file)], scratch, reporter)
        with np.load(scratch / "shifts.npz", allow_pickle=False) as found:
            motion = motion_from(dict(found), seen, parameters, settings, done["versions"])
    keep(folder, job, motion, movie, other, reporter)


def motion_from(
    found: Mapping[str, Array],
    movie: Movie,
    parameters: MotionParameters,
    settings: MotionSettings,
    versions: Mapping[str, str],
) -> Motion:
    """CaImAn's shifts as a motion.

    Parameters
    ----------
    found : mapping
        ``shifts_rig`` (T, 3); in patches ``x_shifts_els``, ``y_shifts_els`` and ``z_shifts_els`` (T, patches);
        ``template`` (X, Y, Z).
    movie : Movie
        That they were found on.
    parameters : MotionParameters
        That were asked for.
    settings : MotionSettings
    versions : mapping
        Of CaImAn's Python.

    Raises
    ------
    EngineError
        Where they don't fit the movie, or one is no number.
    """
    frames, *shape = movie.shape
    rigid = np.zeros((frames, 3), np.float32)
    moved = np.asarray(found["shifts_rig"], np.float64)
    if moved.shape != (frames, 3):
        raise EngineError(f"CaImAn's shifts have the shape {moved.shape} instead of {(frames, 3)}", ODD)
    if not np.isfinite(moved).all():
        lost = int(np.flatnonzero(~np.isfinite(moved).all(axis=1))[0])
        raise EngineError(f"CaImAn's shift of frame {lost} is no number", "Is that frame blank? Or take native.")
    rigid[:] = -moved[:, ::-1]
    field, grid = None, None
    if "x_shifts_els" in found:
        field, grid = _patches(found, rigid, settings.given, (shape[0], shape[1], shape[2]))
    bad = np.zeros(frames, bool)
    bad[[frame for frame in parameters.bad_frames if frame < frames]] = True
    template = np.asarray(found.get("template", np.full(shape[::-1], np.nan)), np.float32)
    return Motion(
        rigid=rigid,
        confidence=np.ones(frames, np.float32),
        planes=np.zeros((shape[0], 2), np.float32),
        bad_frames=bad,
        template=template.T if template.T.shape == tuple(shape) else np.full(shape, np.nan, np.float32),
        field=field,
        grid=grid,
        fingerprint=movie.fingerprint(),
        parameters={"program": "CaImAn", "asked": parameters.model_dump(mode="json"), "chosen": dict(settings.given)},
        versions={"cnmf3d": version("cnmf3d"), **versions},
    )


def _patches(
    found: Mapping[str, Array],
    rigid: npt.NDArray[np.float32],
    given: Mapping[str, Any],
    shape: tuple[int, int, int],
) -> tuple[npt.NDArray[np.float32], Grid]:
    """Shifts of patches beside the rigid ones, at their centres; CaImAn counts patches along z first, then y, then x.

    It doesn't say where they are in a volume: they are `strides` apart and as wide as that and `overlaps` together, and
    the last one ends with the volume (Pnevmatikakis & Giovannucci 2017, section 2.2).
    """
    steps, laps = given["strides"], given["overlaps"]
    axes = [
        _centres(length, step, step + lap) for length, step, lap in zip(shape[::-1], steps, laps, strict=True)
    ]  # x, y, z
    moved = [np.asarray(found[f"{axis}_shifts_els"], np.float64) for axis in "zyx"]
    wanted = (len(rigid), int(np.prod([len(axis) for axis in axes])))
    if any(each.shape != wanted or not np.isfinite(each).all() for each in moved):
        shapes = ", ".join(str(each.shape) for each in moved)
        raise EngineError(f"CaImAn's shifts of patches have the shapes {shapes}, {wanted} was expected", ODD)
    x, y, z = axes
    field = np.zeros((len(rigid), len(z), len(y), len(x), 3), np.float32)
    for column, each in enumerate(moved):
        placed = -each.reshape(len(rigid), len(x), len(y), len(z)).transpose(0, 3, 2, 1)
        field[..., column] = placed - rigid[:, column, None, None, None]
    return field, (z, y, x)


def _centres(length: int, step: int, width: int) -> npt.NDArray[np.float32]:
    """Centres of the patches along an axis, voxels."""
    width = min(width, length)
    starts = np.array([*range(0, length - width, step), length - width], np.float32)
    return starts + np.float32((width - 1) / 2)
