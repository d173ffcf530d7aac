"""The fields of the forms, made from the parameter models: a new parameter has a field at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from cnmf3d.parameters.explain import Entry, entries, motion_entries
from cnmf3d.parameters.motion import MotionParameters
from cnmf3d.parameters.reading import field_of, names
from cnmf3d.parameters.registering import LENGTHS as MOTION_LENGTHS

Kind = Literal["switch", "choice", "whole", "number", "lengths", "file", "frames"]
Group = Literal["basic", "patches", "evaluation", "advanced"]

GROUPS: tuple[Group, ...] = ("basic", "patches", "evaluation", "advanced")
"""In the order in which they are shown."""

PAGE: dict[str, Any] = {
    "temporal.p": 2,
    "init.K": 5,
    "init.gSig": [3.0, 3.0, 3.0],
    "merging.merge_thr": 0.8,
    "patch.rf": [25.0, 25.0, 25.0],
    "patch.stride": [15.0, 15.0, 15.0],
    "quality.rval_thr": 0.7,
    "quality.min_SNR": 2.5,
    "data.decay_time": 2.0,
}
"""Figures that the page of Mesmerize shows at first: a choice in the form, which begins with the models' defaults."""

NOT_SHOWN = ("quality.use_cnn", "motion.border_nan")
"""Names that can only have one value, or matter only where a registered movie is written."""

_GROUPS: dict[str, Group] = {
    "data.fr": "basic",
    "temporal.p": "basic",
    "init.K": "basic",
    "init.gSig": "basic",
    "merging.merge_thr": "basic",
    "refit": "basic",
    "init.seeds": "basic",
    "patch.rf": "patches",
    "patch.stride": "patches",
    "quality.rval_thr": "evaluation",
    "quality.min_SNR": "evaluation",
    "data.decay_time": "evaluation",
    "motion.pw_rigid": "basic",
    "motion.max_shifts": "basic",
    "motion.bad_frames": "basic",
}
"""Those that aren't here are advanced; within a group they are shown in this order."""

_LABELS = {
    "data.fr": "Volume rate",
    "temporal.p": "p (AR order)",
    "init.K": "k (a patch)",
    "init.gSig": "gSig (cell)",
    "merging.merge_thr": "Merge threshold",
    "refit": "Refit",
    "init.seeds": "Seeds (masks)",
    "patch.rf": "rf (patch)",
    "patch.stride": "stride (overlap)",
    "quality.rval_thr": "r value threshold",
    "quality.min_SNR": "Min SNR",
    "data.decay_time": "Decay time",
    "data.voxel_size": "Voxel size",
    "data.lengths": "Unit of lengths",
    "data.offset": "Detector offset",
    "data.bad_frames": "Bad frames (left out)",
    "data.exclude": "Leave out (rule, file)",
    "data.segments": "Segments (first frames)",
    "data.structural": "Structural channel",
    "data.functional": "Functional channels",
    "temporal.align_planes": "Align planes in time",
    "temporal.unseen": "Traces where unseen",
    "temporal.f0": "F0 of dF/F",
    "temporal.f0_light": "F0 is of the light",
    "temporal.f0_factor": "Surround's factor",
    "temporal.f0_begin": "F0 window begins",
    "temporal.f0_percentile": "F0 percentile",
    "temporal.f0_window": "F0 window",
    "init.gSiz": "gSiz (box)",
    "background.nb": "nb (neuropil)",
    "merging.do_merge": "Merge components",
    "quality.SNR_lowest": "Lowest SNR",
    "quality.rval_lowest": "Lowest r value",
    "quality.skew_thr": "Skewness threshold",
    "quality.compact_thr": "Compactness threshold",
    "quality.smooth_thr": "Outline smoothness threshold",
    "quality.soma_thr": "Cell body threshold",
    "quality.motion_thr": "Motion threshold",
    "quality.reliability_z": "Reliability (z)",
    "motion.pw_rigid": "Piecewise (pw_rigid)",
    "motion.max_shifts": "Largest shift (max_shifts)",
    "motion.bad_frames": "Bad frames",
    "motion.niter_rig": "Rounds (niter_rig)",
    "motion.strides": "strides (patches)",
    "motion.max_deviation_rigid": "Deviation from rigid",
    "motion.plane_offsets": "Offsets of planes",
    "motion.plane_shifts": "Planes move alone",
    "motion.scan_phase": "Scan phase",
}

_UNITS = {
    "data.fr": "Hz",
    "data.decay_time": "s",
    "data.voxel_size": "µm",
    "temporal.f0_window": "s",
    "temporal.f0_begin": "s",
    "init.tsub": "frames",
    "init.ssub": "voxels",
    **dict.fromkeys((f"motion.{name}" for name in MOTION_LENGTHS), "voxels"),
}


