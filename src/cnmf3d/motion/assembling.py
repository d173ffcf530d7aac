"""What estimation found, put together in voxels of the movie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

import cnmf3d
from cnmf3d.motion.frames import Source
from cnmf3d.motion.piecewise import Field
from cnmf3d.motion.rigid import Rigid
from cnmf3d.movies import Movie
from cnmf3d.movies.registered.motion import Motion
from cnmf3d.parameters.motion import MotionParameters

Float = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]


def assemble(
    source: Source,
    asked: MotionParameters,
    rigid: Rigid,
    shifts: Double,
    field: Field | None,
    *,
    offsets: Double,
    phase: float,
) -> Motion:
    """Put the result together, in voxels of the movie.

    Parameters
    ----------
    source : Source
    asked : MotionParameters
    rigid : Rigid
    shifts : (T, 3)
        The rigid ones that are used, voxels of the source.
    field : Field or None
    offsets : (Z, 2)
        Of the planes of the source, voxels of the movie.
    phase : float
        Offset of odd lines.
    """
    scale = np.array([1, source.by, source.by])
    learned = rigid.learned if field is None else field.learned
    chosen = {
        "moves": [bool(moving) for moving in rigid.agreement.moves[::-1]],
        "motion": _plain(rigid.agreement.motion * scale),
        "error": _plain(rigid.agreement.error * scale),
        "piecewise": field is not None and not field.patches.by_planes,
        "binning": source.by,
    }
    if field is not None:
        chosen["patches"] = list(field.patches.grid[::-1])
        chosen["held_out"] = _plain(field.model.held_out)
    motion = Motion(
        rigid=(shifts * scale).astype(np.float32),
        confidence=rigid.confidence.astype(np.float32),
        planes=_all_planes(offsets.astype(np.float32), source, 0),
        scan_phase=phase,
        bad_frames=rigid.bad,
        template=_full_size(learned.basis.template + learned.level, source),
        fingerprint=source.movie.fingerprint(),
        parameters={"asked": asked.model_dump(mode="json"), "chosen": chosen},
        versions={"cnmf3d": cnmf3d.__version__},
    )
    if field is None:
        return motion
    deviations = (field.deviations * scale).astype(np.float32)
    if field.patches.by_planes:
        return replace(motion, plane_shifts=_all_planes(deviations[:, :, 1:], source, 1))
    return replace(motion, field=deviations.reshape(-1, *field.patches.grid, 3), grid=_grid(field, source))


def _grid(field: Field, source: Source) -> tuple[Float, Float, Float]:
    """Centres of the patches in voxels of the movie."""
    z, y, x = (
        np.asarray(by * centres + (by - 1) / 2 + start, np.float32)
        for centres, by, start in zip(field.patches.centres, (1, source.by, source.by), source.start, strict=True)
    )
    return z, y, x


def _all_planes(values: Float, source: Source, axis: int) -> Float:
    """Give planes of the movie that aren't looked at what the nearest one has."""
    at = np.clip(np.arange(source.movie.shape[1]) - source.start[0], 0, source.shape[1] - 1)
    return np.take(values, at, axis)


def _plain(values: npt.NDArray[np.float64]) -> list[float]:
    """Three numbers in the order x, y, z, rounded for people."""
    return [round(float(value), 4) for value in values[::-1]]


def _full_size(image: Float, source: Source) -> Float:
    """Put the template where it belongs, binned voxels repeated; NaN around it."""
    out = np.full(source.movie.shape[1:], np.nan, np.float32)
    repeated = image.repeat(source.by, axis=1).repeat(source.by, axis=2)
    z, y, x = (slice(start, start + n) for start, n in zip(source.start, repeated.shape, strict=True))
    out[z, y, x] = repeated
    return out


def still(movie: Movie, asked: MotionParameters) -> Motion:
    """Nothing can move in one frame."""
    time, planes = movie.shape[:2]
    return Motion(
        rigid=np.zeros((time, 3), np.float32),
        confidence=np.ones(time, np.float32),
        planes=np.zeros((planes, 2), np.float32),
        bad_frames=np.zeros(time, np.bool_),
        template=movie.read(0, 1)[0].astype(np.float32),
        fingerprint=movie.fingerprint(),
        parameters={"asked": asked.model_dump(mode="json"), "chosen": {}},
        versions={"cnmf3d": cnmf3d.__version__},
    )
