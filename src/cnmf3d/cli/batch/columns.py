"""Text in columns. Rich's tables take a second and a half for a thousand rows; these take some milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import COLOR_SYSTEMS, Console
from rich.style import Style

GAP = "  "
NARROWEST = 8
"""Width that a column keeps, however narrow the terminal is."""


@dataclass(frozen=True)
class Cell:
    """A text and its colour, as rich calls it."""

    text: str
    style: str = ""


def printed(title: Sequence[str], rows: Sequence[Sequence[Cell]], console: Console) -> None:
    """Print rows below a title; columns are cut where a terminal is too narrow, never in a file or a pipe.

    Parameters
    ----------
    title : sequence of str
    rows : sequence of sequences of Cell
        As many in each as in `title`.
    console : Console
    """
    lines = [tuple(Cell(each, "bold") for each in title), *rows]
    widths = [max(cell_len(row[column].text) for row in lines) for column in range(len(title))]
    if console.is_terminal:
        widths = fitted(widths, console.width)
    console.file.write("".join(line + "\n" for line in _drawn(lines, widths, console)))


def fitted(widths: Sequence[int], total: int) -> list[int]:
    """Widths that fit into a line: the widest columns give way, evenly.

    Parameters
    ----------
    widths : sequence of int
    total : int
        Cells in a line.
    """
    out = list(widths)
    excess = sum(out) + len(GAP) * (len(out) - 1) - total
    while excess > 0 and max(out) > NARROWEST:
        widest = max(out)
        out[out.index(widest)] -= 1
        excess -= 1
    return out


def _drawn(lines: Sequence[Sequence[Cell]], widths: Sequence[int], console: Console) -> Iterator[str]:
    """Each row as a line with the terminal's codes."""
    colours = None if console.no_color or console.color_system is None else COLOR_SYSTEMS[console.color_system]
    styles = {cell.style: Style.parse(cell.style) for row in lines for cell in row}
    for row in lines:
        cells = [
            (_cut(cell.text, width), styles[cell.style], number == len(widths) - 1)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        drawn = [style.render(text.rstrip() if last else text, color_system=colours) for text, style, last in cells]
        yield GAP.join(drawn).rstrip()


def _cut(text: str, width: int) -> str:
    """Text of exactly that width; an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"
