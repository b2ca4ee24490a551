"""What of an expression is drawn from tables, and how the rest becomes cheaper to roll.

Whatever is written anew here keeps its law: a sum of equal dice falls into sums of a few dice each,
a die that is rolled again turns into a loaded one, and the highest of many dice is the highest of
the highest of a few. Tables are filled by the ordinary evaluator, which goes through all joint
outcomes; so they owe nothing to the exact engine that counts are held against.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import repeat, takewhile
from math import prod
from typing import Final, NamedTuple

import numpy as np

from dicesim.arithmetic import Sum
from dicesim.dice import Dice
from dicesim.errors import ParameterError
from dicesim.evaluation import AllButOne, Preparation, Summands, evaluate
from dicesim.expression import Expression, walk
from dicesim.faces import Die
from dicesim.modifiers import Clamp, Count, Drop, Explode, Keep, Modifier, Reroll
from dicesim.packing import Block, BlockType, Packing
from dicesim.rolled import Places, Rolled, Slots, count, face_values, modify
from dicesim.tally import Integers
from dicesim.totals import DiceFunction, Function, Name
from dicesim.words import REJECTION, VALUES, rejected

_BITS: Final = 16
# Dice in all joint outcomes that are evaluated for a table; dice with one side add no outcomes.
_MOST_DICE: Final = 2**22
# The highest of more dice than this is found row by row.
_MOST_KEPT_FROM: Final = 2**10
# Bits of two distances in one whole number.
_WIDEST: Final = 62
# Tables, one after another, for a chain of explosions.
_MOST_LINKS: Final = 10


@lru_cache(maxsize=64)
def pack(expression: Expression) -> Packing | None:
    """Table of an expression, or None where it has too many joint outcomes.

    Examples
    --------
    >>> packing = pack(Dice(2, 6))
    >>> packing.totals.shape, int(packing.totals.min())
    ((36,), 2)
    """
    if expression.free_names:
        return None
    if expression.endless or expression.joint_bits > _BITS:
        return _chain(expression)
    size = round(2**expression.joint_bits)
    if size * expression.price > _MOST_DICE:
        return None
    totals = _enumerated(expression, size)
    totals.sort()
    return Packing(totals, closed=size)


def _enumerated(expression: Expression, size: int) -> Integers:
    """Totals of all joint outcomes."""
    return evaluate(expression, Enumeration(size), size).astype(np.int64)


def _chain(expression: Expression) -> Packing | None:
    """Table of a die that explodes, open where all dice that it has room for exploded."""
    match expression:
        case Dice(1, die, (Explode(condition, kind, limit), *after)) if die.total**2 <= VALUES:
            added_up = not after and kind != "penetrate"
            if not added_up and not (kind == "explode" and isinstance(after[0], Count)):
                return None
        case _:
            return None
    share = die.weight(condition) / die.total
    lengths = (n for n in range(2, _BITS + 1) if die.total**n <= VALUES)
    length = min(lengths, key=lambda n: _cost(die.total**n) + REJECTION * share**n)
    if limit > _MOST_LINKS * length:
        return None
    size = die.total**length
    shorter = Explode(condition, limit=length - 1)
    totals = _enumerated(Dice(1, die, (shorter, *after)), size)
    exploded = _enumerated(Dice(1, die, (shorter, Count(condition))), size)
    opened = exploded == length
    more = (Explode(condition, limit=limit - length),) if limit > length else ()
    try:
        rest = pack(Dice(1, die, (*more, *after)))
    except ParameterError:  # what is counted can come up no more
        return None
    return Packing(
        np.concatenate((np.sort(totals[~opened]), np.sort(totals[opened]))),
        closed=int(np.count_nonzero(~opened)),
        rest=rest,
    )


class Enumeration:
    """Source of all joint outcomes: one number in mixed radix for each, a digit for each roll.

    A digit that an outcome does not look at takes all its values, so the others stay uniform.
    """

    def __init__(self, size: int) -> None:
        self._rest = np.arange(size)

    def packed(self, packing: Packing, rows: int, dtype: BlockType) -> Block:
        """One digit of all outcomes for each row, looked up."""
        totals: Block = packing.totals.astype(dtype)[self.slots(len(packing.totals), rows)]
        return totals

    def slots(self, total: int, rows: int) -> Slots:
        """One digit of all outcomes for each row."""
        slots = np.empty((rows, len(self._rest)), dtype=np.intp)
        for row in slots:
            self._rest, row[:] = np.divmod(self._rest, total)
        return slots

    def slots_at(self, total: int, places: Places, rows: int) -> Slots:
        """As for whole rows, so that the digits are the same for all outcomes."""
        return self.slots(total, rows).reshape(-1)[places]


def table(expression: Expression) -> Packing | None:
    """Table of an expression, or of another one that has the same law and fewer joint outcomes."""
    packing = pack(expression)
    if packing is None and isinstance(expression, Dice):
        packing = pack(_settled(expression))
    return packing


def cost(expression: Expression) -> float:
    """Cost of a trial in random words, each with what is made of it: about a nanosecond."""
    packing = table(expression)
    return prepare(expression).rows if packing is None else packing.cost(packing.cell)


@lru_cache(maxsize=32)
def prepare(expression: Expression) -> Preparation:
    """Find what each part of an expression is best drawn from."""
    named = (part.pool for part in walk(expression) if isinstance(part, DiceFunction))
    sums, dice, all_but_one, rows = {}, {}, {}, 0
    waiting = [expression]
    while waiting:
        part = waiting.pop()
        summands = _summands(part)
        leaf = summands.others == (part,)
        if not leaf:
            sums[id(part)] = summands
        if isinstance(part, Dice):
            dice[id(part)] = settled = _settled(part)
            recipe = _all_but_one(settled)
            if recipe is not None:
                all_but_one[id(settled)] = recipe
                rows += sum(recipe.packings.values())
            elif leaf:
                rows += settled.price
        rows += 1 + sum(summands.packings.values())
        waiting += part.children if leaf else summands.others
    looks = any(isinstance(pool, Name) for pool in named)
    return Preparation(expression, rows, looks, sums, dice, all_but_one)


class _Joined(NamedTuple):
    """Terms of a sum that one table is for, and what that costs."""

    terms: list[Expression]
    bits: float
    price: int
    endless: bool

    def with_another(self, one: _Joined) -> _Joined:
        """Put a term into the same table."""
        self.terms.extend(one.terms)
        return self._replace(bits=self.bits + one.bits, price=self.price + one.price)

    def whole(self) -> Expression:
        """Return the sum of the terms."""
        return Sum(tuple(self.terms)) if len(self.terms) > 1 else self.terms[0]


def _summands(expression: Expression) -> Summands:
    """Part an expression into tables and what has none; small tables are joined."""
    tabled: list[_Joined] = []
    others: list[Expression] = []
    for term in _terms(expression):
        one = _Joined([term], term.joint_bits, term.price, term.endless)
        if pack(term) is None:
            others.append(term)
        elif tabled and _pays(tabled[-1], one):
            tabled.append(tabled.pop().with_another(one))
        else:
            tabled.append(one)
    return Summands(_numbers(joined.whole() for joined in tabled), tuple(others))


def _numbers(tabled: Iterable[Expression]) -> dict[Packing, int]:
    """Tables of expressions, and how often each is drawn from."""
    packings = ((pack(part), number) for part, number in Counter(tabled).items())
    return {packing: number for packing, number in packings if packing is not None}


def _pays(left: _Joined, right: _Joined) -> bool:
    """Whether one table for both is better than one for each, and not too dear."""
    if left.endless or right.endless or left.bits + right.bits > _BITS:
        return False
    sizes = [round(2**part.bits) for part in (left, right)]
    size = prod(sizes)
    return _cost(size) < sum(map(_cost, sizes)) and size * (left.price + right.price) <= _MOST_DICE


def _cost(size: int) -> float:
    """Cost of a draw from a table of this size, in words."""
    return 1 + REJECTION * rejected(size)


def _terms(expression: Expression) -> Iterator[Expression]:
    """Yield independent expressions whose sum has the law of an expression."""
    match expression:
        case Sum(terms):
            for term in terms:
                yield from _terms(term)
        case Dice(int()):
            settled = _settled(expression)
            match settled.modifiers:
                case (Keep(end, 1),) if settled.start.most <= _MOST_KEPT_FROM:
                    pieces = tuple(_pieces(settled))
                    highest = end == "highest"
                    several = len(pieces) > 1
                    yield Function("max" if highest else "min", pieces) if several else pieces[0]
                case modifiers if any(isinstance(one, Keep | Drop) for one in modifiers):
                    yield settled
                case _:
                    yield from _pieces(settled)
        case _:
            yield expression


def _pieces(dice: Dice) -> Iterator[Dice]:
    """Yield equal dice as few at a time as are best drawn from one word."""
    number = dice.start.most
    packing = pack(Dice(1, dice.die, dice.modifiers))
    together = number if packing is None else min(number, _best_power(packing))
    if together:
        yield from repeat(Dice(together, dice.die, dice.modifiers), number // together)
        if number % together:
            yield Dice(number % together, dice.die, dice.modifiers)


def _best_power(packing: Packing) -> int:
    """Return how many equal dice are best drawn from one word, for a table of one of them."""
    size = len(packing.totals)
    if packing.rest is not None:
        return 1
    powers = range(1, _BITS + 1) if size > 1 else (_MOST_DICE,)
    return max((n for n in powers if size**n <= VALUES), key=lambda n: n / _cost(size**n))


def _all_but_one(dice: Dice) -> AllButOne | None:
    """Draw a few dice at a time where only the lowest, or the highest, does not count."""
    match dice:
        case Dice(int(number), die, (Keep() | Drop() as selection,)):
            drops = selection.number if isinstance(selection, Drop) else number - selection.number
        case _:
            return None
    one = pack(Dice(1, die))
    if one is None or drops != 1 or number < 3:
        return None
    bits = (number * (die.high - die.low)).bit_length()
    if 2 * bits > _WIDEST:
        return None
    lowest = (selection.end == "lowest") is isinstance(selection, Drop)
    face = die.low if lowest else die.high
    sizes = Counter(piece.start.most for piece in _pieces(Dice(number, die)))
    packings = {_distances(die, size, face, bits): times for size, times in sizes.items()}
    return AllButOne(packings, bits, (number - 1) * face, 1 if lowest else -1)


@lru_cache(maxsize=16)
def _distances(die: Die, number: int, face: int, bits: int) -> Packing:
    """Table of how far some dice lie from a face: the nearest one, and all together."""
    size = die.total**number
    faces = face_values(die, Enumeration(size).slots(die.total, number), np.int64)
    distances = np.abs(faces - face)
    return Packing(np.sort(distances.min(axis=0) << bits | distances.sum(axis=0)), closed=size)


def _settled(dice: Dice) -> Dice:
    """Put rerolls, bounds and counts of single dice into the weights of a loaded die.

    What is rolled for the number of dice stays the same object, for a preparation knows it by that.
    """
    first = tuple(takewhile(lambda one: isinstance(one, Reroll | Clamp), dice.modifiers))
    rest = dice.modifiers[len(first) :]
    if rest and isinstance(rest[0], Count):
        first, rest = first + rest, ()
    if not first or any(isinstance(one, Reroll | Explode) for one in rest):
        return dice
    die = _loaded(dice.die, first)
    try:
        return Dice(dice.count, die or dice.die, rest if die else dice.modifiers)
    except ParameterError:  # what is counted after a selection can no longer come up
        return dice


@lru_cache(maxsize=64)
def _loaded(die: Die, modifiers: tuple[Modifier, ...]) -> Die | None:
    """Return a die that falls like one after modifiers, or None where it would take too long."""
    natural = die
    match modifiers:
        case (Reroll(condition, once=False), *_):
            # Rolls that are rolled again leave nothing behind.
            die, modifiers = natural.without(condition), modifiers[1:]
    if any(isinstance(one, Reroll) and not one.once for one in modifiers):
        return None
    if not modifiers:
        return die
    size = die.total * natural.total ** sum(isinstance(one, Reroll) for one in modifiers)
    if size > VALUES:
        return None
    source = Enumeration(size)
    rolled = Rolled(face_values(die, source.slots(die.total, 1), np.int64))
    for modifier in modifiers:
        if isinstance(modifier, Count):
            rolled = Rolled(count(rolled, modifier, np.int64)[np.newaxis])
        else:
            rolled = modify(rolled, modifier, natural, source)
    faces, weights = np.unique(rolled.values, return_counts=True)
    return Die(
        (face, face, weight) for face, weight in zip(faces.tolist(), weights.tolist(), strict=True)
    )
