"""Scripts from templates: what is put into them is quoted, and what comes out runs the worker and nothing else."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from cnmf3d.errors import InputError, UsageError
from cnmf3d.written import whole_file

WORKER = "cnmf3d.batch.worker"
"""The module that computes a run folder."""

MARK = "# Written by cnmf3d batch export"
"""A line of every exported script; a file without it is somebody else's, and kept."""

TEMPLATES = ("slurm.sh", "shell.sh")


def template_text(name: str) -> str:
    """A template as it comes with cnmf3d.

    Parameters
    ----------
    name : str
        ``slurm.sh`` or ``shell.sh``.
    """
    return files(__package__).joinpath("templates", name).read_text("utf-8")


def render(name: str, template: Path | None, values: Mapping[str, Any]) -> str:
    """A script.

    Parameters
    ----------
    name : str
        Template that comes with cnmf3d.
    template : Path, optional
        A user's own instead; may extend that one: ``{% extends "slurm.sh" %}``.
    values : mapping
        What the template is given: text that is quoted, or harmless in a comment.

    Raises
    ------
    UsageError
        For a template that can't be used.
    """
    environment = SandboxedEnvironment(
        loader=FunctionLoader(lambda wanted: template_text(wanted) if wanted in TEMPLATES else None),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    try:
        text = environment.from_string(template_text(name) if template is None else _read(template)).render(**values)
    except TemplateError as error:
        where = f"{template}, line {error.lineno}" if isinstance(error, TemplateSyntaxError) else f"{template}"
        known = ", ".join(sorted(values))
        raise UsageError(
            f"the template can't be used: {where}: {error.message or type(error).__name__}",
            f"A template can use {known}; `cnmf3d batch export --print-template` shows the one that works.",
        ) from error
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise UsageError(f"the template can't be used: {template}: {error}", "Correct it.") from error
    if WORKER not in text:
        raise UsageError(
            f"the template {template} never runs the worker", "Put a line {{ command }} where the job is to compute."
        )
    return text


def _read(template: Path) -> str:
    """A user's template."""
    try:
        return template.read_text("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"the template {template} is no text in UTF-8", "Save it as UTF-8.") from None
    except OSError as error:
        raise UsageError(f"the template {template} can't be read: {error.strerror}", "Check the path.") from error


def write_script(path: Path, text: str) -> Path:
    """Write an executable script; it appears whole or not at all.

    Raises
    ------
    InputError
        Where it can't be written, or a file that isn't ours is in its place.
    """
    if MARK not in text:  # a user's template may leave it out
        text = f"{text.rstrip()}\n\n{MARK}\n"
    try:
        if path.is_dir() or (path.exists() and MARK.encode() not in path.read_bytes()):
            raise InputError(f"{path} is there already and was not written by cnmf3d", "Export to another folder (-o).")
        with whole_file(path) as draft:
            draft.write_bytes(text.encode("utf-8", "surrogateescape"))
            draft.chmod(0o755)
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}", "Export to another folder (-o).") from error
    return path


def made(folder: Path) -> Path:
    """The folder for scripts, made where it isn't there.

    Raises
    ------
    InputError
        Where it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} can't be made: {error.strerror}", "Export to another folder (-o).") from error
    return folder.absolute()


def quoted(text: str | Path) -> str:
    """A text as one word of a shell command, whatever is in it."""
    return shlex.quote(str(text))


def comment(text: str) -> str:
    """A text on one line, for a comment."""
    return "".join(each if each.isprintable() else "?" for each in text)


def word(text: str, longest: int = 40) -> str:
    """A name for a file or a job: ASCII letters, digits, points and dashes only, beginning with a letter or digit."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-.")[:longest].rstrip("-.") or "item"


def choice(variable: str, folders: Sequence[Path]) -> str:
    """Shell lines that set ``$folder`` to the run folder whose number, from 1, is in a variable.

    Parameters
    ----------
    variable : str
        ``SLURM_ARRAY_TASK_ID``.
    folders : sequence of Path
    """
    rows = [f"    {number}) folder={quoted(folder)} ;;" for number, folder in enumerate(folders, 1)]
    missing = f"    *) echo \"{variable} is '${{{variable}:-}}'; it must be 1 to {len(folders)}\" >&2; exit 2 ;;"
    return "\n".join([f'case "${{{variable}:-}}" in', *rows, missing, "esac"])
