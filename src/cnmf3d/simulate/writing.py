"""A recording becomes files: movie, sidecar, truth."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from cnmf3d.errors import EngineError, UsageError
from cnmf3d.events import Progress, Reporter, silent
from cnmf3d.simulate.drawing import draw
from cnmf3d.simulate.presets import scene_of
from cnmf3d.simulate.recording import Recording
from cnmf3d.simulate.scene import Scene
from cnmf3d.simulate.truth import Truth, save_truth
from cnmf3d.written import announce

IMAGEJ_LIMIT = 4 * 10**9
"""Bytes that an ImageJ hyperstack holds; beyond, the movie is a BigTIFF."""


def simulate(
    path: str | Path,
    scene: str | Scene = "small",
    *,
    seed: int = 0,
    overrides: Mapping[str, Any] | None = None,
    reporter: Reporter = silent,
    workers: int | None = None,
) -> Truth:
    """Write a synthetic recording: the movie, ``NAME.json`` with its rate, and ``NAME.truth.h5``.

    Parameters
    ----------
    path : path
        Of the movie, ``.tif`` or ``.tiff``: of the scene's type, TZYX, uncompressed and contiguous; an ImageJ
        hyperstack below 4 GB where ImageJ has the type, else a labelled BigTIFF. It appears under this name when it
        is complete.
    scene : str or Scene
        A name in `PRESETS`, or a scene of one's own.
    seed : int
        Not negative. The same scene and seed give the same movie and truth, byte by byte, with any number of
        workers.
    overrides : mapping, optional
        Fields of the scene to replace.
    reporter : callable
        Gets `Progress` events of the stage ``simulate``.
    workers : int, optional
        Threads; by default one a core.

    Returns
    -------
    Truth

    Raises
    ------
    UsageError
        For an unknown preset, field or suffix, a scene that can't be drawn, a folder that can't be written to, or
        a file of this name that isn't a synthetic movie.
    EngineError
        Where the disk hasn't room for the movie.
    """
    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise UsageError(f"{path} is no name of a TIFF file", "Let it end in .tif.")
    recording = draw(scene_of(scene, overrides), seed)
    _check_room(path, recording.scene)
    part = path.with_name(path.name + ".part")
    try:
        _write_movie(part, recording, reporter, workers)
        save_truth(recording.truth, path.with_suffix(".truth.h5"))
        _write_sidecar(path.with_suffix(".json"), recording)
        announce(path)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return recording.truth


def _check_room(path: Path, scene: Scene) -> None:
    """Make the folder, and see that the movie fits in and takes the place of nobody's data."""
    if path.exists() and not path.with_suffix(".truth.h5").exists():
        raise UsageError(f"{path} exists, and has no truth file beside it", "Write to another name, or remove it.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"There can't be a folder {path.parent}: {error.strerror}", "Write elsewhere.") from error
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"The folder {path.parent} can't be written to", "Write elsewhere.")
    needed = np.dtype(scene.dtype).itemsize * scene.frames * int(np.prod(scene.shape, dtype=np.int64))
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise EngineError(
            f"The movie takes {needed / 1e9:.1f} GB and {path.parent} has {free / 1e9:.1f} GB free",
            "Write it elsewhere, or ask for fewer frames: --set frames=300.",
        )


def _write_movie(path: Path, recording: Recording, reporter: Reporter, workers: int | None) -> None:
    """Write header and frames, a frame at a time."""
    scene = recording.scene
    offset = _write_header(path, scene)
    with path.open("r+b") as file:
        file.seek(offset)
        for done, frame in enumerate(recording.frames(workers), 1):
            file.write(frame.astype(frame.dtype.newbyteorder("<"), copy=False).data)
            reporter(Progress("simulate", done, scene.frames, "frames", done * recording.truth.voxels))


def _write_header(path: Path, scene: Scene) -> int:
    """Write the file with its labels, still empty; returns where the first voxel's bytes go."""
    import tifffile

    shape = (scene.frames, *scene.shape)
    x, y, z = scene.voxel_size
    dtype = np.dtype(scene.dtype).newbyteorder("<")
    size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    small = size < IMAGEJ_LIMIT and scene.dtype != "int16"  # ImageJ has no signed 16 bits
    labels = {"axes": "TZYX", "spacing": z, "unit": "um", "finterval": 1 / scene.rate, "fps": scene.rate}
    movie = tifffile.memmap(
        path,
        shape=shape,
        dtype=dtype,
        imagej=small,
        bigtiff=not small,
        byteorder="<",
        resolution=(1 / x, 1 / y),
        metadata=labels,
    )
    return int(movie.offset)


def _write_sidecar(path: Path, recording: Recording) -> None:
    """Write `json_minimal`: origin, rate, date; and the voxel size in µm."""
    facts = {
        "origin": "cnmf3d simulate",
        "fps": recording.scene.rate,
        "date": datetime.now(UTC).strftime("%Y%m%d_%H%M%S"),
        "axes": "TZYX",
        "voxel_size": dict(zip("xyz", recording.scene.voxel_size, strict=True)),
        "seed": recording.seed,
    }
    announce(path)
    path.write_text(json.dumps(facts, indent=1) + "\n")
