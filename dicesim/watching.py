"""Rolls that are still being made, and an e-value that may be looked at meanwhile."""

from __future__ import annotations

import math
import os
import select
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from dicesim.checking import RollChecker, close, opened, unreadable
from dicesim.errors import RecordError
from dicesim.evidence import e_value
from dicesim.expression import Expression
from dicesim.limits import Limits
from dicesim.one_die import reader_of
from dicesim.recorded import evidence
from dicesim.validation import RECORDED_ALARM

_PIECE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Look:
    """What rolls say so far.

    Parameters
    ----------
    n : int
        Rows so far.
    log_e_value, log_greatest : float
        Logarithm of the e-value, and of the greatest at any look.
    alpha : float
        The alarm is raised as soon as an e-value reaches 1 / alpha; if all is as the law says, the
        probability that this ever happens is at most alpha.

    Examples
    --------
    >>> look = Look(n=100, log_e_value=5.0, log_greatest=5.0, alpha=0.01)
    >>> look.alarm
    True
    """

    n: int
    log_e_value: float
    log_greatest: float
    alpha: float

    @property
    def alarm(self) -> bool:
        """Whether the rolls deviate: what was seen once stays, whatever comes after it."""
        return self.log_greatest >= -math.log(self.alpha)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the JSON form.

        Returns
        -------
        dict
        """
        return {
            "n": self.n,
            "e_value": e_value(self.log_e_value),
            "log_e_value": self.log_e_value,
            "greatest_e_value": e_value(self.log_greatest),
            "log_greatest_e_value": self.log_greatest,
            "alpha": self.alpha,
            "verdict": "deviates" if self.alarm else "inconclusive",
        }


def watch(
    file: str | Path | BinaryIO,
    against: str | Expression,
    *,
    column: str | int | None = None,
    one_die: bool = False,
    alpha: float = RECORDED_ALARM,
    limits: Limits | None = None,
    stop: Callable[[], bool] | None = None,
    poll_seconds: float = 0.25,
) -> Generator[Look, None, None]:
    """Look at a file of rolls again and again while it grows.

    Parameters
    ----------
    file : str, Path or binary file
        Rolls in order, one a line or a column for each die; ``"-"`` is the standard input.
    against : str or Expression
        Notation of the law of each column.
    column : str or int, optional
        Name or number, from 1, of the one column to watch.
    one_die : bool, optional
        Whether all numbers are rolls of one die, line after line, however many stand in a line.
    alpha : float, optional
        Probability of an alarm, ever, if all is as the law says.
    limits : Limits, optional
        Ceilings that refuse a law that is too large.
    stop : callable, optional
        Says whether to stop waiting; a pipe stops at its end as well.
    poll_seconds : float, optional
        How long to wait for more.

    Yields
    ------
    Look
        Whenever there are new rolls, and at most once for each wait.

    Raises
    ------
    RecordError
        The file cannot be read, has become shorter, or holds something that is no roll.

    Examples
    --------
    >>> import dicesim, io
    >>> rolls = io.BytesIO(b"6" + bytes([10]) + b"6" + bytes([10]))
    >>> [look.n for look in dicesim.watch(rolls, "1d6")][-1]
    2
    """
    checker = RollChecker(against, alpha, limits)
    reader = reader_of(column, one_die=one_die)
    greatest, seen = 0.0, 0
    for piece in _growing(file, stop or (lambda: False), poll_seconds):
        for block in reader.feed(piece or b"", last=piece is None):
            if block.counts is not None:
                raise RecordError("watch: these are counts; write rolls in order, one a line")
            checker.add(block, reader.names, "line")
        record = checker.record
        if record is None or record.n == seen:
            continue
        seen = record.n
        logarithm = evidence(record, checker.pmf)
        greatest = max(greatest, logarithm)
        yield Look(seen, logarithm, greatest, alpha)


def _growing(
    file: str | Path | BinaryIO, stop: Callable[[], bool], poll_seconds: float
) -> Iterator[bytes | None]:
    """Yield what a file holds and what is added to it; None at the end of what cannot grow."""
    stream = opened(file)
    grows = isinstance(file, (str, Path)) and Path(file).is_file()
    try:
        while not stop():
            if not grows and not _ready(stream, poll_seconds):
                continue
            piece = _available(stream, file)
            if piece:
                yield piece
            elif grows:
                _check_length(stream, file)
                time.sleep(poll_seconds)
            else:
                yield None
                return
    finally:
        close(stream, file)


def _ready(stream: BinaryIO, poll_seconds: float) -> bool:
    """Whether a pipe has something to read, after a while at most, so that one can stop."""
    try:
        return bool(select.select([stream], [], [], poll_seconds)[0])
    except (OSError, ValueError):  # no pipe, or a system that cannot wait for one
        return True


def _available(stream: BinaryIO, file: object) -> bytes:
    try:
        read = getattr(stream, "read1", stream.read)
        return bytes(read(_PIECE))
    except OSError as error:
        raise unreadable(file, error) from error


def _check_length(stream: BinaryIO, file: object) -> None:
    if os.fstat(stream.fileno()).st_size < stream.tell():
        raise RecordError(f"{str(file)!r} has become shorter; start again to watch it from its top")
