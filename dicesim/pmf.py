"""Probability mass functions with exact integer weights, in all their forms."""

from __future__ import annotations

from fractions import Fraction
from html import escape
from typing import TYPE_CHECKING, Any, Final

from dicesim.condition import Condition
from dicesim.drawing import bins, csv_text, fitted, svg_histogram
from dicesim.law import Law
from dicesim.plotting import Bars, draw_shares

if TYPE_CHECKING:  # an extra
    from matplotlib.axes import Axes

# Fractions with more digits than this are not printed: nobody reads them.
MAX_DIGITS: Final = 100


class PMF(Law):
    """The exact law of a total: its support and an integer weight for each outcome.

    A mapping from outcome to probability: ``pmf[18]`` is a `fractions.Fraction`, and 0 for
    what cannot occur. Two of them are equal where the laws are.

    Parameters
    ----------
    weights : mapping of int to int
        Weight of each outcome, at least 0; outcomes of weight 0 are left out, and common factors
        of the weights cancelled.

    Attributes
    ----------
    outcomes : tuple of int
        The support, ascending.
    weights : tuple of int
        Weight of each outcome, positive.

    Raises
    ------
    ParameterError
        A weight is negative, or none is positive.

    Examples
    --------
    >>> coins = PMF({0: 1, 1: 2, 2: 1})
    >>> coins[1], coins.mean, coins.probability(">= 1")
    (Fraction(1, 2), 1.0, Fraction(3, 4))
    """

    def to_dict(self) -> dict[str, Any]:
        """Plain values: ``mean``, ``std``, ``outcomes``, each with its probabilities.

        These are of the outcome itself, as a number and as an exact fraction, and of all that is at
        least, and at most, as much.

        Returns
        -------
        dict

        Examples
        --------
        >>> PMF({0: 1, 1: 3}).to_dict()["outcomes"][1]
        {'outcome': 1, 'probability': 0.75, 'exact': '3/4', 'at_least': 0.75, 'at_most': 1.0}
        """
        below = (0, *self.cumulative)
        return {
            "mean": self.mean,
            "std": self.std,
            "outcomes": [
                {
                    "outcome": outcome,
                    "probability": weight / self.total,
                    "exact": self.exact(outcome),
                    "at_least": (self.total - less) / self.total,
                    "at_most": (less + weight) / self.total,
                }
                for (outcome, weight), less in zip(self._weight.items(), below, strict=False)
            ],
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return ``outcomes`` of `to_dict` as ``pandas.DataFrame`` and other tables take them.

        Returns
        -------
        list of dict
            A column with whole numbers beyond 64 bits is one of text.

        Examples
        --------
        >>> [row["exact"] for row in PMF({0: 1, 1: 3}).rows()]
        ['1/4', '3/4']
        """
        return fitted(self.to_dict()["outcomes"])

    def to_csv(self) -> str:
        """Write ``outcomes`` of `to_dict` as CSV text.

        Returns
        -------
        str

        Examples
        --------
        >>> print(PMF({0: 1, 1: 3}).to_csv(), end="")
        outcome,probability,exact,at_least,at_most
        0,0.25,1/4,1.0,0.25
        1,0.75,3/4,0.75,1.0
        """
        return csv_text(self.to_dict()["outcomes"])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the probabilities as bars; of more than 120 outcomes, neighbours share a bar.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Drawn into; left out, a new figure is made, which no window knows of.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ParameterError
            matplotlib, the extra ``plot``, is not installed.

        Examples
        --------
        >>> len(PMF({1: 1, 2: 2, 3: 1}).plot().patches)
        3
        """
        bars = Bars.of(self.outcomes, self.weights)
        shares = [sum(self.weights[place]) / self.total for place in bars.places]
        return draw_shares(bars, shares, ax=ax, title=self._title)

    @property
    def _title(self) -> str:
        return f"mean {self.mean:.7g}, sd {self.std:.7g}"

    def _repr_html_(self) -> str:
        rows = bins(self.outcomes, self.weights)
        shares = [sum(self.weights[row]) / self.total for _, row in rows]
        title = f"{self._title}, {len(self):,} outcomes"
        picture = svg_histogram([label for label, _ in rows], shares, None, title=title)
        return f"<div><p>{escape(title)}</p>{picture}</div>"

    def exact(self, outcome: int) -> str | None:
        """Probability of an outcome in lowest terms, as ``"1/36"``; None where it is too long.

        Parameters
        ----------
        outcome : int

        Returns
        -------
        str or None
        """
        return self._fraction(self[outcome])

    def _fraction(self, probability: Fraction) -> str | None:
        if self.total >= 10**MAX_DIGITS:
            return None
        return "/".join(map(str, probability.as_integer_ratio()))

    def probability_of(self, condition: Condition) -> dict[str, Any]:
        """Probability of what meets a condition, as plain values.

        Parameters
        ----------
        condition : Condition

        Returns
        -------
        dict
            ``of``, ``value``, and ``exact``, a fraction as text or None where it is too long.

        Examples
        --------
        >>> import dicesim
        >>> dicesim.exact("2d6").probability_of(dicesim.Condition.parse(">= 10"))
        {'of': '>= 10', 'value': 0.16666666666666666, 'exact': '1/6'}
        """
        probability = self.probability(str(condition))
        return {
            "of": str(condition),
            "value": float(probability),
            "exact": self._fraction(probability),
        }
