"""The packing kernel: exactly uniform, and the same however it is read."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import dicesim
from dicesim import parse
from dicesim.packing import Packing, pack
from dicesim.sampling import blocks, counts, totals
from dicesim.tally import bincount

PACKABLE = ["2d6", "d6", "d20", "d%", "4d6", "6d6", "3d6+1d8+2", "2d6*3-d4", "16d2", "d65536",
            "d50000", "d256*d256", "d2-d2", "d6*1000000", "0d6+3", "7", "99d1+d6", "4d6kh3",
            "d20adv", "4dF-d{1..5:3,6:5}", "3d6ro<=2", "2d4! max=2", "2d4!!>=3 max=2",
            "2d4!p max=2 kl1", "5d6>=5f1", "{2d6,d8}kh1", "(1d2)d6", "largest_set(5d4)",
            "(d6)//d4", "3d6mi2ma5", "a = 2d6; if(a>=9, d20, a*a)"]  # fmt: skip


def packed(text: str) -> Packing:
    """The packing of an expression that has one."""
    packing = pack(parse(text))
    assert packing is not None
    return packing


@pytest.mark.parametrize("text", PACKABLE)
def test_the_table_is_the_exact_law(text: str) -> None:
    """The totals of all joint outcomes, each once, are the exact distribution."""
    assert dicesim.PMF(Counter(packed(text).totals.tolist())) == dicesim.exact(text)


@pytest.mark.parametrize("text", PACKABLE)
def test_all_joint_outcomes_are_equally_likely(text: str) -> None:
    """Reading every accepted word once meets every joint outcome equally often."""
    packing = packed(text)
    words = np.arange(2**16, dtype=np.uint16)
    slots = packing._read(words)
    assert len(slots) == packing.accepted * packing.digits
    met = np.bincount(slots, minlength=len(packing.totals))
    assert (met == len(slots) // len(packing.totals)).all()
    assert (packing._fold(np.ones(2**16, dtype=np.int64)) == met).all()


@pytest.mark.parametrize("text", PACKABLE)
@pytest.mark.parametrize("size", [1, 2, 5, 1000, 65_536, 1_500_001])
def test_counts_totals_and_blocks_agree(text: str, size: int) -> None:
    """One stream, three ways to read it, one answer; and just as many trials as asked for."""
    tree = parse(text)
    rolled = totals(tree, np.random.default_rng(size), size)
    counted = counts(tree, np.random.default_rng(size), size)
    assert counted.total == size
    assert counted == bincount(rolled)
    parts = list(blocks(tree, np.random.default_rng(size), size))
    assert (np.concatenate(parts) == rolled).all()


class Dealt(np.random.Generator):
    """A generator that gives the words it was dealt."""

    def __init__(self, *words: int) -> None:
        super().__init__(np.random.SFC64(0))
        self._words = words

    def integers(self, *_: object, size: int, **__: object) -> Any:  # type: ignore[override]
        """As many words as asked for, the last dealt one again and again."""
        words = np.full(4 * size, self._words[-1], dtype="<u2")
        words[: len(self._words)] = self._words
        return words.view("<u8")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_a_rejected_word_at_the_end_does_not_count(size: int) -> None:
    """Where just enough words are accepted and the last one is not, no trial is lost or doubled."""
    packing = packed("2d6")
    rejected = packing.accepted
    dealt = (5 + 36 * 7 + 36**2 * 11, rejected, 35, rejected)
    needed = -(-size // 3)
    words = dealt[:2] if needed == 1 else dealt
    counted = packing.counts(Dealt(*words), size)
    assert counted.total == size
    (rolled,) = packing.blocks(Dealt(*words), size)
    assert counted == bincount(rolled)
    slots = [5, 7, 11, 35, 0, 0][:size]
    assert rolled.tolist() == packing.totals[slots].tolist()


def test_layouts_waste_little() -> None:
    """The number of digits gives the most trials for each word that is drawn."""
    assert (packed("2d6").digits, packed("2d6").accepted) == (3, 36**3)
    assert (packed("d6").digits, packed("d6").accepted) == (5, 8 * 6**5)
    for text in PACKABLE:
        packing = packed(text)
        assert packing.digits * packing.accepted >= 0.5 * 2**16
        assert packing.accepted % len(packing.totals) ** packing.digits == 0


@pytest.mark.parametrize("text", ["7d6", "17d2", "d65537", "100d6", "d256*d256+d2", "2d6r1", "d6!"])
def test_too_many_joint_outcomes_are_not_packed(text: str) -> None:
    """Beyond 2**16 joint outcomes, or without end, each die is drawn by itself."""
    assert pack(parse(text)) is None
