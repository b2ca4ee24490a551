"""Tests of whether rolls depend on the ones before them, and dice on each other.

All tests are conditional on how often each face came, so a die that is biased but remembers
nothing does not raise their alarm. They need tables of counts alone, never the rolls.

References
----------
F. S. Swed and C. Eisenhart, "Tables for testing randomness of grouping in a sequence of
alternatives", Annals of Mathematical Statistics 14 (1943). A. M. Mood, "The distribution theory of
runs", Annals of Mathematical Statistics 11 (1940), for more than two kinds. T. W. Anderson and
L. A. Goodman, "Statistical inference about Markov chains", Annals of Mathematical Statistics 28
(1957), for the table of neighbours. H. Cramer, "Mathematical Methods of Statistics" (1946), for V.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any, Final, Literal

import numpy as np

from dicesim.pmf import PMF
from dicesim.tally import Integers

Kind = Literal["repeats", "runs", "lag-1 table", "two columns"]

# Least expected number of what is counted for which the approximations are trusted.
_LEAST_EXPECTED: Final = 5
# Outcomes that a table of neighbours tells apart; neighbouring ones beyond are taken together.
MOST_CLASSES: Final = 128


@dataclass(frozen=True, slots=True)
class IndependenceTest:
    """A test of whether rolls depend on what came before them, or beside them.

    Parameters
    ----------
    kind : {"repeats", "runs", "lag-1 table", "two columns"}
        Immediate repeats of a total; runs of low and of high totals; the contingency table of each
        total and the next; the contingency table of two dice.
    columns : tuple of str
        What was tested.
    statistic : float or None
        z of repeats and runs, chi-square of tables; None where there are too few rolls.
    dof : int or None
        Degrees of freedom of a chi-square.
    p_value : float or None
    effect_size : float or None
        Cramer's V of a table; of repeats and runs the share by which they differ from expectation.
    observed : int or None
        Repeats or runs.
    expected : float or None
        Repeats or runs to be expected from the same rolls in random order.

    Examples
    --------
    >>> import dicesim
    >>> repeats, *_ = dicesim.check([1, 2, 3, 4, 5, 6] * 20, "1d6").independence
    >>> repeats.kind, repeats.observed, round(repeats.expected, 1)
    ('repeats', 0, 19.0)
    """

    kind: Kind
    columns: tuple[str, ...]
    statistic: float | None = None
    dof: int | None = None
    p_value: float | None = None
    effect_size: float | None = None
    observed: int | None = None
    expected: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the JSON form.

        Returns
        -------
        dict
        """
        return {**asdict(self), "columns": list(self.columns)}


