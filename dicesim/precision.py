"""When a run has rolled enough: a target for the uncertainty of what it estimates."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dicesim.arguments import shown
from dicesim.condition import Condition
from dicesim.errors import ParameterError
from dicesim.estimates import Estimate, mean, probability, times
from dicesim.tally import Tally

# An uncertainty is estimated itself: too little has been seen to trust one before.
_BATCHES: Final = 2
_TIMES: Final = 30


@dataclass(frozen=True, slots=True)
class Precision:
    """A stopping rule, looked at after each batch in the order of their index.

    No rule is met before the second batch and thirty trials, by a mean that has not varied, or by a
    probability before thirty trials met the comparison and thirty did not: an observed variance of
    zero proves nothing.

    Parameters
    ----------
    standard_error : float, optional
        What the standard error has to come down to.
    margin : float, optional
        How far the 95 % interval may reach to either side: Student's for a mean, Wilson's for a
        probability.
    of : Condition, optional
        The probability of this comparison; of the mean without it.

    References
    ----------
    Y. S. Chow and H. Robbins, "On the asymptotic theory of fixed-width sequential confidence
    intervals for the mean", Annals of Mathematical Statistics 36 (1965).

    Examples
    --------
    >>> rule = Precision(standard_error=0.05)
    >>> rule.reached(Tally.of({1: 50, 2: 50}), batches=2)
    False
    >>> rule.reached(Tally.of({1: 500, 2: 500}), batches=2)
    True
    """

    standard_error: float | None = None
    margin: float | None = None
    of: Condition | None = None

    def reached(self, tally: Tally, batches: int) -> bool:
        """Tell whether the first `batches`, which counted this tally, are enough.

        Parameters
        ----------
        tally : Tally
            What the batches counted.
        batches : int
            How many they were.

        Returns
        -------
        bool
        """
        return batches >= _BATCHES and 0 < self._excess(tally) <= 1

    def expected_n(self, tally: Tally) -> float:
        """Guess how many trials will be enough; infinity where nothing can be known yet.

        Parameters
        ----------
        tally : Tally
            What was counted so far.

        Returns
        -------
        float

        Examples
        --------
        >>> round(Precision(standard_error=0.05).expected_n(Tally.of({1: 50, 2: 50})))
        101
        """
        excess = self._excess(tally)
        return tally.total * excess * excess if excess else float("inf")

    def estimate(self, tally: Tally) -> Estimate | None:
        """Estimate what the rule is about.

        Parameters
        ----------
        tally : Tally

        Returns
        -------
        Estimate or None

        Examples
        --------
        >>> Precision(standard_error=0.05).estimate(Tally.of({1: 50, 2: 50})).value
        1.5
        """
        return mean(tally) if self.of is None else probability(tally, self.of)

    def _excess(self, tally: Tally) -> float:
        """How many times too large the uncertainty is; 0 where it says nothing."""
        if min(self._seen(tally)) < _TIMES:
            return 0
        estimate = self.estimate(tally)
        if estimate is None:
            return 0
        excess = 0.0
        if self.standard_error is not None:
            excess = estimate.standard_error / self.standard_error
        if self.margin is not None:
            excess = max(excess, estimate.margin / self.margin)
        return excess

    def doubt(self, tally: Tally) -> str:
        """Say why an uncertainty is not trusted, however small it is; empty where it is.

        Parameters
        ----------
        tally : Tally

        Returns
        -------
        str

        Examples
        --------
        >>> rule = Precision(margin=0.1, of=Condition.parse(">= 13"))
        >>> rule.doubt(Tally.of({7: 1000}))
        'with 0 that met >= 13 and 1,000 that did not, 30 of each being needed, did not reach it'
        """
        seen = self._seen(tally)
        if self.of is not None and min(seen) < _TIMES:
            return (
                f"with {seen[0]:,} that met {self.of} and {seen[1]:,} that did not, {_TIMES} of "
                "each being needed, did not reach it"
            )
        if tally.unique == 1:
            return "which all came to the same, did not reach it"
        return ""

    def _seen(self, tally: Tally) -> tuple[int, ...]:
        """Tell how many trials there are, or how many met the comparison and how many did not."""
        if self.of is None:
            return (tally.total,)
        hits = times(tally, self.of)
        return hits, tally.total - hits

    def to_dict(self) -> dict[str, Any]:
        """Return the rule in plain values.

        Returns
        -------
        dict
        """
        return {
            "standard_error": self.standard_error,
            "margin": self.margin,
            "of": None if self.of is None else str(self.of),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Precision:
        """Make the rule again.

        Parameters
        ----------
        values : dict
            What `to_dict` returned.

        Returns
        -------
        Precision

        Examples
        --------
        >>> rule = Precision(margin=0.1)
        >>> Precision.from_dict(rule.to_dict()) == rule
        True
        """
        of = values["of"]
        return cls(**values | {"of": None if of is None else Condition.parse(of)})


def make_precision(
    until_se: float | None, until_ci: float | None, of: Condition | None
) -> Precision | None:
    """Check what was asked for, and make a rule of it, if it is one.

    Raises
    ------
    ParameterError
        A target is no positive number.
    """
    error, margin = _target("until_se", until_se), _target("until_ci", until_ci)
    if error is None and margin is None:
        return None
    return Precision(error, margin, of)


def _target(name: str, value: Any) -> float | None:
    """Return a target as a float.

    Raises
    ------
    ParameterError
        It is no positive number.
    """
    if value is None:
        return None
    target = math.nan
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        with suppress(OverflowError):
            target = float(value)
    if not 0 < target < math.inf:
        raise ParameterError(
            f"{name}: {shown(value)} is no positive number; write one, as in 0.001", parameter=name
        )
    return target
