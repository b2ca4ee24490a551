"""Recorded rolls as text: whole numbers, a row a line, read piece by piece.

::

    3            red,white          face,count
    5            3,5                1,53222
    1            1,6                2,52118

One total a line; a column for each die, with a header or without; or how often each face came, told
by a column that is called count or frequency. Columns are set apart by commas, semicolons, tabs,
colons or spaces. Empty lines and those that begin with # are passed over.

A piece that has nothing but whole numbers in the same columns, as nearly all have, is read by
`numpy.fromstring`: a hundred times as fast as line by line, which is how any other piece is read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NoReturn

import numpy as np

from dicesim.errors import ParameterError, RecordError
from dicesim.tally import Integers

# Longest line, in bytes; text without line ends is no list of rolls.
_LONGEST_LINE: Final = 2**16
MOST_COLUMNS: Final = 64
_LONGEST_NAME: Final = 16
_MOST_COUNTS: Final = 2**20
_INT64_MAX: Final = 2**63 - 1
_WHOLE: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?%?", re.ASCII)
_COUNT_NAMES: Final = ("count", "counts", "frequency", "freq")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some rows of a record.

    Parameters
    ----------
    rows : ndarray of int64, shape (size, columns)
        The faces.
    counts : ndarray of int64, shape (size,), or None
        How often each row came, at least once; None where each is one roll.
    places : sequence of int
        Number of the line, or of the roll, of each row.
    """

    rows: Integers
    counts: Integers | None
    places: Sequence[int]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a line the faces stand, and perhaps their count."""

    delimiter: str
    width: int
    line: int
    faces: tuple[int, ...]
    count: int | None
    names: tuple[str, ...]


class RollReader:
    r"""Reads rows from text that comes in pieces.

    Parameters
    ----------
    column : str, optional
        Name or number, from 1, of the one column to read; all of them without it.
    counts : bool, optional
        Whether the last column says how often each row came; so does a header with a column that is
        called count or frequency.

    Examples
    --------
    >>> reader = RollReader()
    >>> [block.rows.tolist() for block in reader.feed(b"red,white\n3,5\n1,")]
    [[[3, 5]]]
    >>> [block.rows.tolist() for block in reader.feed(b"6", last=True)]
    [[[1, 6]]]
    >>> reader.names
    ('red', 'white')
    """

    def __init__(self, column: str | None = None, counts: bool = False) -> None:
        self._column = column
        self._counts = counts
        self._carry = b""
        self._line = 1
        self._layout: Layout | None = None
        self._seen: dict[tuple[int, ...], int] = {}

    @property
    def counted(self) -> bool:
        """Whether rows have counts; known from the first row on."""
        return self._layout is not None and self._layout.count is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of faces; known from the first row on."""
        return self._layout.names if self._layout else ()

    def feed(self, text: bytes, *, last: bool = False) -> Iterator[Block]:
        """Read whole lines, and keep what is left of the text for the next time.

        Parameters
        ----------
        text : bytes
        last : bool, optional
            Whether the text ends here, so that its last line may lack its end.

        Raises
        ------
        RecordError
            Something is no roll; the message names line and remedy.
        """
        text = self._carry + text
        if self._line == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")
        end = len(text) if last else text.rfind(b"\n") + 1
        whole, self._carry = text[:end], text[end:]
        if len(self._carry) > _LONGEST_LINE:
            self._refuse(self._line + whole.count(b"\n"), "longer than a line of rolls can be")
        if b"\r" in whole:
            whole = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if whole and not whole.endswith(b"\n"):
            whole += b"\n"
        while whole and self._layout is None:
            line, _, whole = whole.partition(b"\n")
            whole = self._begin(line, whole)
        if whole:
            yield from self._read(whole)

    def _read(self, whole: bytes) -> Iterator[Block]:
        layout = self._layout
        if layout is None:  # nothing but comments so far
            return
        block = self._fast(whole, layout) or self._slow(whole, layout)
        self._line += whole.count(b"\n")
        if len(block.rows):
            yield block

    def _begin(self, line: bytes, rest: bytes) -> bytes:
        """Settle the layout by the first line that says something; return what is yet to read."""
        text = self._text(line, self._line)
        if not text.strip() or text.lstrip().startswith("#"):
            self._line += 1
            return rest
        self._layout, header = self._lay_out(text)
        if header:
            self._line += 1
            return rest
        return line + b"\n" + rest

    def _lay_out(self, text: str) -> tuple[Layout, bool]:
        """Tell from the first line how all are laid out, and whether it is a header."""
        return _layout(text, self._line, self._column, self._counts)

    def _fast(self, whole: bytes, layout: Layout) -> Block | None:
        """Read a piece in which nothing but faces stands, or find that there is more."""
        return read_faces(whole, layout, self._line)

    def _lines(self, whole: bytes) -> Iterator[tuple[int, str]]:
        """Yield the lines of a piece that say something, with their numbers."""
        for place, raw in enumerate(whole.removesuffix(b"\n").split(b"\n"), start=self._line):
            text = self._text(raw, place).strip()
            if text and not text.startswith("#"):
                yield place, text

    def _slow(self, whole: bytes, layout: Layout) -> Block:
        """Read a piece line by line, and find what is wrong with it."""
        rows, counts, places = [], [], []
        for place, text in self._lines(whole):
            fields = _fields(text, layout.delimiter)
            if len(fields) != layout.width:
                raise RecordError(
                    f"line {place}: {_columns(len(fields))} where line {layout.line} has "
                    f"{layout.width}; write as many in every line",
                    line=place,
                )
            row = tuple(whole_number(fields[i], place) for i in layout.faces)
            if layout.count is not None:
                count = _count(fields[layout.count], place)
                self._check_once(row, place)
                if not count:
                    continue
                counts.append(count)
            rows.append(row)
            places.append(place)
        faces = np.array(rows, dtype=np.int64).reshape(len(rows), len(layout.faces))
        numbers = None if layout.count is None else np.array(counts, dtype=np.int64)
        return Block(faces, numbers, places)

    def _check_once(self, row: tuple[int, ...], place: int) -> None:
        shown = ", ".join(map(str, row))
        if row in self._seen:
            # With one column out of several, a face stands in many rows.
            if self._column is not None:
                return
            raise RecordError(
                f"line {place}: {shown} stands in line {self._seen[row]} too; write each face "
                "once, with all that were counted",
                line=place,
            )
        if len(self._seen) == _MOST_COUNTS:
            self._refuse(place, f"row {_MOST_COUNTS + 1:,} of counts")
        self._seen[row] = place

    def _text(self, raw: bytes, place: int) -> str:
        if b"\0" in raw:
            self._refuse(place, "has NUL bytes")
        if len(raw) > _LONGEST_LINE:
            self._refuse(place, "longer than a line of rolls can be")
        return raw.decode("utf-8", "replace")

    def _refuse(self, place: int, what: str) -> NoReturn:
        raise RecordError(
            f"line {place}: {what}; write plain text in UTF-8, one roll a line", line=place
        )


