"""What a file of NWB says of the session, the subject and the imaging, and how users give it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cnmf3d.errors import InputError, UsageError, did_you_mean
from cnmf3d.regular import refuse_special

AGE = re.compile(r"P(?=.)(\d+(\.\d+)?[YMWD])*(T(\d+(\.\d+)?[HMS])+)?(/(P(\d+(\.\d+)?[YMWD])*)?)?")
"""A duration of ISO 8601, or a range of two."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class Session(_Group):
    """Of the recording."""

    session_start_time: datetime = Field(description="when the first volume was taken, with its time zone")
    session_description: str = Field("", description="what was recorded; the movie's name if not given")
    identifier: str = Field("", description="unique for this file; a random UUID if not given")
    session_id: str | None = Field(None, description="what the lab calls it")
    experimenter: tuple[str, ...] = Field((), description='"Last, First"')
    experiment_description: str | None = Field(None, description="what the experiment was about")
    institution: str | None = None
    lab: str | None = None
    keywords: tuple[str, ...] = ()
    related_publications: tuple[str, ...] = Field((), description="DOI or address")
    protocol: str | None = None
    pharmacology: str | None = None
    surgery: str | None = None
    virus: str | None = None
    stimulus_notes: str | None = None
    notes: str | None = None

    @field_validator("session_start_time")
    @classmethod
    def _zone(cls, value: datetime) -> datetime:
        """A time without a zone is one of this computer's."""
        return value if value.tzinfo else value.astimezone()

    @field_validator("experimenter", "keywords", "related_publications", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class Subject(_Group):
    """Of the animal."""

    subject_id: str
    species: str | None = Field(None, description='Latin, such as "Mus musculus" or "Danio rerio"')
    sex: Literal["M", "F", "U", "O"] | None = Field(None, description="M, F, U (unknown) or O (other)")
    age: str | None = Field(None, description="ISO 8601: P90D are 90 days, P12W twelve weeks")
    date_of_birth: datetime | None = None
    strain: str | None = None
    genotype: str | None = None
    weight: str | None = Field(None, description='with its unit: "0.02 kg"')
    description: str | None = None

    @field_validator("species")
    @classmethod
    def _latin(cls, value: str | None) -> str | None:
        if value and not re.match(r"[A-Z][a-z]+ [a-z]+|http", value):
            raise ValueError('a Latin name, such as "Mus musculus" or "Danio rerio"')
        return value

    @field_validator("age")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value and not AGE.fullmatch(value):
            raise ValueError("a duration of ISO 8601: P90D are 90 days, P12W twelve weeks")
        return value

    @field_validator("date_of_birth")
    @classmethod
    def _zone(cls, value: datetime | None) -> datetime | None:
        return value if value is None or value.tzinfo else value.astimezone()


class Imaging(_Group):
    """Of the microscope and what it saw."""

    device: str = Field("Microscope", description="name of the microscope")
    device_description: str | None = Field(None, description="its model, objective, ...")
    indicator: str = Field("unknown", description="of calcium, such as GCaMP6f")
    location: str = Field("unknown", description="where in the brain, such as VISp or the optic tectum")
    excitation_lambda: float = Field(float("nan"), description="nm", ge=10)
    emission_lambda: float = Field(float("nan"), description="nm", ge=10)
    plane_description: str = "The imaged volume."
    reference_frame: str | None = Field(None, description="what origin is relative to, such as bregma")
    origin: tuple[float, float, float] | None = Field(None, description="(x, y, z) of the first voxel, in µm")


class Metadata(_Group):
    """All of it."""

    session: Session
    subject: Subject | None = None
    imaging: Imaging = Imaging()


GROUPS: dict[str, type[_Group]] = {"session": Session, "subject": Subject, "imaging": Imaging}


def metadata_of(given: Mapping[str, Any]) -> Metadata:
    """Read and check metadata.

    Parameters
    ----------
    given : mapping
        Groups of names and values, or names alone: ``{"session": {"lab": "A"}, "species": "Mus musculus"}``.

    Raises
    ------
    UsageError
        For an unknown name, a value that can't be, or where something is missing that NWB requires.
    """
    grouped = grouped_names(given)
    if grouped.get("session", {}).get("session_start_time") is None:
        fix = "--set session_start_time=2026-01-31T14:00:00+01:00, or in --metadata FILE.yaml (--template shows one)."
        raise UsageError("an NWB file must say when the session started", f"Give it: {fix}")
    try:
        return Metadata.model_validate(grouped)
    except ValidationError as error:
        raise _complaint(error, grouped) from error


def grouped_names(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Names in their groups; a name alone goes to the group that has it."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        if name in GROUPS:
            if not isinstance(value, Mapping):
                raise UsageError(f"{name} is {value!r}, but it is a group", f"Give its names and values: {name}: ...")
            for inner, entry in value.items():
                if inner not in GROUPS[name].model_fields:
                    raise _unknown(f"{name}.{inner}", inner)
                if entry is not None:
                    found.setdefault(name, {})[inner] = entry
            continue
        group, _, inner = name.rpartition(".")
        groups = [each for each, model in GROUPS.items() if inner in model.model_fields and group in ("", each)]
        if not groups:
            raise _unknown(name, inner)
        found.setdefault(groups[0], {})[inner] = value
    return found


def _unknown(full: str, name: str) -> UsageError:
    known = [field for model in GROUPS.values() for field in model.model_fields]
    hint = did_you_mean(name, known, 0.5)
    return UsageError(f"NWB metadata has nothing named {full}", f"{hint}`cnmf3d export --template` shows all.")


def _complaint(error: ValidationError, given: Mapping[str, Mapping[str, Any]]) -> UsageError:
    lines: list[str] = []
    for entry in error.errors(include_url=False, include_context=False):
        group, *rest = (str(part) for part in entry["loc"])
        name = rest[0] if rest else ""
        reason = entry["msg"].removeprefix("Value error, ").replace("Input should be ", "")
        if entry["type"] == "missing":
            lines.append(f"{group}.{name} is missing")
        else:
            lines.append(f"{group}.{name} is {given[group].get(name)!r}: it should be {reason}")
    return UsageError("\n".join(lines), "`cnmf3d export --template` shows a file with all names.")


def read_metadata(path: Path | None, pairs: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Metadata from a file and from ``NAME=VALUE`` pairs, which win.

    Parameters
    ----------
    path : Path or None
        YAML or JSON.
    pairs : sequence of str

    Raises
    ------
    InputError
        Where the file can't be read.
    UsageError
        For unknown names.
    """
    found = grouped_names({} if path is None else _file(path))
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair} has no '='", "Write a name and its value: --set subject_id=M12.")
        for group, values in grouped_names({name.strip(): _value(value.strip())}).items():
            found.setdefault(group, {}).update(values)
    return found


def _file(path: Path) -> Mapping[str, Any]:
    refuse_special(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}", "Check the name of the metadata file.") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path} is no valid YAML: {' '.join(str(error).split())}", "Mend it there.") from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds no names and values", "`cnmf3d export --template` shows a file.")
    return {str(name): value for name, value in content.items() if value is not None}


def _value(text: str) -> Any:
    """A value as YAML has it; a list in brackets, numbers as numbers."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return text if value is None or isinstance(value, (dict, bool)) else value


def template() -> str:
    """A YAML file with every name, to be filled in."""
    lines: list[str] = []
    for group, model in GROUPS.items():
        lines += ["", f"{group}:"] if lines else [f"{group}:"]
        for name, field in model.model_fields.items():
            told = f"  # {field.description}" if field.description else ""
            lines.append(f"  {name}:{told}")
    return "\n".join(lines) + "\n"


def missing(metadata: Metadata) -> list[str]:
    """What DANDI and nwbinspector want beside what NWB requires."""
    subject = metadata.subject
    names = ("species", "sex") if subject else ("subject_id", "species", "sex")
    wanted = [name for name in names if getattr(subject, name, None) is None]
    if subject is None or not (subject.age or subject.date_of_birth):
        wanted.append("age")
    return (
        wanted
        if metadata.imaging.location != "unknown"
        else [*wanted, "location (for a mouse, a term of Allen's atlas)"]
    )