def classes(pmf: PMF, most: int = MOST_CLASSES) -> Integers:
    """Divide the outcomes into classes, of neighbours where there are too many, by the law.

    Examples
    --------
    >>> classes(PMF({x: 1 for x in range(6)}), 3).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    if len(pmf) <= most:
        return np.arange(len(pmf))
    middles = (
        (2 * reached - weight) * most // (2 * pmf.total)
        for reached, weight in zip(pmf.cumulative, pmf.weights, strict=True)
    )
    return np.unique(list(middles), return_inverse=True)[1]


def class_weights(pmf: PMF, numbers: Integers) -> list[int]:
    """Weight of each class of outcomes."""
    weights = [0] * (int(numbers[-1]) + 1)
    for number, weight in zip(numbers.tolist(), pmf.weights, strict=True):
        weights[number] += weight
    return weights


def evenest_cut(weights: Sequence[int]) -> int:
    """Count the classes that are low, so that low and high are as equally likely as can be.

    Examples
    --------
    >>> evenest_cut([1, 1, 1, 1]), evenest_cut([1, 5])
    (2, 1)
    """
    reached = list(accumulate(weights))
    return 1 + max(range(len(weights) - 1), key=lambda i: min(reached[i], reached[-1] - reached[i]))


def repeats_test(counts: Sequence[int], repeats: int, column: str) -> IndependenceTest:
    """Test how often a total came twice running, given how often each total came.

    Runs and repeats make up the rolls: so this is the test of runs of more than two kinds.

    Examples
    --------
    >>> test = repeats_test([50, 50], 30, "column 1")
    >>> test.expected, round(test.statistic, 2)
    (49.0, -3.82)
    """
    expected, z, p_value = _in_random_order(counts, repeats)
    change = None if z is None else repeats / expected - 1
    return IndependenceTest("repeats", (column,), z, None, p_value, change, repeats, expected)


def runs_test(counts: Sequence[int], repeats: int, column: str) -> IndependenceTest:
    """Test how many runs of low and of high totals there are, given the number of each.

    Parameters
    ----------
    counts : sequence of int
        How many totals were low, and how many high.
    repeats : int
        How often low followed low, or high high.
    column : str
    """
    n = sum(counts)
    expected, z, p_value = _in_random_order(counts, repeats)
    runs, expected = n - repeats, n - expected
    change = None if z is None else runs / expected - 1
    return IndependenceTest(
        "runs", (column,), None if z is None else -z, None, p_value, change, runs, expected
    )


def contingency_test(
    kind: Kind, table: Integers, weights: Sequence[int], columns: tuple[str, ...]
) -> IndependenceTest:
    """Pearson's chi-square of independence of rows and columns, from whole numbers.

    Neighbouring classes are pooled by the law, never by the counts, until each cell expects 5.

    Parameters
    ----------
    kind : {"lag-1 table", "two columns"}
    table : ndarray of int64, shape (classes, classes)
    weights : sequence of int
        Weight of each class by the law.
    columns : tuple of str

    Examples
    --------
    >>> test = contingency_test("two columns", np.array([[30, 20], [20, 30]]), [1, 1], ("a", "b"))
    >>> test.statistic, test.dof, round(test.effect_size, 3)
    (4.0, 1, 0.2)
    """
    starts = _pooled(weights, int(table.sum()))
    pooled = np.add.reduceat(np.add.reduceat(table, starts, axis=0), starts, axis=1)
    rows = [r for r in pooled.sum(axis=1).tolist() if r]
    across = [c for c in pooled.sum(axis=0).tolist() if c]
    least = min(len(rows), len(across)) - 1
    if least < 1:
        return IndependenceTest(kind, columns)
    from scipy import special

    statistic, dof = _pearson(pooled), (len(rows) - 1) * (len(across) - 1)
    effect = math.sqrt(statistic / (sum(rows) * least))
    p_value = float(special.chdtrc(dof, statistic))
    return IndependenceTest(kind, columns, statistic, dof, p_value, effect)


def _pearson(table: Integers) -> float:
    n, rows, across = int(table.sum()), table.sum(axis=1).tolist(), table.sum(axis=0).tolist()
    return math.fsum(
        (n * count - row * column) ** 2 / (n * row * column)
        for row, counts in zip(rows, table.tolist(), strict=True)
        for column, count in zip(across, counts, strict=True)
        if row and column
    )


def _pooled(weights: Sequence[int], n: int) -> list[int]:
    """First classes of groups so likely that two of them meet five times in `n`."""
    total, starts, weight = sum(weights), [0], 0
    for i, share in enumerate(weights, start=1):
        weight += share
        if n * weight * weight >= _LEAST_EXPECTED * total * total:
            starts.append(i)
            weight = 0
    if len(starts) > 1:
        starts.pop()  # the rest, or nothing, goes with the last group
    return starts


def _in_random_order(
    counts: Sequence[int], repeats: int
) -> tuple[float, float | None, float | None]:
    """Return the expected repeats if all orders are equally likely, z and a two-sided p.

    The variance is that of Mood (1940), the normal approximation corrected for continuity.
    """
    n = sum(counts)
    squares, cubes = sum(c**2 for c in counts), sum(c**3 for c in counts)
    expected = (squares - n) / n
    if n < 2 or min(expected, n - 1 - expected) < _LEAST_EXPECTED:
        return expected, None, None
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n * n * (n - 1))
    deviation = (n * repeats - (squares - n)) / n
    z = deviation / math.sqrt(variance)
    corrected = max(0.0, abs(deviation) - 0.5) / math.sqrt(variance)
    return expected, z, math.erfc(corrected / math.sqrt(2))
