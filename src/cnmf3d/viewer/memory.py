"""Memory that is no longer needed goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys

M_ARENA_MAX = -8
"""glibc's number of that option."""


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


def share_one_arena() -> None:
    """Let all threads of this process allocate from glibc's first arena; for a process of our own, before they begin.

    ``malloc_trim`` gives back all that is free only of that one: each other keeps up to 64 MB at its top (M_ARENA_MAX
    in glibc's manual; the arenas of threads that read results at the same time would grow to hundreds of megabytes).
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(M_ARENA_MAX, 1)
