"""Bars, histograms and CSV from plain sequences."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

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


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows with the same keys as CSV; None is an empty field.

    Examples
    --------
    >>> print(csv_text([{"outcome": 2, "z": None}]), end="")
    outcome,z
    2,
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


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
