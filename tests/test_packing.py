"""The packing kernel: exactly uniform, and the same however it is read."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import dicesim
from dicesim import parse, tables
from dicesim.packing import Packing
from dicesim.sampling import blocks, counts, totals
from dicesim.tables import pack
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
    assert len(slots) == packing._held(words) == packing._digits.sum()
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
        words = np.full(4 * size + 8, self._words[-1], dtype="<u2")
        words[: len(self._words)] = self._words
        self._words = (*words[4 * size :],)
        return words[: 4 * size].view("<u8")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8])
def test_the_last_word_gives_just_what_is_missing(size: int) -> None:
    """Words hold three trials, two or none; no trial is lost or doubled wherever the end comes."""
    packing = packed("2d6")
    rejected, pair = 2**16 - 1, 36**3 + 8 + 36 * 9
    dealt = (5 + 36 * 7 + 36**2 * 11, rejected, pair, rejected, 35)
    counted = packing.counts(Dealt(*dealt), size)
    assert counted.total == size
    rolled = np.concatenate(list(packing.blocks(Dealt(*dealt), size)))
    assert counted == bincount(rolled)
    # Words that come at once are read by the number of their trials; the last one comes alone.
    slots = [5, 7, 11, 8, 9, 35, 0, 0][:size]
    assert sorted(rolled) == sorted(packing.totals[slots])


def test_layouts_waste_little() -> None:
    """Few words are rejected, and each holds as many trials as it can."""
    three, two = packed("2d6").regions
    assert (three, two) == ((0, 36**3, 3), (36**3, 36**3 + 14 * 36**2, 2))
    for text in PACKABLE:
        regions = packed(text).regions
        assert [region.start for region in regions[1:]] == [one.stop for one in regions[:-1]]
        for start, stop, digits in regions:
            assert (stop - start) % len(packed(text).totals) ** digits == 0


@pytest.mark.parametrize("text", ["d6!", "d10!>=8", "d4!!", "d6! max=7", "d10!>=8>=5f1", "d100!"])
@pytest.mark.parametrize("size", [1, 1000, 300_001])
def test_chains_agree_however_they_are_counted(text: str, size: int) -> None:
    """Trials that go on in another table are neither lost nor doubled."""
    tree = parse(text)
    assert packed(text).rest is not None
    rolled = totals(tree, np.random.default_rng(size), size)
    assert counts(tree, np.random.default_rng(size), size) == bincount(rolled)
    assert len(rolled) == size


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("3d6r1", "3d{2..6}"),
        ("4d6ro1", "4d{1:1,2..6:7}"),
        ("5d6mi2ma5", "5d{2:2,3..4:1,5:2}"),
        ("8d10>=7", "8d{0:3,1:2}"),
        ("8d6r1>=5f2", "8d{-1:1,0:2,1:2}"),
        ("9d6ro<=2kh3", "9d{1..2:1,3..6:4}kh3"),
    ],
)
def test_single_dice_become_loaded(text: str, same: str) -> None:
    """What is done to each die by itself goes into the weights of its faces."""
    settled = tables._settled(parse(text))
    assert settled == parse(same)


@pytest.mark.parametrize("text", ["d6ro1!", "4d6kh3r1", "4d6ro1!kh3", "4d6ro1r2", "4d6r1kh3>=1f1"])
def test_what_rolls_later_is_left_as_it_is(text: str) -> None:
    """Dice that are rolled again later fall as they are, not as they were changed."""
    tree = parse(text)
    settled = tables._settled(tree)
    assert settled == tree


@pytest.mark.parametrize(
    "text", ["7d6", "17d2", "d65537", "100d6", "d256*d256+d2", "2d6r1", "d6!p", "2d6!"]
)
def test_too_many_joint_outcomes_are_not_packed(text: str) -> None:
    """Beyond 2**16 joint outcomes, or without end, each die is drawn by itself."""
    assert pack(parse(text)) is None
