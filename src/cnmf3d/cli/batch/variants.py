"""`--vary gsig=4,4,2 --vary gsig=5,5,2 --vary min-snr=2`: all combinations of parameters that are to be tried."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from cnmf3d.errors import UsageError


@dataclass(frozen=True)
class Variant:
    """One combination.

    Attributes
    ----------
    label : str
        As it was written: ``gsig=4,4,2 min-snr=2``; empty where nothing varies.
    changes : dict
        Parameters' names and values.
    """

    label: str
    changes: dict[str, Any]


def variants(texts: list[str], module: str = "cnmf_3d") -> list[Variant]:
    """Every combination of the alternatives, in the order in which they were given.

    Parameters
    ----------
    texts : list of str
        ``NAME=VALUE``; values of the same name are alternatives. Names are flags or parameters.
    module : str
        Whose parameters are meant.

    Raises
    ------
    UsageError
        For a text without name or value, a name that nobody knows, and a value that is there twice.
    """
    alternatives: dict[str, list[tuple[str, Any]]] = {}
    for text in texts:
        name, equals, given = text.partition("=")
        if not (name.strip() and equals and given.strip()):
            raise UsageError(f"--vary is {text!r}", "Give a name and one value: --vary gsig=4,4,2 --vary gsig=5,5,2.")
        entries = alternatives.setdefault(_parameter(name.strip(), module), [])
        value = _value(given.strip())
        if any(value == other for _, other in entries):
            raise UsageError(f"--vary {text} is there twice", "Give each value once.")
        entries.append((f"{name.strip()}={given.strip()}", value))
    return [
        Variant(
            " ".join(label for label, _ in chosen),
            {name: value for name, (_, value) in zip(alternatives, chosen, strict=True)},
        )
        for chosen in itertools.product(*alternatives.values())
    ]


def _parameter(name: str, module: str) -> str:
    """The parameter that a flag or a name means: ``min-snr`` is ``quality.min_SNR``."""
    from cnmf3d.parameters import MotionParameters, caiman, reading

    wanted = name.removeprefix("--").replace("-", "_").casefold()
    if module == "mcorr_3d":
        wanted = "max_deviation_rigid" if wanted == "max_deviation" else wanted
        known = {each.casefold(): each for each in (*MotionParameters.model_fields, *caiman.MOTION)}
        return known.get(wanted.removeprefix("motion."), name)  # reading the parameters reports unknown names
    if wanted in reading.ALIASES:
        return reading.ALIASES[wanted]
    for full in reading.names():
        if wanted in (full.casefold(), full.rpartition(".")[2].casefold()):
            return full
    if caiman.rule_of(name, "") is None:
        raise reading.unknown(name)
    return name


def _value(text: str) -> Any:
    """A number, several with commas between, yes or no, or a word, which the parameters read."""
    words = {"true": True, "false": False, "yes": True, "no": False}
    if text.casefold() in words:
        return words[text.casefold()]
    parts = text.strip("()[]").split(",")
    try:
        values = [int(part) if part.strip().isdecimal() else float(part) for part in parts]
    except ValueError:
        return text
    return values[0] if len(values) == 1 else values
