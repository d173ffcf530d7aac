"""The page about a motion: how the tissue moved, and what registration does to its movie."""

from typing import TYPE_CHECKING, Any

from cnmf3d.results.motion_report.facts import compared, facts_of

if TYPE_CHECKING:
    from cnmf3d.results.motion_report.page import write_motion_report

__all__ = ["compared", "facts_of", "write_motion_report"]


def __getattr__(name: str) -> Any:
    """Load what draws when it is first used: the viewer shows facts, and needn't wait for matplotlib."""
    if name == "write_motion_report":
        from cnmf3d.results.motion_report.page import write_motion_report

        return write_motion_report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
