"""Exact laws of the selected dice of a pool, and of statistics of its dice.

Three methods, none of which enumerates the dice:

- Like dice that do not explode: a selection picks a window of ranks. `ranked` adds the dice value
  by value, lowest first, and keeps for each number of dice so far the generating function of what
  the selected ones contribute, packed into one large integer (Kronecker substitution).
- Dice that explode, and the parts of a group, come in unlike clusters: `selected` sums over the
  value at which the selection ends. A truncated power series marks the dice beyond that value and
  those at it.
- Statistics that look at the dice together, such as sets and straights: `joint` follows their state
  value by value, and how many dice it has used up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import product
from math import comb
from typing import Any, Final, Literal, Protocol, TypeAlias

from dicesim.die_law import Chain, Law, Series, check_cost
from dicesim.totals import DiceFunctionName

Contributions: TypeAlias = Mapping[int, Law]
Multiply: TypeAlias = Callable[[Series, Series], Series]
# What a cluster of dice is made of: from the symbol of a law, that of an absent die, and the
# product of symbols, to the sum of the symbols of all that the cluster may show.
Cluster: TypeAlias = Callable[[Callable[[Law], Series], Series, Multiply], Series]

# States of statistics, by how many dice have been placed.
_States: TypeAlias = dict[tuple[Any, ...], int]

# Bytes of large integers that are added and multiplied in about a second, and steps from state to
# state.
_MAX_BYTES: Final = 2**30
_MAX_STATES: Final = 2**20


class _Packing:
    """Generating functions as large integers, a slot of bits for each exponent.

    Parameters
    ----------
    total : int
        No weight is greater.
    low : int
        Least exponent of a single factor: each is raised by it to 0.
    """

    def __init__(self, total: int, low: int) -> None:
        self.bytes = total.bit_length() // 8 + 1
        self.low = low

    def pack(self, law: Law) -> int:
        """One large integer for a law."""
        return sum(weight << 8 * self.bytes * (value - self.low) for value, weight in law.items())

    def unpack(self, packed: int, factors: int) -> Law:
        """Law from the product of so many factors."""
        raw = packed.to_bytes(packed.bit_length() // 8 + 1, "little")
        start = factors * self.low
        return {
            start + place // self.bytes: weight
            for place in range(0, len(raw), self.bytes)
            if (weight := int.from_bytes(raw[place : place + self.bytes], "little"))
        }


def ranked(law: Law, number: int, ranks: range, contributions: Contributions) -> Law:
    """Law of what the dice with these ranks contribute, out of so many like dice.

    Parameters
    ----------
    law : dict
        What each die shows.
    number : int
        How many dice there are.
    ranks : range
        Ranks that are kept, from 0 for the lowest die.
    contributions : mapping of int to dict
        For each value, the law of what a kept die adds; all of one total weight.
    """
    weight = sum(law.values())
    share = sum(next(iter(contributions.values())).values())
    low = min(min(added) for added in contributions.values())
    high = max(max(added) for added in contributions.values())
    packing = _Packing((weight * share) ** number, low)
    size = packing.bytes * (len(ranks) * (high - low) + 1)
    check_cost(len(law) * number * number / 2 * (size + 64), "bytes of arithmetic", _MAX_BYTES)
    so_far = [1] + [0] * number
    for value in sorted(law):
        powers = [1]
        for _ in ranks:
            powers.append(powers[-1] * packing.pack(contributions[value]))
        for placed in range(number, -1, -1):
            for more in range(1, placed + 1):
                before = placed - more
                kept = max(0, min(placed, ranks.stop) - max(before, ranks.start))
                ways = comb(placed, more) * law[value] ** more * share ** (more - kept)
                so_far[placed] += so_far[before] * powers[kept] * ways
    return packing.unpack(so_far[number], len(ranks))


def like_part(law: Law) -> Cluster:
    """Cluster of a single die."""
    return lambda symbol, absent, multiply: symbol(law)  # noqa: ARG005


def chains(chain: Chain, number: int) -> Cluster:
    """Cluster of so many dice that explode alike."""

    def cluster(symbol: Callable[[Law], Series], absent: Series, multiply: Multiply) -> Series:
        one = chain.expand(symbol, absent, multiply)
        return _power(one, number, multiply)

    return cluster


def _power(series: Series, number: int, multiply: Multiply) -> Series:
    """Repeated squaring; the number is at least 1."""
    bits = bin(number)[3:]
    result = series
    for bit in bits:
        result = multiply(result, result)
        result = multiply(result, series) if bit == "1" else result
    return result


def selected(
    clusters: Sequence[Cluster],
    slots: int,
    values: Sequence[int],
    number: int,
    keep: bool,
    contributions: Contributions,
) -> Law:
    """Law of what is kept of unlike clusters of dice.

    Parameters
    ----------
    clusters : sequence of Cluster
    slots : int
        How many dice there are at most.
    values : sequence of int
        All that a die may show, beginning at the end from which it is selected.
    number : int
        How many dice are selected.
    keep : bool
        Whether these are kept, or dropped.
    contributions : mapping of int to dict
        For each value, the law of what a kept die adds; all of one total weight.
    """
    share = sum(next(iter(contributions.values())).values())
    low = min(0, *(min(added) for added in contributions.values()))
    high = max(0, *(max(added) for added in contributions.values()))
    marked = _Marked(clusters, number)
    total = marked.expand(lambda law: {(0, 0): sum(law.values()) * share}, share)
    packing = _Packing(total[0, 0], low)
    reach = (number if keep else slots) * (high - low) - slots * low * keep + 1
    terms = (number * (number + 1) // 2) ** 2
    check_cost(len(values) * terms * packing.bytes * reach, "bytes of arithmetic", _MAX_BYTES)
    dropped = packing.pack({0: share})
    kept = {value: packing.pack(contributions[value]) for value in values}
    near, far = (kept, dict.fromkeys(values, dropped))[:: 1 if keep else -1]

    def symbol(marks: Mapping[int, tuple[int, int]], law: Law) -> Series:
        series: Series = {}
        for value, weight in law.items():
            mark = marks[value]
            packed = near[value] if mark == (1, 0) else far[value]
            series[mark] = series.get(mark, 0) + weight * packed
        return series

    # Where there are fewer dice, all of them are selected.
    everything = marked.expand(lambda law: symbol(dict.fromkeys(values, (1, 0)), law), dropped)
    result = sum(everything.values())
    marks = dict.fromkeys(values, (0, 0))
    for value in values:
        beyond = marked.expand(lambda law: symbol(marks, law), dropped)
        marks[value] = (0, 1)
        at = marked.expand(lambda law: symbol(marks, law), dropped)
        marks[value] = (1, 0)
        for place in range(number):
            rest = number - place
            # So many dice lie beyond the value, and at least as many as are missing lie at it.
            too_few = sum(at.get((place, equal), 0) for equal in range(rest))
            enough = beyond.get((place, 0), 0) - too_few
            result += enough * near[value] ** rest // far[value] ** rest
    return packing.unpack(result, slots)


class _Marked:
    """Products of clusters, truncated to so many marks."""

    def __init__(self, clusters: Sequence[Cluster], marks: int) -> None:
        self._clusters = clusters
        self._marks = marks

    def expand(self, symbol: Callable[[Law], Series], absent: int) -> Series:
        """Product of all clusters, where a die that is absent counts as so much."""
        nothing: Series = {(0, 0): absent}
        return reduce(
            self._multiply, (cluster(symbol, nothing, self._multiply) for cluster in self._clusters)
        )

    def _multiply(self, left: Series, right: Series) -> Series:
        series: Series = {}
        for (p, q), v in left.items():
            for (r, s), w in right.items():
                if p + q + r + s < self._marks:
                    mark = (p + r, q + s)
                    series[mark] = series.get(mark, 0) + v * w
        return series


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
    start = tuple(statistic.start for statistic in statistics)
    placings: dict[tuple[int, ...], _States] = {(0,) * len(laws): {start: 1}}
    spent = 0
    values = {value for law in laws for value in law}
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
        for state, weight in states.items():
            both = zip(statistics, state, strict=True)
            results = tuple(statistic.result(one) for statistic, one in both)
            finished[results] = finished.get(results, 0) + weight * sizes.get(placed, 0)
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
        series: Series = {}
        for p, v in left.items():
            check_cost(len(series))
            for q, w in right.items():
                exponents = tuple(map(sum, zip(p, q, strict=True)))
                series[exponents] = series.get(exponents, 0) + v * w
        return series

    one = chain.expand(symbol, {(0,) * len(laws): 1}, multiply)
    return laws, _power(one, number, multiply)
