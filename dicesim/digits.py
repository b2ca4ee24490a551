"""Numbers below a base, several to a random word of 16 bits.

A word is read as a number with k digits in base b. Words past the last whole multiple of b**k hold
k - 1 digits, as far as multiples of b**(k - 1) go, and so on; the few that are left are rejected.
So all numbers are equally likely (compare N. Brackett-Rozinsky and D. Lemire, "Batched Ranged
Random Integer Generation", 2024). Counting them needs no work for a single number: the words are
counted, and their counts folded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dicesim.caching import cached_property
from dicesim.words import VALUES, Words, draw

Numbers: TypeAlias = NDArray[np.intp]

# Words that are drawn at once (measured; part of the stream), and that are looked at at once.
_BLOCK: Final = 2**17
_PIECE: Final = 2**15
# The last numbers are drawn with care not to draw too many.
_LAST: Final = 2**12
# Regions with a smaller share of all words than this would not pay.
_LEAST: Final = VALUES // 64


class Region(NamedTuple):
    """Words from `start` to one before `stop`, each of which holds so many digits."""

    start: int
    stop: int
    digits: int


@dataclass(frozen=True)
class Digits:
    """Numbers from 0 to one less than a base, all equally likely.

    Parameters
    ----------
    base : int
        From 1 to 2**16.

    Examples
    --------
    >>> Digits(36).regions
    (Region(start=0, stop=46656, digits=3), Region(start=46656, stop=64800, digits=2))
    >>> int(Digits(36).counts(np.random.default_rng(1), 1000).sum())
    1000
    """

    base: int

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Which words hold how many digits, most first; all others are rejected."""
        regions = []
        start = 0
        for digits in range(16, 0, -1):
            stop = VALUES - (VALUES - start) % self.base**digits
            if stop - start >= _LEAST:
                regions.append(Region(start, stop, digits))
                start = stop
        return tuple(regions)

    @property
    def per_word(self) -> float:
        """How many numbers a word holds on average."""
        return sum((stop - start) * digits for start, stop, digits in self.regions) / VALUES

    def counts(self, rng: np.random.Generator, size: int) -> Numbers:
        """Count `size` numbers: how many there are of each, shape (base,)."""
        if size <= _LAST:
            numbers = np.concatenate([np.zeros(0, np.intp), *self.blocks(rng, size)])
            return np.bincount(numbers, minlength=self.base)
        table = np.zeros(VALUES, dtype=np.intp)
        last = np.zeros(0, dtype=np.uint16)
        for words in self._words(rng, size):
            add_counts(table, words)
            last = words
        counts = self._fold(table)
        surplus = int(counts.sum()) - size
        if surplus:  # the last word holds too many, and comes alone
            np.subtract.at(counts, self._read(last)[-surplus:], 1)
        return counts

    def blocks(self, rng: np.random.Generator, size: int) -> Iterator[Numbers]:
        """Yield `size` numbers, the same that `counts` counts."""
        for words in self._words(rng, size):
            for start in range(0, len(words), _PIECE):
                numbers = self._read(words[start : start + _PIECE])[:size]
                size -= len(numbers)
                yield numbers

    def _words(self, rng: np.random.Generator, size: int) -> Iterator[Words]:
        """Draw words until they hold enough numbers; the last one is yielded by itself.

        How many are drawn depends on how many numbers they hold, never on what these are.
        """
        while size > _LAST:
            words = draw(rng, min(size // self.regions[0].digits, _BLOCK))
            size -= self._held(words)
            yield words
        while size > 0:
            words = draw(rng, size)
            held = np.cumsum(self._digits.take(words), dtype=np.intp)
            end = int(np.searchsorted(held, size))
            yield words[:end]
            yield words[end : end + 1]
            size -= int(held[-1])

    def _held(self, words: Words) -> int:
        """Count the numbers in words."""
        held = 0
        left = len(words)
        for _, stop, digits in self.regions:
            past = int(np.count_nonzero(words >= stop))
            held += (left - past) * digits
            left = past
        return held

    @cached_property
    def _digits(self) -> NDArray[np.uint8]:
        """Digits of each word."""
        digits = np.zeros(VALUES, dtype=np.uint8)
        for region in self.regions:
            digits[region.start : region.stop] = region.digits
        return digits

    def _fold(self, table: Numbers) -> Numbers:
        """Turn counts of words into counts of numbers, one digit after the other."""
        counts = np.zeros(self.base, dtype=np.intp)
        for start, stop, digits in self.regions:
            rest = table[start:stop].reshape(-1, self.base**digits).sum(axis=0)
            for _ in range(digits):
                rows = rest.reshape(self.base, -1)
                counts += rows.sum(axis=1)
                rest = rows.sum(axis=0)
        return counts

    def _read(self, words: Words) -> Numbers:
        """Numbers in words, region by region; of each word, the lowest digit first."""
        parts = []
        for start, stop, digits in self.regions:
            rest = words[(words >= start) & (words < stop)].astype(np.intp) - start
            numbers = np.empty((len(rest), digits), dtype=np.intp)
            for digit in range(digits):
                rest, numbers[:, digit] = np.divmod(rest, self.base)
            parts.append(numbers.ravel())
        return np.concatenate(parts)


def add_counts(table: Numbers, words: Words) -> None:
    """Add to each entry of a table how often its index occurs among words."""
    for start in range(0, len(words), _PIECE):
        # `bincount` looks for the greatest word first, and takes a third longer.
        np.add.at(table, words[start : start + _PIECE].astype(np.intp), 1)
