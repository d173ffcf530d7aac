"""The garbage collector, kept away while it would only look again and again at what stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector: it takes a third of the time where many small objects are made, as for a table."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextmanager
def staying() -> Iterator[None]:
    """For imports: what is there afterwards stays, so that the collector needn't look at it ever again.

    To look through numba's modules takes a tenth of a second while they are imported, and 0.3 s when Python ends.
    """
    with uncollected():
        yield
    gc.freeze()
