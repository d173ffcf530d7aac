"""Registration: how the tissue moves in a movie.

`estimate_motion` finds rigid and piecewise displacements; `cnmf3d.movies.registered` reads movies by them.
"""

from cnmf3d.motion.estimate import estimate_motion

__all__ = ["estimate_motion"]
