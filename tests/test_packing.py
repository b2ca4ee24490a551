"""The packing kernel: exactly uniform, and the same however it is read."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import dicesim
from dicesim import parse, tables
from dicesim.digits import Digits
from dicesim.packing import Packing
from dicesim.sampling import blocks, counts, totals
from dicesim.tables import pack
from dicesim.tally import bincount
from tests.test_sampling import FALSE_ALARM, TRIALS, p_value

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


BASES = [1, 2, 3, 6, 20, 36, 100, 216, 256, 257, 400, 1296, 46_656, 65_535, 65_536]


@pytest.mark.parametrize("base", BASES)
def test_all_numbers_are_equally_likely(base: int) -> None:
    """Reading every word once meets every number equally often; few words are rejected."""
    digits = Digits(base)
    words = np.arange(2**16, dtype=np.uint16)
    numbers = digits._read(words)
    assert len(numbers) == digits._held(words) == digits._digits.sum()
    met = np.bincount(numbers, minlength=base)
    assert (met == len(numbers) // base).all()
    assert (digits._fold(np.ones(2**16, dtype=np.int64)) == met).all()
    regions = digits.regions
    assert [region.start for region in regions[1:]] == [region.stop for region in regions[:-1]]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("size", [0, 1, 5, 4096, 4097, 65_536, 300_001])
def test_numbers_agree_however_they_are_counted(base: int, size: int) -> None:
    """Numbers counted are the numbers yielded, and just as many as asked for."""
    counts = Digits(base).counts(np.random.default_rng(size), size)
    numbers = list(Digits(base).blocks(np.random.default_rng(size), size))
    assert counts.sum() == size
    assert (counts == np.bincount(np.concatenate([*numbers, []]).astype(int), minlength=base)).all()


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
    """Words hold three numbers, two or none; none is lost or doubled wherever the end comes."""
    rejected, pair = 2**16 - 1, 36**3 + 8 + 36 * 9
    dealt = (5 + 36 * 7 + 36**2 * 11, rejected, pair, rejected, 35)
    numbers = np.concatenate(list(Digits(36).blocks(Dealt(*dealt), size)))
    # Words that come at once are read by how many numbers they hold; the last one comes alone.
    assert sorted(numbers) == sorted([5, 7, 11, 8, 9, 35, 0, 0][:size])


@pytest.mark.parametrize("text", [*PACKABLE, "d6!"])
def test_cells_hold_one_total_unless_they_are_mixed(text: str) -> None:
    """A trial in a cell needs no other number where all joint outcomes there are alike."""
    packing = packed(text)
    cells = packing.totals.reshape(-1, packing.cell)
    alike = (cells == cells[:, :1]).all(axis=1)
    is_open = np.arange(packing.totals.size).reshape(cells.shape) >= packing.closed
    alike &= (is_open == is_open[:, :1]).all(axis=1)
    assert packing._mixed.tolist() == np.flatnonzero(~alike).tolist()


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
    tree = parse(text)
    assert isinstance(tree, dicesim.Dice)
    settled = tables._settled(tree)
    assert settled == parse(same)


@pytest.mark.parametrize("text", ["d6ro1!", "4d6kh3r1", "4d6ro1!kh3", "4d6ro1r2", "4d6r1kh3>=1f1"])
def test_what_rolls_later_is_left_as_it_is(text: str) -> None:
    """Dice that are rolled again later fall as they are, not as they were changed."""
    tree = parse(text)
    assert isinstance(tree, dicesim.Dice)
    settled = tables._settled(tree)
    assert settled == tree


@pytest.mark.parametrize(
    "text", ["7d6", "17d2", "d65537", "100d6", "d256*d256+d2", "2d6r1", "d6!p", "2d6!"]
)
def test_too_many_joint_outcomes_are_not_packed(text: str) -> None:
    """Beyond 2**16 joint outcomes, or without end, each die is drawn by itself."""
    assert pack(parse(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "5d10kh4",
        "5d10kl4",
        "6d8dl1",
        "6d8dh1",
        "4d6ro1kh3",
        "9d{-3:1,0:2,5:1}dl1",
        "30d6kh29",
        "5d{1000000..1000009}dh1",
    ],
)
def test_all_dice_but_one_follow_the_exact_law(text: str, seed: int) -> None:
    """Pools without their lowest or highest die, drawn a few dice at a time, fit the exact law."""
    tree = parse(text)
    assert tables.prepare(tree).all_but_one
    tally = counts(tree, np.random.Generator(np.random.SFC64(seed)), TRIALS)
    assert p_value(tally, dicesim.exact(tree)) > FALSE_ALARM


@pytest.mark.parametrize("text", ["4d6kh3", "6d6", "d6!", "d20!>=2", "100d6", "4d6ro1kh3"])
def test_each_roll_in_order_follows_the_law(text: str, seed: int) -> None:
    """The first, and the last, of many rolls is a roll like any other."""
    tree = parse(text)
    rng = np.random.Generator(np.random.SFC64(seed))
    drawn = np.array([dicesim.roll(tree, 50, rng=rng)[[0, -1]] for _ in range(2000)])
    for column in drawn.T:
        assert p_value(bincount(column), dicesim.exact(tree)) > FALSE_ALARM


def test_counts_do_not_depend_on_what_was_rolled_before() -> None:
    """Whatever was prepared earlier and forgotten since, a seed gives the same counts (L1)."""

    def rolled() -> dicesim.Tally:
        return dicesim.run("(9d7)d11+d70001*0", 20_000, rng=1, executor="serial").tally

    first = rolled()
    for sides in range(20, 90):
        dicesim.run(f"(9d7)d{sides}", 10, rng=1)
    dicesim.run("(9d7)d11", 10, rng=1)
    assert rolled() == first


def test_a_chain_whose_rest_can_count_nothing_is_rolled_die_by_die() -> None:
    """A number between the faces is taken for one that dice may come to, until none explodes."""
    tree = parse("d{1,3}! max=16 ==2")
    assert pack(tree) is None
    assert counts(tree, np.random.default_rng(1), 1000).counter() == Counter({0: 1000})
