"""Rules: ROIs chosen by what is written about them, as ``snr < 3 and (size > 200 or not accepted)``.

A rule is parsed into comparisons of named values; it is never run as code.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping
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
        (NaN, None), or with one of another kind, is false.

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
        return _Rule(rule, names, values).truth(tree)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise UsageError(f"the rule {rule!r} can't be understood", HINT) from error


class _Rule:
    def __init__(self, text: str, names: Mapping[str, str], values: Values) -> None:
        self.text, self.names, self.values = text, names, values
        self.count = len(next(iter(values.values()), ()))

    def truth(self, node: ast.expr) -> Bool:
        """Of which ROIs a condition is true."""
        match node:
            case ast.BoolOp(op=op, values=parts):
                each = [self.truth(part) for part in parts]
                join = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return np.asarray(join.reduce(each), bool)
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return ~self.truth(part)
            case ast.Compare(left=left, ops=ops, comparators=rest):
                sides = [self.side(side) for side in (left, *rest)]
                true = np.ones(self.count, bool)
                for sign, one, other in zip(ops, sides[:-1], sides[1:], strict=True):
                    true &= self.compared(sign, one, other)
                return true
            case ast.Name(id=name):
                column = self.column(name)
                if column.dtype == bool:
                    return column
                if column.dtype == object:
                    return np.array([value is True for value in column], bool)
                shown = self.names.get(name, name)
                raise UsageError(f"{shown} in the rule {self.text!r} is a number", f"Compare it: {shown} > 0.")
            case _:
                raise self.unclear(node)

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

    def compared(self, op: ast.cmpop, one: Any, other: Any) -> Bool:
        compare = COMPARISONS.get(type(op))
        if compare is None:
            raise UsageError(f"the rule {self.text!r} has a comparison that isn't known", HINT)
        columns = [isinstance(side, np.ndarray) for side in (one, other)]
        numbers = [
            side.dtype.kind in "biuf" if column else isinstance(side, (int, float))
            for side, column in zip((one, other), columns, strict=True)
        ]
        if all(numbers):
            unknown = np.zeros(self.count, bool)
            for side in (one, other):
                unknown |= np.isnan(np.asarray(side, np.float64))
            return np.asarray(np.broadcast_to(compare(one, other), self.count), bool) & ~unknown
        sides = [side if column else [side] * self.count for side, column in zip((one, other), columns, strict=True)]
        return np.array([_compared(compare, a, b) for a, b in zip(*sides, strict=True)], bool)

    def unclear(self, node: ast.expr) -> UsageError:
        return UsageError(f"the rule {self.text!r} can't be understood at {ast.unparse(node)[:60]!r}", HINT)


def _compared(compare: Callable[[Any, Any], Any], one: Any, other: Any) -> bool:
    if one is None or other is None or one != one or other != other:
        return False
    alike = isinstance(one, str) == isinstance(other, str)
    return bool(compare(one, other)) if alike else compare is operator.ne
