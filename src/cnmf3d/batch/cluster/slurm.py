"""Scripts for SLURM: one for each item, and one that runs all as an array."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cnmf3d import __version__
from cnmf3d.batch.cluster.ready import Ready, ready
from cnmf3d.batch.cluster.resources import Resources, Wanted, largest
from cnmf3d.batch.cluster.scripts import MARK, WORKER, choice, comment, made, quoted, render, word, write_script

if TYPE_CHECKING:
    from cnmf3d.batch import Batch, Item

TEMPLATE = "slurm.sh"

LONGEST = 1000
"""Jobs in one array: what SLURM allows where nobody has changed it (MaxArraySize 1001)."""


def export_slurm(
    batch: Batch,
    items: Sequence[Item],
    out: Path,
    *,
    template: Path | None = None,
    wanted: Wanted | None = None,
    python: str | None = None,
) -> list[Path]:
    """Write scripts that compute items under SLURM; the items stay as they are until results are picked up.

    Parameters
    ----------
    batch : Batch
    items : sequence of Item
        None of them running or done.
    out : Path
        Folder; made where it isn't there. Its older exported scripts of the same names are replaced.
    template : Path, optional
        A Jinja template instead of ours, which it may extend.
    wanted : Wanted, optional
        Cores, memory and time instead of the estimated ones.
    python : str, optional
        The interpreter on the nodes; this one by default.

    Returns
    -------
    list of Path
        The array scripts, then one script for each item: ``sbatch`` takes any of them.

    Raises
    ------
    UsageError, InputError
        For items, movies, a template or a folder that can't be used.
    """
    jobs = ready(batch, items, wanted or Wanted())
    command = f'exec {quoted(python or sys.executable)} -P -m {WORKER} "$folder" >>"$folder/log.txt" 2>&1'
    folder = made(out)
    single = {
        f"{word(job.item.name)}-{job.item.uuid[:8]}.sh": _values(
            f"One item of a batch: {job.item.name}", word(job.item.name), job.resources
        )
        | {"folder": f"folder={quoted(job.folder)}"}
        for job in jobs
    }
    arrays = _arrays(batch, jobs)
    texts = {
        name: render(TEMPLATE, template, {**values, "command": command}) for name, values in (arrays | single).items()
    }
    return [write_script(folder / name, text) for name, text in texts.items()]


def _arrays(batch: Batch, jobs: Sequence[Ready]) -> dict[str, dict[str, object]]:
    """What the array scripts are made of, by their names; several where there are very many items."""
    parts = [jobs[start : start + LONGEST] for start in range(0, len(jobs), LONGEST)]
    name = word(batch.folder.name)
    return {
        "all.sh" if len(parts) == 1 else f"all-{number}.sh": {
            **_values(f"{len(part)} items of the batch {batch.folder}", name, largest(job.resources for job in part)),
            "array": f"1-{len(part)}",
            "output": f"{name}-%A-%a.out",
            "folder": choice("SLURM_ARRAY_TASK_ID", [job.folder for job in part]),
        }
        for number, part in enumerate(parts, 1)
    }


def _values(title: str, name: str, asked: Resources) -> dict[str, object]:
    """What every script is made of; directives aren't shell, so nothing is quoted there and names are plain."""
    return {
        "title": comment(title),
        "mark": MARK,
        "version": __version__,
        "job": f"cnmf3d-{name}",
        "array": "",
        "time": asked.clock,
        "memory": asked.megabytes,
        "cores": asked.cores,
        "output": f"{name}-%j.out",
    }
