"""History: what was done to the data of a work environment."""

from __future__ import annotations

from cnmf3d.results.history import history_entry

__all__ = ["history_entry"]
