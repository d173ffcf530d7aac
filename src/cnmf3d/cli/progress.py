"""How a command shows what it does: a live line on a terminal, plain lines in a log, JSON lines for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cnmf3d.events import Event, Reporter, silent, to_json
from cnmf3d.progress import Plain, Terminal, bars_on


@contextmanager
def shown(*, as_json: bool, quiet: bool) -> Iterator[Reporter]:
    """A reporter that shows events on stderr; as JSON lines on stdout where asked for.

    Parameters
    ----------
    as_json, quiet : bool
    """
    if as_json:
        yield _json_line
    elif quiet:
        yield silent
    elif sys.stderr.isatty():
        with bars_on() as bars:
            yield Terminal(bars)
    else:
        yield Plain(lambda text: print(text, file=sys.stderr, flush=True))


def _json_line(event: Event) -> None:
    print(to_json(event), flush=True)
