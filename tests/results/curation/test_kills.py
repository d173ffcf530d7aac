"""A program that is killed while somebody curates loses no step that was made, and leaves a file that can be read."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnmf3d.results import load_results, write_results
from cnmf3d.results.curation.session import CurationSession

CURATE = """
import sys, itertools
from cnmf3d.results.curation.making import merged
from cnmf3d.results.curation.session import CurationSession
session = CurationSession.open(sys.argv[1])
print("begun", flush=True)
for n in itertools.count(len(session.log)):
    if n % 5 == 3:
        pair = session.ids[:2]
        session.replace(pair, merged(session.components(pair)))
    elif n % 5 == 4:
        session.undo()
    else:
        session.tag([session.ids[-1]], "n", n)
    print(len(session.log), flush=True)
    if n % 7 == 6:
        session.save()
"""


def killed(path: Path, seconds: float) -> int:
    """Let a program curate for a while, then kill it; the steps that it had made for certain."""
    process = subprocess.Popen([sys.executable, "-c", CURATE, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(seconds)
    process.kill()
    lines = process.stdout.read().split("\n")[:-1]
    process.wait()
    process.stdout.close()
    return int(lines[-1]) if lines else 0


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing(tmp_path, random_results):
    path = write_results(random_results(6), tmp_path / "r.hdf5")
    rng = random.Random(0)
    made = 0
    for _ in range(12):
        made = max(made, killed(path, rng.uniform(0.01, 0.4)))
        curation = load_results(path).curation
        log = () if curation is None else curation.log
        assert made <= len(log)
        for number, entry in enumerate(log):
            assert entry.what == ("replace" if number % 5 == 3 else "undo" if number % 5 == 4 else "tag")
        with CurationSession.open(path) as session:
            assert session.components(session.ids).raw.shape == (len(session), 40)
            assert len(session) in (5, 6)
        made = len(log)
    assert made > 30
