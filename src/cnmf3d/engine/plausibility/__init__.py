"""Whether a movie, and what was found in it, is plausible: one file for each kind of check.

`check_movie` looks at a sample of a movie and takes seconds; `check_results` looks at what a run found.
"""

from cnmf3d.engine.plausibility.check import Check
from cnmf3d.engine.plausibility.checks import check_movie

__all__ = ["Check", "check_movie"]
