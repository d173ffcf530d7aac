"""Parameters as people write them: files, text, our groups, CaImAn's names, the dict of the CNMF 3D form."""

from __future__ import annotations

import ast
import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from cnmf3d import plain_json
from cnmf3d.errors import InputError, UsageError
from cnmf3d.parameters import caiman
from cnmf3d.parameters.frames import is_frames
from cnmf3d.parameters.lengths import LENGTHS
from cnmf3d.parameters.model import CnmfParameters
from cnmf3d.parameters.stage import Stage
from cnmf3d.regular import refuse_special

Source = str | Path | Mapping[str, Any] | CnmfParameters

FORM_GROUPS = ("cnmf_kwargs", "eval_kwargs")
"""Groups of the CNMF 3D form: CaImAn's names, as a dict or as text."""

FORM_NAMES = ("item_name", "use_memmap", "memmap_uuid", "keep_memmap", "keep_memmmap", "use_patches")
"""What else the form's dict has; all but the last are the batch's business, the one with three m is the page's own."""

ALIASES = {"fps": "data.fr", "rate": "data.fr"}
"""Names of ours that are written in other ways too."""


def read_parameters(source: Source | None = None, **changes: Any) -> CnmfParameters:
    """Parameters from whatever says them.

    Parameters
    ----------
    source : path, mapping or CnmfParameters, optional
        A ``.json``, ``.yaml`` or ``.toml`` file, or a dict: our groups (``{"init": {"gSig": [4, 4, 2]}}``), CaImAn's
        (``CNMFParams.to_dict()``), bare names of either, or the CNMF 3D form's dict (``cnmf_kwargs``, ``eval_kwargs``,
        ``refit``, ``use_patches``, ...). They can be mixed. Everything else has its default.
    **changes
        Single names that win over `source`: ``gSig=(4, 4, 2), min_SNR=3``.

    Returns
    -------
    CnmfParameters

    Raises
    ------
    UsageError
        For a name that nobody knows (with the nearest one), one that the engine can't honour (with the reason), a value
        that can't be, or two values for one thing.
    InputError
        For a file that isn't there or can't be read.
    """
    found: dict[str, _Given] = {}
    for target, given in _targets(content_of(source)):
        _put(found, target, given)
    later: dict[str, _Given] = {}
    for target, given in _targets(changes):
        _put(later, target, given)
    return _model({target: given.value for target, given in {**found, **later}.items()})


def read_text(text: str) -> dict[str, Any]:
    """Names and values from text: ``K=5, gSig=(4, 4, 2)``, a Python dict, or JSON. Never evaluated.

    Raises
    ------
    UsageError
        Where it is none of these, or a value is no literal.
    """
    text = text.strip().removesuffix(",")
    if not text:
        return {}
    try:
        value = plain_json.loads(text) if text.startswith("{") else None
    except ValueError:
        value = None
    if value is None:
        value = _literal(text)
    return {str(name): entry for name, entry in value.items()}


def _literal(text: str) -> dict[Any, Any]:
    """A Python dict, or keywords as in a call."""
    fix = "Write K=5, gSig=(4, 4, 2), method_init='greedy_roi', or JSON: {\"K\": 5}. Values are literals."
    try:
        tree = ast.parse(text if text.startswith("{") else f"dict({text})", mode="eval").body
        if isinstance(tree, ast.Call):
            if tree.args or any(keyword.arg is None for keyword in tree.keywords):
                raise ValueError("a value has no name")
            names = [keyword.arg for keyword in tree.keywords]
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{twice.pop()} is there twice")
            return {keyword.arg: ast.literal_eval(keyword.value) for keyword in tree.keywords}
        value = ast.literal_eval(tree)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error).partition(":")[0]
        raise UsageError(f"the parameters {text!r} can't be read: {reason}", fix) from error
    if not isinstance(value, dict):
        raise UsageError(f"the parameters {text!r} have no names", fix)
    return value


@dataclass(frozen=True)
class _Given:
    """A value and what the user called it."""

    name: str
    value: Any


