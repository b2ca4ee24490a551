"""Joint laws of statistics that look at the dice of a pool together, such as sets and straights.

The dice are given value by value, lowest first; what is followed is the state of each statistic,
and how many dice of each kind have been used up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import comb
from typing import Any, Final, Literal, Protocol, TypeAlias

from dicesim.die_law import Chain, Law, Series, check_cost, power
from dicesim.totals import DiceFunctionName

# States of statistics, by how many dice have been placed.
_States: TypeAlias = dict[tuple[Any, ...], int]
# Steps from state to state that take about a second or two.
_MAX_STATES: Final = 2**20


class Statistic(Protocol):
    """What is reckoned from the dice of a trial, given value by value, lowest first.

    Every value is given, and after each gap between values the one that follows, with no dice.
    """

    start: Any

    @staticmethod
    def step(state: Any, value: int, number: int) -> Any:
        """Return the state after so many dice that show a value."""

    @staticmethod
    def result(state: Any) -> int:
        """Return the statistic in the end."""


class _Total:
    start = 0

    @staticmethod
    def step(state: int, value: int, number: int) -> int:
        return state + value * number

    @staticmethod
    def result(state: int) -> int:
        return state


class _Distinct(_Total):
    @staticmethod
    def step(state: int, value: int, number: int) -> int:  # noqa: ARG004
        return state + (number > 0)


class _LargestSet(_Total):
    @staticmethod
    def step(state: int, value: int, number: int) -> int:  # noqa: ARG004
        return max(state, number)


class _Pairs(_Total):
    @staticmethod
    def step(state: int, value: int, number: int) -> int:  # noqa: ARG004
        return state + (number == 2)


class _Straight:
    """The longest run so far, and the run that ends at the last value."""

    start = (0, 0)

    @staticmethod
    def step(state: tuple[int, int], value: int, number: int) -> tuple[int, int]:  # noqa: ARG004
        best, run = state
        run = run + 1 if number else 0
        return max(best, run), run

    @staticmethod
    def result(state: tuple[int, int]) -> int:
        return state[0]


StatisticName: TypeAlias = DiceFunctionName | Literal["total"]
_STATISTICS: Final[Mapping[StatisticName, type[Statistic]]] = {
    "total": _Total,
    "distinct": _Distinct,
    "largest_set": _LargestSet,
    "pairs": _Pairs,
    "straight": _Straight,
}


def joint(
    laws: Sequence[Law],
    sizes: Series,
    names: Sequence[StatisticName],
    ranks: range | None = None,
) -> dict[tuple[int, ...], int]:
    """Joint law of statistics of dice of several kinds.

    Parameters
    ----------
    laws : sequence of dict
        What a die of each kind shows.
    sizes : dict
        Weight of each combination of numbers of dice, a number for each kind.
    names : sequence of str
        Statistics: functions of dice, or their total.
    ranks : range, optional
        Which dice are looked at, of one kind and a fixed number, from 0 for the lowest.
    """
    statistics = [_STATISTICS[name] for name in names]
    most = [max(size[kind] for size in sizes) for kind in range(len(laws))]
    ranks = range(max(map(sum, sizes))) if ranks is None else ranks
    values = {value for law in laws for value in law}
    _check_placings(laws, most, len(values))
    start = tuple(statistic.start for statistic in statistics)
    placings: dict[tuple[int, ...], _States] = {(0,) * len(laws): {start: 1}}
    spent = 0
    for value in sorted(values | {value + 1 for value in values}):
        weights = [law.get(value, 0) for law in laws]
        following: dict[tuple[int, ...], _States] = {}
        for placed, states in placings.items():
            for after, ways in _placed(placed, most, weights):
                kept = max(0, min(sum(after), ranks.stop) - max(sum(placed), ranks.start))
                _step(states, following.setdefault(after, {}), statistics, value, kept, ways)
                spent += len(states)
            check_cost(spent, limit=_MAX_STATES)
        placings = following
    return _finished(placings, sizes, statistics)


def _check_placings(laws: Sequence[Law], most: Sequence[int], values: int) -> None:
    """Refuse at once what has too many steps even with one state for each placing."""
    for law, top in zip(laws, most, strict=True):
        # From any number of dice to any that is not less; the first value begins with none.
        check_cost((len(law) - 1) * (top + 1) * (top + 2) // 2 + values, limit=_MAX_STATES)


def _placed(
    placed: tuple[int, ...], most: Sequence[int], weights: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield how many dice of each kind have been placed after a value, and in how many ways."""
    ranges = [
        range(done, top + 1 if weight else done + 1)
        for top, done, weight in zip(most, placed, weights, strict=True)
    ]
    for after in product(*ranges):
        ways = 1
        for done, now, weight in zip(placed, after, weights, strict=True):
            ways *= comb(now, done) * weight ** (now - done)
        yield after, ways


def _step(
    states: _States,
    following: _States,
    statistics: Sequence[type[Statistic]],
    value: int,
    number: int,
    ways: int,
) -> None:
    """Add the states after a value to those that follow."""
    for state, weight in states.items():
        both = zip(statistics, state, strict=True)
        after = tuple(statistic.step(one, value, number) for statistic, one in both)
        following[after] = following.get(after, 0) + weight * ways


def _finished(
    placings: Mapping[tuple[int, ...], _States],
    sizes: Series,
    statistics: Sequence[type[Statistic]],
) -> dict[tuple[int, ...], int]:
    finished: dict[tuple[int, ...], int] = {}
    for placed, states in placings.items():
        if placed not in sizes:  # dice are left, so nothing of this can occur
            continue
        for state, weight in states.items():
            both = zip(statistics, state, strict=True)
            results = tuple(statistic.result(one) for statistic, one in both)
            finished[results] = finished.get(results, 0) + weight * sizes[placed]
    return finished


def kinds(chain: Chain, number: int) -> tuple[list[Law], Series]:
    """Tell kinds of dice in so many chains, and how many there are of each, as `joint` needs them.

    Dice of one law are one kind.
    """
    laws: list[Law] = []
    for law in chain.laws:
        if law and law not in laws:
            laws.append(law)

    def symbol(law: Law) -> Series:
        if not law:
            return {}
        kind = laws.index(law)
        return {tuple(int(i == kind) for i in range(len(laws))): 1}

    def multiply(left: Series, right: Series) -> Series:
        check_cost(len(left) * len(right))
        series: Series = {}
        for p, v in left.items():
            for q, w in right.items():
                exponents = tuple(map(sum, zip(p, q, strict=True)))
                series[exponents] = series.get(exponents, 0) + v * w
        return series

    one = chain.expand(symbol, {(0,) * len(laws): 1}, multiply)
    return laws, power(one, number, multiply)
