"""What a job asks a cluster for: cores, memory and time, from the estimate of its run with a margin."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnmf3d.errors import UsageError

if TYPE_CHECKING:
    from cnmf3d.engine.estimate import Estimate

CORES = (1, 2, 4, 8)
"""What is asked for by default; more doesn't help much."""

SOON = 600.0
"""Seconds below which an item isn't given more cores."""

SLOWER = 3.0
"""How much slower than here a node, and its disk, may be."""

START = 900.0
"""Seconds on top: the interpreter from a network disk, kernels compiled for the first time on a node."""

SPARE = 1.5
"""Memory beside the estimate."""

STEP_SECONDS, STEP_BYTES = 300, 2**29
"""Round figures to which is rounded up."""

MIB = 2**20


@dataclass(frozen=True)
class Resources:
    """What one job asks for.

    Attributes
    ----------
    cores : int
    memory : int
        Bytes.
    seconds : int
    """

    cores: int
    memory: int
    seconds: int

    @property
    def megabytes(self) -> int:
        """Memory as SLURM counts it."""
        return math.ceil(self.memory / MIB)

    @property
    def clock(self) -> str:
        """Time as SLURM writes it: ``D-HH:MM:SS``."""
        hours, rest = divmod(self.seconds, 3600)
        return f"{hours // 24}-{hours % 24:02}:{rest // 60:02}:{rest % 60:02}"


@dataclass(frozen=True)
class Wanted:
    """What a user asks for instead; None leaves it to the estimate.

    Attributes
    ----------
    cores : int, optional
    memory : int, optional
        Bytes.
    seconds : int, optional
    """

    cores: int | None = None
    memory: int | None = None
    seconds: int | None = None

    @classmethod
    def read(cls, cores: int | None = None, memory: str | None = None, time: str | None = None) -> Wanted:
        """From what a user writes.

        Parameters
        ----------
        cores : int, optional
        memory : str, optional
            ``8G``, ``8GiB``, ``500M``; megabytes where there is no unit, as SLURM has it.
        time : str, optional
            ``2h``, ``90m``, ``2:00:00`` or ``1-12:00:00``; minutes where there is no unit, as SLURM has it.

        Raises
        ------
        UsageError
            For one that can't be read.
        """
        if cores is not None and cores < 1:
            raise UsageError(f"{cores} cores can't compute anything", "Ask for at least one: --cores 4.")
        return cls(cores, None if memory is None else _bytes(memory), None if time is None else _seconds(time))

    @property
    def complete(self) -> bool:
        """Whether nothing is left to an estimate."""
        return None not in (self.cores, self.memory, self.seconds)


def resources(estimates: dict[int, Estimate], wanted: Wanted) -> Resources:
    """What to ask for.

    Parameters
    ----------
    estimates : dict
        What the run needs with so many cores; empty where `wanted` says everything.
    wanted : Wanted
    """
    cores = wanted.cores or next((number for number, needs in estimates.items() if needs.seconds <= SOON), 0)
    cores = cores or max(estimates)
    needs = estimates.get(cores)
    memory, seconds = wanted.memory, wanted.seconds
    if memory is None:
        memory = STEP_BYTES * math.ceil(needs.memory * SPARE / STEP_BYTES) if needs else 0
    if seconds is None:
        seconds = STEP_SECONDS * math.ceil((needs.seconds * SLOWER + START) / STEP_SECONDS) if needs else 0
    return Resources(cores, memory, seconds)


def largest(each: Iterable[Resources]) -> Resources:
    """What is enough for every one of several jobs."""
    several = list(each)
    return Resources(
        max(one.cores for one in several), max(one.memory for one in several), max(one.seconds for one in several)
    )


def _bytes(text: str) -> int:
    """Bytes that a text such as ``8G`` means."""
    told = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip().casefold())
    number = float(told[1]) * 1024 ** " kmgt".index(told[2] or "m") if told else 0
    if number < MIB:
        raise UsageError(f"--memory is {text!r}", "Give it with a unit: --memory 8G.")
    return int(number)


def _seconds(text: str) -> int:
    """Seconds that a text such as ``2h`` or ``1-12:00:00`` means."""
    word = text.strip().casefold()
    if told := re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)", word):
        days, hours, minutes, seconds = (int(part or 0) for part in told.groups())
        found: float = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    elif told := re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|)", word):
        found = float(told[1]) * {"s": 1, "h": 3600, "d": 86400}.get(told[2], 60)
    else:
        found = 0
    if found < 1:
        raise UsageError(f"--time is {text!r}", "Give it with a unit, --time 2h, or as hours: --time 2:00:00.")
    return math.ceil(found)