def _put(found: dict[str, _Given], target: str, given: _Given) -> None:
    """Add a value; two different ones for the same thing are an error."""
    before = found.get(target)
    if before is not None and before.value != given.value:
        raise UsageError(
            f"{before.name} is {before.value!r} and {given.name} is {given.value!r}, but both set {target}",
            "Give only one of them.",
        )
    found[target] = given


def content_of(source: Source | None) -> Mapping[str, Any]:
    """What a source says, as a mapping."""
    if source is None:
        return {}
    if isinstance(source, CnmfParameters):
        return source.to_dict()
    if isinstance(source, Mapping):
        return source
    return _file(Path(source))


def _file(path: Path) -> Mapping[str, Any]:
    """A parameter file."""
    readers: dict[str, Callable[[str], Any]] = {
        ".json": plain_json.loads,
        ".yaml": yaml.safe_load,
        ".yml": yaml.safe_load,
        ".toml": tomllib.loads,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path} is no parameter file by its name", "Parameters are in .json, .yaml or .toml files.")
    refuse_special(path)
    try:
        content = reader(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}", "Check the name of the parameter file.") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        where = " ".join(str(error).split())
        raise InputError(f"{path} is no valid {path.suffix[1:].upper()}: {where}", "Mend it there.") from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise InputError(
            f"{path} holds no names and values", "Write groups of parameters, see `cnmf3d params --defaults`."
        )
    return content


def _targets(content: Mapping[str, Any]) -> Iterator[tuple[str, _Given]]:
    """Every value with the parameter of ours that it sets, as ``group.name``."""
    for name, value in content.items():
        if not isinstance(name, str):
            raise UsageError(f"{name!r} is no name of a parameter", "Names are texts; `cnmf3d params` lists all.")
        if name in FORM_GROUPS:
            inner = read_text(value) if isinstance(value, str) else value or {}
            if not isinstance(inner, Mapping):
                raise UsageError(f"{name} is {inner!r}", f"Give a dict or text: {name}={{'gSig': (4, 4, 2)}}.")
            yield from _targets(inner)
        elif name in FORM_NAMES:
            if name == "use_patches" and not value:
                yield "patch.rf", _Given("use_patches", None)
        elif isinstance(value, Mapping) and (name in _stages() or name in caiman.defaults()):
            whole = name in caiman.defaults() and 2 * len(value.keys() & caiman.defaults()[name]) > len(
                caiman.defaults()[name]
            )
            for inner_name, inner_value in value.items():
                yield from _target(inner_name, inner_value, name, whole)
        elif name in _stages():
            raise UsageError(f"{name} is {value!r}, but it is a group", f"Give its names and values: {name}: {{...}}.")
        else:
            yield from _target(name, value, "", False)


def _target(name: str, value: Any, group: str, whole: bool) -> Iterator[tuple[str, _Given]]:
    """The parameter of ours that one name sets; none where it has no effect."""
    full = f"{group}.{name}" if group else name
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    own = ALIASES.get(full) or find(full)
    value = or_nothing(value, field_of(own) if own else None)
    rule = caiman.rule_of(name, group)
    if group == "motion" or (rule is not None and rule.target.startswith("motion.")):
        if rule is None or (rule.kind != "no effect" and not caiman.says_nothing(name, "motion", value)):
            fix = "Give it to cnmf3d register, or to cnmf3d run with --register."
            raise UsageError(f"{full} is of registration, a step of its own: motion correction comes before CNMF", fix)
        return
    if whole and own in LENGTHS and _of_images(value) and caiman.says_nothing(name, group, value):
        return  # CaImAn's default, which is for images
    if rule is None or (own and rule.kind == "honoured"):
        if not own:
            raise unknown(full)
        yield own, _Given(full, _automatic(own, value))
    elif rule.kind == "honoured":
        if rule.target == "data.voxel_size":
            value = _voxel_size(value)
        yield rule.target, _Given(full, _automatic(rule.target, value))
    elif rule.kind != "no effect" and value not in rule.values:
        if caiman.says_nothing(name, group, value) and (whole or rule.kind == "refused"):
            return
        possible = f"Only {' and '.join(map(repr, rule.values))} can be given" if rule.values else "Leave it out"
        raise UsageError(f"{full} is {value!r}, which the engine can't honour: {rule.text}", f"{possible}.")