def read_faces(whole: bytes, layout: Layout, line: int) -> Block | None:
    """Read lines in which nothing but faces stands, or find that there is more.

    Parameters
    ----------
    whole : bytes
        Whole lines.
    layout : Layout
        How they are laid out.
    line : int
        Number of the first.

    Returns
    -------
    Block, or None where a line has to be looked at by itself
    """
    if layout.count is not None:
        return None
    delimiter = layout.delimiter.encode()
    lines = whole.count(b"\n")
    skeleton = whole.translate(None, b"0123456789-")
    if skeleton != (delimiter * (layout.width - 1) + b"\n") * lines:
        picked = _picked_from(whole, delimiter, layout)
        alone = replace(layout, width=1, faces=(0,))
        return None if picked is None else read_faces(picked, alone, line)
    if b"-" in whole and not _signs_are_sound(whole, delimiter):
        return None
    values = np.fromstring(whole.replace(delimiter, b" "), dtype=np.int64, sep=" ")
    if len(values) != lines * layout.width:
        return None  # a field is empty
    if int(values.max()) == _INT64_MAX or int(values.min()) < -_INT64_MAX:
        return None  # a number is too long
    rows = values.reshape(lines, layout.width)[:, layout.faces]
    return Block(rows, None, range(line, line + lines))


def _picked_from(whole: bytes, delimiter: bytes, layout: Layout) -> bytes | None:
    """Cut one column out of lines in which anything may stand, if they are all of a width."""
    if layout.width == 1 or len(layout.faces) > 1 or b'"' in whole or delimiter == b" ":
        return None
    lines = whole.splitlines()
    if any(line.lstrip().startswith(b"#") for line in lines):
        return None
    rows = [line.split(delimiter) for line in lines]
    if {len(row) for row in rows} != {layout.width}:
        return None
    (face,) = layout.faces
    return b"".join(row[face] + b"\n" for row in rows)