class Form(Protocol):
    """What is entered in the fields, as their rows need it: `FormModel` and `MotionForm`."""

    errors: dict[str, str]
    remarks: dict[str, str]
    overridden: dict[str, Any]

    def value(self, name: str) -> Any:
        """What is entered for a parameter, as a plain value."""
        ...

    def set(self, name: str, value: Any) -> None:
        """Enter a value."""
        ...

    def unit(self, name: str) -> str:
        """Unit of a parameter, as things stand."""
        ...

    def applies(self, name: str) -> bool:
        """Whether a parameter has a meaning, as things stand."""
        ...


@dataclass(frozen=True)
class Field:
    """One row of the form.

    Attributes
    ----------
    name : str
        ``group.name`` of the parameter.
    label : str
    group : str
    kind : str
        What is entered.
    meaning : str
        The explanation, with CaImAn's names.
    unit : str
        Empty where there is none; of lengths it depends on ``data.lengths``.
    automatic, empty : bool
        Whether "auto" and None can be given.
    default : object
        Of the parameter model, as plain values: what the form shows at first, as the command line has it.
    choices : tuple
        Of a choice.
    least, most : float or None
        Bounds of a number.
    """

    name: str
    label: str
    group: Group
    kind: Kind
    meaning: str
    unit: str
    automatic: bool
    empty: bool
    default: Any
    choices: tuple[Any, ...] = ()
    least: float | None = None
    most: float | None = None

    @property
    def mesmerize(self) -> Any:
        """What the page of Mesmerize shows at first; the model's default where it has no such field."""
        return PAGE.get(self.name, self.default)

    def matches(self, text: str) -> bool:
        """Whether every word of `text` is in its name, label or explanation."""
        everything = f"{self.name} {self.label} {self.meaning} {self.group}".lower()
        return all(word in everything for word in text.lower().split())


@cache
def fields() -> dict[str, Field]:
    """All fields of 3D CNMF by name, in the order in which they are shown."""
    told = {entry.name: entry for entry in entries()}
    return _ordered([_field(field_of(name), told[name]) for name in names() if name not in NOT_SHOWN])


@cache
def motion_fields() -> dict[str, Field]:
    """All fields of registration by name, ``motion.max_shifts``, in the order in which they are shown."""
    infos = MotionParameters.model_fields
    told = [entry for entry in motion_entries() if entry.name not in NOT_SHOWN]
    return _ordered([_field(infos[entry.name.partition(".")[2]], entry) for entry in told])


def _ordered(made: list[Field]) -> dict[str, Field]:
    """Fields by name, in the order of groups, and within one in that of `_GROUPS`."""
    order = {name: place for place, name in enumerate(_GROUPS)}
    ordered = sorted(made, key=lambda field: (GROUPS.index(field.group), order.get(field.name, len(order))))
    return {field.name: field for field in ordered}


def _field(info: FieldInfo, entry: Entry) -> Field:
    """The field of one parameter."""
    name = entry.name
    inner, others = _parts(info)
    bounds = [*info.metadata, *_metadata(inner)]
    caiman = f"\nCaImAn: {', '.join(entry.caiman)}" if entry.caiman else ""
    return Field(
        name=name,
        label=_LABELS.get(name, name.rpartition(".")[2]),
        group=_GROUPS.get(name, "advanced"),
        kind=_kind(name, inner),
        meaning=entry.meaning + caiman,
        unit=_UNITS.get(name, ""),
        automatic="auto" in others,
        empty=None in others,
        default=list(info.default) if isinstance(info.default, tuple) else info.default,
        choices=get_args(inner) if get_origin(inner) is Literal else (),
        least=_bound(bounds, Gt, Ge),
        most=_bound(bounds, Lt, Le),
    )


def _parts(info: FieldInfo) -> tuple[Any, set[Any]]:
    """The type of the value itself, and "auto" and None where they may stand for it."""
    annotation = info.annotation
    parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    others: set[Any] = set()
    inner: Any = None
    for part in parts:
        if part is NoneType:
            others.add(None)
        elif get_origin(part) is Literal and get_args(part) == ("auto",):
            others.add("auto")
        else:
            inner = part
    return inner, others


def _metadata(inner: Any) -> tuple[Any, ...]:
    return get_args(inner)[1:] if get_origin(inner) is Annotated else ()


def _kind(name: str, inner: Any) -> Kind:
    """What is entered for a type."""
    if get_origin(inner) is Literal:
        return "choice"
    bare = get_args(inner)[0] if get_origin(inner) is Annotated else inner
    if get_origin(bare) is tuple:
        return "frames" if get_args(bare)[-1] is Ellipsis else "lengths"
    kinds: dict[Any, Kind] = {bool: "switch", int: "whole", float: "number", str: "file"}
    if bare not in kinds:
        raise TypeError(f"the form has no field for {name}: {inner}")
    return kinds[bare]


def _bound(metadata: list[Any], strict: type, loose: type) -> float | None:
    """A bound of a number; of a strict one the number itself."""
    for entry in metadata:
        for name in ("gt", "ge", "lt", "le"):
            if isinstance(entry, (strict, loose)) and hasattr(entry, name):
                return float(getattr(entry, name))
    return None
