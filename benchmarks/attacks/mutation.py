"""Damaged files: bytes of any file; values of JSON, HDF5 and SQLite, which stay whole files with other contents."""

from __future__ import annotations

import json
import random
import sqlite3
import sys
from pathlib import Path
from typing import Any

TEXTS = ("", "x", "0", "-1", "null", "nan", "1e400", "../../etc", "/", "\0", "\ud800", "é" * 300, "{", "[" * 3000, "'")
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 3, 2**31, 2**63, -(2**70), 1e308, -0.0, float("nan"), float("inf"), [], {}, [1, 2, 3],
    [[1], [2, 3]], {"a": {"b": None}}, *TEXTS,
)  # fmt: skip


def mutate(path: Path, rng: random.Random) -> None:
    """Damage a file, half of the times as its format allows."""
    by_format = {".json": _json, ".h5": _hdf5, ".hdf5": _hdf5, ".nwb": _hdf5, ".mat": _hdf5, ".sqlite": _sqlite}
    by_format |= {".ims": _hdf5, ".mesc": _hdf5, ".jsonl": _lines, ".csv": _text, ".xml": _text, ".yaml": _text}
    by_format |= {".toml": _text, ".txt": _text, ".away": _json, ".ipynb": _json}
    change = by_format.get(path.suffix)
    if change is not None and rng.random() < 0.6:
        try:
            change(path, rng)
            return
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, sqlite3.Error, OverflowError, RecursionError):
            pass  # not of that format after all
    path.write_bytes(damaged(path.read_bytes(), rng))


def damaged(content: bytes, rng: random.Random) -> bytes:
    """A file with a few bytes changed, a piece zeroed, taken away or doubled, or cut short."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = int(rng.random() ** 2 * len(data))  # heads matter most
        size = int(10 ** rng.uniform(0, 3.5))
        match rng.choice(["bytes", "bytes", "bit", "zeros", "gone", "twice", "cut", "large", "digits"]):
            case "bytes":
                for place in range(at, min(len(data), at + rng.randint(1, 8))):
                    data[place] = rng.randrange(256)
            case "bit" if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case "zeros":
                data[at : at + size] = bytes(len(data[at : at + size]))
            case "gone":
                del data[at : at + size]
            case "twice":
                data[at:at] = data[at : at + size]
            case "cut":
                del data[at:]
            case "large":
                data[at : at + 4] = b"\xff\xff\xff\x7f"
            case "digits":
                places = [place for place in range(min(len(data), 20000)) if 48 <= data[place] <= 57]
                if places:
                    data[rng.choice(places)] = rng.choice(b"0123456789-.e ")
    return bytes(data)


def _text(path: Path, rng: random.Random) -> None:
    """Other words where words are."""
    text = path.read_text(encoding="utf-8-sig")
    places = [at for at, letter in enumerate(text) if letter in ' ",:=<>\n'] or [0]
    for _ in range(rng.randint(1, 3)):
        at = rng.choice(places)
        end = at + rng.randint(0, 12)
        text = text[:at] + text[at : at + 1] + str(rng.choice(VALUES)) + text[end:]
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


def _leaves(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(leaf for key, each in inside for leaf in _leaves(each, (*at, key)))]


def _changed(value: Any, rng: random.Random) -> Any:
    """JSON with one value replaced, taken away or nested deeply."""
    at = rng.choice(_leaves(value))
    new = rng.choice(VALUES)
    if not at:
        return new
    inner = value
    for key in at[:-1]:
        inner = inner[key]
    if rng.random() < 0.2:
        del inner[at[-1]]
    else:
        inner[at[-1]] = new
    return value


def _dumped(value: Any) -> str:
    return json.dumps(value)


def _json(path: Path, rng: random.Random) -> None:
    if rng.random() < 0.03:
        depth = sys.getrecursionlimit() * 3
        path.write_text("[" * depth + "]" * depth)
        return
    path.write_text(_dumped(_changed(json.loads(path.read_text()), rng)), errors="surrogatepass")


def _lines(path: Path, rng: random.Random) -> None:
    lines = path.read_text().splitlines() or [""]
    at = rng.randrange(len(lines))
    match rng.choice(["change", "drop", "swap", "twice"]):
        case "change":
            lines[at] = _dumped(_changed(json.loads(lines[at]), rng))
        case "drop":
            del lines[at]
        case "swap":
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case "twice":
            lines.insert(at, lines[at])
    path.write_text("\n".join(lines) + "\n", errors="surrogatepass")


def _sqlite(path: Path, rng: random.Random) -> None:
    """One cell, or a column or table that isn't there."""
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA foreign_keys = OFF")
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = rng.choice([name for name in tables if file.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]])
        columns = [row[1] for row in file.execute(f'PRAGMA table_info("{table}")')]
        column = rng.choice(columns)
        kind = rng.random()
        if kind < 0.08:
            file.execute(f'ALTER TABLE "{table}" DROP COLUMN "{column}"')
        elif kind < 0.12:
            file.execute(f'DROP TABLE "{table}"')
        elif kind < 0.2:
            file.execute(f"PRAGMA user_version = {rng.choice((0, 1, 2, 3, 99, -1))}")
        else:
            old = file.execute(f'SELECT "{column}" FROM "{table}" LIMIT 1').fetchone()[0]
            new: Any = rng.choice(VALUES)
            if isinstance(old, str) and old[:1] in "{[" and rng.random() < 0.7:
                new = _changed(json.loads(old), rng)
            if isinstance(new, (dict, list)):
                new = _dumped(new)
            if isinstance(new, int) and abs(new) > 2**62:
                new = float(new)
            if isinstance(new, str):
                new = (
                    new.encode("utf-8", "surrogatepass")
                    if rng.random() < 0.2
                    else new.encode("utf-8", "replace").decode()
                )
            file.execute(f'UPDATE "{table}" SET "{column}" = ?', (new,))
    file.close()


