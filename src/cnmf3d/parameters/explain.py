"""What every parameter means, for the command line and the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnmf3d.parameters import caiman
from cnmf3d.parameters.model import CnmfParameters
from cnmf3d.parameters.motion import MotionParameters
from cnmf3d.parameters.reading import ALIASES, field_of, find, names, unknown


@dataclass(frozen=True)
class Entry:
    """One of our parameters.

    Attributes
    ----------
    name : str
        ``group.name``.
    default : object
    meaning : str
        With its unit.
    caiman : tuple of str
        What CaImAn calls it.
    """

    name: str
    default: Any
    meaning: str
    caiman: tuple[str, ...]


def entries() -> list[Entry]:
    """All of our parameters, in the order of the model."""
    return [Entry(name, field_of(name).default, field_of(name).description or "", _theirs(name)) for name in names()]


def motion_entries() -> list[Entry]:
    """All parameters of registration, as ``motion.name``."""
    return [
        Entry(f"motion.{name}", field.default, field.description or "", (name,) if name in caiman.MOTION else ())
        for name, field in MotionParameters.model_fields.items()
    ]


def _theirs(target: str) -> tuple[str, ...]:
    """CaImAn's names for one of ours."""
    return tuple(name for name, rule in caiman.RULES.items() if rule.target == target)


def explain(name: str) -> str:
    """What one parameter or group means: ours, or what becomes of one of CaImAn's.

    Raises
    ------
    UsageError
        Where nobody knows the name.
    """
    known = [*entries(), *motion_entries()]
    group = [entry for entry in known if entry.name.startswith(f"{name}.")]
    if group:
        return "\n\n".join(_own_text(entry) for entry in group)
    registering = {entry.name for entry in motion_entries()} & {name, f"motion.{name}"}
    own = ALIASES.get(name) or find(name) or "".join(registering)
    if own:
        return _own_text(next(entry for entry in known if entry.name == own))
    prefix, _, bare = name.rpartition(".")
    rule = caiman.rule_of(bare, prefix)
    if rule is None:
        raise unknown(name)
    if rule.target:
        text = f"{name} (CaImAn) sets {rule.target}" + (f": {rule.text}" if rule.text else "")
        return text + "\n\n" + explain(rule.target)
    return f"{name} (CaImAn) {_answer(rule)}"


def _own_text(entry: Entry) -> str:
    also = f"\nCaImAn: {', '.join(entry.caiman)}" if entry.caiman else ""
    return f"{entry.name}   default {shown(entry.default)}\n{entry.meaning}{also}"


def shown(value: Any) -> str:
    """A value as it is written in a parameter file."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _answer(rule: caiman.Rule) -> str:
    if rule.kind == "honoured":
        return f"sets `{rule.target}`" + (f": {rule.text}" if rule.text else "")
    if rule.kind == "fixed":
        return f"can only be {' or '.join(repr(value) for value in rule.values)}: {rule.text}"
    if rule.kind == "no effect":
        return f"is accepted and has no effect: {rule.text}"
    return f"is refused: {rule.text}"


def markdown() -> str:
    """The page of the documentation about parameters."""
    lines = _HEAD.splitlines()
    for entry in entries():
        theirs = ", ".join(f"`{name}`" for name in entry.caiman)
        lines.append(f"| `{entry.name}` | {shown(entry.default)} | {entry.meaning} | {theirs} |")
    lines += ["", *_MOTION_HEAD.splitlines()]
    for entry in motion_entries():
        theirs = ", ".join(f"`{name}`" for name in entry.caiman)
        lines.append(f"| `{entry.name}` | {shown(entry.default)} | {entry.meaning} | {theirs} |")
    lines += ["", *_CAIMAN_HEAD.splitlines(), ""]
    arguments = {name: caiman.rule_of(name) for name in caiman.constructor()}
    for title, rules in (
        ("Arguments of `CNMF`", arguments),
        *(
            (f"Group `{group}`", {name: caiman.rule_of(name, group) for name in [*values, *_LATER.get(group, ())]})
            for group, values in caiman.defaults().items()
        ),
    ):
        lines += [f"### {title}", "", "| name | |", "|---|---|"]
        lines += [f"| `{name}` | {_answer(rule)} |" for name, rule in rules.items() if rule is not None]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


_LATER = {"data": ("last_commit",)}
"""Names without a default that is worth keeping."""

_HEAD = """# Parameters

Everything has a default that suits most recordings; only the rate must be known. `auto` is measured on the data, and
what was chosen and why is in the results file and the report. This page is what `cnmf3d params --markdown` prints.

Parameters come from a `.json`, `.yaml` or `.toml` file (`--params`), from text (`--kwargs "K=5, gSig=(4, 4, 2)"`), from
flags of `cnmf3d run`, or in Python from `read_parameters`. Groups and bare names can be mixed, CaImAn's names and the
dict of the CNMF 3D form are understood too. A name that nobody knows is an error that names the nearest one.

Lengths are (x, y, z): one number, three, or `{"x": 4, "y": 4, "z": 2}`; in voxels, or in µm with `data.lengths: um`.

## Ours

| name | default | meaning | CaImAn's name |
|---|---|---|---|"""

_MOTION_HEAD = """## Registration

Of `cnmf3d register`, of `--register` of `run` and of batches, and of items of `mcorr_3d` (see
[registration.md](registration.md)): from the group `motion` of a parameter file, flags, or in Python from
`read_motion_parameters`.

| name | default | meaning | CaImAn's name |
|---|---|---|---|"""

_CAIMAN_HEAD = """## CaImAn's, one by one

Every name of CaImAn 1.12.1 and what becomes of it. What is refused is an error with this reason, never ignored; only
CaImAn's own default, which says nothing, passes. Items of a batch that [your CaImAn](caiman.md) computes take what has
no effect here as CaImAn has it, those of motion correction included."""


def schema() -> dict[str, Any]:
    """JSON schema of a parameter file with our groups."""
    return CnmfParameters.model_json_schema()
