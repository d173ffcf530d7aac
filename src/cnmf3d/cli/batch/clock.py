"""`--at 23:00`: waiting for a time of day."""

from __future__ import annotations

import re
import sys
import time
from datetime import datetime, timedelta

import typer

from cnmf3d.errors import UsageError

STEP = 1.0
"""Seconds between looks at the clock; the machine may have slept."""


def next_time(text: str, now: datetime) -> datetime:
    """The next moment with that time of day.

    Parameters
    ----------
    text : str
        ``23:00`` or ``7:30``.
    now : datetime
        Local time, without a time zone.

    Raises
    ------
    UsageError
        Where it is no time of day.
    """
    told = re.fullmatch(r"(\d{1,2}):(\d{2})", text.strip())
    if told is None or int(told[1]) > 23 or int(told[2]) > 59:
        raise UsageError(f"--at is {text!r}", "Give a time of day: --at 23:00.")
    found = now.replace(hour=int(told[1]), minute=int(told[2]), second=0, microsecond=0)
    return found if found > now else found + timedelta(days=1)


def wait_until(moment: datetime, *, quiet: bool) -> None:
    """Wait, with a line that counts down on a terminal.

    Parameters
    ----------
    moment : datetime
        Local time, without a time zone.
    quiet : bool
    """
    live = sys.stderr.isatty() and not quiet
    if not quiet:
        typer.echo(f"Starts at {moment:%H:%M on %d %B}. Ctrl-C: not at all.", err=True)
    while (left := moment.timestamp() - time.time()) > 0:
        if live:
            typer.echo(f"\r{_clock(left)} left ", err=True, nl=False)
        time.sleep(min(STEP, left))
    if live:
        typer.echo("\r" + " " * 20 + "\r", err=True, nl=False)


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    whole = int(seconds + 0.999)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
