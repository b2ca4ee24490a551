"""Tallies, and the ways to make one from a batch of totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import groupby as group_runs
from operator import index
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dicesim.errors import ParameterError

Integers = NDArray[np.int64]

# A table this wide costs nothing; a wider one only pays where most of it is filled.
_SMALL_TABLE: Final = 2**16
_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tally:
    """Which totals occurred, and how often.

    Merging is associative and commutative, and the empty tally is its neutral element, so parts
    may be counted anywhere and put together in any grouping.

    Parameters
    ----------
    outcomes : ndarray of int64, shape (k,)
        The totals that occurred, strictly ascending.
    counts : ndarray of int64, shape (k,)
        How often each occurred, at least 1.

    Examples
    --------
    >>> (Tally.of({7: 2, 2: 1}) + Tally.of({7: 1})).counter()
    Counter({7: 3, 2: 1})
    """

    outcomes: Integers
    counts: Integers

    def __post_init__(self) -> None:
        for name in ("outcomes", "counts"):
            values = np.array(getattr(self, name), dtype=np.int64)
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @classmethod
    def of(cls, counts: Mapping[int, int]) -> Tally:
        """Tally from a mapping of outcome to count; counts of 0 are left out.

        Parameters
        ----------
        counts : mapping of int to int

        Returns
        -------
        Tally

        Raises
        ------
        ParameterError
            A count is negative, or something is no whole number.
        """
        try:
            pairs = sorted((index(x), index(count)) for x, count in counts.items() if count)
        except TypeError:
            pairs = [(0, -1)]
        if any(not (_INT64_MIN <= x <= _INT64_MAX and 0 <= n <= _INT64_MAX) for x, n in pairs):
            raise ParameterError(
                "counts: write whole numbers of 64 bits, and no count that is negative",
                parameter="counts",
            )
        outcomes, numbers = zip(*pairs, strict=True) if pairs else ((), ())
        return cls(np.array(outcomes, dtype=np.int64), np.array(numbers, dtype=np.int64))

    @classmethod
    def from_table(cls, low: int, table: Integers) -> Tally:
        """Tally from a dense table whose first entry counts the outcome `low`.

        Parameters
        ----------
        low : int
            The least outcome.
        table : ndarray of int64, shape (k,)
            Counts of it and of those that follow, zeros too.

        Returns
        -------
        Tally

        Examples
        --------
        >>> Tally.from_table(2, np.array([1, 0, 3]))
        Tally.of({2: 1, 4: 3})
        """
        (occurred,) = np.nonzero(table)
        return cls(occurred + low, table[occurred])

    @classmethod
    def sum(cls, parts: Iterable[Tally]) -> Tally:
        """Merge any number of parts, none included.

        Parameters
        ----------
        parts : iterable of Tally

        Returns
        -------
        Tally

        Examples
        --------
        >>> Tally.sum([Tally.of({7: 2}), Tally.of({7: 1, 2: 1})])
        Tally.of({2: 1, 7: 3})
        """
        return reduce(cls.__add__, parts, cls.of({}))

    def __reduce__(self) -> tuple[type[Tally], tuple[Integers, Integers]]:
        return Tally, (self.outcomes, self.counts)

    def __add__(self, other: Tally) -> Tally:
        if not len(self.outcomes):
            return other
        if np.array_equal(self.outcomes, other.outcomes):
            return Tally(self.outcomes, self.counts + other.counts)
        outcomes = _union(self.outcomes, other.outcomes)
        counts = np.zeros(len(outcomes), dtype=np.int64)
        for part in (self, other):
            counts[np.searchsorted(outcomes, part.outcomes)] += part.counts
        return Tally(outcomes, counts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tally):
            return NotImplemented
        return np.array_equal(self.outcomes, other.outcomes) and np.array_equal(
            self.counts, other.counts
        )

    def __hash__(self) -> int:
        return hash((self.outcomes.tobytes(), self.counts.tobytes()))

    def __repr__(self) -> str:
        if self.unique > 12:
            return f"Tally(<{self.total} trials, {self.unique} outcomes>)"
        return f"Tally.of({dict(self.counter())})"

    @property
    def total(self) -> int:
        """Number of trials counted."""
        return int(self.counts.sum())

    @property
    def unique(self) -> int:
        """Number of different totals that occurred."""
        return len(self.outcomes)

    def counter(self) -> Counter[int]:
        """Return the same as a `collections.Counter` of plain integers, ascending.

        Returns
        -------
        collections.Counter
        """
        return Counter(dict(zip(self.outcomes.tolist(), self.counts.tolist(), strict=True)))


def bincount(totals: Integers) -> Tally:
    """Count by `numpy.bincount`: one pass over the totals, no sort, no Python object for a trial.

    Parameters
    ----------
    totals : ndarray of int64, shape (size,)
        Totals far apart are counted by `numpy.unique`, since a table would be mostly empty.
    """
    if not len(totals):
        return Tally.of({})
    low, high = int(totals.min()), int(totals.max())
    if high - low < max(_SMALL_TABLE, 4 * len(totals)):
        return Tally.from_table(low, np.bincount(totals - low))
    return Tally(*np.unique(totals, return_counts=True))


def counter(totals: Integers) -> Tally:
    """Count by `collections.Counter`: a dictionary entry for each outcome."""
    return Tally.of(Counter(totals.tolist()))


def groupby(totals: Integers) -> Tally:
    """Count by `itertools.groupby`: sort, so that equal totals stand side by side, then run along.

    Without the sort, each run of equal neighbours would be a group of its own.
    """
    runs = group_runs(np.sort(totals).tolist())
    return Tally.of({total: sum(1 for _ in run) for total, run in runs})


def _union(left: Integers, right: Integers) -> Integers:
    """Merge two ascending supports (by a sort: `numpy.unique` hashes, and is 60 times slower)."""
    both = np.concatenate((left, right))
    both.sort()
    first = np.ones(len(both), dtype=np.bool_)
    np.not_equal(both[1:], both[:-1], out=first[1:])  # a difference may leave int64
    return both[first]


AGGREGATORS: Final[Mapping[str, Callable[[Integers], Tally]]] = {
    "bincount": bincount,
    "counter": counter,
    "groupby": groupby,
}
