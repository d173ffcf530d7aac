"""The report: one HTML page that shows what was found, with everything in it."""

from cnmf3d.results.report.figures import overview
from cnmf3d.results.report.page import write_report

__all__ = ["overview", "write_report"]
