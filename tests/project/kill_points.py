"""A program that saves to a project again and again, each time killed at another line of it.

Usage: kill_points.py PROJECT MAKER FIRST STEP. It forks; the child kills itself (SIGKILL) at the n-th line of cnmf3d
that the change runs through; the parent tells ``n`` and ``killed`` or ``done``, a line each, and waits for a line.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import cnmf3d.project
from cnmf3d.project import Project, Rename

ROOM = str(Path(cnmf3d.project.__file__).parent)
WRITING = str(Path(cnmf3d.project.__file__).parents[1] / "results" / "writing.py")


def change(folder: Path, what: str, results: Path) -> None:
    with Project.open(folder) as project:
        match what:
            case "add":
                project.add(results, animal="b", trial="1", tags={"layer": ["L1"] * 5}, copy_movie=True)
            case "save":
                read = project.results("a/1")
                project.save("a/1", read, tags={"layer": {0: "new"}}, comments="new")
            case "configure":
                project.configure(Rename("layer", "depth"))
            case "delete":
                project.delete(["a/1"])


def killed_at(folder: Path, what: str, results: Path, line: int) -> bool:
    """Whether the child came so far."""
    child = os.fork()
    if child == 0:
        left = line

        def trace(frame, event, value):
            nonlocal left
            if not frame.f_code.co_filename.startswith((ROOM, WRITING)):
                return None
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        change(folder, what, results)
        sys.settrace(None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise SystemExit(f"the child failed at line {line}")
    return os.WIFSIGNALED(status)


def main() -> None:
    folder, what, results, first, step = sys.argv[1:]
    line = int(first)
    while True:
        killed = killed_at(Path(folder), what, Path(results), line)
        sys.stdout.write(f"{line} {'killed' if killed else 'done'}\n")
        sys.stdout.flush()
        if not killed or sys.stdin.readline().strip() != "go":
            return
        line += int(step)


main()
