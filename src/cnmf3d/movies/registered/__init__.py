"""Registered movies: a recording whose motion is taken out as it is read.

`Motion` is how the tissue moved, `registered` a movie without it; `write_motion` and `read_motion` are its file, and
`motion_of` reads other programs' shifts, too.
"""

from cnmf3d.movies.registered.frames import registered
from cnmf3d.movies.registered.motion import Motion
from cnmf3d.movies.registered.opening import motion_of
from cnmf3d.movies.registered.storing import SUFFIX, read_motion, write_motion

__all__ = ["SUFFIX", "Motion", "motion_of", "read_motion", "registered", "write_motion"]
