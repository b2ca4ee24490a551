"""A comparison with a whole number, as in ``>= 9``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dicesim.errors import ParameterError

COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_PATTERN = re.compile(r"\s*(==|!=|<=|>=|<|>)?\s*([+-]?[0-9]{1,19})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison operator and the whole number on its right.

    Parameters
    ----------
    operator : {"==", "!=", "<", "<=", ">", ">="}
    value : int

    Examples
    --------
    >>> Condition.parse(">= 9")
    Condition(operator='>=', value=9)
    >>> Condition.parse("7").holds(7)
    True
    """

    operator: str
    value: int

    @classmethod
    def parse(cls, text: str | int, parameter: str = "condition") -> Condition:
        """Read a comparison; a bare number means ``==``, and may be an int.

        Parameters
        ----------
        text : str or int
            Such as ``">= 9"``.
        parameter : str, optional
            What an error calls it.

        Returns
        -------
        Condition

        Raises
        ------
        ParameterError
            The text is no comparison.
        """
        match = _PATTERN.fullmatch(str(text))
        if match is None:
            raise ParameterError(
                f"{parameter}: cannot read {text!r}; write a comparison with a whole number, "
                f"as in '>= 9' ({' '.join(COMPARISONS)})",
                parameter=parameter,
            )
        return cls(match[1] or "==", int(match[2]))

    def holds(self, outcome: Any) -> Any:
        """Compare an outcome, or an array of outcomes elementwise.

        Parameters
        ----------
        outcome : int or ndarray

        Returns
        -------
        bool or ndarray of bool
        """
        return COMPARISONS[self.operator](outcome, self.value)

    def within(self, low: int, high: int) -> int:
        """Count the whole numbers from `low` to `high` that meet the comparison.

        Parameters
        ----------
        low, high : int
            Both included.

        Returns
        -------
        int

        Examples
        --------
        >>> Condition(">=", 5).within(1, 6)
        2
        """
        size = high - low + 1
        below = min(max(self.value - low, 0), size)
        reached = min(max(self.value - low + 1, 0), size)
        equal = reached - below
        met = {"<": below, "<=": reached, "==": equal}
        met |= {">=": size - below, ">": size - reached, "!=": size - equal}
        return met[self.operator]

    def __str__(self) -> str:
        return f"{self.operator} {self.value}"
