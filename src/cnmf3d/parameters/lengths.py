"""Lengths of the parameters: in µm or in voxels where a user gives them, in voxels everywhere else."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from cnmf3d.geometry import ZYX, AxisValue, along_axes, to_micrometres, to_voxels

LENGTHS = ("init.gSig", "init.gSiz", "patch.rf", "patch.stride")
"""Parameters whose unit is ``data.lengths``."""

DIGITS = 6
"""Decimals of a voxel that are kept: hides what floating-point division leaves, and nothing that matters."""


def lengths_in_voxels(values: Mapping[str, Any], voxel_size: ZYX | None) -> dict[str, Any]:
    """Parameters as plain values, with every length in voxels and ``data.lengths`` saying so.

    Parameters
    ----------
    values : mapping
        Groups of names and values, as `CnmfParameters.to_dict` gives them.
    voxel_size : ZYX or None
        µm.

    Returns
    -------
    dict
        A copy. What says nothing about µm is as it was.

    Raises
    ------
    ValueError
        Where a length is in µm and the voxel size isn't known; the message is the parameter's name.
    """
    data = values.get("data")
    if not isinstance(data, Mapping) or data.get("lengths") != "um":
        return dict(values)
    out: dict[str, Any] = copy.deepcopy(dict(values))
    for full in LENGTHS:
        group, _, name = full.partition(".")
        value = out.get(group, {}).get(name)
        if value is None or value == "auto":
            continue
        if voxel_size is None:
            raise ValueError(name)
        lengths = to_voxels(along_axes(value, name), voxel_size)
        out[group][name] = [round(length, DIGITS) for length in lengths.xyz]
    out["data"]["lengths"] = "voxels"
    return out


def as_given(lengths: AxisValue, unit: str, voxel_size: ZYX | None) -> ZYX:
    """Lengths in voxels, in the unit ``data.lengths`` that a user chose; in voxels where their size isn't known."""
    voxels = along_axes(lengths)
    return to_micrometres(voxels, voxel_size) if unit == "um" and voxel_size is not None else voxels
