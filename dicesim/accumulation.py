"""Rolls as they come, kept as tables of counts: memory grows with the law, never with the rolls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from dicesim.dependence import MOST_CLASSES, classes
from dicesim.errors import RecordError
from dicesim.pmf import PMF
from dicesim.recording import Block
from dicesim.tally import Integers

# Supports up to this width are looked up in a table, wider ones searched.
_WIDEST_TABLE: Final = 2**22
# Entries of all tables of two columns together.
_MOST_ENTRIES: Final = 2**22
# So that no sum of counts leaves int64.
_MOST_ROLLS: Final = 2**62


class Support:
    """Finds the place of each total among the outcomes of a law.

    Examples
    --------
    >>> Support(PMF({2: 1, 5: 1})).places(np.array([5, 2, 3]))
    array([ 1,  0, -1])
    """

    def __init__(self, pmf: PMF) -> None:
        self.pmf = pmf
        self._outcomes = np.array(pmf.outcomes, dtype=np.int64)
        self._low, self._high = pmf.outcomes[0], pmf.outcomes[-1]
        self._table: Integers | None = None
        if self._high - self._low < _WIDEST_TABLE:
            self._table = np.full(self._high - self._low + 1, -1)
            self._table[self._outcomes - self._low] = np.arange(len(pmf))

    def places(self, totals: Integers) -> Integers:
        """Place of each total, or -1 for one that cannot occur."""
        inside = bool(totals.min() >= self._low and totals.max() <= self._high)
        if inside and self._table is not None:
            return np.take(self._table, totals - self._low)
        found = np.searchsorted(self._outcomes, totals).clip(max=len(self._outcomes) - 1)
        return np.where(self._outcomes[found] == totals, found, -1)


class ColumnCounts:
    """One column: how often each outcome came, came again, and how classes of outcomes followed."""

    def __init__(self, pmf: PMF, class_of: Integers) -> None:
        size = int(class_of[-1]) + 1
        self.counts = np.zeros(len(pmf), dtype=np.int64)
        self.repeats = 0
        self.neighbours = np.zeros((size, size), dtype=np.int64)
        self._class_of = class_of
        self._last = np.empty(0, dtype=np.int64)

    def add(self, places: Integers, counts: Integers | None) -> None:
        """Count rolls, given by their places in the support, that follow the ones before."""
        if counts is not None:
            np.add.at(self.counts, places, counts)
            return
        self.counts += np.bincount(places, minlength=len(self.counts))
        line = np.concatenate((self._last, places))
        self._last = places[-1:].copy()
        self.repeats += int(np.count_nonzero(line[1:] == line[:-1]))
        kinds = np.take(self._class_of, line)
        add_pairs(self.neighbours, kinds[:-1], kinds[1:], None)

    def class_counts(self) -> Integers:
        """How often each class of outcomes came."""
        counts = np.zeros(len(self.neighbours), dtype=np.int64)
        np.add.at(counts, self._class_of, self.counts)
        return counts


class Record:
    """Rows of rolls, one law for each column, as tables.

    Parameters
    ----------
    pmf : PMF
        Law of each column.
    names : sequence of str
        Of the columns.
    total : PMF or None
        Law of the total of a row, where there are several columns and it is known.
    """

    def __init__(self, pmf: PMF, names: Sequence[str], total: PMF | None) -> None:
        pairs = list(combinations(range(len(names)), 2))
        most = min(MOST_CLASSES, math.isqrt(_MOST_ENTRIES // max(len(pairs), 1)))
        self.class_of = classes(pmf, most)
        size = int(self.class_of[-1]) + 1
        self.names = tuple(names)
        self.n = 0
        self.ordered = True
        self.columns = [ColumnCounts(pmf, self.class_of) for _ in names]
        self.pairs = {pair: np.zeros((size, size), dtype=np.int64) for pair in pairs}
        self.totals = None if total is None else np.zeros(len(total), dtype=np.int64)
        self._support = Support(pmf)
        self._total_support = None if total is None else Support(total)

    def add(self, block: Block, impossible: Callable[[int, int], RecordError]) -> None:
        """Count a block.

        Parameters
        ----------
        block : Block
        impossible : callable
            Makes the error of a face that cannot occur, of the face and its place.

        Raises
        ------
        RecordError
            A face cannot occur, or the counts are too large.
        """
        self.ordered = block.counts is None
        self.n += len(block.rows) if block.counts is None else sum(block.counts.tolist())
        if self.n > _MOST_ROLLS:
            raise RecordError(f"more than {_MOST_ROLLS:,} rolls in all; write smaller counts")
        places = []
        for values, column in zip(block.rows.T, self.columns, strict=True):
            places.append(self._support.places(values))
            if places[-1].min() < 0:
                first = int(np.argmin(places[-1]))
                raise impossible(int(values[first]), block.places[first])
            column.add(places[-1], block.counts)
        kinds = [np.take(self.class_of, column) for column in places]
        for (i, j), table in self.pairs.items():
            add_pairs(table, kinds[i], kinds[j], block.counts)
        if self.totals is not None and self._total_support is not None:
            sums = self._total_support.places(block.rows.sum(axis=1))
            if block.counts is None:
                self.totals += np.bincount(sums, minlength=len(self.totals))
            else:
                np.add.at(self.totals, sums, block.counts)


def add_pairs(table: Integers, rows: Integers, columns: Integers, counts: Integers | None) -> None:
    """Count pairs of classes in a table, each once or as often as `counts` says.

    Examples
    --------
    >>> table = np.zeros((2, 2), dtype=np.int64)
    >>> add_pairs(table, np.array([0, 1, 1]), np.array([1, 0, 0]), None)
    >>> table.tolist()
    [[0, 1], [2, 0]]
    """
    codes = rows * len(table) + columns
    if counts is None:
        table += np.bincount(codes, minlength=table.size).reshape(table.shape)
    else:
        np.add.at(table, (rows, columns), counts)
