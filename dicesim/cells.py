"""Cells of a goodness-of-fit test, and Pearson's statistic over them in whole numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dicesim.pmf import PMF

# Least expected count of a cell for which the chi-square distribution is trusted.
LEAST_EXPECTED: Final = 5
# Up to so many trials the tails of the statistic are exact ones, or drawn.
FEW: Final = 100


@dataclass(frozen=True, slots=True)
class Cell:
    """Neighbouring outcomes that are tested together.

    Parameters
    ----------
    low, high : int
        First and last outcome.
    count : int
        Trials observed.
    expected : float
        Trials expected.

    Examples
    --------
    >>> import dicesim
    >>> dicesim.run("1d6", n=6_000, rng=42).check.cells[0]
    Cell(low=1, high=1, count=991, expected=1000.0)
    """

    low: int
    high: int
    count: int
    expected: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the JSON form.

        Returns
        -------
        dict
        """
        return {
            "low": self.low,
            "high": self.high,
            "count": self.count,
            "expected": self.expected,
        }


@dataclass(frozen=True, slots=True)
class Table:
    """Counts and weights of cells: what a test of fit needs to know.

    Parameters
    ----------
    members : tuple of range
        Places in the support that each cell takes.
    counts, weights : tuple of int
        Of each cell.
    n, total : int
        Sums of counts and of weights.
    """

    members: tuple[range, ...]
    counts: tuple[int, ...]
    weights: tuple[int, ...]
    n: int
    total: int

    def __len__(self) -> int:
        return len(self.members)

    @property
    def dof(self) -> int:
        """Degrees of freedom: cells less one."""
        return len(self) - 1

    @property
    def least_expected(self) -> float:
        """Least expected count of a cell."""
        return ratio(self.n * min(self.weights), self.total)

    @property
    def statistic(self) -> float:
        """Pearson's chi-square."""
        return float(pearson(self.counts, self.n, self.weights, self.total))

    def cells(self, pmf: PMF) -> tuple[Cell, ...]:
        """Name the outcomes of each cell."""
        return tuple(
            Cell(
                pmf.outcomes[members[0]],
                pmf.outcomes[members[-1]],
                count,
                ratio(self.n * weight, self.total),
            )
            for members, count, weight in zip(self.members, self.counts, self.weights, strict=True)
        )


def tabulate(counts: Mapping[int, int], n: int, pmf: PMF, members: Sequence[range]) -> Table:
    """Count what fell into each range of the support."""
    single = [counts.get(outcome, 0) for outcome in pmf.outcomes]
    return Table(
        tuple(members),
        tuple(sum(single[places.start : places.stop]) for places in members),
        tuple(weight_of(places, pmf) for places in members),
        n,
        pmf.total,
    )


def choose_cells(n: int, pmf: PMF) -> list[range]:
    """Pool neighbours until enough is expected of each cell.

    Where that leaves a single cell, or where the trials are few but outnumber the outcomes, each
    outcome is a cell: for so few the tails are found without the chi-square distribution.
    """
    if n * pmf.least_weight >= LEAST_EXPECTED * pmf.total or len(pmf) <= n <= FEW:
        return single_outcomes(pmf)
    pooled = pooled_outcomes(n, pmf)
    return pooled if len(pooled) > 1 else single_outcomes(pmf)


def single_outcomes(pmf: PMF) -> list[range]:
    """One cell for each outcome."""
    return [range(i, i + 1) for i in range(len(pmf))]


def pooled_outcomes(n: int, pmf: PMF) -> list[range]:
    """Ranges of the support that are tested together, until enough is expected of each."""
    starts, weight = [0], 0
    for i, share in enumerate(pmf.weights, start=1):
        weight += share
        if n * weight >= LEAST_EXPECTED * pmf.total:
            starts.append(i)
            weight = 0
    if starts[-1] < len(pmf) and len(starts) > 1:
        starts.pop()  # too little is left for a cell of its own
    ends = [start for start in starts[1:] if start < len(pmf)] + [len(pmf)]
    return [range(start, end) for start, end in zip(starts, ends, strict=False)]


def weight_of(places: range, pmf: PMF) -> int:
    """Weight of neighbouring outcomes."""
    before = pmf.cumulative[places.start - 1] if places.start else 0
    return pmf.cumulative[places.stop - 1] - before


def pearson(counts: ArrayLike, n: int, weights: Sequence[int], total: int) -> NDArray[np.float64]:
    """Pearson's chi-square of one table of counts, or of many.

    Every term is a ratio of whole numbers of any size, rounded once, so that neither tiny
    probabilities nor 10**15 trials lose digits.

    Parameters
    ----------
    counts : array_like of int, shape (..., k)
        Tables of k cells.
    n : int
        Trials in each table.
    weights : sequence of int
        Weight of each cell, positive.
    total : int
        Sum of the weights.

    Returns
    -------
    ndarray of float, shape (...)

    References
    ----------
    K. Pearson, "On the criterion that a given system of deviations ...", Philosophical Magazine
    50 (1900), pages 157-175.

    Examples
    --------
    >>> pearson([[5_060, 4_940], [5_000, 5_000]], 10_000, [1, 1], 2)
    array([1.44, 0.  ])
    """
    whole = np.array(weights, dtype=object)
    deviations = total * np.asarray(counts).astype(object) - n * whole
    terms = _ratios(deviations * deviations, total * n * whole)
    return np.asarray(terms.astype(np.float64).sum(axis=-1))


def ratio(numerator: int, denominator: int) -> float:
    """Divide whole numbers of any size, rounding once."""
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf


_ratios = np.frompyfunc(ratio, 2, 1)
