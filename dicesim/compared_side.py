"""One of two rules that are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dicesim.caching import cached_property
from dicesim.model import Model
from dicesim.odds import ComparedFigure, Shares, mean_figure
from dicesim.pmf import PMF
from dicesim.quantiles import QUANTILES
from dicesim.result import Result


@dataclass(frozen=True)
class ComparedSide:
    """One of two rules: its exact law, or the trials that were rolled for want of one.

    Parameters
    ----------
    notation : str
        The rule in canonical notation.
    label : str
        The same in words.
    pmf : PMF or None
        The exact law.
    exact_unavailable : str
        Why there is none; empty where there is one.
    result : Result or None
        The trials, where there is no exact law.
    notes : tuple of str
        What the user should know, such as a limit of explosions that holds often.
    model : Model or None
        The rule, if it is one in Python.

    Examples
    --------
    >>> import dicesim
    >>> side = dicesim.compare("2d6", "1d12").a
    >>> side.notation, side.mean.value, side.quantile(0.5), side.greatest, side.share(7)
    ('2d6', 7.0, 7, 12, 0.16666666666666666)
    """

    notation: str
    label: str
    pmf: PMF | None
    exact_unavailable: str = ""
    result: Result | None = None
    notes: tuple[str, ...] = ()
    model: Model | None = None

    @cached_property
    def shares(self) -> Shares:
        """The exact law, or the shares of what was rolled."""
        if self.pmf is not None:
            return Shares(self.pmf)
        counts = self.result.counts if self.result else {}
        return Shares(PMF(counts), sum(counts.values()))

    @property
    def is_exact(self) -> bool:
        """Whether the figures of this side have no error."""
        return self.pmf is not None

    @cached_property
    def mean(self) -> ComparedFigure:
        """The mean."""
        return mean_figure(self.shares)

    @property
    def std(self) -> float | None:
        """The standard deviation; of trials with n - 1, and None of a single one."""
        return self.result.std if self.result else self.shares.law.std

    @property
    def least(self) -> int:
        """Least outcome that can occur, or that did."""
        return self.shares.law.outcomes[0]

    @property
    def greatest(self) -> int:
        """Greatest outcome that can occur, or that did."""
        return self.shares.law.outcomes[-1]

    def quantile(self, q: float) -> int:
        """Return the least outcome that at least a share `q` of the totals does not exceed.

        Parameters
        ----------
        q : float
            Share, from 0 to 1.

        Returns
        -------
        int

        Raises
        ------
        ParameterError
            `q` lies outside 0 to 1.
        """
        return self.shares.law.quantile(q)

    def share(self, outcome: int) -> float:
        """Probability of an outcome, or the share of the trials that had it.

        Parameters
        ----------
        outcome : int

        Returns
        -------
        float
        """
        return self.shares.law.weight(outcome) / self.shares.law.total

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; with ``seed`` and ``n``, `dicesim.run` gives the same trials.

        Returns
        -------
        dict
        """
        result = self.result
        return {
            "expression": self.notation,
            "label": self.label,
            "is_exact": self.is_exact,
            "exact_unavailable": self.exact_unavailable or None,
            "n": result.n if result else None,
            "requested_n": result.requested_n if result else None,
            "seed": result.seed if result else None,
            "mean": self.mean.to_dict(),
            "std": self.std,
            "least": self.least,
            "greatest": self.greatest,
            "quantiles": [{"q": q, "outcome": self.quantile(q)} for q in QUANTILES],
        }
