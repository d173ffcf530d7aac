"""Our parameters as CaImAn's groups, and which of them CaImAn can't take."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cnmf3d.errors import UsageError
from cnmf3d.geometry import ZYX, along_axes
from cnmf3d.parameters import CnmfParameters, caiman
from cnmf3d.parameters.lengths import lengths_in_voxels
from cnmf3d.parameters.reading import FORM_GROUPS, read_text

Groups = dict[str, dict[str, Any]]

OPTION = "caiman"
"""Option of a job with parameters of CaImAn's own: a dict of names, or of groups of names."""

USED = "caiman_parameters"
"""Where the parameters of CaImAn's own are kept among those that were used."""

DEFAULTS: dict[tuple[str, str], Any] = {
    ("data", "decay_time"): 2.0,
    ("init", "ssub"): 2,
    ("init", "tsub"): 2,
    ("patch", "rf"): [25, 25, 25],
    ("patch", "stride"): [15, 15, 15],
    ("background", "nb"): 1,
}
"""What "auto" becomes: the CNMF 3D form's defaults, or CaImAn's where the form has none. Lengths in voxels."""

LEAST = (("init", "gSig", 1), ("init", "gSiz", 1), ("patch", "rf", 1), ("patch", "stride", 0))
"""Lengths along the axes and their least values; CaImAn takes whole voxels."""

OURS_ONLY = ("skew_thr", "compact_thr", "smooth_thr", "soma_thr", "motion_thr", "reliability_z")
"""Thresholds of measures that CaImAn doesn't have."""

ALIASES = {"only_init_patch": "only_init"}
"""Arguments of ``CNMF`` that have another name in ``CNMFParams``."""

NOT_OWN = ("data", *caiman.GROUPS)
"""Groups of CaImAn's in which nothing can be set beside our parameters."""

OWN_CHOICE = ("use_cnn", "n_processes")
"""Names that this flow sets itself."""


@dataclass(frozen=True)
class Settings:
    """What CaImAn is told.

    Attributes
    ----------
    groups : dict
        Groups of ``CNMFParams``.
    used : dict
        Our parameters as plain values, with every "auto" replaced by what was used, lengths in voxels.
    choices : tuple of str
        What was chosen in the user's place, and why.
    changed : tuple of str
        Values that were given and can't be used as they are, and what is used.
    """

    groups: Groups
    used: dict[str, Any]
    choices: tuple[str, ...]
    changed: tuple[str, ...] = ()


def unsuitable(parameters: CnmfParameters, extra: Mapping[str, Any]) -> str | None:
    """Why parameters can't be honoured by CaImAn, naming them; None where they can.

    Parameters
    ----------
    parameters : CnmfParameters
    extra : mapping
        The option `OPTION` of the job.
    """
    init, quality = parameters.init, parameters.quality
    for name, flag in (("gSig", "--gsig 4,4,2"), ("K", "--k 5")):
        if getattr(init, name) == "auto":
            return f"init.{name} is 'auto', but CaImAn can't measure it: give it ({flag})"
    if init.seeds is not None:
        return "init.seeds can't be honoured by the engine caiman: leave it out, or take the engine native"
    if parameters.background.nb == 0:
        return "background.nb is 0, but CaImAn's background needs at least 1"
    if parameters.data.bad_frames not in ("auto", ()):
        return "data.bad_frames can't be honoured by the engine caiman: cut them out, or take the engine native"
    for name in ("exclude", "structural", "functional"):
        if getattr(parameters.data, name) not in (None, ()):
            return f"data.{name} can't be honoured by the engine caiman: leave it out, or take the engine native"
    if parameters.temporal.align_planes:
        return "temporal.align_planes can't be honoured by the engine caiman: leave it out, or take the engine native"
    for name in OURS_ONLY:
        if getattr(quality, name) != type(quality).model_fields[name].default:
            return f"quality.{name} belongs to a measure that CaImAn doesn't have: leave it at its default"
    try:
        own_groups(extra)
    except UsageError as error:
        return str(error)
    return None


