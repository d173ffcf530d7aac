"""Engines: what computes a job. One file each, and one row of the table; others register as entry points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from cnmf3d.batch.modules import MODULES
from cnmf3d.batch.runfolder import Job, RunFolder
from cnmf3d.errors import UsageError
from cnmf3d.events import Reporter
from cnmf3d.plugins import load

if TYPE_CHECKING:
    from cnmf3d.parameters.reading import Source

GROUP = "cnmf3d.engines"
"""Entry points that name an `Engine`."""


class Engine(Protocol):
    """Computes a job in the process that calls it.

    One that has only some of the modules says so by an attribute ``modules``.
    """

    name: str

    def unsuitable(self, job: Job) -> str | None:
        """Why it can't compute a job; None where it can."""
        ...

    def run(self, folder: RunFolder, job: Job, reporter: Reporter) -> None:
        """Compute `job` and write ``folder.output(job.module)``, whole or not at all."""
        ...


_TABLE = {
    "native": "cnmf3d.batch.engines.native:ENGINE",
    "caiman": "cnmf3d.batch.engines.caiman:ENGINE",
}


def names() -> list[str]:
    """All engines that are known."""
    return sorted({*_TABLE, *(entry.name for entry in entry_points(group=GROUP))})


def engine_of(name: str) -> Engine:
    """The engine of a name.

    Raises
    ------
    UsageError
        Where there is none.
    InputError
        Where one of another package can't be loaded; it names the package.
    """
    if name in _TABLE:
        module, _, attribute = _TABLE[name].partition(":")
        found: Engine = getattr(import_module(module), attribute)
        return found
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            loaded: Engine = load(entry, "the engine")
            return loaded
    raise UsageError(f"there is no engine {name}", f"There are: {', '.join(names())}.")


def check_module(name: str, module: str) -> None:
    """See that an engine has a module, before an item is made of it.

    Raises
    ------
    UsageError
        Where it hasn't, or there is no such engine.
    """
    if name == "native":
        known: Sequence[str] | None = MODULES
    else:
        known = getattr(engine_of(name), "modules", None)
    if known is not None and module not in known:
        raise UsageError(f"the engine {name} has no module {module}", f"It has {', '.join(known)}.")


def divide(name: str, content: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """A part of what a user gave, which needn't be complete: what is ours, and options with the engine's own.

    An engine that has parameters of its own has a method ``divide`` that takes and returns the same.
    """
    own = None if name == "native" else getattr(engine_of(name), "divide", None)
    return (content, {}) if own is None else own(content)


def divide_motion(name: str, content: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """As `divide`, of parameters of registration; an engine that has parameters of its own has a method of this name.

    Parameters
    ----------
    name : str
        Of the engine.
    content : mapping
        Bare names, and the group ``motion``.
    """
    own = None if name == "native" else getattr(engine_of(name), "divide_motion", None)
    return (content, {}) if own is None else own(content)


def separate(name: str, parameters: Source | None) -> tuple[Source | None, dict[str, Any]]:
    """What of a user's parameters is ours, and options with those that only this engine has.

    An engine that has any says so by a method ``separate`` of its own, which takes and returns the same, and raises
    UsageError for values that it can't honour.
    """
    own = None if name == "native" else getattr(engine_of(name), "separate", None)
    return (parameters, {}) if own is None else own(parameters)
