"""Exact laws of a single die under modifiers, and of the chain of dice that it explodes into.

A law is a mapping from value to whole weight. A modifier that looks at one die alone turns the law
of a die into another one, and multiplies its total weight by a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from dicesim.errors import ExactUnavailable
from dicesim.expression import unknown
from dicesim.faces import Die
from dicesim.modifiers import Clamp, Count, Explode, Modifier, Reroll

Law: TypeAlias = dict[int, int]
# A polynomial in several marks, as a mapping from exponents to coefficients.
Series: TypeAlias = dict[tuple[int, ...], int]
Key = TypeVar("Key")

# Steps that take about a second or two.
MAX_STEPS: Final = 2**22
# Faces of a die that are looked at one by one.
_MAX_FACES: Final = 2**16


def check_cost(cost: float, unit: str = "steps", limit: int = MAX_STEPS) -> None:
    """Refuse what would take more than a second or two.

    Raises
    ------
    ExactUnavailable
        The cost is beyond the limit.
    """
    if cost > limit:
        raise ExactUnavailable(
            f"the exact distribution would take {cost:,.0f} {unit}, beyond {limit:,}"
        )


def natural(die: Die) -> Law:
    """Law of a die as it falls."""
    check_cost(die.size, "faces to look at one by one", _MAX_FACES)
    return die.weights()


def scaled(terms: dict[Key, int], factor: int) -> dict[Key, int]:
    """Multiply all weights by a factor."""
    return {key: weight * factor for key, weight in terms.items()}


def united(left: dict[Key, int], right: dict[Key, int]) -> dict[Key, int]:
    """Add weights, term by term."""
    terms = dict(left)
    for key, weight in right.items():
        terms[key] = terms.get(key, 0) + weight
    return terms


def mapped(law: Law, function: Callable[[int], int]) -> Law:
    """Law of a function of the value."""
    result: Law = {}
    for value, weight in law.items():
        image = function(value)
        result[image] = result.get(image, 0) + weight
    return result


def add_sums(law: Law, left: Law, right: Law) -> Law:
    """Add to a law, in place, that of the sum of two independent values."""
    for x, v in left.items():
        for y, w in right.items():
            law[x + y] = law.get(x + y, 0) + v * w
    return law


def power(series: Series, number: int, multiply: Callable[[Series, Series], Series]) -> Series:
    """Raise a series to a power of at least 1, by repeated squaring."""
    bits = bin(number)[3:]
    result = series
    for bit in bits:
        result = multiply(result, result)
        result = multiply(result, series) if bit == "1" else result
    return result


def split(law: Law, condition: Any) -> tuple[Law, Law]:
    """Part a law into what meets a condition and what does not."""
    meets = {value: weight for value, weight in law.items() if condition.holds(value)}
    return meets, {value: weight for value, weight in law.items() if value not in meets}


def changed(law: Law, modifiers: Sequence[Modifier], die: Die) -> Law:
    """Law of a die after modifiers that leave it one die."""
    for modifier in modifiers:
        match modifier:
            case Clamp():
                law = mapped(law, modifier.clamped)
            case Reroll(condition, once):
                meets, others = split(law, condition)
                faces = natural(die) if once else split(natural(die), condition)[1]
                again = scaled(faces, sum(meets.values()))
                law = united(scaled(others, sum(faces.values())), again)
            case Explode(kind="compound"):
                law = Chain.of(law, modifier, die).total()
            case _:
                raise unknown(modifier)
    return law


def contribution(law: Law, modifiers: Sequence[Modifier], die: Die) -> Law:
    """Law of what a die, with all its extra dice, adds to the total of a pool.

    Parameters
    ----------
    law : dict
        What the die shows before the modifiers.
    modifiers : sequence of Modifier
        None of them a selection.
    die : Die
        What is rolled again.
    """
    for place, modifier in enumerate(modifiers):
        match modifier:
            case Count():
                return mapped(law, modifier.score)
            case Explode(kind="explode" | "penetrate"):
                others = partial(contribution, modifiers=modifiers[place + 1 :], die=die)
                return Chain.of(law, modifier, die).through(others).total()
        law = changed(law, [modifier], die)
    return law


@dataclass(frozen=True)
class Chain:
    """A die that explodes, and its extra dice.

    Parameters
    ----------
    first, last : dict
        What the die shows where it explodes, and where it does not.
    extra, end : dict
        What an extra die shows, likewise.
    limit : int
        Most extra dice, at least 1.
    """

    first: Law
    last: Law
    extra: Law
    end: Law
    limit: int

    @classmethod
    def of(cls, law: Law, explode: Explode, die: Die) -> Chain:
        """Chain of a die of this law; extra dice fall as they are rolled."""
        less = 1 if explode.kind == "penetrate" else 0
        first, last = split(law, explode.condition)
        faces = split(natural(die), explode.condition)
        extra, end = (mapped(part, lambda face: face - less) for part in faces)
        return cls(first, last, extra, end, explode.limit)

    @property
    def cost(self) -> int:
        """Count the steps of `total`; with weights of a thousand bytes, one takes as long as three.

        Exploded dice have as many sums as the faces that they explode on lie apart.
        """
        spread = max(self.extra, default=0) - min(self.extra, default=0)
        faces = len(self.extra) + len(self.end)
        steps = self.limit * (self.limit * spread + 1) * faces // 2
        return steps * (4096 + self.limit * self._every.bit_length()) // 4096

    @property
    def _every(self) -> int:
        """Total weight of an extra die."""
        return sum(self.extra.values()) + sum(self.end.values())

    @property
    def laws(self) -> tuple[Law, Law, Law, Law]:
        """What dice may show: first and last, extra and end."""
        return self.first, self.last, self.extra, self.end

    def through(self, function: Callable[[Law], Law]) -> Chain:
        """Pass the law of each die through a function."""
        first, last, extra, end = map(function, self.laws)
        return Chain(first, last, extra, end, self.limit)

    def total(self) -> Law:
        """Law of the sum of all dice of the chain."""
        check_cost(self.cost)
        every = self._every
        law = scaled(self.last, every**self.limit)
        exploded = self.first
        for missing in reversed(range(self.limit)):
            add_sums(law, exploded, scaled(self.end, every**missing))
            exploded = add_sums({}, exploded, self.extra)
        return united(law, exploded)

    def expand(
        self,
        symbol: Callable[[Law], Series],
        absent: Series,
        multiply: Callable[[Series, Series], Series],
    ) -> Series:
        """Sum, over all lengths of the chain, the products of the symbols of its dice.

        Dice that are not rolled have a symbol too, so that all lengths have one total weight.

        Parameters
        ----------
        symbol : callable
            What stands for a die of some law.
        absent : dict
            What stands for a die that is not there.
        multiply : callable
            Product of two symbols.
        """
        first, last, extra, end = map(symbol, self.laws)
        absent = scaled(absent, self._every)
        chain, scale = united(end, extra), absent
        for _ in range(1, self.limit):
            chain = united(multiply(end, scale), multiply(extra, chain))
            scale = multiply(absent, scale)
        return united(multiply(last, scale), multiply(first, chain))
