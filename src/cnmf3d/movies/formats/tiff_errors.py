"""What went wrong with a TIFF file: it is cut short, damaged, stored in a way that can't be read, or it's our fault."""

from __future__ import annotations

import logging
import lzma
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.faults import library_fault
from cnmf3d.movies.stored import Place

AGAIN = "Copy it again from where it was recorded, or export the movie again."


def truncated(place: Place, whole: int, count: int) -> InputError:
    """Make the error for a file that ends too early."""
    return InputError(
        f"{place} is cut short: it should hold {count} pages and ends after {whole}",
        "Copy it again from where it was recorded, or export the part that is whole to a new file.",
    )


def broken(place: Place, why: list[str]) -> InputError:
    """Make the error for a file whose structure makes no sense."""
    reasons = "; ".join(dict.fromkeys(reason for reason in why if reason)) or "its structure makes no sense"
    return InputError(f"{place} can't be read as TIFF, it is damaged or cut short ({reasons})", AGAIN)


def unreadable(where: str, error: Exception) -> Cnmf3dError:
    """Make the error for an exception while a file or a page is read.

    Parameters
    ----------
    where : str
        File, or page and file.
    error : Exception
        Those by which tifffile and the decoders report bad data become an `InputError`. Others, such as a name
        that tifffile no longer has, are no reason to call a file damaged.
    """
    if isinstance(error, Cnmf3dError):
        return error
    if isinstance(error, (FileNotFoundError, PermissionError)):
        return InputError(f"{where} can't be opened: {error.strerror}", "Check that the file is there and readable.")
    text = " ".join(str(error).split())
    if is_damage(error):
        return InputError(f"{where} can't be decoded, it is damaged or cut short ({text})", AGAIN)
    if isinstance(error, (ValueError, ArithmeticError, LookupError, NotImplementedError)):
        # Bad numbers in a file lead to these; a name that a library no longer has doesn't.
        return InputError(
            f"{where} can't be decoded ({type(error).__name__}: {text})",
            "It is damaged, or stored in a way that can't be read: copy it again, or export it uncompressed.",
        )
    return library_fault(where, error, "tifffile")


def is_damage(error: Exception) -> bool:
    """Whether an exception says that the data are bad."""
    from tifffile import TiffFileError

    if isinstance(error, (NotImplementedError, RecursionError)):
        return False
    # Decoders of imagecodecs raise their own kinds of RuntimeError.
    kinds = (TiffFileError, EOFError, OSError, struct.error, zlib.error, lzma.LZMAError, RuntimeError)
    return isinstance(error, kinds)


class _Complaints(logging.Filter):
    """Keeps what tifffile logs while this thread collects it, and lets all else pass."""

    def __init__(self) -> None:
        super().__init__()
        self._mine = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        """Collect errors; say whether the record goes on to whoever listens."""
        messages: list[str] | None = getattr(self._mine, "messages", None)
        if messages is None:
            return True
        if record.levelno >= logging.ERROR:
            messages.append(record.getMessage().partition("> ")[2] or record.getMessage())
        return False

    @contextmanager
    def collect(self) -> Iterator[list[str]]:
        """Collect in this thread."""
        outer = getattr(self._mine, "messages", None)
        messages = self._mine.messages = []
        try:
            yield messages
        finally:
            self._mine.messages = outer


_COMPLAINTS = _Complaints()


@contextmanager
def complaints() -> Iterator[list[str]]:
    """Collect what tifffile logs as errors in this thread: it goes on after a broken page, we don't."""
    logger = logging.getLogger("tifffile")
    if _COMPLAINTS not in logger.filters:
        logger.addFilter(_COMPLAINTS)
    with _COMPLAINTS.collect() as messages:
        yield messages
