"""Which volume and plane each frame of a ScanImage recording belongs to, by the numbers that its pages carry.

Frames that ScanImage could not save are missing from the file, while ``frameNumbers`` count them. Only the numbers
tell the plane of what follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.movies.formats.scanimage_frames import Numbers
from cnmf3d.movies.formats.scanimage_settings import Volume

SHOWN = 4
"""Ranges of volumes that a message names."""

FILLED = 4
"""Volumes that may be filled in for each that was saved: more are a damaged number of a frame, or a file that is not of
this recording."""

INSTEAD = {
    "nan": "They are not-a-number (NaN) where they belong.",
    "interpolate": "Values between their neighbours in time stand where they belong.",
}
"""What stands in place of missing planes."""


@dataclass(frozen=True)
class Placement:
    """Frames that make whole volumes.

    Attributes
    ----------
    frames : (volumes, frames without flyback) int
        Position in the file; -1 for a frame that is missing, where gaps are kept.
    lost : sequence of str
        What is missing, as sentences without the file's name.
    acquisition, number : (volumes,) int
        Which acquisition each volume is of, from 0, and its number in that.
    left : int
        Volumes that the file has parts of, and that are left out.
    """

    frames: npt.NDArray[np.intp]
    lost: Sequence[str]
    acquisition: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    left: int = 0


def place_frames(
    numbers: Numbers, volume: Volume, dropped: str = "leave out", where: str = "the recording"
) -> Placement:
    """Put frames to their volumes and planes.

    Parameters
    ----------
    numbers : Numbers
        Each frame once within an acquisition.
    volume : Volume
    dropped : str
        What becomes of volumes that lack planes, one of `DROPPED`. Those that were cut by the begin or the end of an
        acquisition are left out in any case: nothing was dropped there.
    where : str
        The files, for the error.

    Raises
    ------
    InputError
        Where far more volumes would be filled in than there are.
    """
    again = np.diff(numbers.acquisition, prepend=numbers.acquisition[:1]) != 0
    again |= np.diff(numbers.frame, prepend=numbers.frame[:1] - 1) <= 0
    stretch = np.cumsum(again)
    number, slot = np.divmod(numbers.frame, volume.frames)
    starts = np.flatnonzero((np.diff(stretch, prepend=-1) != 0) | (np.diff(number, prepend=-1) != 0))
    row = np.cumsum(np.isin(np.arange(len(number)), starts)) - 1
    table = np.full((len(starts), volume.frames), -1, np.intp)
    table[row, slot] = np.arange(len(number))
    table = table[:, : volume.wanted]
    whole = np.asarray((table >= 0).all(axis=1))
    kept = dropped != "leave out"
    lost = _lost(stretch[starts], number[starts], slot[starts], whole, table, dropped)
    if not kept or not whole.any():
        return Placement(table[whole], lost, stretch[starts][whole], number[starts][whole], int((~whole).sum()))
    return _filled(table, stretch[starts], number[starts], whole, where, lost)


def _filled(
    table: npt.NDArray[np.intp],
    stretch: npt.NDArray[np.int64],
    number: npt.NDArray[np.int64],
    whole: npt.NDArray[np.bool_],
    where: str,
    lost: Sequence[str],
) -> Placement:
    """All volumes from the first whole one of each acquisition to its last one."""
    parts, acquisitions, numbers = [], [], []
    for each in range(int(stretch[-1]) + 1):
        rows = np.flatnonzero((stretch == each) & whole)
        if not rows.size:
            continue
        rows = np.arange(rows[0], rows[-1] + 1)
        places = number[rows] - number[rows[0]]
        if places[-1] + 1 > (FILLED + 1) * len(table):
            raise InputError(
                f"by the frame numbers of {where} {places[-1] + 1 - len(rows)} volumes are missing, "
                f"and {len(rows)} are there",
                "Leave them out: dropped='leave out' (--dropped 'leave out').",
            )
        part = np.full((int(places[-1]) + 1, table.shape[1]), -1, np.intp)
        part[places] = table[rows]
        parts.append(part)
        acquisitions.append(np.full(len(part), each))
        numbers.append(number[rows[0]] + np.arange(len(part)))
    return Placement(np.concatenate(parts), lost, np.concatenate(acquisitions), np.concatenate(numbers))


def _lost(
    stretch: npt.NDArray[np.int64],
    number: npt.NDArray[np.int64],
    slot: npt.NDArray[np.int64],
    whole: npt.NDArray[np.bool_],
    table: npt.NDArray[np.intp],
    dropped: str,
) -> list[str]:
    """Say which volumes are missing, and where acquisitions meet; one row for each volume, with its first slot."""
    missing, begun, incomplete, stopped, lacking = [], [], [], [], 0
    for each in range(int(stretch[-1]) + 1):
        rows = np.flatnonzero(stretch == each)
        found = number[rows].tolist()
        missing += [(low + 1, high - 1) for low, high in pairwise([-1, *found]) if high - low > 1]
        torn = {int(row) for row in rows if not whole[row]}
        within = [row for row in rows[:1].tolist() if row in torn and slot[row]]
        end = [row for row in rows[-1:].tolist() if row in torn and row not in within]
        begun += [(int(number[row]),) * 2 for row in within]
        stopped += [(int(number[row]),) * 2 for row in end]
        inner = sorted(torn - {*within, *end})
        incomplete += [(int(number[row]),) * 2 for row in inner]
        lacking += int((table[inner] < 0).sum())
    texts = []
    instead = INSTEAD.get(dropped, "Times of traces have the gap.")
    if missing:
        texts.append(
            f"by its frame numbers volumes are missing: {_count(missing)} ({_ranges(missing)}, counted from 0). Files "
            f"are missing or frames were not saved. {instead}"
        )
    if begun:
        texts.append(f"it begins within a volume, which is left out ({_ranges(begun)}, counted from 0).")
    if incomplete:
        planes = f"{lacking} planes of {_count(incomplete)} volumes are missing"
        text = planes if dropped in INSTEAD else f"Volumes that lack a plane are left out: {_count(incomplete)}"
        texts.append(
            f"by its frame numbers frames were dropped. {text} ({_ranges(incomplete)}, counted from 0). {instead}"
        )
    if stopped:
        texts.append(f"its last volume is incomplete and left out ({_ranges(stopped)}, counted from 0).")
    if stretch[-1]:
        rows = np.flatnonzero(np.diff(stretch)) + 1
        begins: list[int] = (np.cumsum(whole) - whole)[rows].tolist()
        texts.append(
            f"its frame numbers begin again {int(stretch[-1])} times (at volume {_ranges([(n, n) for n in begins])}, "
            "counted from 0): it holds several acquisitions, which are segments of the movie."
        )
    return texts


def _count(spans: Sequence[tuple[int, int]]) -> int:
    """Count the numbers of spans."""
    return sum(high - low + 1 for low, high in spans)


def _ranges(spans: Sequence[tuple[int, int]]) -> str:
    """Write spans of numbers short: ``3–5, 9``."""
    joined: list[tuple[int, int]] = []
    for low, high in spans:
        if joined and low == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    texts = [f"{low}" if low == high else f"{low}–{high}" for low, high in joined[:SHOWN]]
    return ", ".join(texts) + (", …" if len(joined) > SHOWN else "")
