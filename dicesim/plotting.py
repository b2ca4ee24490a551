"""Pictures by matplotlib, from plain sequences; it is imported when one is drawn."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dicesim.drawing import grid
from dicesim.errors import ExecutionError, ParameterError
from dicesim.files import beside

if TYPE_CHECKING:  # an extra
    from matplotlib.axes import Axes

# More outcomes than this are binned, and no axis is longer in bars.
_MOST_BARS: Final = 120
_MOST_SLOTS: Final = 400
_BINS: Final = 60
# Beyond this the floating-point numbers of an axis leave whole numbers out.
_EXACT: Final = 2**53
# Characters for which the axis has room, and of a single label.
_ROOM: Final = 70
_LONGEST: Final = 12
# Light bars, dark lines and black marks: they differ in print and for any kind of sight.
_BAR, _LINE, _MARK = "#9ecae1", "#08519c", "#000000"
ENDINGS: Final = ("png", "svg", "pdf")


@dataclass(frozen=True, slots=True)
class Bars:
    """Where the bars of a support stand on an axis.

    Outcomes stand at their value where there is room. Many are binned; few that are far apart
    stand side by side, each with its label.

    Parameters
    ----------
    centers : list of float
    width : float
    places : list of slice
        Which outcomes each bar is for.
    labels : list of str
        In place of numbers; empty where the axis is one of numbers.
    each : int
        How many whole numbers a bar is for.

    Examples
    --------
    >>> Bars.of([2, 4, 6], [1, 2, 1]).centers
    [2.0, 4.0, 6.0]
    >>> Bars.of([1, 2, 10**9], [1, 1, 1]).labels
    ['1', '2', '1000000000']
    """

    centers: list[float]
    width: float
    places: list[slice]
    labels: list[str]
    each: int = 1

    @classmethod
    def of(cls, outcomes: Sequence[int], weights: Sequence[int]) -> Bars:
        """Find a place for each outcome, or for bins of equal width between thin tails."""
        number = len(outcomes)
        fits = not number or max(abs(outcomes[0]), abs(outcomes[-1])) <= _EXACT
        if number <= _MOST_BARS:
            places = [slice(i, i + 1) for i in range(number)]
            step = math.gcd(*(high - low for low, high in pairwise(outcomes))) or 1
            if fits and (not number or (outcomes[-1] - outcomes[0]) // step < _MOST_SLOTS):
                return cls([float(x) for x in outcomes], 0.8 * step, places, [])
            return cls([float(i) for i in range(number)], 0.8, places, list(map(_short, outcomes)))
        starts, edges, step = grid(outcomes, weights, _BINS)
        stops = [*starts[1:], number]
        places = [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]
        if not fits:
            labels = [_short(edge) for edge in edges]
            return cls([float(i) for i in range(len(edges))], 0.9, places, labels, step)
        return cls([edge + (step - 1) / 2 for edge in edges], 0.9 * step, places, [], step)


def _short(outcome: int) -> str:
    text = str(outcome)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def draw_shares(
    bars: Bars,
    shares: Sequence[float],
    *,
    ax: Axes | None = None,
    name: str = "",
    intervals: tuple[Sequence[float], Sequence[float]] | None = None,
    intervals_name: str = "",
    marks: Sequence[float] | None = None,
    marks_name: str = "",
    title: str = "",
    ylabel: str = "probability",
) -> Axes:
    """Draw shares as bars, with intervals as lines over them and others as marks across.

    Parameters
    ----------
    bars : Bars
    shares : sequence of float
        One for each bar.
    ax : matplotlib.axes.Axes, optional
        Drawn into; left out, a new figure is made.
    name : str, optional
        Of the bars, in the legend.
    intervals : pair of sequence of float, optional
        Lower and upper ends, one for each bar.
    intervals_name : str, optional
    marks : sequence of float, optional
        Other shares, such as exact ones.
    marks_name : str, optional
    title, ylabel : str, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        There is no matplotlib.
    """
    ax = new_axes() if ax is None else ax
    if intervals is not None:
        ax.vlines(bars.centers, *intervals, color=_LINE, linewidth=1.5, label=intervals_name)
    if marks is not None:
        half = bars.width / 2
        left, right = [x - half for x in bars.centers], [x + half for x in bars.centers]
        width = 2 if len(shares) <= _BINS else 1.2
        ax.hlines(marks, left, right, color=_MARK, linewidth=width, label=marks_name)
    ax.bar(bars.centers, shares, bars.width, color=_BAR, label=name)
    _label_axes(ax, bars, ylabel)
    ax.set_title(title, wrap=True)
    tops = [*shares, *(marks or ()), *(intervals or ((), ()))[1]]
    ax.set_ylim(0, 1.15 * max(tops, default=0) or 1)
    if intervals is not None or marks is not None:
        handles, names = ax.get_legend_handles_labels()
        ax.legend(handles[::-1], names[::-1], frameon=False, ncols=3, loc="upper right")
    return ax


def new_axes() -> Axes:
    """Make a figure that belongs to no window and to no list of open ones.

    Raises
    ------
    ParameterError
        There is no matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ParameterError(
            "plot: pictures need matplotlib, which is not installed; "
            "write: pip install 'dicesim[plot]'",
            parameter="plot",
        ) from error
    return Figure(figsize=(8, 4.5), layout="constrained").add_subplot()


