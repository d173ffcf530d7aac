"""Registered movies: a recording whose motion is taken out as it is read."""

from cnmf3d.movies.registered.motion import Motion

__all__ = ["Motion"]
