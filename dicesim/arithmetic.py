"""Expressions that reckon with totals: sums, products, quotients."""

from __future__ import annotations

from dataclasses import dataclass

from dicesim.caching import cached_property
from dicesim.dice import Dice
from dicesim.errors import ParameterError
from dicesim.expression import Constant, Expression, require_expressions


@dataclass(frozen=True)
class Negate(Expression):
    """A total with its sign changed; a constant carries its own sign.

    Parameters
    ----------
    operand : Expression

    Raises
    ------
    ParameterError
        The operand is a constant, or no expression.

    Examples
    --------
    >>> import dicesim
    >>> dicesim.exact(Negate(dicesim.parse("1d2")))
    PMF({-2: 1, -1: 1})
    """

    operand: Expression

    def __post_init__(self) -> None:
        require_expressions("operand", self.operand)
        if isinstance(self.operand, Constant):
            raise ParameterError(
                f"operand: {self.operand!r} is not negated; a constant carries its sign",
                parameter="operand",
            )
        super().__post_init__()

    @property
    def children(self) -> tuple[Expression, ...]:
        """The operand."""
        return (self.operand,)

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """The operand's, mirrored."""
        low, high = self.operand.bounds
        return -high, -low


@dataclass(frozen=True)
class _Combination(Expression):
    """Two or more totals, put together by one operation."""

    terms: tuple[Expression, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tuple(self.terms))
        require_expressions("terms", *self.terms)
        if len(self.terms) < 2:
            raise ParameterError(
                f"terms: {self.terms!r} are too few; write two or more", parameter="terms"
            )
        super().__post_init__()

    @property
    def children(self) -> tuple[Expression, ...]:
        """The terms."""
        return self.terms


@dataclass(frozen=True)
class Sum(_Combination):
    """The sum of terms; a difference is the sum with a negated term.

    Parameters
    ----------
    terms : tuple of Expression

    Raises
    ------
    ParameterError
        There are fewer than two terms, or one is no expression.

    Examples
    --------
    >>> import dicesim
    >>> len(dicesim.parse("2d6+1d8-1").terms)
    3
    """

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """The sums of the terms' bounds."""
        lows, highs = zip(*(term.bounds for term in self.terms), strict=True)
        return sum(lows), sum(highs)


@dataclass(frozen=True)
class Product(_Combination):
    """The product of terms.

    Parameters
    ----------
    terms : tuple of Expression

    Raises
    ------
    ParameterError
        There are fewer than two terms, or one is no expression.

    Examples
    --------
    >>> import dicesim
    >>> len(dicesim.parse("1d6*1d8*2").terms)
    3
    """

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """The extreme products of the terms' bounds."""
        low, high = 1, 1
        for term in self.terms:
            corners = [x * y for x in (low, high) for y in term.bounds]
            low, high = min(corners), max(corners)
        return low, high


@dataclass(frozen=True)
class Quotient(Expression):
    """A quotient, rounded down; the divisor is never 0.

    Parameters
    ----------
    dividend, divisor : Expression

    Raises
    ------
    ParameterError
        The divisor may be 0, or a part is no expression.

    Examples
    --------
    >>> import dicesim
    >>> dicesim.exact("1d6//2")
    PMF({0: 1, 1: 2, 2: 2, 3: 1})
    """

    dividend: Expression
    divisor: Expression

    def __post_init__(self) -> None:
        require_expressions("dividend and divisor", *self.children)
        if can_be_zero(self.divisor):
            low, high = self.divisor.bounds
            raise ParameterError(
                f"divisor: its total lies from {low} to {high}, and may be 0; write max(1, ...) "
                "around it",
                parameter="divisor",
            )
        super().__post_init__()

    @property
    def children(self) -> tuple[Expression, ...]:
        """Dividend and divisor."""
        return self.dividend, self.divisor

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """The extreme quotients of the bounds; a divisor may have either sign, but is no 0."""
        low, high = self.divisor.bounds
        divisors = {low or 1, high or -1}
        divisors |= {-1, 1} if low < 0 < high else set()
        corners = [x // y for x in self.dividend.bounds for y in divisors]
        return min(corners), max(corners)


def can_be_zero(expression: Expression) -> bool:
    """Tell whether a total may be 0, as far as is known without its distribution."""
    low, high = expression.bounds
    match expression:
        case Negate(operand):
            return can_be_zero(operand)
        case Product(factors):
            return any(map(can_be_zero, factors))
        case Dice(1, die, ()):
            return any(run.low <= 0 <= run.high for run in die.runs)
    return low <= 0 <= high
