"""The expression tree: what one trial evaluates, and what can be known of it without rolling.

Every node knows its bounds, its price, and how many outcomes it has at most. Nodes are frozen and
compare by value; the engines walk them, they hold no engine.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from dicesim.errors import ParameterError
from dicesim.limits import Limits

INT64_MAX: Final = 2**63 - 1


class _Node(ABC):
    """The facts that every node knows."""

    def __post_init__(self) -> None:
        low, high = self.bounds
        if low < -INT64_MAX or high > INT64_MAX:
            raise ParameterError(
                f"expression: a total can lie beyond {INT64_MAX} (2**63 - 1); write smaller ones",
                parameter="expression",
            )

    @property
    @abstractmethod
    def bounds(self) -> tuple[int, int]:
        """Least and greatest total."""

    @property
    @abstractmethod
    def price(self) -> int:
        """Dice rolled in one trial."""

    @property
    @abstractmethod
    def outcomes(self) -> int:
        """Upper bound of the number of different totals."""

    @property
    @abstractmethod
    def joint_bits(self) -> float:
        """Base-2 logarithm of the number of joint outcomes of all dice."""


def _whole_numbers(node: object, *names: str) -> None:
    """Make these fields plain ints, or refuse the node."""
    for name in names:
        value = getattr(node, name)
        try:
            whole = operator.index(value)
        except TypeError:
            whole = None
        if whole is None or isinstance(value, bool):
            raise ParameterError(
                f"{name}: {value!r} is not a whole number; write one", parameter=name
            )
        object.__setattr__(node, name, whole)


@dataclass(frozen=True)
class Constant(_Node):
    """A whole number."""

    value: int
    price = 0
    outcomes = 1
    joint_bits = 0.0

    def __post_init__(self) -> None:
        _whole_numbers(self, "value")
        super().__post_init__()

    @property
    def bounds(self) -> tuple[int, int]:
        """The value, twice."""
        return self.value, self.value


@dataclass(frozen=True)
class Dice(_Node):
    """The sum of `count` fair dice with faces 1 to `sides`."""

    count: int
    sides: int

    def __post_init__(self) -> None:
        _whole_numbers(self, "count", "sides")
        if self.count < 0 or self.sides < 1:
            raise ParameterError(
                f"dice: {self.count}d{self.sides} is no pool; write a count of at least 0 "
                "and at least 1 side",
                parameter="dice",
            )
        super().__post_init__()

    @property
    def bounds(self) -> tuple[int, int]:
        """All ones, all sides."""
        return self.count, self.count * self.sides

    @property
    def price(self) -> int:
        """The count."""
        return self.count

    @property
    def outcomes(self) -> int:
        """Every whole number within the bounds."""
        return self.count * (self.sides - 1) + 1

    @property
    def joint_bits(self) -> float:
        """Each die has as many outcomes as sides."""
        return self.count * math.log2(self.sides)


@dataclass(frozen=True)
class Negate(_Node):
    """A total with its sign changed; a constant carries its own sign."""

    operand: Expression

    def __post_init__(self) -> None:
        if not isinstance(self.operand, _Node) or isinstance(self.operand, Constant):
            raise ParameterError(
                f"operand: {self.operand!r} cannot be negated; write Constant(-5) or an expression",
                parameter="operand",
            )
        super().__post_init__()

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """The operand's, mirrored."""
        low, high = self.operand.bounds
        return -high, -low

    @cached_property
    def price(self) -> int:
        """The operand's."""
        return self.operand.price

    @cached_property
    def outcomes(self) -> int:
        """The operand's."""
        return self.operand.outcomes

    @cached_property
    def joint_bits(self) -> float:
        """The operand's."""
        return self.operand.joint_bits


@dataclass(frozen=True)
class _Combination(_Node):
    """Two or more independent totals, put together by one operation."""

    terms: tuple[Expression, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tuple(self.terms))
        if len(self.terms) < 2 or not all(isinstance(term, _Node) for term in self.terms):
            raise ParameterError(
                f"terms: {self.terms!r} cannot be combined; write two or more expressions",
                parameter="terms",
            )
        super().__post_init__()

    @cached_property
    def price(self) -> int:
        """All dice of all terms."""
        return sum(term.price for term in self.terms)

    @cached_property
    def outcomes(self) -> int:
        """No more than whole numbers within the bounds, nor than combinations of the terms'."""
        low, high = self.bounds
        return min(high - low + 1, math.prod(term.outcomes for term in self.terms))

    @cached_property
    def joint_bits(self) -> float:
        """Independent dice multiply their outcomes."""
        return sum(term.joint_bits for term in self.terms)


@dataclass(frozen=True)
class Sum(_Combination):
    """The sum of independent terms; a difference is the sum with a negated term."""

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """The sums of the terms' bounds."""
        lows, highs = zip(*(term.bounds for term in self.terms), strict=True)
        return sum(lows), sum(highs)


@dataclass(frozen=True)
class Product(_Combination):
    """The product of independent terms."""

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """The extreme products of the terms' bounds."""
        low, high = 1, 1
        for term in self.terms:
            corners = [x * y for x in (low, high) for y in term.bounds]
            low, high = min(corners), max(corners)
        return low, high


Expression: TypeAlias = Constant | Dice | Negate | Sum | Product


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield an expression and everything below it."""
    yield expression
    match expression:
        case Negate(operand):
            yield from walk(operand)
        case Sum(terms) | Product(terms):
            for term in terms:
                yield from walk(term)


def check_limits(expression: Expression, limits: Limits) -> None:
    """Refuse an expression whose trials would be too dear, or its totals too many.

    Every part is looked at: a product with 0 has one outcome, yet its factors may have any number.

    Raises
    ------
    LimitError
        The price or the number of outcomes is beyond its limit.
    """
    limits.check("price", expression.price, "one trial would roll {} dice")
    for part in walk(expression):
        limits.check("outcomes", part.outcomes, "a total may take {} different values")
