"""What a run found: counts, estimates with their uncertainty, and the check."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final, Literal

from dicesim.caching import cached_property
from dicesim.choices import Aggregation, StartMethod
from dicesim.condition import Condition
from dicesim.estimates import (
    LEVEL,
    Estimate,
    Moments,
    mean,
    probability,
    standard_error_of_std,
)
from dicesim.model import Model
from dicesim.outcome_tests import adjusted_p_values, simultaneous_intervals, z_score
from dicesim.plan import Plan
from dicesim.pmf import PMF
from dicesim.quantiles import quantile
from dicesim.tally import Tally
from dicesim.validation import ALARM, Check, goodness_of_fit

_TESTED: Final = ("p_holm", "low", "high")


@dataclass(frozen=True)
class Findings:
    """All that a `Result` tells, without the forms it takes; the parameters are described there."""

    plan: Plan
    tally: Tally
    executor: str
    aggregation: Aggregation
    workers: int | None
    start_method: StartMethod | None
    elapsed_seconds: float = field(compare=False)
    pmf: PMF | None
    exact_unavailable: str = ""
    alpha: float = ALARM
    of: Condition | None = None
    notes: tuple[str, ...] = ()
    law: Literal["exact", "expected"] = "exact"

    @property
    def expression(self) -> str | None:
        """The expression in canonical notation; None for a model."""
        return None if self.model else self.plan.label

    @property
    def model(self) -> Model | None:
        """The model; None for an expression."""
        return self.plan.model

    @property
    def seed(self) -> int:
        """Handed back as ``rng``, replays the run."""
        return self.plan.seed

    @cached_property
    def n(self) -> int:
        """Number of trials that were rolled."""
        return self.tally.total

    @property
    def requested_n(self) -> int:
        """Number of trials that were asked for; at most so many with a precision target."""
        return self.plan.n

    @cached_property
    def complete(self) -> bool:
        """Whether all trials were rolled, or as many as the precision asked for needed."""
        return self.plan.fulfilled(self.tally)

    @property
    def precision_reached(self) -> bool:
        """Whether a precision was asked for, and reached."""
        return self.plan.precise(self.tally)

    @cached_property
    def _counts(self) -> Counter[int]:
        return self.tally.counter()

    @property
    def counts(self) -> Counter[int]:
        """How often each total occurred, ascending; a new `Counter` each time."""
        return self._counts.copy()

    @property
    def unique(self) -> int:
        """Number of different totals that occurred."""
        return self.tally.unique

    @property
    def trials_per_second(self) -> float:
        """Trials rolled per second of elapsed time."""
        return self.n / max(self.elapsed_seconds, 1e-9)

    @cached_property
    def _moments(self) -> Moments:
        return Moments.of(self.tally)

    @property
    def mean(self) -> float | None:
        """Mean of the totals."""
        return self._moments.mean

    @property
    def std(self) -> float | None:
        """Sample standard deviation of the totals, with n - 1."""
        return self._moments.std

    @property
    def standard_error(self) -> float | None:
        """Standard error of the mean."""
        return self._moments.standard_error

    @property
    def standard_error_of_std(self) -> float | None:
        """Standard error of the standard deviation."""
        return standard_error_of_std(self.tally)

    def interval(self, level: float = LEVEL) -> tuple[float, float] | None:
        """Confidence interval of the mean, from Student's distribution.

        Parameters
        ----------
        level : float, optional
            Confidence, between 0 and 1.

        Returns
        -------
        pair of float or None

        Raises
        ------
        ParameterError
            The level is not between 0 and 1.
        """
        estimate = mean(self.tally, level)
        return None if estimate is None else estimate.interval

    def probability(self, condition: str | int, level: float = LEVEL) -> Estimate | None:
        """Estimate the probability that the total meets a comparison, such as ``">= 9"``.

        The interval is Wilson's, which holds for rare and for missing outcomes too (E. B. Wilson,
        "Probable inference ...", Journal of the American Statistical Association 22, 1927).

        Parameters
        ----------
        condition : str or int
            A comparison operator and a whole number; a bare number means ``==``.
        level : float, optional
            Confidence of the interval, between 0 and 1.

        Returns
        -------
        Estimate or None

        Raises
        ------
        ParameterError
            The condition cannot be read, or the level is not between 0 and 1.
        """
        return probability(self.tally, Condition.parse(condition), level)

    def quantile(self, q: float) -> int | None:
        """Return the least total that at least a share `q` of the trials did not exceed.

        Parameters
        ----------
        q : float
            Share, from 0 to 1.

        Returns
        -------
        int or None

        Raises
        ------
        ParameterError
            `q` lies outside 0 to 1.
        """
        if not self.n:
            return None
        return quantile(list(self._counts), list(accumulate(self._counts.values())), q)

    @property
    def check_unavailable(self) -> str:
        """Why there is no check; empty where there is one."""
        if self.pmf is None:
            return self.exact_unavailable
        if len(self.pmf) == 1:
            return "there is only one possible outcome"
        return "" if self.n else "nothing was rolled"

    @cached_property
    def check(self) -> Check | None:
        """Goodness of fit against the exact distribution, or None (see `check_unavailable`)."""
        if self.pmf is None or self.check_unavailable:
            return None
        return goodness_of_fit(self.tally, self.pmf, self.alpha)

    @property
    def support(self) -> list[int]:
        """All outcomes that can occur where that is known, and all that did."""
        return sorted({*(self.pmf or ()), *self._counts})

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """A row for each outcome of the support.

        With what each outcome says by itself when all of them are looked at: its p-value, adjusted
        by Holm's method, and Wilson intervals that hold together at the level 1 - alpha.
        """
        support, pmf = self.support, self.pmf
        counts = [self._counts[outcome] for outcome in support]
        columns: dict[str, list[float]] = {}
        if self.n and pmf:
            weights = [pmf.weight(outcome) for outcome in support]
            columns["p_holm"] = adjusted_p_values(counts, weights, self.n, pmf.total).tolist()
        if self.n:
            low, high = simultaneous_intervals(counts, self.n, self.alpha)
            columns |= {"low": low.tolist(), "high": high.tolist()}
        return [
            {
                **self._row(outcome),
                **{name: columns[name][i] if name in columns else None for name in _TESTED},
            }
            for i, outcome in enumerate(support)
        ]

    def _row(self, outcome: int) -> dict[str, Any]:
        count, weight = self._counts[outcome], 0
        expected = z = exact = None
        if self.pmf is not None:
            weight = self.pmf.weight(outcome)
            expected = weight / self.pmf.total
            exact = self.pmf.exact(outcome)
            if weight and self.n:
                z = z_score(count, self.n, weight, self.pmf.total)
        return {
            "outcome": outcome,
            "count": count,
            "observed": count / self.n if self.n else None,
            "expected": expected,
            "exact": exact,
            "z": z,
        }

    @property
    def asked(self) -> Estimate | None:
        """Estimate of the probability that was asked for."""
        return None if self.of is None else probability(self.tally, self.of)
