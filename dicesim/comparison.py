"""Two rules side by side: which is higher on average, and how often it wins."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

from dicesim.caching import cached_property
from dicesim.compared_side import ComparedSide
from dicesim.drawing import bins, csv_text, svg_histogram
from dicesim.odds import LEVEL, ComparedFigure, Shares, difference, mean_figure, odds
from dicesim.plotting import Bars, draw_shares
from dicesim.pmf import PMF
from dicesim.result import Result, versions

if TYPE_CHECKING:  # an extra
    from matplotlib.axes import Axes

SCHEMA: Final = "dicesim.compare/1"
# Standard errors beyond which a difference is told without reserve.
_SURE: Final = 5
# Parts of the whole that outcomes are weighed in, for display.
_PARTS: Final = 2**60


@dataclass(frozen=True, repr=False)
class RuleComparison:
    """Two rules, A and B, rolled independently of each other.

    Parameters
    ----------
    a, b : ComparedSide
        The sides.
    seed : int or None
        Replays what was simulated; None where all is exact.
    paired : Result or None
        The differences of two models in each trial, on common random numbers.

    Examples
    --------
    >>> import dicesim
    >>> compared = dicesim.compare("2d6", "1d12")
    >>> compared.greater.exact, compared.equal.exact, compared.mean_difference.value
    (Fraction(1, 2), Fraction(1, 12), 0.5)
    """

    a: ComparedSide
    b: ComparedSide
    seed: int | None = None
    paired: Result | None = None

    def __repr__(self) -> str:
        return f"<RuleComparison {self.a.notation}, {self.b.notation}: {self.summary}>"

    def __str__(self) -> str:
        return self.summary

    @cached_property
    def _odds(self) -> tuple[ComparedFigure, ComparedFigure, ComparedFigure]:
        return odds(self.a.shares, self.b.shares)

    @property
    def greater(self) -> ComparedFigure:
        """Probability that A is greater than B."""
        return self._odds[0]

    @property
    def equal(self) -> ComparedFigure:
        """Probability that both are equal."""
        return self._odds[1]

    @property
    def less(self) -> ComparedFigure:
        """Probability that A is less than B."""
        return self._odds[2]

    @cached_property
    def mean_difference(self) -> ComparedFigure:
        """Mean of A less mean of B."""
        return difference(self.a.shares, self.b.shares)

    @cached_property
    def paired_difference(self) -> ComparedFigure | None:
        """Mean of A less B in the same trial, on common random numbers."""
        if self.paired is None or not self.paired.n:
            return None
        return mean_figure(Shares(PMF(self.paired.counts), self.paired.n))

    @property
    def variance_ratio(self) -> float | None:
        """How many times as many independent trials would be as precise as the paired ones."""
        paired, apart = self.paired_difference, self.mean_difference
        if paired is None or not paired.standard_error or not apart.standard_error:
            return None
        return (apart.standard_error / paired.standard_error) ** 2

    @property
    def same(self) -> bool:
        """Whether both are the same rule, which is rolled twice."""
        return (self.a.notation, self.a.model) == (self.b.notation, self.b.model)

    @property
    def is_exact(self) -> bool:
        """Whether no figure has an error."""
        return self.a.is_exact and self.b.is_exact

    @property
    def complete(self) -> bool:
        """Whether all trials were rolled that were asked for."""
        results = (self.a.result, self.b.result, self.paired)
        return all(result is None or result.complete for result in results)

    @property
    def support(self) -> list[int]:
        """All outcomes of both."""
        return sorted({*self.a.shares.law, *self.b.shares.law})

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """A row for each outcome of either: its probability, or its share of the trials."""
        return [
            {"outcome": outcome, "a": self.a.share(outcome), "b": self.b.share(outcome)}
            for outcome in self.support
        ]

    def bins(self, *, show_all: bool = False) -> list[tuple[str, float, float]]:
        """Outcomes or bins of them for display: label, share of A, share of B.

        Parameters
        ----------
        show_all : bool, optional
            Have no bins, however many outcomes there are.

        Returns
        -------
        list of (str, float, float)

        Examples
        --------
        >>> import dicesim
        >>> dicesim.compare("1d2", "1d2").bins()
        [('1', 0.5, 0.5), ('2', 0.5, 0.5)]
        """
        support, a, b, weights = self._weighed
        rows = bins(support, weights, show_all=show_all)
        return [(label, sum(a[place]), sum(b[place])) for label, place in rows]

    @property
    def _weighed(self) -> tuple[list[int], list[float], list[float], list[int]]:
        """The support, the shares of both, and what each outcome counts for."""
        support = self.support
        a, b = list(map(self.a.share, support)), list(map(self.b.share, support))
        return support, a, b, [round((p + q) * _PARTS) for p, q in zip(a, b, strict=True)]

    @property
    def summary(self) -> str:
        """Which is higher on average, and how often it wins, in one sentence."""
        higher, lead = self._higher()
        wins = {"A": self.greater, "B": self.less}
        first, second = ("B", "A") if higher == "B" else ("A", "B")
        joint = "; "
        if higher and _surely_less(wins[first], wins[second]):
            first, second, joint = second, first, ", yet "
        if wins[first].exact == 1:
            return f"{lead}; {first} always wins"
        if self.equal.exact == 1:
            return f"{lead}; they always tie"
        return (
            f"{lead}{joint}{first} wins {_often(wins[first])} of the time, "
            f"{second} wins {_often(wins[second])}, and {_often(self.equal)} are ties"
        )

    def _higher(self) -> tuple[str | None, str]:
        """Which side is higher on average, where that is known, and how to say it."""
        gap = self.paired_difference or self.mean_difference
        if self.same:
            return None, "A and B are the same rule"
        if gap.exact == 0:
            return None, f"A and B have the same mean, {self.a.mean.value:.6g}"
        low, high = gap.interval or (0.0, 0.0)
        unvaried = gap.standard_error == 0 and gap.interval is None and gap.value != 0
        if low <= 0 <= high and not unvaried:
            return None, "these trials do not tell which is higher on average"
        higher = "A" if gap.value > 0 else "B"
        sure = not unvaried and abs(gap.value) > _SURE * (gap.standard_error or 0)
        verb = "is" if sure else "seems"
        size = f"{abs(gap.value):.4g}" if gap.exact else f"about {abs(gap.value):.3g}"
        return higher, f"{higher} {verb} higher on average, by {size}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as ``dicesim compare --json`` prints them.

        Returns
        -------
        dict
        """
        return {
            "schema": SCHEMA,
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "independent": True,
            "is_exact": self.is_exact,
            "complete": self.complete,
            "seed": self.seed,
            "level": LEVEL,
            "greater": self.greater.to_dict(),
            "equal": self.equal.to_dict(),
            "less": self.less.to_dict(),
            "mean_difference": self.mean_difference.to_dict(),
            "common_random_numbers": self._paired_to_dict(),
            "summary": self.summary,
            "outcomes": self.outcomes,
            "versions": versions(),
        }

    def _paired_to_dict(self) -> dict[str, Any] | None:
        if self.paired is None or self.paired_difference is None:
            return None
        return {
            "n": self.paired.n,
            "mean_difference": self.paired_difference.to_dict(),
            "variance_ratio": self.variance_ratio,
        }

    def to_json(self) -> str:
        """`to_dict` as JSON text; figures that are not defined are null.

        Returns
        -------
        str

        Examples
        --------
        >>> import dicesim, json
        >>> json.loads(dicesim.compare("2d6", "1d12").to_json())["schema"]
        'dicesim.compare/1'
        """
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def to_csv(self) -> str:
        """`outcomes` as CSV text.

        Returns
        -------
        str

        Examples
        --------
        >>> import dicesim
        >>> print(dicesim.compare("1d2", "1d2").to_csv(), end="")
        outcome,a,b
        1,0.5,0.5
        2,0.5,0.5
        """
        return csv_text(self.outcomes)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares of A as bars, and those of B as marks across them.

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
        >>> import dicesim
        >>> len(dicesim.compare("2d6", "1d12").plot().patches)
        12
        """
        support, a, b, weights = self._weighed
        bars = Bars.of(support, weights)
        return draw_shares(
            bars,
            [sum(a[place]) for place in bars.places],
            ax=ax,
            name=f"A: {self.a.notation}",
            marks=[sum(b[place]) for place in bars.places],
            marks_name=f"B: {self.b.notation}",
            title=self.summary,
            ylabel="probability" if self.is_exact else "share",
        )

    def _repr_html_(self) -> str:
        title = f"A: {self.a.label}; B: {self.b.label}; independently rolled"
        labels, a, b = zip(*self.bins(), strict=True)
        picture = svg_histogram(labels, a, b, title=title)
        words = f"<p>bars: A, lines: B</p><p>{escape(self.summary)}</p>"
        return f"<div><p>{escape(title)}</p>{picture}{words}</div>"


def _surely_less(one: ComparedFigure, other: ComparedFigure) -> bool:
    """Whether one figure is less than another beyond the uncertainty of both."""
    if one.interval is None or other.interval is None:
        return False
    return one.interval[1] < other.interval[0]


def _often(figure: ComparedFigure) -> str:
    """Write a probability to a tenth of a percent, without rounding to never or always."""
    if 0 < figure.value < 0.0005:
        return "<0.1%"
    below_one = figure.value < 1 or (figure.exact is not None and figure.exact < 1)
    return ">99.9%" if figure.value >= 0.9995 and below_one else f"{figure.value:.1%}"
