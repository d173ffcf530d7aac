"""What is asked of an item: parameters of its module as plain values, and those that only its engine has as options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cnmf3d.batch.engines import divide_motion, separate
from cnmf3d.batch.item import Input
from cnmf3d.batch.modules import CNMF, MCORR
from cnmf3d.errors import UsageError

if TYPE_CHECKING:
    from cnmf3d.parameters import CnmfParameters, MotionParameters

Parameters: TypeAlias = "CnmfParameters | MotionParameters | Mapping[str, Any] | str | Path | None"


def as_asked(
    module: str, engine: str, taken: Input, parameters: Parameters, folder: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of a module as plain values, and options with those that only the engine has.

    Parameters
    ----------
    module, engine : str
    taken : Input
        The movie.
    parameters : CnmfParameters, MotionParameters, mapping or file, optional
    folder : Path
        Of the batch.

    Raises
    ------
    InputError, UsageError
        For parameters that can't be.
    """
    if module == MCORR:
        return _registering(engine, taken, parameters, folder)
    return _finding(engine, parameters)


def _finding(engine: str, parameters: Parameters) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of ours as plain values, and options with those that only the engine has."""
    from cnmf3d.parameters import CnmfParameters, MotionParameters, read_parameters

    if isinstance(parameters, MotionParameters):
        raise UsageError(f"these are parameters of registration, not of {CNMF}", f"Give the module: {MCORR}.")
    ours, own = separate(engine, parameters)
    model = ours if isinstance(ours, CnmfParameters) else read_parameters(ours)
    return model.to_dict(), own


def both(own: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Options of an item, the engine's parameters that were given in either way together."""
    together = {name: {**own[name], **options[name]} for name in own.keys() & options.keys()}
    return own | options | together


def _registering(
    engine: str, taken: Input, parameters: Parameters, folder: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of registration as plain values, lengths in voxels, and options with those that only the engine has.

    Refused for a movie that is registered already.
    """
    from cnmf3d.movies import open_movie
    from cnmf3d.parameters import CnmfParameters, MotionParameters, read_motion_parameters
    from cnmf3d.parameters.reading import content_of

    if taken.item or "motion" in taken.opening:
        raise UsageError("the movie is registered already", f"Give the recording itself to {MCORR}.")
    if isinstance(parameters, CnmfParameters):
        raise UsageError(f"these are parameters of {CNMF}, not of registration", f"Give the module: {CNMF}.")
    paths = taken.found(folder) or taken.paths
    movie = open_movie(paths[0] if len(paths) == 1 else list(paths), **taken.opening)
    own: dict[str, Any] = {}
    if not isinstance(parameters, MotionParameters):
        parameters, own = divide_motion(engine, content_of(parameters))
    model = read_motion_parameters(parameters, voxel_size=movie.voxel_size)
    return {"motion": model.model_dump(mode="json")}, own
