"""Damaged files of every kind, read by every command that reads such files."""

from __future__ import annotations

import os
import random
import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from attacks.corpus import Kind
from attacks.mutation import mutate
from attacks.server import ran
from attacks.table import Row


def fuzzed(kinds: list[Kind], tries: int, seed: int, *, keep: Path | None = None, first: int = 0) -> Row:
    """Damage a file and read it, time after time.

    Parameters
    ----------
    kinds : list of Kind
    tries : int
    seed : int
        Input number n depends on it and n alone.
    keep : Path, optional
        Folder for the inputs of what is found.
    first : int
        Number of the first input.
    """
    row = Row("damaged files")
    seen: Counter[str] = Counter()
    for number in range(first, first + tries):
        rng = random.Random(f"{seed}/{number}")
        kind = kinds[number % len(kinds)]
        if row.tried and row.tried % 500 == 0:
            print(f"  {row.tried} of {tries}", flush=True)
        with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_fast(), ignore_cleanup_errors=True) as name:
            folder = Path(name, "x")
            shutil.copytree(kind.folder, folder)
            target = rng.choice(kind.targets(folder))
            words = kind.command(rng, folder)
            log = Path(name, "log")

            def damage(target: Path = target, rng: random.Random = rng, log: Path = log) -> None:
                os.environ["XDG_STATE_HOME"] = str(log)
                os.environ["CNMF3D_CACHE"] = str(log / "caches")
                mutate(target, rng)

            end = ran(words, before=damage)
            row.tried += 1
            found = row.judge([f"[{number}, {kind.name}]", *words], end)
            if found:
                text = "".join(each.read_text(errors="replace") for each in log.rglob("errors.log"))
                seen[f"{found}: {place(text or end.said)}"] += 1
                if keep is not None:
                    store = keep / f"{number}"
                    shutil.copytree(folder, store, dirs_exist_ok=True)
                    (store / "FOUND.txt").write_text(
                        f"{found}\n{kind.name}\n{target}\n{' '.join(words)}\n{end.said}\n{text}", errors="replace"
                    )
    for what, count in seen.most_common():
        print(f"  {count:5d}  {what}", flush=True)
    return row


def place(text: str) -> str:
    """Where an exception came from: its last places in our code, and what it was."""
    ours = re.findall(r'File "[^"]*?src/cnmf3d/([^"]+)", line (\d+), in (\S+)', text)
    last = [line for line in text.strip().splitlines() if re.match(r"^[\w.]*(Error|Exception|Warning|Exit)\b", line)]
    return f"{' < '.join(':'.join(each) for each in reversed(ours[-3:]))} {last[-1][:150] if last else text[-150:]!r}"


def _fast() -> str | None:
    """A folder in memory, where there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
