"""The faces of a die and their weights, kept as runs, so that a die may have any number of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from math import gcd
from typing import Final, NamedTuple

from dicesim.condition import Condition
from dicesim.errors import ParameterError

INT64_MAX: Final = 2**63 - 1


class Run(NamedTuple):
    """The faces from `low` to `high`, each with the same `weight`."""

    low: int
    high: int
    weight: int = 1


@dataclass(frozen=True, repr=False)
class Die:
    """What one die can show, and how likely each face is.

    Parameters
    ----------
    runs : iterable of (low, high) or (low, high, weight)
        Runs of faces in any order; where they overlap, their weights add up. They are kept in
        canonical form, so that dice of one law are equal: ascending, disjoint, as few as can be,
        without a common factor of the weights.

    Attributes
    ----------
    total : int
        Sum of the weights of all faces.

    Raises
    ------
    ParameterError
        There is no face, a run runs backwards, a weight is less than 1, or faces or weights lie
        beyond 64 bits.

    Examples
    --------
    >>> Die([(1, 5, 3), (6, 6, 5)]).total
    20
    >>> Die([(1, 3), (4, 6)]) == Die.fair(6)
    True
    >>> Die([(1, 1, 2), (2, 2)]).weights()
    {1: 2, 2: 1}
    """

    runs: tuple[Run, ...]
    total: int = field(init=False, compare=False)

    def __init__(self, runs: Iterable[tuple[int, int] | tuple[int, int, int]]) -> None:
        given = [Run(*run) for run in runs]
        if not given:
            raise ParameterError("die: it needs at least one face", parameter="die")
        for low, high, weight in given:
            if not -INT64_MAX <= low <= high <= INT64_MAX or weight < 1:
                raise ParameterError(
                    f"die: the faces {low} to {high} with weight {weight} cannot be used; write "
                    "them upwards, within 64 bits, with a weight of at least 1",
                    parameter="die",
                )
        object.__setattr__(self, "runs", _canonical(given))
        total = sum((high - low + 1) * weight for low, high, weight in self.runs)
        object.__setattr__(self, "total", total)
        if total > INT64_MAX:
            raise ParameterError(
                f"die: the weights add up to more than {INT64_MAX} (2**63 - 1); write smaller ones",
                parameter="die",
            )

    @classmethod
    def fair(cls, sides: int) -> Die:
        """Return the die with faces 1 to `sides`, all equally likely.

        Parameters
        ----------
        sides : int

        Returns
        -------
        Die
        """
        return cls([(1, sides)])

    def __repr__(self) -> str:
        if self.is_fair:
            return f"Die.fair({self.high})"
        return f"Die({[tuple(run) for run in self.runs]})"

    @property
    def is_fair(self) -> bool:
        """Whether the faces are 1 to some number, all equally likely."""
        return len(self.runs) == 1 and self.low == 1

    @property
    def low(self) -> int:
        """Least face."""
        return self.runs[0].low

    @property
    def high(self) -> int:
        """Greatest face."""
        return self.runs[-1].high

    @property
    def size(self) -> int:
        """Number of different faces."""
        return sum(high - low + 1 for low, high, _ in self.runs)

    def weight(self, condition: Condition) -> int:
        """Weight of the faces that meet a condition, out of `total`.

        Parameters
        ----------
        condition : Condition

        Returns
        -------
        int

        Examples
        --------
        >>> Die.fair(6).weight(Condition(">=", 5))
        2
        """
        return sum(condition.within(low, high) * weight for low, high, weight in self.runs)

    def without(self, condition: Condition) -> Die:
        """Return a die with the faces that do not meet a condition.

        Parameters
        ----------
        condition : Condition

        Returns
        -------
        Die

        Examples
        --------
        >>> Die.fair(6).without(Condition("<=", 2))
        Die([(3, 6, 1)])
        """
        runs = []
        for low, high, weight in self.runs:
            ends = sorted({low, high + 1, *(condition.value + i for i in (0, 1))})
            for start, end in pairwise(end for end in ends if low <= end <= high + 1):
                if not condition.holds(start):
                    runs.append(Run(start, end - 1, weight))
        return Die(runs)

    def weights(self) -> dict[int, int]:
        """Weight of each face, ascending; for a die with few enough of them.

        Returns
        -------
        dict of int to int
        """
        return {face: weight for low, high, weight in self.runs for face in range(low, high + 1)}


def _canonical(runs: list[Run]) -> tuple[Run, ...]:
    """Sweep over all ends of runs, and keep the stretches between them that have weight."""
    if len(runs) == 1:  # as nearly always
        return (Run(runs[0].low, runs[0].high),)
    change: dict[int, int] = {}
    for low, high, weight in runs:
        change[low] = change.get(low, 0) + weight
        change[high + 1] = change.get(high + 1, 0) - weight
    ends = sorted(end for end, step in change.items() if step)
    swept = []
    weight = 0
    for low, end in pairwise(ends):
        weight += change[low]
        if weight:
            swept.append(Run(low, end - 1, weight))
    common = gcd(*(run.weight for run in swept))
    return tuple(Run(low, high, weight // common) for low, high, weight in swept)
