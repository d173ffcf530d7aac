"""A program that saves a sample again and again until it is killed: each save says one number everywhere.

Usage: kill_whenever.py PROJECT FIRST. It tells each number when it begins to save it.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np

from cnmf3d.project import Project
from cnmf3d.results.curation import as_found


def main() -> None:
    folder, first = sys.argv[1], int(sys.argv[2])
    with Project.open(folder) as project:
        results = as_found(project.results("a/1"))
        for number in range(first, 10_000):
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            traces = np.full_like(results.components.traces, number)
            components = dataclasses.replace(results.components, traces=traces)
            project.save(
                "a/1",
                dataclasses.replace(results, components=components),
                comments=str(number),
                tags={"layer": {0: str(number)}},
            )


main()