def _label_axes(ax: Axes, bars: Bars, ylabel: str) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    binned = f", {bars.each:,} to a bar; the outermost hold the tails too" if bars.each > 1 else ""
    ax.set_xlabel(f"outcome{', not to scale' if bars.labels else ''}{binned}")
    if len(bars.centers) == 1:
        ax.set_xlim(bars.centers[0] - 2, bars.centers[0] + 2)
    ax.set_ylabel(ylabel)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.spines[["top", "right"]].set_visible(False)
    labels = bars.labels or [f"{x:.0f}" for x in bars.centers]
    longest = max(map(len, labels), default=1)
    every = -(-len(labels) * (longest + 1) // _ROOM)
    if bars.labels or (every <= 1 and bars.each == 1):
        ax.set_xticks(bars.centers[:: every or 1], labels[:: every or 1])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(max(_ROOM // (longest + 3), 2), integer=True))
        ax.ticklabel_format(axis="x", style="plain", useOffset=False)


class PlotFile:
    """A file that a picture goes into, looked at before there is any.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.png``, ``.svg`` or ``.pdf``.

    Raises
    ------
    ParameterError
        It has another ending, cannot be written, or there is no matplotlib.

    Examples
    --------
    >>> import dicesim
    >>> PlotFile("dice.jpg")
    Traceback (most recent call last):
    dicesim.errors.ParameterError: plot: dice.jpg does not end in .png, .svg or .pdf; name a file \
that does
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.suffix.lower().removeprefix(".") not in ENDINGS:
            endings = f"{', '.join(f'.{ending}' for ending in ENDINGS[:-1])} or .{ENDINGS[-1]}"
            raise ParameterError(
                f"plot: {self.path.name} does not end in {endings}; name a file that does",
                parameter="plot",
            )
        new_axes()
        try:
            self.path = self.path.resolve()
            with beside(self.path):
                pass
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ParameterError(
                f"plot: {self.path} cannot be written: {reason}; name another file",
                parameter="plot",
            ) from error

    def save(self, ax: Axes) -> None:
        """Write the figure that the axes belong to: the whole of it, or nothing.

        Parameters
        ----------
        ax : matplotlib.axes.Axes

        Raises
        ------
        ExecutionError
            There is no room for it.

        Examples
        --------
        >>> import dicesim, tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     file = PlotFile(f"{directory}/dice.svg")
        ...     file.save(dicesim.exact("2d6").plot())
        ...     file.path.read_text().startswith("<?xml")
        True
        """
        ending = self.path.suffix.lower().removeprefix(".")
        dates = {"svg": "Date", "pdf": "CreationDate"}  # the same picture is the same file
        metadata = {"Title": ax.get_title(), **({dates[ending]: None} if ending in dates else {})}
        try:
            with beside(self.path) as draft:
                figure: Any = ax.figure  # that of a subfigure cannot be saved by itself
                figure.savefig(draft, format=ending, dpi=150, metadata=metadata)
                draft.replace(self.path)
        except OSError as error:
            raise ExecutionError(
                f"{self.path}: the picture could not be written: {error.strerror}; make room, or "
                "name another file"
            ) from error