def _hdf5(path: Path, rng: random.Random) -> None:
    """An attribute or dataset with other values, type or shape, or none."""
    import h5py
    import numpy as np

    arrays: tuple[Any, ...] = (
        np.zeros(0), np.zeros((2, 3)), np.float32(1), np.arange(5), np.array([b"a", b"bc"]), np.zeros((0, 4), "u2"),
        np.full(3, np.nan), np.int64(-(2**62)), np.array([True]), b"\xff\xfe", "text", h5py.Empty("f4"),
        np.zeros(2, [("a", "i4"), ("b", "f8")]),
    )  # fmt: skip
    with h5py.File(path, "r+") as file:
        names: list[str] = [""]
        file.visit(names.append)
        name = rng.choice(names)
        item = file[name or "/"]
        attributes = list(item.attrs)
        if attributes and rng.random() < 0.5:
            key = rng.choice(attributes)
            del item.attrs[key]
            if rng.random() < 0.8:
                item.attrs[key] = rng.choice(arrays)
            return
        if not name:
            return
        if isinstance(item, h5py.Dataset) and item.size and rng.random() < 0.4:
            values = np.atleast_1d(item[()]).copy()
            if values.dtype.kind in "iuf":
                flat = values.reshape(-1)
                flat[rng.randrange(flat.size)] = rng.choice((0, 1, 100)) if values.dtype.kind != "f" else rng.choice(
                    (np.nan, np.inf, -1, 1e30)
                )  # fmt: skip
                if values.dtype.kind != "f" and rng.random() < 0.5:
                    flat[rng.randrange(flat.size)] = np.iinfo(values.dtype).max
                item[()] = values.reshape(item.shape)
                return
            text = item[()]
            if isinstance(text, bytes) and text[:1] in b"{[":
                del file[name]
                file[name] = _dumped(_changed(json.loads(text), rng))
                return
        kept = item[()] if isinstance(item, h5py.Dataset) and item.shape is not None else None
        del file[name]
        match rng.choice(["gone", "other", "group", "cut", "link"]):
            case "other":
                file[name] = rng.choice(arrays)
            case "group":
                file.create_group(name)
            case "cut" if isinstance(kept, np.ndarray) and kept.ndim:
                file[name] = kept[: len(kept) // 2] if rng.random() < 0.5 else kept[None]
            case "link":
                file[name] = h5py.SoftLink(rng.choice(("/", "/nowhere", name)))