def or_nothing(value: Any, kind: FieldInfo | None) -> Any:
    """None for the words none and null, as text has it; of frame numbers none are meant by that."""
    written = isinstance(value, str) and value.lower() in ("none", "null")
    return None if written and not (kind is not None and is_frames(kind)) else value


def _voxel_size(value: Any) -> Any:
    """CaImAn's dxy as our voxel size: nothing where it is its default, which isn't a measurement."""
    if value is None or tuple(value if isinstance(value, (list, tuple)) else (value,)) in ((1, 1), (1,)):
        return None
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise UsageError(f"dxy is {value!r}", "Give the size of a voxel along x, y and z in µm: dxy=(1.2, 1.2, 5).")
    return value


def _of_images(value: Any) -> bool:
    """Whether a length is along x and y only."""
    return isinstance(value, (list, tuple)) and len(value) == 2


def _automatic(target: str, value: Any) -> Any:
    """None, as CaImAn has it for "choose yourself", as "auto" where we have that and None means nothing."""
    if value is None and field_of(target).default == "auto" and target != "patch.rf":
        return "auto"
    return value


def _stages() -> dict[str, type[Stage]]:
    """Our groups and their models."""
    fields = CnmfParameters.model_fields
    return {
        name: field.annotation
        for name, field in fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Stage)
    }


def names() -> list[str]:
    """Our parameters as ``group.name``; those without a group as ``name``."""
    stages = _stages()
    grouped = [f"{group}.{name}" for group, model in stages.items() for name in model.model_fields]
    return grouped + [name for name in CnmfParameters.model_fields if name not in stages]


def find(full: str) -> str:
    """The parameter of ours that a full or bare name means; empty where there is none."""
    return next((name for name in names() if full in (name, name.rpartition(".")[2])), "")


def field_of(target: str) -> FieldInfo:
    """The field of one of our parameters, ``group.name``."""
    group, _, name = target.rpartition(".")
    return (_stages()[group] if group else CnmfParameters).model_fields[name]


def unknown(full: str) -> UsageError:
    """The error about a name that nobody knows."""
    bare = full.rpartition(".")[2]
    known = {name.rpartition(".")[2] for name in names()} | set(caiman.constructor()) | set(FORM_NAMES + FORM_GROUPS)
    known |= {name for group in caiman.defaults().values() for name in group}
    lower = {name.lower(): name for name in known}
    near = [lower[match] for match in difflib.get_close_matches(bare.lower(), lower, n=1, cutoff=0.5)]
    hint = f"Did you mean {near[0]}? " if near else ""
    return UsageError(f"there is no parameter {full}", f"{hint}`cnmf3d params` lists all.")


def _model(values: Mapping[str, Any]) -> CnmfParameters:
    """The model, with its complaints in our words."""
    tree: dict[str, Any] = {}
    for target, value in values.items():
        group, _, name = target.rpartition(".")
        (tree.setdefault(group, {}) if group else tree)[name] = value
    try:
        return CnmfParameters.model_validate(tree)
    except ValidationError as error:
        raise _complaint(error, values) from error


def _complaint(error: ValidationError, values: Mapping[str, Any]) -> UsageError:
    """One line for each parameter that can't be as given."""
    reasons = complaints(error)
    lines = [f"{target} is {values.get(target)!r}: it should be {why}" for target, why in reasons.items()]
    first = next(iter(reasons))
    return UsageError("\n".join(lines), f"`cnmf3d params {first.rpartition('.')[2]}` explains it.")


def complaints(error: ValidationError) -> dict[str, str]:
    """What each parameter that can't be as given should be, by ``group.name``.

    Parameters
    ----------
    error : ValidationError
        Of `CnmfParameters`.
    """
    reasons: dict[str, list[str]] = {}
    for entry in error.errors(include_url=False, include_context=False):
        place = entry["loc"] or ("parameters",)  # no names and values at all
        target = ".".join(str(part) for part in (place[:2] if place[0] in _stages() else place[:1]))
        reason = entry["msg"].removeprefix("Value error, ").replace("Input should be ", "").partition(", unable")[0]
        if reason not in reasons.setdefault(target, []):
            reasons[target].append(reason)
    return {target: " or ".join(why) for target, why in reasons.items()}
