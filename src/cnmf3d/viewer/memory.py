"""Memory that is no longer needed goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back() -> None:
    """Collect what nothing holds any more, and ask glibc to return its free pages.

    glibc keeps what was freed in each thread's arena, up to hundreds of megabytes here, unless told to trim (its
    manual: ``malloc_trim``). Elsewhere the system's own allocator does as it likes.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
