"""Recorded rolls from memory or from a file, held against a law."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import index
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from dicesim.accumulation import Record
from dicesim.choices import require_alpha
from dicesim.die_law import check_cost
from dicesim.distribution import exact
from dicesim.errors import ExactUnavailable, ParameterError, RecordError
from dicesim.expression import Expression
from dicesim.limits import Limits
from dicesim.notation import as_expression
from dicesim.one_die import reader_of
from dicesim.pmf import PMF
from dicesim.recorded import RecordedCheck, judge
from dicesim.recording import MOST_COLUMNS, Block
from dicesim.tally import Integers
from dicesim.validation import RECORDED_ALARM
from dicesim.wording import unparse

_PIECE: Final = 2**20
_ROWS: Final = 2**18
_INT64_MAX: Final = 2**63 - 1
# Dice that show 1, 2, 3 and so on for so many rows number them.
_LEAST_NUMBERED: Final = 5
_COUNTS: Final = "or, if the last column says how often each face came, --counts (counts=True)"


class RollChecker:
    """Rolls of one law that come block by block, and what they say so far.

    Parameters
    ----------
    against : str or Expression
        The law of each column.
    alpha : float
        Alarm level.
    limits : Limits, optional
        Ceilings for the law.
    """

    def __init__(
        self, against: str | Expression, alpha: float, limits: Limits | None = None
    ) -> None:
        require_alpha(alpha)
        tree = as_expression(against)
        self.against = unparse(tree)
        self.alpha = alpha
        self.pmf = exact(tree, limits=limits)
        if len(self.pmf) < 2:
            raise ParameterError(
                f"against: {self.against} has only one outcome; write dice that can fall in "
                "different ways",
                parameter="against",
            )
        self.record: Record | None = None
        self._numbering = np.zeros(0, dtype=np.bool_)
        self._total: PMF | None = None
        self._note = ""

    def add(self, block: Block, names: Sequence[str], place: str) -> None:
        """Count a block; `place` says what its places are: lines, or rolls."""
        if self.record is None:
            self._total, self._note = _total_law(self.pmf, len(names))
            self.record = Record(self.pmf, names, self._total)
            self._numbering = np.full(len(names), len(names) > 1 and block.counts is None)
        if self._numbering.any():
            numbers = np.arange(self.record.n + 1, self.record.n + len(block.rows) + 1)
            self._numbering &= (block.rows == numbers[:, np.newaxis]).all(axis=0)
        self.record.add(block, self._impossible(len(names), place))

    def result(self) -> RecordedCheck:
        """Test all that came so far.

        Raises
        ------
        RecordError
            Nothing came, or what came are no rolls.
        """
        if self.record is None:
            raise RecordError("nothing was rolled; write a roll at least, one a line")
        if self.record.n >= _LEAST_NUMBERED and self._numbering.any():
            name = self.record.names[int(np.argmax(self._numbering))]
            raise RecordError(
                f"{name} numbers the rows, from 1 to {self.record.n:,}; write --column "
                f"(column=) with the name of another, {_COUNTS}"
            )
        return judge(self.record, self.pmf, self._total, self.against, self.alpha, self._note)

    def _impossible(self, columns: int, place: str) -> Callable[[int, int], RecordError]:
        def error(face: int, number: int) -> RecordError:
            law, remedy = self.against, "write another law, or what was rolled"
            if columns > 1:
                law += f", which is the law of each of the {columns} columns"
                remedy = f"write the law of one die, for the total is tested too, {_COUNTS}"
            return RecordError(
                f"{place} {number}: {face} cannot come up with {law}; {remedy}", line=number
            )

        return error


def check(
    data: Mapping[Any, int] | Sequence[Any] | NDArray[Any],
    against: str | Expression,
    *,
    alpha: float = RECORDED_ALARM,
    limits: Limits | None = None,
) -> RecordedCheck:
    """Hold recorded rolls against a law.

    Parameters
    ----------
    data : mapping, sequence or ndarray
        A mapping is counts, of a face or of a tuple with a face for each die. A sequence is rolls
        in order; one of rows has a column for each die.
    against : str or Expression
        Notation of the law of each column.
    alpha : float, optional
        Alarm level of all tests together, between 0 and 0.5.
    limits : Limits, optional
        Ceilings that refuse a law that is too large.

    Returns
    -------
    RecordedCheck

    Raises
    ------
    RecordError
        The data are no rolls, or a face among them cannot come up.
    NotationError, LimitError, ExactUnavailable
        There is no such law, or none that can be computed.

    Examples
    --------
    >>> zacharias = {1: 53222, 2: 52118, 3: 52465, 4: 52338, 5: 52244, 6: 53285}
    >>> result = check(zacharias, "1d6")
    >>> round(result.check.statistic, 4), result.verdict
    (24.7315, 'deviates')
    """
    checker = RollChecker(against, alpha, limits)
    if isinstance(data, Mapping):
        block = _counted(data)
        if len(block.rows):
            checker.add(block, _numbered(block.rows.shape[1]), "row")
        return checker.result()
    rows = _rows(data)
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        places = range(start + 1, start + len(part) + 1)
        checker.add(Block(part, None, places), _numbered(rows.shape[1]), "roll")
    return checker.result()


def check_file(
    file: str | Path | BinaryIO,
    against: str | Expression,
    *,
    column: str | int | None = None,
    counts: bool = False,
    one_die: bool = False,
    alpha: float = RECORDED_ALARM,
    limits: Limits | None = None,
) -> RecordedCheck:
    r"""Hold rolls that are recorded in a text file against a law.

    The file is read in pieces, so its size does not matter.

    Parameters
    ----------
    file : str, Path or binary file
        One total a line; or a column for each die; or a table with a column called count or
        frequency. ``"-"`` is the standard input.
    against : str or Expression
        Notation of the law of each column.
    column : str or int, optional
        Name or number, from 1, of the one column to check.
    counts : bool, optional
        Whether the last column says how often each row came.
    one_die : bool, optional
        Whether all numbers are rolls of one die, line after line, however many stand in a line.
    alpha, limits
        As for `check`.

    Returns
    -------
    RecordedCheck

    Raises
    ------
    RecordError
        The file cannot be read, or a line of it; the message names the line.
    NotationError, LimitError, ExactUnavailable
        There is no such law, or none that can be computed.

    Examples
    --------
    >>> import io
    >>> result = check_file(io.BytesIO(b"face,count\n0,60\n1,40\n"), "d2-1")
    >>> result.check.statistic, result.n
    (4.0, 100)
    """
    checker = RollChecker(against, alpha, limits)
    reader = reader_of(column, counts=counts, one_die=one_die)
    for piece in _pieces(file):
        for block in reader.feed(piece, last=not piece):
            checker.add(block, reader.names, "line")
    return checker.result()


def opened(file: str | Path | BinaryIO) -> BinaryIO:
    """Open a file for reading; standard input and files that are open stay as they are.

    Raises
    ------
    RecordError
        It cannot be opened.
    """
    if not isinstance(file, (str, Path)):
        return file
    if str(file) == "-":
        if sys.stdin is None:
            raise RecordError("-: there is no standard input; write the name of a file")
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from error


def _pieces(file: str | Path | BinaryIO) -> Iterator[bytes]:
    """Yield the content of a file, and at its end an empty piece."""
    stream = opened(file)
    try:
        while piece := stream.read(_PIECE):
            yield piece
    except OSError as error:
        raise unreadable(file, error) from error
    finally:
        close(stream, file)
    yield b""


def close(stream: BinaryIO, file: object) -> None:
    """Close what `opened` opened, and nothing else."""
    if isinstance(file, (str, Path)) and str(file) != "-":
        stream.close()


def unreadable(file: object, error: Exception) -> RecordError:
    """Make the error of a file that cannot be read."""
    reason = getattr(error, "strerror", None) or str(error)
    return RecordError(f"{str(file)!r} cannot be read: {reason}; write the name of a text file")


def _total_law(pmf: PMF, columns: int) -> tuple[PMF | None, str]:
    """Law of the total of a row, or why there is none."""
    if columns == 1:
        return None, ""
    try:
        check_cost(pmf.power_cost(columns))
    except ExactUnavailable as error:
        return None, f"the total of the columns is not tested: {error}"
    if columns * max(-pmf.outcomes[0], pmf.outcomes[-1]) > _INT64_MAX:
        return None, "the total of the columns is not tested: it is too large a number"
    return pmf.power(columns), ""


def _numbered(columns: int) -> list[str]:
    return [f"column {i + 1}" for i in range(columns)]


def _counted(data: Mapping[Any, int]) -> Block:
    """Rows of a mapping of a face, or of a tuple of faces, to how often it came."""
    rows: list[list[int]] = []
    counts: list[int] = []
    for number, (key, count) in enumerate(data.items(), start=1):
        faces = key if isinstance(key, tuple) else (key,)
        row = [_whole(face, f"row {number}, face", number) for face in faces]
        if (rows and len(row) != len(rows[0])) or not 0 < len(row) <= MOST_COLUMNS:
            raise RecordError(
                f"row {number}: {len(row)} faces; write as many in every row, at most "
                f"{MOST_COLUMNS}",
                line=number,
            )
        came = _whole(count, f"row {number}, count of {key!r}", number)
        if came < 0:
            raise RecordError(
                f"row {number}: the count {came} is negative; write how often {key!r} came",
                line=number,
            )
        if came:
            rows.append(row)
            counts.append(came)
    width = len(rows[0]) if rows else 1
    return Block(
        np.array(rows, dtype=np.int64).reshape(len(rows), width),
        np.array(counts, dtype=np.int64),
        range(1, len(rows) + 1),
    )


def _rows(data: object) -> Integers:
    """Whole numbers as an array with a column for each die."""
    if isinstance(data, (str, bytes, Path)):
        raise RecordError("data: this is text; write numbers, or use check_file for a file")
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise RecordError("data: rows of different lengths; write as many in each") from error
    if not array.size:
        raise RecordError("nothing was rolled; write a roll at least")
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] > MOST_COLUMNS):
        raise RecordError(
            f"data: an array of shape {array.shape}; write rolls in a line, or rows with at most "
            f"{MOST_COLUMNS} columns"
        )
    if array.dtype.kind not in "iu" or (array.dtype.itemsize == 8 and array.dtype.kind == "u"):
        flat = [_whole(value, "roll", i) for i, value in enumerate(array.ravel().tolist(), 1)]
        array = np.array(flat, dtype=np.int64).reshape(array.shape)
    return array.astype(np.int64, copy=False).reshape(len(array), -1)


def _whole(value: Any, what: str, number: int) -> int:
    try:
        whole = index(value)
    except TypeError as error:
        raise RecordError(
            f"{what}: {value!r} is no whole number; write what was rolled and, for counts, how "
            "often: a proportion does not tell how many rolls there were",
            line=number,
        ) from error
    if abs(whole) > _INT64_MAX:
        raise RecordError(f"{what}: the number is too large; write what was rolled", line=number)
    return whole
