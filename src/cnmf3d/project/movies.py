"""The movie of a sample: by reference, or copied into the project as OME-Zarr."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cnmf3d.batch import Input
from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.events import Progress, Reporter, silent
from cnmf3d.movies import Movie, open_movie
from cnmf3d.project.plain import plain
from cnmf3d.project.sample import Sample
from cnmf3d.project.sources import Read
from cnmf3d.results import Results

CHUNK = 2**23
"""Bytes of a chunk of a copy, about."""


def reference(paths: tuple[str, ...], folder: Path, opening: Mapping[str, Any], fingerprint: str) -> Input:
    """A movie by reference.

    Parameters
    ----------
    paths : tuple of str
    folder : Path
        The project's, from which the paths are kept, too.
    opening : mapping
        Keywords of `open_movie`.
    fingerprint : str
    """
    return Input.at(paths, folder, plain(dict(opening), "opening"), fingerprint)


def movie_of(read: Read, given: Any, opening: Mapping[str, Any], folder: Path) -> Input:
    """The movie that results were made from.

    Parameters
    ----------
    read : Read
    given : path, list of paths, Movie, Input or None
        None: where the item or the results say it was.
    opening : mapping
        Keywords of `open_movie`.
    folder : Path
        The project's.

    Raises
    ------
    InputError
        Where it can't be opened, or is another one than that of the results.
    UsageError
        Where it is only in memory.
    """
    results = read.results
    source, size = results.provenance, results.voxel_size
    known = {"rate": results.rate or None, "voxel_size": None if size is None else list(size.xyz)}
    opening = {name: value for name, value in {**known, **opening}.items() if value is not None}
    if given is None and read.movie is not None:
        found = read.movie
        return reference(found.paths, folder, {**found.opening, **opening}, found.fingerprint)
    if given is None:
        known_at = reference(source.input_paths, folder, opening, source.fingerprint)
        if read.folder is None or not known_at.paths or known_at.found(folder):
            return known_at
        return _beside(known_at, read.folder, folder) or known_at
    if isinstance(given, Input):
        paths, opening = given.found(folder) or given.paths, {**given.opening, **opening}
        given = opened(paths, opening)
    movie = given if isinstance(given, Movie) else open_movie(given, **opening)
    if not movie.paths:
        raise UsageError("an array in memory can't be a sample's movie", "Save it to a file, and give that.")
    fingerprint = movie.fingerprint()
    if source.fingerprint and fingerprint != source.fingerprint:
        raise InputError(
            f"{movie.paths[0]} is another movie than the one that these ROIs are from",
            f"They are from {', '.join(source.input_paths) or 'a movie whose name is not known'}.",
        )
    return reference(movie.paths, folder, opening, fingerprint)


def _beside(movie: Input, place: Path, project: Path) -> Input | None:
    """A movie that lies beside its results, under the names that they tell, with the same content."""
    there = tuple(str(place / Path(path).name) for path in movie.paths)
    if not all(Path(path).exists() for path in there):
        return None
    try:
        same = opened(there, movie.opening).fingerprint() == movie.fingerprint
    except InputError:
        return None
    return reference(there, project, movie.opening, movie.fingerprint) if same else None


def see_same(results: Results, movie: Input) -> None:
    """See that results are from a sample's movie, as far as both tell.

    Raises
    ------
    InputError
        Where they are from another one.
    """
    fingerprint = results.provenance.fingerprint
    if fingerprint and movie.fingerprint and fingerprint != movie.fingerprint:
        raise InputError(
            f"these ROIs are from another movie ({', '.join(results.provenance.input_paths)}) than the sample",
            "Add them as a sample of their own.",
        )


def movie_at(sample: Sample, project: Path, copy: Path) -> Movie:
    """Open the movie of a sample.

    Parameters
    ----------
    sample : Sample
    project : Path
        Folder from which paths are kept.
    copy : Path
        Where the project's copy is, if there is one.

    Raises
    ------
    InputError
        Where it is gone.
    """
    source, opening = source_of(sample, project, copy)
    return open_movie(source if isinstance(source, str) else list(source), **opening)


def source_of(sample: Sample, project: Path, copy: Path) -> tuple[str | tuple[str, ...], dict[str, Any]]:
    """What `open_movie` opens the movie of a sample with; see `movie_at`."""
    opening = dict(sample.movie.opening)
    if sample.copied:
        return str(copy), {name: opening[name] for name in ("rate", "voxel_size") if name in opening}
    paths = sample.movie.found(project)
    if not paths:
        where = ", ".join(sample.movie.paths) or "a place that is not known"
        raise InputError(
            f"the movie of {sample.id} is not in {where} any more",
            "Put it back, or say where it is: `cnmf3d project relink DIR FOLDER`.",
        )
    return paths[0] if len(paths) == 1 else paths, opening


def opened(paths: tuple[str, ...], opening: Mapping[str, Any]) -> Movie:
    """Open the files of a reference."""
    return open_movie(paths[0] if len(paths) == 1 else list(paths), **opening)


def copy_movie(movie: Movie, path: Path, *, reporter: Reporter = silent) -> Path:
    """Copy a movie into a compressed OME-Zarr (OME-NGFF 0.5), which appears whole or not at all.

    Parameters
    ----------
    movie : Movie
    path : Path
        Ends in ``.ome.zarr``; replaced where it is there.
    reporter : callable

    Raises
    ------
    Cnmf3dError
        Where there is no room, or what was written isn't what was read.
    """
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        _write(movie, part, reporter)
        if open_movie(part, axes="tzyx").fingerprint() != movie.fingerprint():
            raise Cnmf3dError(f"the copy in {path.parent} is not the movie that was read", "Is the disk sound?")
        shutil.rmtree(path, ignore_errors=True)
        part.replace(path)
    except OSError as error:
        raise Cnmf3dError(
            f"the movie could not be copied to {path}: {error.strerror}", "Is the disk full? Refer to it instead."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return path


def _write(movie: Movie, path: Path, reporter: Reporter) -> None:
    import zarr

    frames, z, y, x = movie.shape
    volume = z * y * x * movie.dtype.itemsize
    planes = max(1, min(z, CHUNK * z // volume))
    steps = max(1, min(frames, CHUNK // volume))
    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.attrs["ome"] = {"version": "0.5", "multiscales": [_scales(movie, path)]}
    array = group.create_array(
        "0",
        shape=movie.shape,
        dtype=movie.dtype.newbyteorder("="),
        chunks=(steps, planes, y, x),
        compressors=zarr.codecs.BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"),
        dimension_names=("t", "z", "y", "x"),
        config={"write_empty_chunks": True},
    )
    for start in range(0, frames, steps):
        array[start : start + steps] = np.asarray(movie.read(start, start + steps))
        reporter(Progress("copy", min(start + steps, frames), frames, "frames"))


def _scales(movie: Movie, path: Path) -> dict[str, Any]:
    """The image's axes and scales."""
    size = movie.voxel_size
    unit = {} if size is None else {"unit": "micrometer"}
    time = {} if movie.rate is None else {"unit": "second"}
    sides = [1.0, 1.0, 1.0] if size is None else [float(side) for side in size]
    scale = [1.0 if movie.rate is None else 1 / movie.rate, *sides]
    return {
        "name": path.parent.name,
        "axes": [{"name": "t", "type": "time", **time}, *({"name": a, "type": "space", **unit} for a in "zyx")],
        "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}],
    }
