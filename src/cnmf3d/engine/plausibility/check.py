"""What one check says: figures, and a caution where something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Check:
    """What was measured, and what is wrong with it.

    Attributes
    ----------
    name : str
        One word or two: ``"motion"``.
    said : str
        The figures in words, in one line.
    figures : mapping of name to number
        The same for programs.
    caution : str
        What is wrong and what to do; empty where nothing is.
    finding : str
        What is wrong, alone, where somebody else knows what to do.
    """

    name: str
    said: str
    figures: Mapping[str, float] = field(default_factory=dict)
    caution: str = ""
    finding: str = ""
