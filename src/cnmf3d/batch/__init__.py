"""Batches: many movies, many parameter variants, unattended."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnmf3d.batch.item import Change as Change
    from cnmf3d.batch.item import Input as Input
    from cnmf3d.batch.item import Item as Item
    from cnmf3d.batch.runfolder import Job as Job
    from cnmf3d.batch.runfolder import RunFolder as RunFolder
    from cnmf3d.batch.status import Status as Status
    from cnmf3d.batch.store import Batch as Batch
    from cnmf3d.batch.supervisor import Outcome as Outcome
    from cnmf3d.batch.supervisor import supervise as supervise
    from cnmf3d.batch.supervisor import sync as sync

_PUBLIC = {
    "Batch": "store",
    "Change": "item",
    "Input": "item",
    "Item": "item",
    "Job": "runfolder",
    "RunFolder": "runfolder",
    "Outcome": "supervisor",
    "Status": "status",
    "supervise": "supervisor",
    "sync": "supervisor",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: the command line starts without a database."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'cnmf3d.batch' has no attribute {name!r}")
    return getattr(import_module(f"cnmf3d.batch.{_PUBLIC[name]}"), name)
