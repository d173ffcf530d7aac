"""Movies on disk, in formats that no package writes for us; and whether one is read as what was written."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

from cnmf3d.movies import Movie


def write_scanimage(
    path: Path,
    pages: np.ndarray,
    state: dict[str, object],
    *,
    first_frame: int = 1,
    numbers: Sequence[int] | None = None,
    headers: Callable[[int], str] = lambda frame: "epoch = [2026 1 31 14 25 0.5]",
    regions: object = None,
) -> None:
    """A BigTIFF as ScanImage writes it: the microscope's state before the first page, a description for each.

    Parameters
    ----------
    path : Path
    pages : (n, Y, X) int16
    state : dict
        ``SI.…`` names and values.
    first_frame : int
        ``frameNumbers`` of the first page.
    numbers : sequence of int, optional
        ``frameNumbers`` of each frame, where they don't follow one another.
    headers : callable
        Further lines in the pages of a frame, by its frame number.
    regions : JSON value, optional
        ``RoiGroups``.
    """
    lines = "\n".join(f"{name} = {matlab(value)}" for name, value in state.items())
    frame_data = lines.encode() + b"\0"
    groups = json.dumps({"RoiGroups": regions}).encode() if regions is not None else b""
    head = struct.pack("<IIII", 0x07030301, 4, len(frame_data), len(groups)) + frame_data + groups
    channels = np.size(state.get("SI.hChannels.channelSave", [1]))  # type: ignore[arg-type]
    start = 16 + len(head)
    body, offset, offsets = bytearray(), start, []
    for number, page in enumerate(pages):
        frame = first_frame + number // channels if numbers is None else numbers[number // channels]
        description = f"frameNumbers = {frame}\n{headers(frame)}\n".encode() + b"\0"
        software = lines.encode() + b"\0"
        blobs = [description, software, page.tobytes()]
        places = []
        for blob in blobs:
            places.append(offset + len(body))
            body += blob + b"\0" * (-len(blob) % 8)
        offsets.append(start + len(body))
        height, width = page.shape
        tags = [
            (256, 4, 1, struct.pack("<I4x", width)),
            (257, 4, 1, struct.pack("<I4x", height)),
            (258, 3, 1, struct.pack("<H6x", 16)),
            (259, 3, 1, struct.pack("<H6x", 1)),
            (262, 3, 1, struct.pack("<H6x", 1)),
            (270, 2, len(description), struct.pack("<Q", places[0])),
            (273, 16, 1, struct.pack("<Q", places[2])),
            (277, 3, 1, struct.pack("<H6x", 1)),
            (278, 4, 1, struct.pack("<I4x", height)),
            (279, 16, 1, struct.pack("<Q", page.nbytes)),
            (305, 2, len(software), struct.pack("<Q", places[1])),
            (339, 3, 1, struct.pack("<H6x", 2)),
        ]
        body += struct.pack("<Q", len(tags))
        for code, kind, count, value in tags:
            body += struct.pack("<HHQ", code, kind, count) + value
        body += struct.pack("<Q", 0)
    for this, following in pairwise(offsets):
        end = this - start + 8 + 12 * 20
        body[end : end + 8] = struct.pack("<Q", following)
    path.write_bytes(struct.pack("<2sHHHQ", b"II", 43, 8, 0, offsets[0]) + head + bytes(body))


def matlab(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            return "[" + ";".join(" ".join(map(str, row)) for row in value) + "]"
        return "[" + ";".join(map(str, value)) + "]"
    return str(value)


def write_micro_manager(path: Path, values: np.ndarray, *, begins: int = 0, **summary: object) -> None:
    """A stack file of Micro-Manager 1.4 and 2.0: an index of all pages and a summary before the first one.

    Parameters
    ----------
    path : Path
        Named ``..._MMStack....tif``.
    values : (T, R, Z, C, Y, X) uint16
        R are positions of the stage.
    begins : int
        Time of the first page, in files that go on with another one.
    summary : dict
        Entries of the summary.
    """
    times, positions, planes, channels, height, width = values.shape
    labels = {"MicroManagerVersion": "2.0.0", "Frames": times, "Positions": positions, "Slices": planes}
    labels |= {"Channels": channels, "Width": width, "Height": height, "TimeFirst": True, "SlicesFirst": True}
    text = json.dumps(labels | {"Prefix": path.name.split("_MMStack")[0], "PixelType": "GRAY16"} | summary).encode()
    about = b'{"Camera": "camera"}'
    size, pages, index = 2 * height * width, bytearray(), []
    start = 40 + len(text) + len(text) % 2
    for place in np.ndindex(values.shape[:4]):
        t, r, z, c = place
        at = start + len(pages)
        index.append((c, z, t + begins, r, at))
        tags = [(256, width), (257, height), (258, 16), (259, 1), (262, 1), (273, at + 162), (277, 1)]
        tags += [(278, height), (279, size), (282, 1), (296, 1), (339, 1)]
        pages += struct.pack("<H", len(tags) + 1)
        pages += b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags)
        pages += struct.pack("<HHII", 51123, 2, len(about), at + 162 + size)
        last = len(index) == np.prod(values.shape[:4])
        pages += struct.pack("<I", 0 if last else at + 162 + size + len(about)) + values[place].tobytes() + about
    end = start + len(pages)
    head = struct.pack("<2sHI", b"II", 42, start) + struct.pack("<4I", 54773648, end, 483765892, 0)
    head += struct.pack("<4I", 99384722, 0, 2355492, len(text)) + text + bytes(len(text) % 2)
    entries = b"".join(struct.pack("<5I", *entry) for entry in index)
    path.write_bytes(head + bytes(pages) + struct.pack("<2I", 3453623, len(index)) + entries)


def write_nwb(path: Path, values: np.ndarray, *, series: tuple[str, ...] = ("TwoPhotonSeries",)) -> None:
    """An NWB file with imaging series of (t, x, y, z), as the schema has them."""
    with h5py.File(path, "w") as file:
        file["session_description"] = "a session"
        plane = file.create_group("general/optophysiology/plane")
        plane["imaging_rate"] = 5.0
        plane["indicator"] = "GCaMP6s"
        plane["grid_spacing"] = [1.5e-6, 1.2e-6, 5e-6]
        plane["grid_spacing"].attrs["unit"] = "meters"
        for name in series:
            group = file.create_group(f"acquisition/{name}")
            group.attrs["neurodata_type"] = "TwoPhotonSeries"
            group["data"] = values
            group["imaging_plane"] = h5py.SoftLink("/general/optophysiology/plane")
            group["starting_time"] = 0.0
            group["starting_time"].attrs["rate"] = 5.0


def assert_reads(movie: Movie, values: np.ndarray) -> None:
    """All of it, parts of it, and nothing of it."""
    assert movie.shape == values.shape
    assert movie.dtype == values.dtype
    assert np.array_equal(movie.read(0, len(values)), values)
    assert np.array_equal(movie.read(1, 6, 2), values[1:6:2])
    assert np.array_equal(movie.read(-2, 99), values[-2:])
    assert movie.read(3, 3).shape == (0, *values.shape[1:])
    mapped = movie.contiguous()
    assert mapped is None or np.array_equal(mapped[:, :, :, :], values)
