"""A tally and the law that it is held against, in one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicesim.estimates import LEVEL
from dicesim.outcome_tests import simultaneous_intervals
from dicesim.plotting import Bars, draw_shares
from dicesim.pmf import PMF
from dicesim.tally import Tally

if TYPE_CHECKING:  # an extra
    from matplotlib.axes import Axes


def draw_tally(
    tally: Tally, pmf: PMF | None, *, ax: Axes | None, law: str, title: str, ylabel: str
) -> Axes:
    """Draw observed shares with their intervals, and those of the law as marks across.

    Parameters
    ----------
    tally : Tally
    pmf : PMF or None
    ax : matplotlib.axes.Axes or None
        Drawn into; None makes a new figure.
    law : str
        What the law is called in the legend.
    title, ylabel : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    counter, n = tally.counter(), tally.total
    support = sorted({*(pmf or ()), *counter})
    counts = [counter[outcome] for outcome in support]
    weights = counts if pmf is None else [pmf.weight(outcome) for outcome in support]
    bars = Bars.of(support, weights)
    grouped = [sum(counts[place]) for place in bars.places]
    intervals = None
    if n:
        low, high = simultaneous_intervals(grouped, n, 1 - LEVEL)
        intervals = low.tolist(), high.tolist()
    return draw_shares(
        bars,
        [count / max(n, 1) for count in grouped],
        ax=ax,
        name="observed",
        intervals=intervals,
        intervals_name=f"{100 * LEVEL:.0f} % intervals, together",
        marks=None if pmf is None else [sum(weights[place]) / pmf.total for place in bars.places],
        marks_name=law,
        title=title,
        ylabel=ylabel,
    )
