"""Stores of zarr, of which arrays that zarr-python can't open are left out.

A store may hold more than a movie: texts and lists of references, as NWB in Zarr has them. zarr-python 3 refuses such
arrays of version 2, and with one of them the whole group.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from zarr.storage import FsspecStore, LocalStore, WrapperStore, ZipStore

from cnmf3d import plain_json
from cnmf3d.movies.stored import Place

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest, Store
    from zarr.core.buffer import Buffer, BufferPrototype

ARRAY, CONSOLIDATED = ".zarray", ".zmetadata"
TEXTS = {"vlen-utf8", "vlen-bytes"}
"""Filters by which zarr-python reads objects."""


def store_of(place: Place) -> Store:
    """Make the store that holds a place: a folder, a zip file, or any address of fsspec."""
    inner: Any
    if place.path is None:
        inner = FsspecStore.from_url(place.address, read_only=True)
    elif place.path.is_file():
        inner = ZipStore(place.path, mode="r")
    else:
        inner = LocalStore(place.path, read_only=True)
    return Openable(inner)


class Openable(WrapperStore[Any]):  # type: ignore[misc]
    """A store in which every array that is listed can be opened."""

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Read a value; descriptions of arrays are mended or left out."""
        found = await self._store.get(key, prototype, byte_range)
        name = key.rpartition("/")[2]
        if found is None or byte_range is not None or name not in (ARRAY, CONSOLIDATED):
            return found
        try:
            content = plain_json.loads(found.to_bytes())
        except ValueError:
            return found
        content = _mended(content) if name == ARRAY else _all_mended(content)
        return None if content is None else prototype.buffer.from_bytes(json.dumps(content).encode())


def _mended(content: dict[str, Any]) -> dict[str, Any] | None:
    """A description of an array that zarr-python takes; None for one that it can't read."""
    if content.get("dtype") != "|O":
        return content
    filters = {each.get("id") for each in content.get("filters") or []}
    return {**content, "fill_value": ""} if filters & TEXTS else None


def _all_mended(content: dict[str, Any]) -> dict[str, Any]:
    """The same for all descriptions that are kept in one place."""
    entries = {
        key: _mended(value) if key.endswith(ARRAY) else value for key, value in content.get("metadata", {}).items()
    }
    gone = {key.removesuffix(ARRAY) for key, value in entries.items() if value is None}
    kept = {key: value for key, value in entries.items() if key.rpartition("/")[0] + "/" not in gone}
    return {**content, "metadata": kept}
