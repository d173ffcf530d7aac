"""Parameters of registration as people write them: the group ``motion`` of a file, CaImAn's names, keywords."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from cnmf3d.errors import UsageError, did_you_mean
from cnmf3d.geometry import ZYX, along_axes, to_voxels
from cnmf3d.parameters import caiman
from cnmf3d.parameters.motion import MotionParameters
from cnmf3d.parameters.reading import FORM_GROUPS, FORM_NAMES, complaints, content_of, find, names, or_nothing

GROUP = "motion"

KINDS = ("auto", "none", "rigid", "piecewise")
"""Whether a movie is registered before a run, and how."""

LENGTHS = ("max_shifts", "strides", "max_deviation_rigid")
"""Parameters along axes, which may be in µm."""

MotionSource = str | Path | Mapping[str, Any] | MotionParameters


def read_motion_parameters(
    source: MotionSource | None = None, *, voxel_size: ZYX | None = None, **changes: Any
) -> MotionParameters:
    """Parameters of registration from whatever says them.

    Parameters
    ----------
    source : path, mapping or MotionParameters, optional
        A ``.json``, ``.yaml`` or ``.toml`` file, or a dict, with a group ``motion`` of our or CaImAn's names, or with
        bare names. What else they hold of parameters of 3D CNMF is left to `read_parameters`. ``lengths: um`` in the
        group says that lengths are in µm.
    voxel_size : ZYX, optional
        µm; needed for lengths in µm.
    **changes
        Single names that win over `source`.

    Returns
    -------
    MotionParameters

    Raises
    ------
    UsageError
        For a name that nobody knows, one that can't be honoured, or a value that can't be.
    InputError
        For a file that can't be read.
    """
    if isinstance(source, MotionParameters):
        values = {**source.model_dump(), **changes}
    else:
        content = content_of(source)
        group = content.get(GROUP)
        if group is not None and not isinstance(group, Mapping):
            raise UsageError(f"motion is {group!r}, but it is a group", "Give its names and values: motion: {...}.")
        values = {**_given(_bare(content), whole=False), **_given(group or {}, whole=_all_of_caimans(group or {}))}
        values |= _given(changes, whole=False)
    return _model(_in_voxels(values, voxel_size))


def separated(content: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take parameters of registration out of others: what `read_parameters` reads, and what `read_motion_parameters`.

    Parameters
    ----------
    content : mapping
        As a file holds it.
    """
    motion = {name: value for name, value in content.items() if name == GROUP or (_ours(name) and not find(name))}
    return {name: value for name, value in content.items() if name not in motion}, motion


def _ours(name: str) -> bool:
    """Whether a bare name is one of registration."""
    return name in MotionParameters.model_fields or name in caiman.MOTION


def _bare(content: Mapping[str, Any]) -> dict[str, Any]:
    """Names of registration outside of the group; those of 3D CNMF are passed over."""
    found = {}
    for name, value in content.items():
        if _ours(name):
            found[name] = value
        elif name != GROUP and not _of_cnmf(str(name)):
            raise _unknown(str(name))
    return found


def _of_cnmf(name: str) -> bool:
    """Whether 3D CNMF knows a name or group."""
    groups = {full.partition(".")[0] for full in names()}
    known = name in FORM_GROUPS or name in FORM_NAMES or name in groups or name in caiman.defaults()
    return known or bool(find(name)) or caiman.rule_of(name) is not None


def _all_of_caimans(group: Mapping[str, Any]) -> bool:
    """Whether a group is all that CaImAn has, so that its defaults say nothing."""
    return 2 * len(group.keys() & caiman.MOTION.keys()) > len(caiman.MOTION)


def _given(values: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """What is set; nothing where a value has no effect here, or says nothing as CaImAn's default."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        value = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
        value = or_nothing(value, MotionParameters.model_fields.get(name))
        rule = caiman.MOTION.get(name)
        if whole and rule is not None and caiman.says_nothing(name, GROUP, value):
            continue
        if name == "lengths" or name in MotionParameters.model_fields:
            if value is None and name in MotionParameters.model_fields:
                value = MotionParameters.model_fields[name].default
            found[name] = value
        elif rule is None:
            raise _unknown(name)
        elif rule.kind == "refused" and not caiman.says_nothing(name, GROUP, value):
            raise UsageError(f"{name} is {value!r}, which can't be honoured: {rule.text}", "Leave it out.")
    return found


def _unknown(name: str) -> UsageError:
    known = [*MotionParameters.model_fields, *caiman.MOTION]
    return UsageError(
        f"registration has no parameter {name}", f"{did_you_mean(name, known)}`cnmf3d params motion` lists all."
    )


def _in_voxels(values: Mapping[str, Any], voxel_size: ZYX | None) -> dict[str, Any]:
    """Values with their lengths in voxels."""
    out = dict(values)
    unit = out.pop("lengths", "voxels")
    if unit not in ("voxels", "um"):
        raise UsageError(f"lengths is {unit!r}", "Give voxels or um.")
    for name in LENGTHS:
        value = out.get(name)
        if unit == "um" and value is not None and value != "auto":
            if voxel_size is None:
                raise UsageError(f"{name} is in µm, and the voxel size isn't known", "Give it: --voxel-size X,Y,Z.")
            out[name] = to_voxels(along_axes(value, name), voxel_size).xyz
    return out


def _model(values: Mapping[str, Any]) -> MotionParameters:
    """The model, with its complaints in our words."""
    try:
        return MotionParameters.model_validate(values)
    except ValidationError as error:
        reasons = complaints(error)
        lines = [f"{name} is {values.get(name)!r}: it should be {why}" for name, why in reasons.items()]
        raise UsageError("\n".join(lines), f"`cnmf3d params motion.{next(iter(reasons))}` explains it.") from error
