"""Our parameters of registration as CaImAn's, and which of them CaImAn can't take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cnmf3d.batch.engines.caiman.settings import OPTION
from cnmf3d.errors import UsageError, did_you_mean
from cnmf3d.parameters import MotionParameters, caiman

GROUP = "motion"

MAX_SHIFTS, STRIDES, OVERLAP = (6, 6, 2), (48, 48, 6), 1 / 3
"""What "auto" becomes along x, y, z in voxels, and the share of a stride by which patches overlap by default:
CaImAn has defaults for single planes only, of which these are the halves, and a few planes along z."""

DEVIATION = 3
"""CaImAn's own default of max_deviation_rigid, voxels."""

OURS_ONLY = ("plane_offsets", "plane_shifts", "scan_phase")
"""What CaImAn doesn't look for."""

SET_HERE = ("is3D", "indices", "use_cuda", "border_nan")
"""Names of CaImAn's that have no use here: this flow is for whole volumes, and moves nothing on disk."""


@dataclass(frozen=True)
class MotionSettings:
    """What CaImAn's motion correction is given.

    Attributes
    ----------
    given : dict
        Arguments of ``MotionCorrect``; lengths along x, y, z in whole voxels.
    choices : tuple of str
        What was chosen in the user's place, and why.
    changed : tuple of str
        Values that were given and can't be used as they are, and what is used.
    """

    given: dict[str, Any]
    choices: tuple[str, ...]
    changed: tuple[str, ...]


def unsuitable(parameters: MotionParameters, extra: Mapping[str, Any]) -> str | None:
    """Why parameters can't be honoured by CaImAn, naming them; None where they can."""
    for name in OURS_ONLY:
        if getattr(parameters, name) is True:
            return f"motion.{name} can't be honoured by the engine caiman: leave it out, or take the engine native"
    try:
        own_of(extra)
    except UsageError as error:
        return str(error)
    return None


def separate(content: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of registration as a user gave them, without those that only CaImAn has; and these.

    Parameters
    ----------
    content : mapping
        Bare names, and the group ``motion``.
    """
    ours: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for name, value in content.items():
        if name == GROUP and isinstance(value, Mapping):
            found = {inner: each for inner, each in value.items() if _is_own(inner, each)}
            ours[name] = {inner: each for inner, each in value.items() if inner not in found}
            own |= found
        elif _is_own(name, value):
            own[name] = value
        else:
            ours[name] = value
    return ours, own


def _is_own(name: str, value: Any) -> bool:
    """Whether a value says something that only CaImAn can honour."""
    rule = caiman.MOTION.get(name)
    if rule is None or rule.kind in ("honoured", "refused") or name in SET_HERE:
        return False
    return not caiman.says_nothing(name, GROUP, value)


def own_of(extra: Any) -> dict[str, Any]:
    """Parameters of CaImAn's own.

    Raises
    ------
    UsageError
        For a name that CaImAn doesn't have, one that is ours to set, and one that has no use here.
    """
    if not isinstance(extra, Mapping):
        raise UsageError(f"the option {OPTION} is {extra!r}", "Give a dict: {'overlaps': (16, 16, 2)}.")
    for name in extra:
        rule = caiman.MOTION.get(name)
        if rule is None:
            hint = did_you_mean(str(name), sorted(caiman.MOTION)) or "See CaImAn's documentation."
            raise UsageError(f"CaImAn's motion correction has no parameter {name}", hint)
        if rule.kind == "honoured":
            raise UsageError(f"{name} among CaImAn's own parameters sets {rule.target}", "Give it as a parameter.")
        if name in SET_HERE:
            raise UsageError(f"{name} has no use in the registration of volumes", "Leave it out.")
    return dict(extra)


def settings_for(parameters: MotionParameters, extra: Mapping[str, Any], shape: tuple[int, ...]) -> MotionSettings:
    """Everything that CaImAn's motion correction is given.

    Parameters
    ----------
    parameters : MotionParameters
        That are not `unsuitable`; lengths in voxels.
    extra : mapping
        CaImAn's own parameters; they win.
    shape : (T, Z, Y, X)
        Of the movie.
    """
    choices: list[str] = []
    changed: list[str] = []

    def chosen(name: str, value: Any) -> Any:
        choices.append(f"motion.{name}: {value}, as CaImAn does not choose it by itself")
        return value

    size = (shape[3], shape[2], shape[1])
    moves = parameters.max_shifts
    given: dict[str, Any] = {
        "max_shifts": chosen("max_shifts", _within(MAX_SHIFTS, size, 0))
        if moves == "auto"
        else _whole("max_shifts", moves, 0, changed),
        "niter_rig": chosen("niter_rig", 1) if parameters.niter_rig == "auto" else parameters.niter_rig,
        "pw_rigid": chosen("pw_rigid", False) if parameters.pw_rigid == "auto" else parameters.pw_rigid,
    }
    if given["pw_rigid"]:
        steps = parameters.strides
        given["strides"] = (
            chosen("strides", _within(STRIDES, size, 1)) if steps == "auto" else _whole("strides", steps, 1, changed)
        )
        if "overlaps" not in extra:
            given["overlaps"] = chosen("overlaps", [int(OVERLAP * step) for step in given["strides"]])
        given["max_deviation_rigid"] = _deviation(parameters.max_deviation_rigid, changed)
    return MotionSettings({**given, **own_of(extra)}, tuple(choices), tuple(changed))


def _within(lengths: tuple[int, ...], size: tuple[int, ...], least: int) -> list[int]:
    """Lengths that are no more than half the volume."""
    return [max(least, min(length, have // 2)) for length, have in zip(lengths, size, strict=True)]


def _whole(name: str, lengths: Any, least: int, changed: list[str]) -> list[int]:
    """Lengths in whole voxels."""
    whole = [max(least, int(length + 0.5)) for length in lengths]
    if whole != list(lengths):
        changed.append(f"motion.{name}: {tuple(lengths)} voxels become {tuple(whole)}, as CaImAn takes whole ones")
    return whole


def _deviation(lengths: Any, changed: list[str]) -> int:
    """One length for all axes."""
    if lengths == "auto":
        return DEVIATION
    most = int(max(lengths) + 0.5)
    if any(length != most for length in lengths):
        changed.append(f"motion.max_deviation_rigid: {tuple(lengths)} voxels become {most}, one length for all axes")
    return most
