r"""The rolls of one die as text, as many in a line as one likes.

::

    4 2 6 6 1 3 5 2 1 6
    3 3 5

What stands between the numbers may be spaces, commas, semicolons, colons or tabs. Nobody begins a
new line for every roll who writes by hand; read as columns, such lines would be ten dice, each with
a tenth of the evidence.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import numpy as np

from dicesim.errors import ParameterError
from dicesim.recording import (
    Block,
    Layout,
    RollReader,
    is_header,
    read_faces,
    short_name,
    whole_number,
)

_MARKS: Final = b",;:\t "
_BETWEEN: Final = re.compile(r"[\s,;:]+")


def reader_of(column: str | int | None, *, counts: bool = False, one_die: bool) -> RollReader:
    """Return what reads a file.

    Parameters
    ----------
    column : str, int or None
        Name or number, from 1, of the one column to read.
    counts : bool, optional
        Whether the last column says how often each row came.
    one_die : bool
        Whether all numbers are rolls of one die, line after line.

    Raises
    ------
    ParameterError
        Where all numbers are rolls, there is neither a column nor a count.
    """
    if not one_die:
        return RollReader(None if column is None else str(column), counts)
    if counts or column is not None:
        raise ParameterError(
            "one_die: all numbers are rolls of one die; leave out either this or "
            f"{'counts' if counts else 'column'}",
            parameter="one_die",
        )
    return OneDieReader()


class OneDieReader(RollReader):
    r"""Reads the rolls of one die from text that comes in pieces.

    Examples
    --------
    >>> reader = OneDieReader()
    >>> [block.rows.ravel().tolist() for block in reader.feed(b"3, 5, 1\n6\n", last=True)]
    [[3, 5, 1, 6]]
    """

    def _lay_out(self, text: str) -> tuple[Layout, bool]:
        """Nothing is laid out but, perhaps, a header."""
        header = is_header(_BETWEEN.split(text.strip()))
        name = short_name(text.strip()) if header else "column 1"
        return Layout(" ", 1, self._line, (0,), None, (name,)), header

    def _fast(self, whole: bytes, layout: Layout) -> Block | None:
        """Give every roll a line of its own, and remember in which it stood."""
        one_a_line = whole.translate(bytes.maketrans(_MARKS, b"\n" * len(_MARKS)))
        block = read_faces(one_a_line, layout, 1)
        if block is None:
            return None
        ends = np.frombuffer(one_a_line, np.uint8) == ord("\n")
        broken = np.frombuffer(whole, np.uint8) == ord("\n")
        lines = self._line + np.cumsum(broken) - broken
        return replace(block, places=lines[ends].tolist())

    def _slow(self, whole: bytes, layout: Layout) -> Block:  # noqa: ARG002
        """Read roll by roll, and find what is wrong."""
        rolls, places = [], []
        for place, text in self._lines(whole):
            for field in filter(None, _BETWEEN.split(text)):
                rolls.append(whole_number(field, place))
                places.append(place)
        return Block(np.array(rolls, dtype=np.int64).reshape(-1, 1), None, places)
