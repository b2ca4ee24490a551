"""Counters in shared memory behind a Lock, which is taken once for each batch.

A worker may be killed while it holds the lock, half-way through an update. So an update is whole or
absent by construction: there are two copies of everything, the new state is written to the copy
that is not in use, and then a single byte says which copy holds. One byte cannot be half-written.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from multiprocessing.context import BaseContext
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dicesim.errors import ExecutionError, LimitError
from dicesim.expression import Expression
from dicesim.tally import Tally

# Widest range of totals for which two shared copies are kept, each written once a batch.
MAX_WIDTH: Final = 2**20


class SharedCounters:
    """A count for each total, a mark for each batch in flight, and the lock that guards both.

    The marks stand beside the counts in the same copy, so a batch is marked exactly if it is
    counted. Its mark is found by its index modulo the number of marks; batches in flight lie closer
    together than that.

    Parameters
    ----------
    expression : Expression
        Gives the range of totals.
    marks : int
        How many batches may be in flight at once.
    context : multiprocessing context, optional
        For counters that processes share; without it they serve the threads of this process.

    Raises
    ------
    LimitError
        The totals range too widely.
    ExecutionError
        There is no shared memory to be had.
    """

    def __init__(
        self, expression: Expression, marks: int, context: BaseContext | None = None
    ) -> None:
        self._low, high = expression.bounds
        self._width = high - self._low + 1
        if self._width > MAX_WIDTH:
            raise LimitError(
                f"aggregation: shared counters would range over {self._width:,} totals, beyond "
                f"{MAX_WIDTH:,}; choose bincount",
                limit="outcomes",
            )
        words = 2 * (self._width + marks)
        self._lock: AbstractContextManager[Any]
        self._memory: Any
        self._current: Any
        if context is None:
            self._lock = threading.Lock()
            self._memory, self._current = np.zeros(words, np.int64), np.zeros(1, np.uint8)
            return
        try:
            self._lock = context.Lock()
            self._memory, self._current = context.RawArray("q", words), context.RawArray("B", 1)
        except OSError as error:
            raise ExecutionError(
                f"no shared memory for the counters: {error}; choose the aggregation bincount"
            ) from error

    @property
    def _copies(self) -> NDArray[np.int64]:
        return np.frombuffer(self._memory, dtype=np.int64).reshape(2, -1)

    @property
    def _whole(self) -> NDArray[np.int64]:
        whole: NDArray[np.int64] = self._copies[self._current[0]]
        return whole

    def add(self, batch: int, tally: Tally) -> None:
        """Count a batch, wholly or not at all."""
        with self._lock:
            self._write(batch, tally)

    def _write(self, batch: int, tally: Tally) -> None:
        other = 1 - self._current[0]
        copy = self._copies[other]
        copy[:] = self._whole
        copy[tally.outcomes - self._low] += tally.counts
        copy[self._mark(batch)] = batch + 1
        self._current[0] = other

    def holds(self, batch: int) -> bool:
        """Tell whether a batch in flight has been counted."""
        return bool(self._whole[self._mark(batch)] == batch + 1)

    def renew(self, context: BaseContext) -> None:
        """Take a new lock, after all workers that could hold the old one have died."""
        self._lock = context.Lock()

    def tally(self) -> Tally:
        """Return all that has been counted."""
        return Tally.from_table(self._low, self._whole[: self._width])

    def _mark(self, batch: int) -> int:
        return self._width + batch % (len(self._whole) - self._width)
