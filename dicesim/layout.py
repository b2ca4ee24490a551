"""Headings, tables and sentences, laid out for a width in columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final, TypeAlias

from dicesim.drawing import bar
from dicesim.expression import Expression
from dicesim.wording import describe, unparse

_LEAST_BAR: Final = 8
# Shares below this are written with an exponent, for they would read as zero.
_LEAST_SHARE: Final = 1e-5

Column: TypeAlias = tuple[str, list[str]]


def heading(expression: Expression) -> str:
    """Say what was understood: canonical notation, and the same in words."""
    return f"{unparse(expression)}: {describe(expression)}"


def layout_table(
    columns: list[Column],
    values: Sequence[float],
    marks: Sequence[float | None] | None,
    width: int,
    ascii_only: bool,
) -> list[str]:
    """Right-align the columns, and fill the rest of the width with a bar for each line."""
    widths = [max(map(len, [name, *cells])) for name, cells in columns]
    room = width - sum(widths) - 2 * len(widths) - 1  # the mark of a full bar takes one more
    marks = marks or [None] * len(values)
    top = max([*values, *(mark for mark in marks if mark is not None)])
    lines = ["  ".join(name.rjust(w) for (name, _), w in zip(columns, widths, strict=True))]
    for i, value in enumerate(values):
        line = "  ".join(cells[i].rjust(w) for (_, cells), w in zip(columns, widths, strict=True))
        if room >= _LEAST_BAR and top > 0:
            mark = marks[i]
            place = None if mark is None else mark / top
            line += "  " + bar(value / top, place, room, ascii_only=ascii_only)
        lines.append(line.rstrip())
    return lines


def format_share(share: float) -> str:
    """Write a share in percent."""
    return f"{share:.4%}" if share == 0 or share >= _LEAST_SHARE else f"{share * 100:.1e}%"


def counted(number: int, thing: str, things: str = "") -> str:
    """Write a number of things."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def wrap(sentence: str, width: int) -> list[str]:
    """Break a sentence into lines."""
    return textwrap.wrap(sentence, width, subsequent_indent="  ", break_long_words=False)
