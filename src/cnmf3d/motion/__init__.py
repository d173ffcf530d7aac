"""Registration: how the tissue moves in a movie.

`estimate_motion` finds rigid and piecewise displacements; `cnmf3d.movies.registered` reads movies by them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnmf3d.motion.estimate import estimate_motion

__all__ = ["estimate_motion"]


def __getattr__(name: str) -> Any:
    """Import the estimation when it is first asked for: the engine needs but the rules of bad frames."""
    if name != "estimate_motion":
        raise AttributeError(f"module 'cnmf3d.motion' has no attribute {name!r}")
    from cnmf3d.motion.estimate import estimate_motion

    return estimate_motion
