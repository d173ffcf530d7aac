"""Whether a movie, and what was found in it, is plausible: one file for each kind of check.

`check_movie` looks at a sample of a movie and takes seconds; `check_results` and `check_decay` at what a run found.
"""

from cnmf3d.engine.plausibility.check import Check
from cnmf3d.engine.plausibility.checks import check_movie
from cnmf3d.engine.plausibility.found import Found, check_decay, check_results

__all__ = ["Check", "Found", "check_decay", "check_movie", "check_results"]
