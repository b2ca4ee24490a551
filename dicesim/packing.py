"""The packing kernel: a 16-bit random word holds several trials.

An expression whose dice have M <= 2**16 joint outcomes in all is a table of M totals. Joint
outcomes are numbers below M, and so digits of random words (see `digits`). Where M is large, a word
holds more trials if it says only in which cell of joint outcomes each falls: in most cells all have
one total, and only trials in the others need another number.

A die that explodes has more outcomes than a table. Its table ends where the chain has grown to some
length; the few trials that are still open there go on in the table of what remains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dicesim.caching import cached_property
from dicesim.digits import Digits, Numbers, add_counts
from dicesim.tally import Integers, Tally, bincount
from dicesim.words import VALUES, Words, draw_below, draw_numbers

Block: TypeAlias = NDArray[np.signedinteger[Any]]
BlockType: TypeAlias = type[np.signedinteger[Any]]

# Words that a trial in a mixed cell costs besides (measured).
_MIXED: Final = 1.5
# Open trials that go on at once.
_PIECE: Final = 2**16


@dataclass(frozen=True, eq=False)
class Packing:
    """An expression as a table of joint outcomes, all equally likely.

    Parameters
    ----------
    totals : ndarray of int64, shape (M,)
        Total of each joint outcome, ascending; of the open ones, after all others, what they have
        come to so far, ascending likewise.
    closed : int
        Number of joint outcomes that are not open.
    rest : Packing, optional
        What is added to the open ones.
    """

    totals: Integers
    closed: int
    rest: Packing | None = None

    def counts(self, rng: np.random.Generator, size: int) -> Tally:
        """Count the totals of `size` trials."""
        slots = self._slot_counts(rng, size)
        counts = np.add.reduceat(slots, self._starts)
        occurred = self._starts[counts > 0]
        totals, counts = self.totals[occurred], counts[counts > 0]
        whole = np.searchsorted(occurred, self.closed)
        tally = Tally(totals[:whole], counts[:whole])
        for more in self._go_on(rng, np.repeat(totals[whole:], counts[whole:])):
            tally += bincount(more)
        return tally

    def blocks(self, rng: np.random.Generator, size: int) -> Iterator[Integers]:
        """Yield the totals of `size` trials, the same that `counts` counts, in an order of its own.

        Trials that take another number come last, by what they have come to so far.
        """
        opened = Tally.of({})
        for slots in self._slots(rng, size):
            if self.rest is not None:
                opened += bincount(self.totals[slots[slots >= self.closed]])
                slots = slots[slots < self.closed]
            yield self.totals[slots]
        yield from self._go_on(rng, np.repeat(opened.outcomes, opened.counts))

    def _go_on(self, rng: np.random.Generator, so_far: Integers) -> Iterator[Integers]:
        """Yield the totals of open trials."""
        if self.rest is not None:
            for start in range(0, len(so_far), _PIECE):
                piece = so_far[start : start + _PIECE]
                yield piece + self.rest.draw(rng, len(piece), np.int64)

    def draw(self, rng: np.random.Generator, size: int, dtype: BlockType) -> Block:
        """Draw the totals of `size` trials one after another, modulo the range of a type.

        Each takes a word of its own, so they come in the order in which they are rolled.
        """
        share = VALUES // len(self.totals)
        words = draw_below(rng, share * len(self.totals), size)
        block = _table(self, np.dtype(dtype)).take(words)
        if self.rest is not None:
            opened = np.flatnonzero(words >= share * self.closed)
            block[opened] += self.rest.draw(rng, len(opened), dtype)
        return block

    def _slot_counts(self, rng: np.random.Generator, size: int) -> Numbers:
        """Count trials by joint outcome, or by the first of a cell that has one total."""
        slots = np.zeros(len(self.totals), dtype=np.intp)
        cells = slots[:: self.cell]
        cells[:] = self._cells.counts(rng, size)
        within = self._within(rng, cells[self._mixed])
        cells[self._mixed] = 0
        add_counts(slots, within)
        return slots

    def _slots(self, rng: np.random.Generator, size: int) -> Iterator[Numbers]:
        """Yield the joint outcomes that `_slot_counts` counts; those in mixed cells come last."""
        waiting = np.zeros(self._cells.base, dtype=np.intp)
        is_mixed = waiting.astype(np.bool_)
        is_mixed[self._mixed] = True
        for cells in self._cells.blocks(rng, size):
            mixed = is_mixed[cells]
            waiting += np.bincount(cells[mixed], minlength=len(waiting))
            yield cells[~mixed] * self.cell
        yield self._within(rng, waiting[self._mixed]).astype(np.intp)

    def _within(self, rng: np.random.Generator, number: Numbers) -> Words:
        """Draw joint outcomes for so many trials in each of the mixed cells."""
        slots = np.repeat((self._mixed * self.cell).astype(np.uint16), number)
        slots += draw_numbers(rng, self.cell, len(slots)).astype(np.uint16, copy=False)
        return slots

    @cached_property
    def _starts(self) -> Numbers:
        """Where joint outcomes with one total begin."""
        new = np.ones(len(self.totals), dtype=np.bool_)
        np.not_equal(self.totals[1:], self.totals[:-1], out=new[1:])
        new[self.closed : self.closed + 1] = True
        return np.flatnonzero(new)

    @cached_property
    def cell(self) -> int:
        """Joint outcomes in a cell, so chosen that counting takes least; 1 for small tables."""
        size = len(self.totals)
        cells = (np.flatnonzero(size % np.arange(1, size + 1) == 0) + 1).tolist()
        return min(cells, key=self.cost)

    def cost(self, cell: int) -> float:
        """Cost of counting a trial by such cells, in random words.

        One in a mixed cell takes more: another number, and a place to count it at (measured).
        """
        cells = len(self.totals) // cell
        words = 1 / Digits(cells).per_word + _MIXED * len(self._mixed_cells(cell)) / cells
        if self.rest is not None:
            words += (1 - self.closed / len(self.totals)) * (1 + self.rest.cost(1))
        return words

    def _mixed_cells(self, cell: int) -> Numbers:
        return np.unique(self._starts[self._starts % cell > 0] // cell)

    @cached_property
    def _mixed(self) -> Numbers:
        """Cells with more than one total."""
        return self._mixed_cells(self.cell)

    @cached_property
    def _cells(self) -> Digits:
        """Where cells are drawn from."""
        return Digits(len(self.totals) // self.cell)


@lru_cache(maxsize=64)
def _table(packing: Packing, dtype: np.dtype[np.signedinteger[Any]]) -> Block:
    """Total of each accepted word, where a word holds one trial."""
    return np.repeat(packing.totals.astype(dtype), VALUES // len(packing.totals))
