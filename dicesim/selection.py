"""Exact laws of the selected dice of a pool.

Two methods, none of which enumerates the dice:

- Like dice that do not explode: a selection picks a window of ranks. `ranked` places the dice value
  by value, from the nearer end of the ranks to the far end of the window, and keeps for each number
  of dice so far the generating function of what the selected ones contribute, packed into one large
  integer (Kronecker substitution). The dice beyond the window only count.
- Dice that explode, and the parts of a group, come in unlike clusters: `Selected` sums over the
  value at which the selection ends. A truncated power series marks the dice beyond that value and
  those at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import accumulate, repeat
from math import comb, log2
from operator import mul
from typing import Final, TypeAlias

from dicesim.caching import cached_property
from dicesim.die_law import MAX_STEPS, Chain, Law, Series, check_cost, power
from dicesim.kronecker import pack, slot_width, unpack

Contributions: TypeAlias = Mapping[int, Law]
Multiply: TypeAlias = Callable[[Series, Series], Series]
# What a cluster of dice is made of: from the symbol of a law, that of an absent die, and the
# product of symbols, to the sum of the symbols of all that the cluster may show.
Cluster: TypeAlias = Callable[[Callable[[Law], Series], Series, Multiply], Series]

# Bytes of large integers that are added in about a second.
_MAX_BYTES: Final = 2**30


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
    from_top = number - ranks.start < ranks.stop
    if from_top:
        ranks = range(number - ranks.stop, number - ranks.start)
    stop = ranks.stop
    weight = sum(law.values())
    share = sum(next(iter(contributions.values())).values())
    low = min(map(min, contributions.values()))
    high = max(map(max, contributions.values()))
    width = slot_width((weight**number * share ** len(ranks)).bit_length())
    size = width * (len(ranks) * (high - low) + 1)
    # A die that still changes by chance adds many terms, which Karatsuba's method multiplies.
    spread = max(max(added) - min(added) for added in contributions.values())
    slower = 1 + 0.5 * (width * len(ranks) * spread / 1024) ** (log2(3) - 1)
    cost = len(law) * stop * stop / 2 * (size + 64) * slower
    check_cost(cost, "bytes of arithmetic", _MAX_BYTES)
    so_far = [1] + [0] * (stop - 1)
    finished = 0
    far = _powers(weight, number, stop)
    for value in sorted(law, reverse=from_top):
        # Packed from its own least value on, a contribution is as short as can be.
        added, least = contributions[value], min(contributions[value])
        shift = (least - low) * width * 8
        powers = list(accumulate(repeat(pack(added, least, width), len(ranks)), mul, initial=1))
        weight -= law[value]
        here, far = far, _powers(weight, number, stop)
        for placed in range(stop - 1, -1, -1):
            before, enough = so_far[placed], here[placed] - far[placed]
            unkept = max(placed, ranks.start)
            for after in range(placed + 1, stop):
                ways = comb(number - placed, after - placed) * law[value] ** (after - placed)
                enough -= ways * far[after]
                kept = max(0, after - unkept)
                so_far[after] += before * (powers[kept] * ways) << kept * shift
            kept = stop - unkept
            finished += before * (powers[kept] * enough) << kept * shift
    return unpack(finished, len(ranks) * low, width)


def _powers(base: int, number: int, count: int) -> list[int]:
    """So many powers, from the one with this number as exponent on down."""
    least = base ** (number - count + 1)
    return list(accumulate(repeat(base, count - 1), mul, initial=least))[::-1]


def single(law: Law) -> Cluster:
    """Cluster of one die."""
    return lambda symbol, absent, multiply: symbol(law)  # noqa: ARG005


def exploding(chain: Chain, number: int) -> Cluster:
    """Cluster of so many dice that explode alike."""

    def cluster(symbol: Callable[[Law], Series], absent: Series, multiply: Multiply) -> Series:
        return power(chain.expand(symbol, absent, multiply), number, multiply)

    return cluster


# Marks of a die: nearer to the end of the selection than a certain value, at it, or farther.
_NEAR: Final = (1, 0)
_AT: Final = (0, 1)
_FAR: Final = (0, 0)


@dataclass(frozen=True)
class Selected:
    """A selection from unlike clusters of dice.

    The law is a sum over the value at which the selection ends, and over the number of dice that
    lie nearer than it: so few that some are missing, which dice at that value make up for.

    Parameters
    ----------
    clusters : sequence of Cluster
    slots : int
        How many dice there are at most.
    factors, powers : int
        How many products of series it takes to multiply the clusters, with a single die as one
        factor, and with any.
    values : sequence of int
        All that a die may show, beginning at the end from which it is selected.
    number : int
        How many dice are selected.
    keep : bool
        Whether these are kept, or dropped.
    contributions : mapping of int to dict
        For each value, the law of what a kept die adds; all of one total weight.
    """

    clusters: Sequence[Cluster]
    slots: int
    factors: int
    powers: int
    values: Sequence[int]
    number: int
    keep: bool
    contributions: Contributions

    def law(self) -> Law:
        """Law of what is kept."""
        self._check_cost()
        marks = dict.fromkeys(self.values, _NEAR)
        # Where there are fewer dice, all of them are selected.
        result = sum(self._expand(marks).values())
        marks = dict.fromkeys(self.values, _FAR)
        for value in self.values:
            near, far = self._selected[value], self._others[value]
            without = self._expand(marks)
            marks[value] = _AT
            at = self._expand(marks)
            marks[value] = _NEAR
            for placed in range(self.number):
                missing = self.number - placed
                too_few = sum(at.get((placed, more), 0) for more in range(missing))
                enough = without.get((placed, 0), 0) - too_few
                result += _exchanged(enough, near, far, missing)
        return unpack(result, self.slots * self._low, self._width)

    def _check_cost(self) -> None:
        """Price the products of series, two of them for each value and die, and of their powers."""
        spread = max(map(max, self.contributions.values())) - self._low
        reach = (self.number if self.keep else self.slots) * spread - self.slots * self._low
        terms = self.number * (self.number + 1) // 2
        products = len(self.values) * (self.factors * 3 * terms + self.powers * terms**2)
        kilobytes = self._width * (reach + 1) / 1024
        check_cost(products * (kilobytes ** log2(3) + 0.1), limit=2 * MAX_STEPS)

    @cached_property
    def _share(self) -> int:
        """Total weight of what a kept die adds."""
        return sum(self.contributions[self.values[0]].values())

    @cached_property
    def _low(self) -> int:
        """Least exponent of a single factor: each is raised by it to 0."""
        return min(0, *map(min, self.contributions.values()))

    @cached_property
    def _width(self) -> int:
        """Bytes of a slot: none holds more than the total weight."""
        weighed = self._product(lambda law: {_FAR: sum(law.values()) * self._share}, self._share)
        return slot_width(weighed[_FAR].bit_length())

    @cached_property
    def _dropped(self) -> int:
        """Generating function of a die that adds nothing."""
        return pack({0: self._share}, self._low, self._width)

    @cached_property
    def _selected(self) -> Mapping[int, int]:
        """Generating functions of selected dice, by what they show."""
        if self.keep:
            added = self.contributions
            return {value: pack(added[value], self._low, self._width) for value in self.values}
        return dict.fromkeys(self.values, self._dropped)

    @cached_property
    def _others(self) -> Mapping[int, int]:
        """Generating functions of the dice that are not selected."""
        return replace(self, keep=not self.keep)._selected

    def _expand(self, marks: Mapping[int, tuple[int, int]]) -> Series:
        """Product of all clusters, with these marks of values."""

        def symbol(law: Law) -> Series:
            series: Series = {}
            for value, weight in law.items():
                mark = marks[value]
                function = self._selected if mark == _NEAR else self._others
                series[mark] = series.get(mark, 0) + weight * function[value]
            return series

        return self._product(symbol, self._dropped)

    def _product(self, symbol: Callable[[Law], Series], absent: int) -> Series:
        """Product of all clusters, where a die that is not there counts as so much."""
        factors = (cluster(symbol, {_FAR: absent}, self._times) for cluster in self.clusters)
        return reduce(self._times, factors)

    def _times(self, left: Series, right: Series) -> Series:
        """Product of two series, as far as it has fewer marks than dice are selected."""
        series: Series = {}
        for (p, q), v in left.items():
            for (r, s), w in right.items():
                if p + q + r + s < self.number:
                    mark = (p + r, q + s)
                    series[mark] = series.get(mark, 0) + v * w
        return series


def _exchanged(product: int, near: int, far: int, number: int) -> int:
    """Put so many factors in the place of others; the division is exact."""
    shift = (far & -far).bit_length() - 1  # powers of two are most of it, and cheap to divide by
    exchanged: int = (product * near**number >> shift * number) // (far >> shift) ** number
    return exchanged
