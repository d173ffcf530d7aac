"""Output of names that a terminal's encoding has no letters for: file names that aren't UTF-8, a pipe that is ASCII."""

from __future__ import annotations

import codecs
import io
import sys

HANDLER = "cnmf3d.names"
"""What Python calls the handler."""

ESCAPED = range(0xDC80, 0xDD00)
"""How Python keeps bytes of a name that are no UTF-8 (PEP 383)."""


def take_any_name() -> None:
    r"""Let standard output take any text: such bytes as they are, other letters that it hasn't as ``\\xfc``."""
    codecs.register_error(HANDLER, _instead)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=HANDLER)


def _instead(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for a stretch of text that can't be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letter = error.object[error.start]
    at = error.start + 1
    if ord(letter) in ESCAPED:
        return bytes([ord(letter) - 0xDC00]), at
    return letter.encode("ascii", "backslashreplace").decode("ascii"), at
