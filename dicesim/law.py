"""Exact laws of totals: integer weights, and what is reckoned with them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import accumulate
from operator import add, index
from typing import Any, Final, Self

from dicesim.caching import cached_property
from dicesim.condition import Condition
from dicesim.errors import ParameterError
from dicesim.kronecker import pack, slot_width, unpack
from dicesim.quantiles import quantile

# Pairs of outcomes that are combined one by one in about a second, and bytes of whole numbers that
# are multiplied in that time.
MAX_PAIRS: Final = 2**22
_MAX_PACKED: Final = 2**20


def _whole(weights: Any) -> dict[int, int]:
    """Scale fractions to whole numbers; empty where that cannot be done."""
    try:
        scale = math.lcm(*(w.denominator for w in weights.values()))
        return {index(x): int(w * scale) for x, w in weights.items() if w}
    except (TypeError, AttributeError):  # a float has no denominator
        return {}


class Law(Mapping[int, Fraction]):
    """Arithmetic of exact laws; `PMF`, which shows them in all forms, describes it."""

    outcomes: tuple[int, ...]
    weights: tuple[int, ...]

    def __init__(self, weights: Mapping[int, int | Fraction]) -> None:
        try:
            given = {index(x): index(w) for x, w in weights.items() if w}  # type: ignore[arg-type]
        except (TypeError, AttributeError):
            given = _whole(weights)
        if not given or min(given.values()) < 0:
            raise ParameterError(
                "weights: write outcomes with whole numbers or fractions, as in {0: 1, 1: 3}, at "
                "least one of them positive and none negative",
                parameter="weights",
            )
        common = math.gcd(*given.values())
        outcomes = tuple(sorted(given))
        object.__setattr__(self, "outcomes", outcomes)
        object.__setattr__(self, "weights", tuple(given[x] // common for x in outcomes))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__:
            raise AttributeError(f"a PMF never changes; {name} cannot be set")
        super().__setattr__(name, value)

    def __getitem__(self, outcome: int) -> Fraction:
        return Fraction(self.weight(outcome), self.total)

    def __iter__(self) -> Iterator[int]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    def __contains__(self, outcome: object) -> bool:
        return outcome in self._weight

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Law):
            return NotImplemented
        return self.outcomes == other.outcomes and self.weights == other.weights

    def __hash__(self) -> int:
        return hash((self.outcomes, self.weights))

    def __repr__(self) -> str:
        if len(self) > 12:
            low, high = self.outcomes[0], self.outcomes[-1]
            return f"PMF(<{len(self)} outcomes, {low} to {high}>)"
        return f"PMF({self._weight})"

    @cached_property
    def _weight(self) -> dict[int, int]:
        return dict(zip(self.outcomes, self.weights, strict=True))

    @cached_property
    def cumulative(self) -> tuple[int, ...]:
        """Running sums of the weights."""
        return tuple(accumulate(self.weights))

    @cached_property
    def total(self) -> int:
        """Sum of the weights: the common denominator of all probabilities."""
        return sum(self.weights)

    @cached_property
    def exact_mean(self) -> Fraction:
        """The mean, as a fraction."""
        return Fraction(
            sum(x * w for x, w in zip(self.outcomes, self.weights, strict=True)), self.total
        )

    @cached_property
    def exact_variance(self) -> Fraction:
        """The variance, as a fraction."""
        square = sum(x * x * w for x, w in zip(self.outcomes, self.weights, strict=True))
        return Fraction(square, self.total) - self.exact_mean**2

    @property
    def mean(self) -> float:
        """The mean, rounded once."""
        return float(self.exact_mean)

    @property
    def std(self) -> float:
        """The standard deviation."""
        return math.sqrt(self.exact_variance)

    @cached_property
    def likeliest(self) -> int:
        """The least of the outcomes that have the greatest probability."""
        return self.outcomes[self.weights.index(max(self.weights))]

    @cached_property
    def least_weight(self) -> int:
        """Weight of the rarest outcome."""
        return min(self.weights)

    def probability(self, condition: str | int) -> Fraction:
        """Probability that the total meets a comparison, such as ``">= 9"``.

        Parameters
        ----------
        condition : str or int
            A comparison operator and a whole number; a bare number means ``==``.

        Returns
        -------
        fractions.Fraction

        Raises
        ------
        ParameterError
            The text is no comparison.
        """
        holds = Condition.parse(condition).holds
        return Fraction(sum(w for x, w in self._weight.items() if holds(x)), self.total)

    def quantile(self, q: float | Fraction) -> int:
        """Return the least outcome whose cumulative probability reaches `q`.

        Parameters
        ----------
        q : float or fractions.Fraction
            Share of the probability, from 0 to 1.

        Returns
        -------
        int

        Raises
        ------
        ParameterError
            `q` lies outside 0 to 1.
        """
        return quantile(self.outcomes, self.cumulative, q)

    def convolve(self, other: Self) -> Self:
        """Law of the sum of two independent totals.

        Kronecker substitution: each law is one large integer, whose slots are wide enough that
        the product cannot carry from one into the next, so that a single multiplication gives all
        the weights. Gaps in the support cost a slot each, so wide and sparse laws go pair by pair.

        Parameters
        ----------
        other : PMF

        Returns
        -------
        PMF

        Examples
        --------
        >>> from dicesim import PMF
        >>> coin = PMF({0: 1, 1: 1})
        >>> coin.convolve(coin)
        PMF({0: 1, 1: 2, 2: 1})
        """
        _, width = self._slots(other)
        if not width:
            return self.combine(other, add)
        product = self._packed(width) * other._packed(width)
        return type(self)(unpack(product, self.outcomes[0] + other.outcomes[0], width))

    def convolution_cost(self, other: Self) -> tuple[int, int, str]:
        """Cost of `convolve`, what takes about a second, and the unit of both.

        Parameters
        ----------
        other : PMF

        Returns
        -------
        tuple of int, int and str

        Examples
        --------
        >>> from dicesim import PMF
        >>> coin = PMF({0: 1, 1: 1})
        >>> coin.convolution_cost(coin)[2]
        'bytes of packed weights'
        """
        slots, width = self._slots(other)
        if width:
            return slots * width, _MAX_PACKED, "bytes of packed weights"
        return len(self) * len(other), MAX_PAIRS, "pairs of outcomes"

    def _slots(self, other: Self) -> tuple[int, int]:
        """Count the slots of a product, and their bytes: 0 where pairs are the better way."""
        slots = self._span + other._span - 1
        if slots > 8 * len(self) * len(other):
            return slots, 0
        return slots, slot_width((self.total * other.total).bit_length())

    @property
    def _span(self) -> int:
        return self.outcomes[-1] - self.outcomes[0] + 1

    def _packed(self, width: int) -> int:
        return pack(self._weight, self.outcomes[0], width)

    def power(self, number: int) -> Self:
        """Law of the sum of so many independent totals, at least one.

        The weights q of the n-th power of a polynomial p follow from ``p q' = n p' q``, one after
        another (Knuth, "The Art of Computer Programming", 4.7, equation 9)::

            k p[0] q[k] = sum over i > 0 of ((n + 1) i - k) p[i] q[k-i]

        Few factors with many terms are raised to the power as one large integer, as in `convolve`.

        Parameters
        ----------
        number : int
            At least 1.

        Returns
        -------
        PMF

        Examples
        --------
        >>> from dicesim import PMF
        >>> PMF({0: 1, 1: 1}).power(3)
        PMF({0: 1, 1: 3, 2: 3, 3: 1})
        """
        if number == 1:
            return self
        recurrence, packed = self._power_costs(number)
        slots = number * (self._span - 1) + 1
        start = number * self.outcomes[0]
        if packed < recurrence:
            width = self._power_width(number)
            return type(self)(unpack(self._packed(width) ** number, start, width))
        low, first = self.outcomes[0], self.weights[0]
        terms = [(x - low, w) for x, w in zip(self.outcomes[1:], self.weights[1:], strict=True)]
        weights = [first**number]
        for k in range(1, slots):
            known = sum(((number + 1) * i - k) * w * weights[k - i] for i, w in terms if i <= k)
            weights.append(known // (k * first))
        return type(self)(dict(enumerate(weights, start=start)))

    def power_cost(self, number: int) -> int:
        """Count the steps of `power`, by the better of both ways.

        Parameters
        ----------
        number : int
            At least 1.

        Returns
        -------
        int

        Examples
        --------
        >>> from dicesim import PMF
        >>> PMF({0: 1, 1: 1}).power_cost(1)
        0
        """
        return min(self._power_costs(number)) if number > 1 else 0

    def _power_costs(self, number: int) -> tuple[int, int]:
        """Count steps of the recurrence, and what takes as long as the packed way (Karatsuba's)."""
        slots = number * (self._span - 1) + 1
        kilobytes = slots * self._power_width(number) / 1024
        return slots * len(self), round(114 * kilobytes ** math.log2(3))

    def _power_width(self, number: int) -> int:
        return slot_width(self.total.bit_length() * number)

    def combine(self, other: Self, operation: Callable[[int, int], int]) -> Self:
        """Law of an operation on two independent totals, pair by pair.

        Parameters
        ----------
        other : PMF
        operation : callable
            Takes two totals and returns one.

        Returns
        -------
        PMF

        Examples
        --------
        >>> from dicesim import PMF
        >>> PMF({1: 1, 2: 1}).combine(PMF({0: 1, 3: 1}), int.__mul__)
        PMF({0: 2, 3: 1, 6: 1})
        """
        weights: dict[int, int] = {}
        for x, v in self._weight.items():
            for y, w in other._weight.items():
                result = operation(x, y)
                weights[result] = weights.get(result, 0) + v * w
        return type(self)(weights)

    def map(self, function: Callable[[int], int]) -> Self:
        """Law of a function of the total.

        Parameters
        ----------
        function : callable
            Takes a total and returns one.

        Returns
        -------
        PMF

        Examples
        --------
        >>> from dicesim import PMF
        >>> PMF({-1: 1, 0: 1, 1: 1}).map(abs)
        PMF({0: 1, 1: 2})
        """
        return self.combine(type(self)({0: 1}), lambda x, _: function(x))

    @classmethod
    def mixture(cls, parts: Iterable[tuple[int, Self]]) -> Self:
        """Law of a total drawn from one of several laws, each chosen with its weight.

        Parameters
        ----------
        parts : iterable of (int, PMF)
            Weight and law of each.

        Returns
        -------
        PMF

        Examples
        --------
        >>> from dicesim import PMF
        >>> PMF.mixture([(2, PMF({0: 1})), (1, PMF({0: 1, 1: 1}))])
        PMF({0: 5, 1: 1})
        """
        parts = list(parts)
        common = math.lcm(*(pmf.total for _, pmf in parts))
        weights: dict[int, int] = {}
        for weight, pmf in parts:
            scale = weight * (common // pmf.total)
            for outcome, share in pmf._weight.items():
                weights[outcome] = weights.get(outcome, 0) + scale * share
        return cls(weights)

    def weight(self, outcome: int) -> int:
        """Weight of an outcome: 0 for what cannot occur.

        Parameters
        ----------
        outcome : int

        Returns
        -------
        int
        """
        return self._weight.get(index(outcome), 0)

    def weight_at_most(self, outcome: int) -> int:
        """Weight of all outcomes up to this one.

        Parameters
        ----------
        outcome : int

        Returns
        -------
        int

        Examples
        --------
        >>> from dicesim import PMF
        >>> PMF({1: 1, 2: 2, 3: 1}).weight_at_most(2)
        3
        """
        place = bisect_right(self.outcomes, outcome)
        return self.cumulative[place - 1] if place else 0
