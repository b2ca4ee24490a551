"""A second, plain reading of expressions: one trial at a time, in ordinary Python.

`enumerated` plays every course that a trial can take, with its probability. It shares with the
library the tree and nothing else, and is as slow as it is plain.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import groupby
from math import prod

from dicesim import (
    Clamp,
    Comparison,
    Condition,
    Conditional,
    Constant,
    Count,
    Dice,
    DiceFunction,
    Die,
    Drop,
    Explode,
    Expression,
    Function,
    Group,
    Keep,
    Let,
    Modifier,
    Name,
    Negate,
    Product,
    Quotient,
    Reroll,
    Sum,
)

COMPARE: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# Given the weights of some faces, roll one.
RollOne = Callable[[dict[int, int]], int]


def meets(condition: Condition, value: int) -> bool:
    """Whether a value meets a condition."""
    return COMPARE[condition.operator](value, condition.value)


def faces(die: Die) -> dict[int, int]:
    """Weight of each face."""
    return {face: weight for low, high, weight in die.runs for face in range(low, high + 1)}


class Trial:
    """One trial, with dice from wherever they come."""

    def __init__(self, roll: RollOne) -> None:
        self.roll = roll
        self.totals: dict[str, int] = {}
        self.pools: dict[str, list[int]] = {}

    def total(self, node: Expression) -> int:
        """Total of an expression."""
        match node:
            case Constant(value):
                return value
            case Dice() | Group():
                return self.reckoned(node, self.dice(node))
            case Name(name):
                return self.totals[name]
            case Let(definitions, body):
                for defined in definitions:
                    self.define(*defined)
                return self.total(body)
            case DiceFunction(name, pool):
                dice = self.pools[pool.name] if isinstance(pool, Name) else self.dice(pool)
                return self.of_dice(name, dice)
            case Conditional(condition, then, otherwise):
                return self.total(then if self.total(condition) else otherwise)
        return self.operation(node, [self.total(child) for child in node.children])

    def operation(self, node: Expression, values: list[int]) -> int:
        """Operations and functions of totals."""
        match node:
            case Negate():
                return -values[0]
            case Sum():
                return sum(values)
            case Product():
                return prod(values)
            case Quotient():
                return values[0] // values[1]
            case Comparison(_, sign, _):
                return int(COMPARE[sign](*values))
            case Function("max"):
                return max(values)
            case Function("min"):
                return min(values)
            case Function("abs"):
                return abs(values[0])
            case Function("sign"):
                return (values[0] > 0) - (values[0] < 0)
        raise AssertionError(node)

    def define(self, name: str, value: Expression) -> None:
        """Roll what a name stands for, once."""
        if isinstance(value, Name):
            self.totals[name] = self.totals[value.name]
            if value.name in self.pools:
                self.pools[name] = self.pools[value.name]
        elif isinstance(value, Dice):
            self.pools[name] = self.dice(value)
            self.totals[name] = self.reckoned(value, self.pools[name])
        else:
            self.totals[name] = self.total(value)

    def dice(self, pool: Dice | Group) -> list[int]:
        """Dice of a pool, after all modifiers but a count."""
        if isinstance(pool, Group):
            dice, die = [self.total(part) for part in pool.parts], Die.fair(1)
        else:
            count = pool.count if isinstance(pool.count, int) else self.total(pool.count)
            die = pool.die
            dice = [self.roll(faces(die)) for _ in range(count)]
        for modifier in pool.modifiers:
            dice = self.modified(dice, modifier, die)
        return dice

    def reckoned(self, pool: Dice | Group, dice: list[int]) -> int:
        """Sum of dice, or their count."""
        match pool.modifiers:
            case [*_, Count(success, failure)]:
                failed = sum(failure is not None and meets(failure, die) for die in dice)
                return sum(meets(success, die) for die in dice) - failed
        return sum(dice)

    def modified(self, dice: list[int], modifier: Modifier, die: Die) -> list[int]:
        """Dice after one modifier."""
        match modifier:
            case Keep("highest", number):
                return sorted(dice, reverse=True)[:number]
            case Keep("lowest", number):
                return sorted(dice)[:number]
            case Drop("highest", number):
                return sorted(dice, reverse=True)[number:]
            case Drop("lowest", number):
                return sorted(dice)[number:]
            case Clamp("least", bound):
                return [max(value, bound) for value in dice]
            case Clamp("most", bound):
                return [min(value, bound) for value in dice]
            case Reroll(condition, once):
                # Rolling until the condition fails is rolling one of the faces that fail it.
                left = {f: w for f, w in faces(die).items() if once or not meets(condition, f)}
                return [self.roll(left) if meets(condition, value) else value for value in dice]
            case Explode():
                return [one for value in dice for one in self.chain(value, modifier, die)]
        return dice

    def chain(self, value: int, explode: Explode, die: Die) -> list[int]:
        """A die and all that it explodes into."""
        dice, last = [value], value
        while meets(explode.condition, last) and len(dice) <= explode.limit:
            last = self.roll(faces(die))
            dice.append(last - (explode.kind == "penetrate"))
        return [sum(dice)] if explode.kind == "compound" else dice

    @staticmethod
    def of_dice(name: str, dice: list[int]) -> int:
        """Functions of dice, as one would say them."""
        counts = Counter(dice)
        match name:
            case "distinct":
                return len(counts)
            case "largest_set":
                return max(counts.values(), default=0)
            case "pairs":
                return sum(count == 2 for count in counts.values())
        ordered = sorted(counts)
        runs = groupby(range(len(ordered)), key=lambda place: ordered[place] - place)
        return max((len(list(run)) for _, run in runs), default=0)


def enumerated(tree: Expression, most: int = 200_000) -> dict[int, Fraction]:
    """Probability of each total, over every course that a trial can take.

    Raises
    ------
    OverflowError
        There are more courses than `most`.
    """
    law: dict[int, Fraction] = {}
    course: list[tuple[list[tuple[int, int]], int]] = []
    for _ in range(most):
        place = 0
        share = Fraction(1)

        def roll(weights: dict[int, int]) -> int:
            nonlocal place, share
            if place == len(course):
                course.append((list(weights.items()), 0))
            options, chosen = course[place]
            place += 1
            face, weight = options[chosen]
            share *= Fraction(weight, sum(weight for _, weight in options))
            return face

        total = Trial(roll).total(tree)
        law[total] = law.get(total, Fraction(0)) + share
        while course and course[-1][1] + 1 == len(course[-1][0]):
            course.pop()
        if not course:
            return law
        options, chosen = course[-1]
        course[-1] = (options, chosen + 1)
    raise OverflowError(f"more than {most} courses")
