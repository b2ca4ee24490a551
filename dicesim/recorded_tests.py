"""Single tests of recorded rolls, which are judged together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dicesim.dependence import (
    IndependenceTest,
)
from dicesim.outcome_tests import z_score
from dicesim.pmf import PMF
from dicesim.tally import Tally
from dicesim.validation import Check

if TYPE_CHECKING:  # an extra
    pass


@dataclass(frozen=True, slots=True)
class Margin:
    """What one column shows, or the total of all, without regard to the others.

    Parameters
    ----------
    name : str
    pmf : PMF
        The law it is held against.
    tally : Tally
    check : Check
        Goodness of fit, at the level that Holm's method leaves to each test.

    Examples
    --------
    >>> import dicesim
    >>> margin = dicesim.check([[1, 2], [3, 4], [6, 6]], "1d6").total
    >>> margin.name, margin.tally.counter()
    ('total', Counter({3: 1, 7: 1, 12: 1}))
    """

    name: str
    pmf: PMF
    tally: Tally
    check: Check

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """A row for each outcome of the law, those that never came as well."""
        counts, n = self.tally.counter(), self.tally.total
        return [
            {
                "outcome": outcome,
                "count": counts[outcome],
                "observed": counts[outcome] / n,
                "expected": weight / self.pmf.total,
                "exact": self.pmf.exact(outcome),
                "z": z_score(counts[outcome], n, weight, self.pmf.total),
            }
            for outcome, weight in zip(self.pmf.outcomes, self.pmf.weights, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the JSON form.

        Returns
        -------
        dict
        """
        return {"name": self.name, "outcomes": self.outcomes, "check": self.check.to_dict()}


@dataclass(frozen=True, slots=True)
class JointTest:
    """One of several tests that are judged together.

    Parameters
    ----------
    label : str
        What was tested.
    source : Margin or IndependenceTest
    p_value, holm_p : float or None
        As if it were the only test, and adjusted by Holm's method (S. Holm, "A simple sequentially
        rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979).

    Examples
    --------
    >>> import dicesim
    >>> test = dicesim.check([1, 2, 3, 4, 5, 6] * 20, "1d6").tests[1]
    >>> test.label, test.holm_p < 0.01
    ('repeats', True)
    """

    label: str
    source: Margin | IndependenceTest
    p_value: float | None
    holm_p: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the JSON form.

        Returns
        -------
        dict
        """
        if isinstance(self.source, IndependenceTest):
            figures = self.source.to_dict()
        else:
            check = self.source.check
            figures = {
                "kind": "goodness of fit",
                "columns": [self.source.name],
                "statistic": check.statistic,
                "dof": check.dof,
                "p_value": check.p_value,
                "effect_size": check.effect_size,
                "observed": None,
                "expected": None,
            }
        return {"test": self.label, **figures, "holm_p": self.holm_p}
