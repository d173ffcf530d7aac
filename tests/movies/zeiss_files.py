"""Zeiss CZI files, written from the description of the segments of ZISRAW."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import imagecodecs
import numpy as np

KINDS = {"uint8": 0, "uint16": 1, "float32": 2}
INTERVAL = 0.2
"""Seconds from volume to volume."""


def segment(name: str, content: bytes) -> bytes:
    """A segment, whose content ends at a multiple of 32 bytes."""
    size = -(-len(content) // 32) * 32
    return struct.pack("<16sqq", name.encode(), size, len(content)) + content.ljust(size, b"\0")


def packed(page: np.ndarray, compression: int) -> bytes:
    """Values of an image as they lie in the file."""
    raw = page.astype(page.dtype.newbyteorder("<")).tobytes()
    if compression == 2:
        return bytes(imagecodecs.lzw_encode(raw))
    if compression == 4:
        return bytes(imagecodecs.jpegxr_encode(page, level=1.0))
    if compression == 5:
        return bytes(imagecodecs.zstd_encode(raw))
    if compression == 6:
        halves = np.frombuffer(raw, np.uint8).reshape(-1, page.dtype.itemsize).T.tobytes()
        return bytes([3, 1, 1]) + bytes(imagecodecs.zstd_encode(halves))
    return raw


def entry(at: int, kind: int, compression: int, starts: dict[str, int], size: tuple[int, int], factor: int) -> bytes:
    """An entry of the directory; `factor` is how much smaller what is stored is."""
    lengths = {"X": size[1], "Y": size[0]}
    dimensions = b"".join(
        struct.pack("<4siifi", name.encode(), start, lengths.get(name, 1), 0.0, lengths.get(name, 1) // factor or 1)
        for name, start in starts.items()
    )
    return struct.pack("<2siqiiB5xi", b"DV", kind, at, 0, compression, 0, len(starts)) + dimensions


def write_zeiss(
    folder: Path,
    values: np.ndarray,
    *,
    compression: int = 0,
    tiles: int = 1,
    pyramid: bool = False,
    left_out: Iterable[tuple[int, int, int]] = (),
    stamps: bool = True,
    views: int = 1,
    date: str = "",
) -> Path:
    """A recording; further tiles and views hold values that are larger by their number.

    Parameters
    ----------
    folder : Path
    values : (T, Z, C, Y, X) uint8, uint16 or float32
    compression : int
        As in the file.
    tiles : int
    pyramid : bool
        Whether smaller copies are beside the images.
    left_out : iterable of (t, z, c)
        Images that are not in the file.
    stamps : bool
        Whether the file has time stamps; the interval is in its description in any case.
    views : int
    date : str
        When it was recorded, ISO 8601.
    """
    times, planes, channels, *size = values.shape
    size = (size[0], size[1])
    description = (
        f"<ImageDocument><Metadata><Information><Image><AcquisitionDateAndTime>{date}</AcquisitionDateAndTime>"
        "<Dimensions><Channels>"
        + "".join(f'<Channel Id="Channel:{c}" Name="{("EGFP", "mCherry")[c]}"/>' for c in range(channels))
        + "</Channels><T><Positions><Interval><Increment>0.25</Increment></Interval></Positions></T></Dimensions>"
        "</Image></Information><Scaling><Items>"
        + "".join(
            f'<Distance Id="{axis}"><Value>{um * 1e-6}</Value></Distance>'
            for axis, um in (("X", 1.5), ("Y", 2.0), ("Z", 10.0))
        )
        + "</Items></Scaling></Metadata></ImageDocument>"
    ).encode()
    head = 32 + 512
    body = bytearray(b"\0" * head)
    entries = []

    def add(starts: dict[str, int], page: np.ndarray, factor: int = 1) -> None:
        said = entry(len(body), KINDS[page.dtype.name], compression, starts, size, factor)
        data = packed(page, compression)
        about = struct.pack("<iiq", 8, 0, len(data)) + said
        entries.append(said)
        body.extend(segment("ZISRAWSUBBLOCK", about.ljust(max(256, len(about)), b"\0") + b"<META/> " + data))

    for t, c, z, m, v in np.ndindex(times, channels, planes, tiles, views):  # planes run fastest, as in ZEN
        if (t, z, c) in set(left_out):
            continue
        starts = {"V": v, "S": 0, "T": t, "C": c, "Z": z + 2, "Y": 11, "X": 7 - size[1] * m, "M": m, "B": 0}
        page = (values[t, z, c] + values.dtype.type(m + v)).astype(values.dtype)
        add(starts, page)
        if pyramid:
            add(starts, np.ascontiguousarray(page[: size[0] // 2, : size[1] // 2]), 2)
    places = [len(body)]
    body += segment("ZISRAWMETADATA", struct.pack("<ii", len(description), 0).ljust(256, b"\0") + description)
    times_s = 1e9 + INTERVAL * np.arange(times)
    places.append(len(body))
    content = struct.pack("<ii", 8 + 8 * times, times) + times_s.astype("<f8").tobytes()
    said = struct.pack("<2s10xqi16s8s80s", b"A1", places[1], 0, b"", b"CZTIMS", b"TimeStamps").ljust(128, b"\0")
    about = struct.pack("<i12x", len(content)) + said
    body += segment("ZISRAWATTACH", about.ljust(256, b"\0") + content)
    places.append(len(body))
    body += segment("ZISRAWATTDIR", struct.pack("<i", 1).ljust(256, b"\0") + said)
    places.append(len(body))
    body += segment("ZISRAWDIRECTORY", struct.pack("<i", len(entries)).ljust(128, b"\0") + b"".join(entries))
    said = struct.pack("<iiii32xiqqiq", 1, 0, 0, 0, 0, places[3], places[0], 0, places[2] if stamps else 0)
    body[:head] = segment("ZISRAWFILE", said.ljust(512, b"\0"))
    path = folder / "z.czi"
    path.write_bytes(bytes(body))
    return path
