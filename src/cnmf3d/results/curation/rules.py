"""Rules: ROIs chosen by what is written about them, as ``snr < 3 and (size > 200 or not accepted)``.

A rule is parsed into comparisons of named values; it is never run as code.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Bool
from cnmf3d.errors import UsageError, did_you_mean

Values = Mapping[str, npt.NDArray[Any]]

COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}

HINT = "Write for example: snr < 3 and (size > 200 or not accepted), or `cell type` == 'PV'."
LONGEST = 2000
_QUOTED = re.compile(r"`([^`]*)`|('[^']*'|\"[^\"]*\")")


def matching(rule: str, values: Values) -> Bool:
    """Which ROIs a rule is true of, (n,) bool.

    Parameters
    ----------
    rule : str
        Comparisons (``< <= > >= == !=``, also chained) of names with numbers, text or one another, joined by ``and``,
        ``or``, ``not``; a name of yes-or-no values may stand alone. Names with spaces are put in backticks.
    values : mapping of name to (n,) array
        Numbers, bools, or objects (text, numbers, bools; None: no value). A comparison with a value that isn't there
        (NaN, None), or of text with a number, is unknown, and so is its ``not``: it chooses nothing.

    Raises
    ------
    UsageError
        For a rule that can't be understood, naming the place, or an unknown name.
    """
    if len(rule) > LONGEST:
        raise UsageError(f"the rule has {len(rule)} characters", f"Use {LONGEST} at the most.")
    names: dict[str, str] = {}

    def plain(match: re.Match[str]) -> str:
        if match[2] is not None:
            return match[2]
        names[f"_quoted_{len(names)}_"] = match[1]
        return list(names)[-1]

    text = _QUOTED.sub(plain, rule.strip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in text
            tree = ast.parse(text, mode="eval").body
        return _Rule(rule, names, values).truth(tree).true
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise UsageError(f"the rule {rule!r} can't be understood", HINT) from error


@dataclass(frozen=True)
class _Truth:
    """Of which ROIs a condition is true, and of which it is false; it is unknown of the others (Kleene's logic)."""

    true: Bool
    false: Bool

    @classmethod
    def of(cls, true: npt.NDArray[Any], known: npt.NDArray[Any]) -> _Truth:
        """A condition that is `true`, or else false, where it is `known`."""
        return cls(np.asarray(true & known, bool), np.asarray(~true & known, bool))

    def __and__(self, other: _Truth) -> _Truth:
        return _Truth(self.true & other.true, self.false | other.false)

    def __invert__(self) -> _Truth:
        return _Truth(self.false, self.true)

    def __or__(self, other: _Truth) -> _Truth:
        return ~(~self & ~other)


class _Rule:
    def __init__(self, text: str, names: Mapping[str, str], values: Values) -> None:
        self.text, self.names, self.values = text, names, values
        self.count = len(next(iter(values.values()), ()))

    def truth(self, node: ast.expr) -> _Truth:
        """Of which ROIs a condition is true, and of which it is false."""
        match node:
            case ast.BoolOp(op=op, values=parts):
                return reduce(operator.and_ if isinstance(op, ast.And) else operator.or_, map(self.truth, parts))
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return ~self.truth(part)
            case ast.Compare(left=left, ops=ops, comparators=rest):
                sides = [self.side(side) for side in (left, *rest)]
                each = (self.compared(*three) for three in zip(ops, sides[:-1], sides[1:], strict=True))
                return reduce(operator.and_, each)
            case ast.Name(id=name):
                return self.named(name)
            case _:
                raise self.unclear(node)

    def named(self, name: str) -> _Truth:
        """A column of yes or no that stands alone."""
        column = self.column(name)
        if column.dtype == bool:
            return _Truth(column, ~column)
        if column.dtype == object:
            known = np.array([isinstance(value, bool) for value in column], bool)
            return _Truth.of(np.array([value is True for value in column], bool), known)
        shown = self.names.get(name, name)
        raise UsageError(f"{shown} in the rule {self.text!r} is a number", f"Compare it: {shown} > 0.")

    def side(self, node: ast.expr) -> Any:
        """What is compared: a column, or one value."""
        match node:
            case ast.Name(id=name):
                return self.column(name)
            case ast.Constant(value=value) if isinstance(value, (str, int, float, bool)):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if type(value) in (int, float):
                return -value  # type: ignore[operator]
            case _:
                raise self.unclear(node)

    def column(self, name: str) -> npt.NDArray[Any]:
        name = self.names.get(name, name)
        if name not in self.values:
            hint = did_you_mean(name, self.values)
            raise UsageError(
                f"the rule {self.text!r} has an unknown name {name!r}", f"{hint}There are: {', '.join(self.values)}."
            )
        return self.values[name]

    def compared(self, op: ast.cmpop, one: Any, other: Any) -> _Truth:
        compare = COMPARISONS.get(type(op))
        if compare is None:
            raise UsageError(f"the rule {self.text!r} has a comparison that isn't known", HINT)
        columns = [side if isinstance(side, np.ndarray) else np.full(self.count, side) for side in (one, other)]
        if all(column.dtype.kind in "biuf" for column in columns):
            known = ~np.logical_or(*(np.isnan(np.asarray(column, np.float64)) for column in columns))
            return _Truth.of(np.asarray(compare(*columns), bool), known)
        pairs = list(zip(*(column.tolist() for column in columns), strict=True))
        known = np.array([_alike(*pair) for pair in pairs], bool)
        return _Truth.of(np.array([_alike(*pair) and compare(*pair) for pair in pairs], bool), known)

    def unclear(self, node: ast.expr) -> UsageError:
        return UsageError(f"the rule {self.text!r} can't be understood at {ast.unparse(node)[:60]!r}", HINT)


def _alike(one: Any, other: Any) -> bool:
    """Whether two values are there and of one kind, text or number, so that they can be compared."""
    there = one is not None and other is not None and one == one and other == other
    return there and isinstance(one, str) == isinstance(other, str)
