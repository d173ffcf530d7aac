"""What kills, full disks, power cuts, damaged files and movies that change do: nothing lost, no traceback.

    python benchmarks/reliability.py                # short: some minutes
    python benchmarks/reliability.py --full-scale   # 10,000 damaged files, 1,000 kills, ...: hours
    python benchmarks/reliability.py --only fuzz --fuzz 500 --first 4000 --seed 7 --keep FOLDER

Each attack is a command as users call it, in a fork of one process that has everything imported (`attacks/server.py`).
The table is printed at the end, or at Ctrl-C. The seed is printed: with it the same is done again; damaged file n
depends on the seed and n alone. Power is cut by ending an ext4 file system in a loop device with its ioctl "shutdown",
and disks are small ones in memory: both need the right to mount; elsewhere power isn't cut, and files may not grow
instead.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from attacks import server
from attacks.changing import changes
from attacks.corpus import Base, corpus
from attacks.fuzzing import fuzzed
from attacks.stopping import full_disks, kills, power_cuts
from attacks.table import BAD, Row, rows, table

SHORT = {"fuzz": 300, "kills": 30, "disks": 24, "cuts": 6, "changes": 7}
FULL = {"fuzz": 10_000, "kills": 1_000, "disks": 200, "cuts": 100, "changes": 60}

Attack = Callable[[Base, int, random.Random], Row]
STOPPED: dict[str, Attack] = {"kills": kills, "disks": full_disks, "cuts": power_cuts, "changes": changes}


def main() -> int:
    """Attack, and print the table; 1 where there is something in it that must not be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in SHORT.items():
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"{number}; {FULL[name]} with --full-scale")
    parser.add_argument("--full-scale", action="store_true")
    parser.add_argument("--only", choices=list(SHORT), action="append", help="this attack; several times: these")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first damaged file")
    parser.add_argument("--keep", type=Path, help="a folder for damaged files that did something wrong")
    parser.add_argument("--json", type=Path, help="write the counts there, too")
    given = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # also as a shell's job in the background
        signal.signal(number, signal.default_int_handler)
    wanted = FULL if given.full_scale else SHORT
    tries = {name: number if getattr(given, name) is None else getattr(given, name) for name, number in wanted.items()}
    if given.only:
        tries = {name: number * (name in given.only) for name, number in tries.items()}
    print(f"seed {given.seed}: {', '.join(f'{number} {name}' for name, number in tries.items())}", flush=True)
    place = tempfile.TemporaryDirectory(prefix="cnmf3d-reliability-", ignore_cleanup_errors=True)
    with place as name, contextlib.suppress(KeyboardInterrupt):
        attacked(Path(name), tries, given)
    print(f"\n{table()}")
    if given.json:
        given.json.write_text(json.dumps({row.attack: {"tried": row.tried, **row.counts} for row in rows}))
    return int(any(row.counts.get(what) for row in rows for what in BAD))


def attacked(folder: Path, tries: dict[str, int], given: argparse.Namespace) -> None:
    """Attack so many times in each way, in a folder."""
    os.environ["CNMF3D_CACHE"] = f"{folder}/caches"
    os.environ |= {"XDG_STATE_HOME": f"{folder}/state", "XDG_CONFIG_HOME": f"{folder}/config"}
    server.warm()
    base = Base(folder / "base").make()
    if tries["fuzz"]:
        kinds = corpus(base, folder / "corpus")
        server.learn()
        timed(lambda: fuzzed(kinds, tries["fuzz"], given.seed, keep=given.keep, first=given.first))
    for attack, number in tries.items():
        if number and attack in STOPPED:
            rng = random.Random(f"{given.seed}/{attack}")
            timed(lambda a=attack, n=number, r=rng: STOPPED[a](base, n, r))  # type: ignore[misc]


def timed(attack: Callable[[], Row]) -> None:
    """Attack, and print what it took."""
    began, before = time.monotonic(), _cpu()
    row = attack()
    print(
        f"{row.attack}: {row.tried} in {time.monotonic() - began:.0f} s, {_cpu() - before:.0f} s of processors",
        flush=True,
    )


def _cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == "__main__":
    sys.exit(main())