def _signs_are_sound(whole: bytes, delimiter: bytes) -> bool:
    """Whether every minus opens a field, and a digit follows."""
    opening = whole.startswith(b"-") + whole.count(b"\n-")
    closing = whole.count(b"-\n")
    if delimiter not in whole:
        return opening == whole.count(b"-") and not closing
    opening += whole.count(delimiter + b"-")
    closing += whole.count(b"-" + delimiter)
    return opening == whole.count(b"-") and not closing


def _layout(text: str, line: int, column: str | None, counts: bool) -> tuple[Layout, bool]:
    delimiter = next((mark for mark in ",;\t:" if mark in text), " ")
    fields = _fields(text.strip(), delimiter)
    width = len(fields)
    picked = _picked(fields, column, line)
    header = is_header([fields[i] for i in picked or range(width)])
    count = None
    if header:
        lower = [field.lower() for field in fields]
        count = next((lower.index(name) for name in _COUNT_NAMES if name in lower), None)
    if counts and count is None:
        count = width - 1
    faces = tuple(picked or range(width if count is None else count))
    if not faces or count in faces:
        raise RecordError(
            f"line {line}: no face beside the count; write a face, a comma and how often it came",
            line=line,
        )
    if len(faces) > MOST_COLUMNS:
        raise RecordError(
            f"line {line}: {_columns(len(faces))}, beyond {MOST_COLUMNS}; write one roll a line",
            line=line,
        )
    names = tuple(short_name(fields[i]) if header else f"column {i + 1}" for i in faces)
    return Layout(delimiter, width, line, faces, count, names), header


def _picked(fields: list[str], column: str | None, line: int) -> list[int] | None:
    """Place of the column that is asked for, by its name or its number."""
    if column is None:
        return None
    if column.isascii() and column.isdigit():
        if 0 < int(column[:9]) <= len(fields):
            return [int(column) - 1]
    elif column in fields:
        return [fields.index(column)]
    shown = ", ".join(_shown(field) for field in fields[:8])
    raise ParameterError(
        f"column: no {_shown(column)} among the {_columns(len(fields))} of line {line} ({shown}); "
        f"write a name, or a number from 1 to {len(fields)}",
        parameter="column",
    )


def _fields(text: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return [field.strip('"') for field in text.split()]
    fields = text.split(delimiter)
    if '"' in text:
        fields = next(csv.reader([text], delimiter=delimiter))
    return [field.strip() for field in fields]


def whole_number(field: str, place: int) -> int:
    """Read a whole number.

    Raises
    ------
    RecordError
        It is none; the message names its line.
    """
    if not field:
        raise RecordError(f"line {place}: a field is empty; write what was rolled", line=place)
    if _WHOLE.fullmatch(field):
        digits = field.lstrip("+-0") or "0"
        if len(digits) < 20 and int(digits) <= _INT64_MAX:
            return -int(digits) if field.startswith("-") else int(digits)
        problem = "is too large a number"
    else:
        problem = "is no whole number"
    raise RecordError(
        f"line {place}: {_shown(field)} {problem}; write what was rolled, such as 4", line=place
    )


def _count(field: str, place: int) -> int:
    if _NUMBER.fullmatch(field) and not _WHOLE.fullmatch(field):
        raise RecordError(
            f"line {place}: {_shown(field)} is a proportion, no count; write how often the face "
            "came, for a share does not tell how many rolls there were",
            line=place,
        )
    count = whole_number(field, place)
    if count < 0:
        raise RecordError(
            f"line {place}: the count {count} is negative; write how often the face came",
            line=place,
        )
    return count


def is_header(fields: Sequence[str]) -> bool:
    """Whether no field is a number."""
    return not any(map(_NUMBER.fullmatch, fields))


def short_name(field: str) -> str:
    """Name of a column as it is shown: short, and without what a terminal would obey."""
    shown = "".join(c if c.isprintable() else "?" for c in field)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 3]}..."


def _columns(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"


def _shown(field: str) -> str:
    """Show a field as one short word, whatever is in it."""
    return repr(field if len(field) <= 20 else f"{field[:20]}...")
