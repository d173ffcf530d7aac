"""What is asked of an item: parameters of its module as plain values, and those that only its engine has as options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cnmf3d.batch.engines import divide_motion, separate
from cnmf3d.batch.item import Input
from cnmf3d.batch.modules import CNMF, MCORR
from cnmf3d.batch.motions import PARAMETERS, settled
from cnmf3d.errors import InputError, UsageError

if TYPE_CHECKING:
    from cnmf3d.geometry import ZYX
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
    model = (ours if isinstance(ours, CnmfParameters) else read_parameters(ours)).to_dict()
    model["data"]["exclude"] = _wherever(model["data"]["exclude"])
    return model, own


def _wherever(what: str | None) -> str | None:
    """What says which frames are left out; a file of them by its whole path, since items run in other folders."""
    from cnmf3d.parameters.frames import names_file

    if what is None or not names_file(what):
        return what
    if not Path(what).is_file():
        raise InputError(f"{what} does not exist", "Check the path of the frames to leave out (data.exclude).")
    return str(Path(what).absolute())


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
    from cnmf3d.parameters import CnmfParameters, MotionParameters, read_motion_parameters
    from cnmf3d.parameters.reading import content_of

    if taken.item or "motion" in taken.opening:
        raise UsageError("the movie is registered already", f"Give the recording itself to {MCORR}.")
    if isinstance(parameters, CnmfParameters):
        raise UsageError(f"these are parameters of {CNMF}, not of registration", f"Give the module: {CNMF}.")
    own: dict[str, Any] = {}
    if not isinstance(parameters, MotionParameters):
        parameters, own = divide_motion(engine, content_of(parameters))
    model = read_motion_parameters(parameters, voxel_size=voxel_size_of(taken, folder))
    return {"motion": model.model_dump(mode="json")}, own


def registered_first(engine: str, taken: Input, options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Options of an item that finds cells, with what it asks of registration as plain values.

    Raises
    ------
    UsageError
        For what can't be meant.
    """
    registered = bool(taken.item) or "motion" in taken.opening
    size = voxel_size_of(taken, folder) if options.get(PARAMETERS) else None
    return settled(options, engine, registered=registered, voxel_size=size)


def voxel_size_of(taken: Input, folder: Path) -> ZYX | None:
    """Voxel size of an item's movie, for lengths in µm."""
    from cnmf3d.movies import open_movie

    paths = taken.found(folder) or taken.paths
    return open_movie(paths[0] if len(paths) == 1 else list(paths), **taken.opening).voxel_size
