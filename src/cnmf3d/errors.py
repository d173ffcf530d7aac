"""Errors that name what is wrong, where, and the fix, in the user's words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Cnmf3dError(Exception):
    """Base of every foreseeable failure.

    Parameters
    ----------
    problem : str
        What is wrong, and where: name the file, the parameter or the stage.
    fix : str
        What the user can do about it.

    Attributes
    ----------
    exit_code : int
        What the command line returns for it.
    """

    exit_code = 1

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(f"{problem}\n{fix}" if fix else problem)
        self.problem = problem
        self.fix = fix


class EngineError(Cnmf3dError):
    """The computation itself failed (exit code 1)."""


class UsageError(Cnmf3dError):
    """A parameter or a command line that can't be meant (exit code 2)."""

    exit_code = 2


class InputError(Cnmf3dError):
    """A movie, sidecar or results file that can't be used (exit code 3)."""

    exit_code = 3


class ChoiceError(InputError):
    """A file that holds several movies, of which one must be chosen (exit code 3).

    Parameters
    ----------
    problem, fix : str
        As of `Cnmf3dError`.
    option : str
        What chooses: ``channel`` or ``dataset``, or ``position``, which is a folder or a pattern.
    choices : sequence of str
        What there is, each with what is known of it.
    """

    def __init__(self, problem: str, fix: str, option: str, choices: Iterable[str]) -> None:
        super().__init__(problem, fix)
        self.option = option
        self.choices = tuple(choices)


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """``Did you mean snr? `` for a name that is nearly one of those known, to begin a fix with; else empty."""
    near = difflib.get_close_matches(name, list(known), 1, cutoff)
    return f"Did you mean {near[0]}? " if near else ""
