"""Folders of what is expensive to make, shared between programs: whole or absent, never lost in use, within a limit."""

from __future__ import annotations

from cnmf3d.caches.folder import Caches
from cnmf3d.caches.held import Held
from cnmf3d.caches.listing import Entry
from cnmf3d.caches.room import bytes_of, default_folder

__all__ = ["Caches", "Entry", "Held", "bytes_of", "default_folder"]
