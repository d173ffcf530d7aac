"""Keys: what each key does to the ROIs, in one table that the help shows too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnmf3d.viewer.controllers.browsing import step

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes
    ----------
    keys : str
        As napari and Qt call it: ``"Control-Z"``, ``"PageDown"``.
    what : str
        For the help.
    act : callable
        ``act(app)``.
    """

    keys: str
    what: str
    act: Callable[[App], object]


def accept(app: App) -> None:
    """Accept the selected ROIs."""
    if app.rois is not None:
        app.rois.accept(app.rois.selection)


def reject(app: App) -> None:
    """Reject the selected ROIs."""
    if app.rois is not None:
        app.rois.reject(app.rois.selection)


def delete(app: App) -> None:
    """Delete the selected ROIs; undo brings them back."""
    if app.rois is not None and app.rois.selection.size:
        gone = app.rois.selection
        app.rois.delete(gone)
        app.tell(f"Deleted {_count(len(gone))}; Ctrl+Z brings them back")


def merge(app: App) -> None:
    """Make one ROI of the selected ones."""
    if app.rois is not None and app.curator is not None:
        if app.rois.selection.size < 2:
            app.tell("Select two or more ROIs to merge")
            return
        app.curator.merge(app.rois.selection)


def split(app: App) -> None:
    """Make several ROIs of the selected one, by its hills."""
    if app.rois is not None and app.curator is not None:
        if app.rois.selection.size != 1:
            app.tell("Select one ROI to split")
            return
        app.curator.split(int(app.rois.selection[0]))


def add(app: App) -> None:
    """Look for a cell at the next place that is clicked."""
    if app.curator is not None:
        app.adding = not app.adding
        app.tell("Click the middle of a cell to add it; N ends it" if app.adding else "No ROI is added")


def undo(app: App) -> None:
    """Take the last step of curation back."""
    if app.rois is not None:
        app.tell("Undone" if app.rois.undo() else "There is nothing to undo")


def redo(app: App) -> None:
    """Do again what was taken back."""
    if app.rois is not None:
        app.tell("Done again" if app.rois.redo() else "There is nothing to do again")


def then_next(act: Callable[[App], None]) -> Callable[[App], None]:
    """Do something to the selected ROIs and go to the next one."""

    def both(app: App) -> None:
        act(app)
        step(app, "next")

    return both


def outline(app: App) -> None:
    """Draw outlines or filled footprints."""
    app.overlay.outline = not app.overlay.outline


def show_next(app: App) -> None:
    """Show all, accepted, rejected ROIs, in turn."""
    turn = ("all", "accepted", "rejected")
    now = turn.index(app.overlay.show) if app.overlay.show in turn else -1
    app.overlay.show = turn[(now + 1) % len(turn)]  # type: ignore[assignment]
    app.tell(f"Shown: {app.overlay.show}")


def hide(app: App) -> None:
    """Hide the ROIs, or show them again."""
    app.overlay.show = "all" if app.overlay.show == "none" else "none"


KEYS: tuple[Key, ...] = (
    Key("PageDown", "next ROI of the table", lambda app: step(app, "next")),
    Key("PageUp", "previous ROI", lambda app: step(app, "previous")),
    Key("Home", "first ROI", lambda app: step(app, "first")),
    Key("End", "last ROI", lambda app: step(app, "last")),
    Key("A", "accept the selected ROIs", accept),
    Key("R", "reject the selected ROIs", reject),
    Key("Shift-A", "accept and go to the next one", then_next(accept)),
    Key("Shift-R", "reject and go to the next one", then_next(reject)),
    Key("Delete", "delete the selected ROIs", delete),
    Key("M", "merge the selected ROIs", merge),
    Key("P", "split the selected ROI by its hills", split),
    Key("N", "add an ROI at the next place that is clicked", add),
    Key("Control-Z", "undo", undo),
    Key("Control-Shift-Z", "redo", redo),
    Key("O", "outlines or filled footprints", outline),
    Key("S", "show all, accepted, rejected ROIs in turn", show_next),
    Key("H", "hide the ROIs, or show them again", hide),
)
"""Left and right go through time, as everywhere in napari."""


def press(app: App, key: Key) -> None:
    """Do what a key does; a mistake is told, never raised."""
    app.attempt(lambda: key.act(app))


def _count(number: int) -> str:
    return "1 ROI" if number == 1 else f"{number} ROIs"
