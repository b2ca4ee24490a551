"""Quantiles of weighted outcomes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from numbers import Real
from typing import Final

from dicesim.errors import ParameterError

# Those that are shown of every law.
QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


def quantile(outcomes: Sequence[int], cumulative: Sequence[int], q: float | Fraction) -> int:
    """Return the least outcome whose cumulative weight reaches the share `q` of all weight.

    Parameters
    ----------
    outcomes : sequence of int
        Ascending.
    cumulative : sequence of int
        Running sums of the weights of the outcomes, which are positive.
    q : float or Fraction
        Share of the weight, from 0 to 1.

    Raises
    ------
    ParameterError
        `q` lies outside 0 to 1.

    Examples
    --------
    >>> quantile([2, 3, 4], [1, 3, 4], 0.5)
    3
    """
    if not isinstance(q, Real) or not 0 <= q <= 1:
        raise ParameterError(f"q: {q!r} is no share; write a number from 0 to 1", parameter="q")
    # A float stands for the decimal that it is written as: .05 of 20 is 1.
    share = q if isinstance(q, Fraction) else Fraction(repr(float(q)))
    return outcomes[bisect_left(cumulative, share * cumulative[-1])]
