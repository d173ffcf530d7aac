"""Movies: anything on disk as a lazy (T, Z, Y, X) array with voxel size, rate and metadata.

`open_movie` finds the format, labels the axes and fills in rate and voxel size; `Movie` reads.
"""

from cnmf3d.movies.movie import Movie
from cnmf3d.movies.opening import open_movie

__all__ = ["Movie", "open_movie"]