def own_among(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """CaImAn's own parameters among a job's options."""
    return options.get(OPTION) or {}


def separate(content: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters as a user gave them, without those that only CaImAn has; and these.

    Parameters
    ----------
    content : mapping
        What `cnmf3d.parameters.read_parameters` takes: names, groups of names, the dict of the CNMF 3D form.
    """
    ours: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for name, value in content.items():
        if name in FORM_GROUPS:
            inner = read_text(value) if isinstance(value, str) else value or {}
            ours[name], found = separate(inner)
            own |= found
        elif isinstance(value, Mapping) and name in caiman.defaults():
            found = {inner: each for inner, each in value.items() if _is_own(inner, name, each)}
            ours[name] = {inner: each for inner, each in value.items() if inner not in found}
            own |= {name: found} if found else {}
        elif _is_own(name, "", value):
            own[name] = value
        else:
            ours[name] = value
    return ours, own


def _is_own(name: str, group: str, value: Any) -> bool:
    """Whether a value says something that only CaImAn can honour."""
    rule = caiman.rule_of(name, group)
    if rule is None or rule.kind == "honoured" or value in rule.values or caiman.says_nothing(name, group, value):
        return False
    return name not in OWN_CHOICE and bool(_having(ALIASES.get(name, name), group))


def _having(name: str, group: str) -> list[str]:
    """Groups of CaImAn's in which a name can be set; `group` may name the one that is meant."""
    return [
        each
        for each, names in caiman.defaults().items()
        if name in names and each not in NOT_OWN and group in ("", each)
    ]


def own_groups(extra: Mapping[str, Any]) -> Groups:
    """Parameters of CaImAn's own, as groups.

    Raises
    ------
    UsageError
        For a name that CaImAn doesn't have, one that is ours to set, and one that this flow has no use for.
    """
    groups: Groups = {}
    if not isinstance(extra, Mapping):
        raise UsageError(f"the option {OPTION} is {extra!r}", "Give a dict: {'nb_patch': 2, 'method_exp': 'dilate'}.")
    for name, value in extra.items():
        if isinstance(value, Mapping) and name in caiman.defaults():
            for inner, inner_value in value.items():
                _put(groups, inner, name, inner_value)
        else:
            _put(groups, name, "", value)
    return groups


def _put(groups: Groups, name: str, group: str, value: Any) -> None:
    """Put one value into every group that has its name."""
    full = f"{group}.{name}" if group else name
    rule = caiman.rule_of(name, group)
    name = ALIASES.get(name, name)
    where = _having(name, group)
    if rule is None:
        known = sorted({name for names in caiman.defaults().values() for name in names})
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        raise UsageError(
            f"CaImAn has no parameter {full}", f"Did you mean {near[0]}?" if near else "See CaImAn's documentation."
        )
    if rule.kind == "honoured":
        raise UsageError(f"{full} among CaImAn's own parameters sets {rule.target}", "Give it as a parameter instead.")
    if not where or name in OWN_CHOICE:
        raise UsageError(f"{full} has no use in the flow of 3D CNMF", "Leave it out.")
    for each in where:
        groups.setdefault(each, {})[name] = value


def settings_for(
    parameters: CnmfParameters, extra: Mapping[str, Any], *, rate: float, voxel_size: ZYX | None
) -> Settings:
    """Everything that CaImAn is told.

    Parameters
    ----------
    parameters : CnmfParameters
        That are not `unsuitable`.
    extra : mapping
        CaImAn's own parameters (the option `OPTION`); they win.
    rate : float
        Volumes a second.
    voxel_size : ZYX or None
        µm; None where it is not known.

    Raises
    ------
    UsageError
        Where lengths are in µm, and the size of a voxel isn't known.
    """
    used = parameters.to_dict()
    used["data"] |= {"fr": rate, "voxel_size": None if voxel_size is None else list(voxel_size.xyz)}
    changed, choices = _whole_voxels(used, voxel_size), []
    for (group, name), value in DEFAULTS.items():
        if used[group][name] == "auto":
            used[group][name] = value
            choices.append(f"{group}.{name}: {value}, as CaImAn does not choose it by itself")
    if used["init"]["gSiz"] == "auto":
        used["init"]["gSiz"] = [2 * size + 1 for size in used["init"]["gSig"]]
    groups, own = _groups(used), own_groups(extra)
    for group, values in own.items():
        groups[group] |= values
    used["init"]["method_init"] = groups["init"]["method_init"]
    for name in OURS_ONLY:
        del used["quality"][name]
    if own:
        used[USED] = own
    return Settings(groups, used, tuple(choices), tuple(changed))


def _whole_voxels(used: dict[str, Any], voxel_size: ZYX | None) -> list[str]:
    """Bring lengths to whole voxels in place; tells of those that change by it."""
    choices = []
    try:
        used |= lengths_in_voxels(used, voxel_size)
    except ValueError as error:
        raise UsageError(
            f"{error} is given in µm, but the movie does not give the size of its voxels",
            "Give the voxel size (--voxel-size x,y,z in µm), or lengths in voxels (data.lengths: voxels).",
        ) from error
    for group, name, least in LEAST:
        value = used[group][name]
        if value is None or value == "auto":
            continue
        lengths = along_axes(value, name)
        whole = [max(least, int(length + 0.5)) for length in lengths.xyz]
        if whole != list(lengths.xyz):
            choices.append(f"{group}.{name}: {lengths} voxels (x × y × z) become {whole}, as CaImAn takes whole ones")
        used[group][name] = whole
    return choices


def _groups(used: Mapping[str, Any]) -> Groups:
    """Our values, all known, in CaImAn's groups."""
    init, patch, quality = used["init"], used["patch"], used["quality"]
    p, rank = used["temporal"]["p"], used["background"]["nb"]
    return {
        "data": {"fr": used["data"]["fr"], "decay_time": used["data"]["decay_time"]},
        "init": {
            **{name: init[name] for name in ("K", "gSig", "gSiz", "ssub", "tsub")},
            "nb": rank,
            "method_init": "greedy_roi",
        },
        "patch": {
            "rf": patch["rf"],
            "stride": None if patch["rf"] is None else patch["stride"],
            "only_init": patch["rf"] is not None,  # without patches that would leave components as they were seeded
        },
        "preprocess": {"p": p},
        "temporal": {"p": p, "nb": rank},
        "spatial": {"nb": rank},
        "merging": {"do_merge": used["merging"]["do_merge"], "merge_thr": used["merging"]["merge_thr"]},
        "quality": {
            **{name: quality[name] for name in ("min_SNR", "rval_thr", "SNR_lowest", "rval_lowest")},
            "use_cnn": False,
        },
    }
