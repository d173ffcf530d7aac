"""The page about a motion: how the tissue moved, and what registration does to its movie."""

from cnmf3d.results.motion_report.facts import compared, facts_of
from cnmf3d.results.motion_report.page import write_motion_report

__all__ = ["compared", "facts_of", "write_motion_report"]
