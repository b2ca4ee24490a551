"""Bars, histograms and CSV from plain sequences."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import accumulate
from typing import Any, Final

# More outcomes than this are binned, unless all are wanted.
MOST_ROWS: Final = 40
_BINS: Final = 24
# One part in so many may go into the first bin and into the last, whatever their width.
_TAIL: Final = 10_000
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def bar(value: float, mark: float | None, width: int, *, ascii_only: bool = False) -> str:
    """Draw a bar of text with a mark across it.

    Parameters
    ----------
    value : float
        Length of the bar, as a share of `width`, from 0 to 1.
    mark : float or None
        Place of the mark, likewise.
    width : int
        Characters at full length; a mark at the very end takes one more.
    ascii_only : bool, optional
        Draw with ``#`` and ``|`` alone.

    Examples
    --------
    >>> bar(0.5, 0.9, 10, ascii_only=True)
    '#####    |'
    """
    full, eighths = divmod(round(value * width * 8), 8)
    drawn = "#" * full if ascii_only else "█" * full + _EIGHTHS[eighths].strip()
    if mark is None:
        return drawn
    cells = list(drawn.ljust(width + 1))
    place = math.floor(mark * width)
    cells[place] = "|" if ascii_only else "╋" if place < full else "┃"
    return "".join(cells).rstrip()


def bins(
    outcomes: Sequence[int], weights: Sequence[int], *, show_all: bool = False
) -> list[tuple[str, slice]]:
    """Divide a support for display: one outcome each, or bins of equal width between thin tails.

    Parameters
    ----------
    outcomes : sequence of int
        Ascending.
    weights : sequence of int
        What each counts for.
    show_all : bool, optional
        Have no bins, however many outcomes there are.

    Returns
    -------
    list of (str, slice)
        Label and place in `outcomes` of each.

    Examples
    --------
    >>> bins([2, 3, 4], [1, 2, 1])
    [('2', slice(0, 1, None)), ('3', slice(1, 2, None)), ('4', slice(2, 3, None))]
    """
    if show_all or len(outcomes) <= MOST_ROWS:
        return [(str(x), slice(i, i + 1)) for i, x in enumerate(outcomes)]
    starts, _, _ = grid(outcomes, weights, _BINS)
    return [
        (_label(outcomes[start], outcomes[stop - 1]), slice(start, stop))
        for start, stop in zip(starts, [*starts[1:], len(outcomes)], strict=True)
    ]


def grid(
    outcomes: Sequence[int], weights: Sequence[int], number: int
) -> tuple[list[int], list[int], int]:
    """Divide a support into bins of equal width, of which the outermost hold the thin tails too.

    Parameters
    ----------
    outcomes, weights : sequence of int
        As for `bins`.
    number : int
        Bins at most; those that would be empty are left out.

    Returns
    -------
    starts : list of int
        Place in `outcomes` at which each bin begins.
    edges : list of int
        Least total that each bin has room for.
    step : int
        How many whole numbers a bin has room for.

    Examples
    --------
    >>> grid([2, 3, 4, 9], [1, 1, 1, 1], 4)
    ([0, 2, 3], [2, 4, 8], 2)
    """
    first = _reach(weights)
    last = len(outcomes) - 1 - _reach(weights[::-1])
    step = -(-(outcomes[last] - outcomes[first] + 1) // number)
    inside = range(first + 1, last + 1)
    places = [(outcomes[i] - outcomes[first]) // step for i in range(first, last + 1)]
    starts = [0, *(i for i in inside if places[i - first] != places[i - first - 1])]
    edges = [outcomes[first] + step * places[max(i - first, 0)] for i in starts]
    return starts, edges, step


def _reach(weights: Sequence[int]) -> int:
    """Index at which the running sum goes beyond a thin tail."""
    tail = sum(weights) // _TAIL
    return next(i for i, reached in enumerate(accumulate(weights)) if reached > tail)


def _label(low: int, high: int) -> str:
    if low == high:
        return str(low)
    return f"{low}..{high}" if low < 0 else f"{low}-{high}"


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows with the same keys as CSV; None is an empty field.

    Examples
    --------
    >>> print(csv_text([{"outcome": 2, "z": None}]), end="")
    outcome,z
    2,
    """
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def fitted(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Write whole numbers as text in each column where one is beyond 64 bits.

    Examples
    --------
    >>> fitted([{"outcome": 2, "weight": 1}, {"outcome": 3, "weight": 2**64}])
    [{'outcome': 2, 'weight': '1'}, {'outcome': 3, 'weight': '18446744073709551616'}]
    """
    wide = {
        name
        for row in rows
        for name, value in row.items()
        if isinstance(value, int) and not -(2**63) <= value < 2**63
    }
    return [{k: str(v) if k in wide else v for k, v in row.items()} for row in rows]


def svg_histogram(
    labels: Sequence[str],
    observed: Sequence[float],
    expected: Sequence[float] | None,
    *,
    title: str,
    width: int = 640,
    height: int = 240,
) -> str:
    """Draw observed shares as bars and expected ones as ticks across them, as one SVG element.

    Parameters
    ----------
    labels : sequence of str
        One for each bar; as many are written as there is room for.
    observed : sequence of float
    expected : sequence of float or None
    title : str
        Read out where the picture cannot be seen.
    width, height : int, optional
        Size in pixels.
    """
    top = max([*observed, *(expected or []), 1e-300])
    base, step = height - 20, width / max(len(labels), 1)
    every = -(-len(labels) * 40 // width)
    parts: list[str] = []
    for position, label in enumerate(labels):
        left, tall = position * step, observed[position] / top * (base - 10)
        parts.append(
            f'<rect x="{left + step * 0.1:.1f}" y="{base - tall:.1f}" width="{step * 0.8:.1f}" '
            f'height="{tall:.1f}" fill="#4477aa"/>'
        )
        if expected is not None:
            y = base - expected[position] / top * (base - 10)
            parts.append(_line(left, left + step, y))
        if position % max(every, 1) == 0:
            parts.append(
                f'<text x="{left + step / 2:.1f}" y="{height - 5}" font-size="11" '
                f'text-anchor="middle" fill="currentColor">{escape(label)}</text>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-family="sans-serif"><title>{escape(title)}</title>'
        + "".join(parts)
        + "</svg>"
    )


def _line(left: float, right: float, y: float) -> str:
    return (
        f'<line x1="{left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}" '
        'stroke="#ee6677" stroke-width="2"/>'
    )
