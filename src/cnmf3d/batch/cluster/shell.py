"""One plain bash script that computes items one after another."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cnmf3d import __version__
from cnmf3d.batch.cluster.ready import prepare
from cnmf3d.batch.cluster.scripts import MARK, WORKER, comment, made, quoted, render, write_script

if TYPE_CHECKING:
    from cnmf3d.batch import Batch, Item

TEMPLATE = "shell.sh"


def export_shell(
    batch: Batch,
    items: Sequence[Item],
    out: Path,
    *,
    template: Path | None = None,
    cores: int | None = None,
    python: str | None = None,
) -> list[Path]:
    """Write a bash script that computes items; they stay as they are until results are picked up.

    Parameters
    ----------
    batch : Batch
    items : sequence of Item
        None of them running or done.
    out : Path
        Folder; made where it isn't there.
    template : Path, optional
        A Jinja template instead of ours, which it may extend.
    cores : int, optional
        Threads; all cores of the machine by default.
    python : str, optional
        The interpreter there; this one by default.

    Returns
    -------
    list of Path
        The script: ``bash`` runs it.

    Raises
    ------
    UsageError, InputError
        For items, a template or a folder that can't be used.
    """
    folders = prepare(batch, items, [cores] * len(items))
    values = {
        "title": comment(f"{len(folders)} items of the batch {batch.folder}"),
        "mark": MARK,
        "version": __version__,
        "folders": [quoted(folder) for folder in folders],
        "command": f'{quoted(python or sys.executable)} -P -m {WORKER} "$folder" >>"$folder/log.txt" 2>&1',
    }
    return [write_script(made(out) / "run.sh", render(TEMPLATE, template, values))]
