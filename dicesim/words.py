"""Random words: whole numbers below a bound from whole bytes of the random stream, without bias.

A word is 8 or 16 bits wide. Words past the last whole multiple of the bound are rejected, so that
all numbers are equally likely. Since every step runs over whole arrays, this is several times
faster than `Generator.integers` for the small bounds of dice.
"""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.unsignedinteger[Any]]
WordType: TypeAlias = type[np.uint8] | type[np.uint16]

# Different words of 16 bits.
VALUES: Final = 2**16
# A rejected word costs as much as so many others: the processor did not foresee it (measured).
REJECTION: Final = 16
# Above this share of rejected words, wider ones are faster (measured).
_WASTE: Final = 0.01


def rejected(bound: int, values: int = VALUES) -> float:
    """Return the share of words past the last whole multiple of a bound.

    Examples
    --------
    >>> rejected(3, 256)
    0.00390625
    """
    return values % bound / values


def draw(rng: np.random.Generator, size: int, kind: WordType = np.uint16) -> Words:
    """Draw words, all equally likely; the same ones whatever the byte order of the machine.

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int
        Number of words.
    kind : {numpy.uint16, numpy.uint8}

    Returns
    -------
    ndarray of `kind`, shape (size,)
    """
    width = 2 if kind is np.uint16 else 1
    drawn = rng.integers(0, 2**64, size=-(-size * width // 8), dtype=np.uint64)
    words: Words = drawn.astype("<u8", copy=False).view(f"<u{width}")[:size]
    return words


def draw_below(rng: np.random.Generator, end: int, size: int, kind: WordType = np.uint16) -> Words:
    """Draw words below an end; spare ones are drawn along, and take the place of rejected ones.

    Parameters
    ----------
    rng : numpy.random.Generator
    end : int
        From 1 to the number of different words.
    size : int
        Number of words.
    kind : {numpy.uint16, numpy.uint8}

    Returns
    -------
    ndarray of `kind`, shape (size,)
    """
    values = _values(kind)
    if end == values:
        return draw(rng, size, kind)
    # Four standard deviations more than expected, so that a second draw is rare.
    expected = size * (values - end) // end
    words = draw(rng, size + expected + 4 * math.isqrt(expected) + 8, kind)
    words, spare = words[:size], _accepted(words[size:], end)
    (gaps,) = (words >= end).nonzero()
    while len(spare) < len(gaps):
        spare = np.concatenate((spare, _accepted(draw(rng, len(gaps), kind), end)))
    words[gaps] = spare[: len(gaps)]
    return words


def _values(kind: WordType) -> int:
    return VALUES if kind is np.uint16 else 2**8


def _accepted(words: Words, end: int) -> Words:
    return words[words < end]


def draw_numbers(rng: np.random.Generator, bound: int, size: int) -> NDArray[np.integer[Any]]:
    """Draw whole numbers from 0 to one less than a bound, all equally likely.

    Parameters
    ----------
    rng : numpy.random.Generator
    bound : int
        From 1 to 2**63.
    size : int
        How many.

    Returns
    -------
    ndarray of an unsigned integer type, shape (size,)

    Examples
    --------
    >>> drawn = draw_numbers(np.random.default_rng(1), 6, 1000)
    >>> int(drawn.min()), int(drawn.max())
    (0, 5)
    """
    if bound == 1:
        return np.zeros(size, dtype=np.uint8)
    if bound > VALUES:
        wide = np.uint32 if bound <= 2**32 else np.uint64
        return rng.integers(0, bound, size=size, dtype=wide)
    kind: WordType = np.uint8 if bound <= 2**8 and rejected(bound, 2**8) < _WASTE else np.uint16
    share = _values(kind) // bound
    words = draw_below(rng, share * bound, size, kind)
    return words // kind(share) if share > 1 else words
