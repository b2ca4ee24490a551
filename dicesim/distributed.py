"""Engines that somebody else operates: Dask, and anything that hands out an executor."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any, Final

from dicesim.errors import ExecutionError, ParameterError
from dicesim.execution import TICK, Job, Outcomes, Schedule, Task
from dicesim.futures import FuturesExecutor, handed_in
from dicesim.workers import obstacle, starting

# Seconds until a scheduler has to answer, and between two looks at how many workers it has.
_ANSWER: Final = 5
_LOOK: Final = 1.0


def executor_of(
    owner: Any, workers: int | None, patience: float, processors: int
) -> FuturesExecutor:
    """Take the executor that somebody hands out.

    Parameters
    ----------
    owner : object
        With a method ``get_executor``.
    workers : int or None
    patience : float
        Seconds that a client of Dask may be without workers.
    processors : int
        How many workers an executor is taken to have that does not tell.
    """
    if any(base.__module__.partition(".")[0] == "distributed" for base in type(owner).__mro__):
        return DaskExecutor(nullcontext(owner), None, patience)
    handed_out: Executor = owner.get_executor()
    return handed_in(handed_out, type(owner).__name__, workers, processors)


class DaskExecutor(FuturesExecutor):
    """The workers of a Dask scheduler, however many there are at the time.

    Dask runs a task again when its worker dies, and waits for ever where no worker is left; that
    wait is bounded here.

    Parameters
    ----------
    connection : context manager
        Enters with a ``distributed.Client``, and ends what was made for it.
    workers : int or None
        How many there are, if that is known.
    patience : float
        Seconds that it may be without workers.
    """

    def __init__(
        self, connection: AbstractContextManager[Any], workers: int | None, patience: float
    ) -> None:
        super().__init__("dask", self._hand_out, workers, owned=False, slots=workers or 1)
        self._connection = connection
        self._patience = patience
        self._client: Any = None
        self._next_look = self._last_seen = 0.0

    @classmethod
    def named(cls, scheduler: str | None, workers: int | None, patience: float) -> DaskExecutor:
        """Take the scheduler with this address, or else start workers on this machine.

        Raises
        ------
        ParameterError
            Dask is not installed, or cannot start processes here.
        """
        if find_spec("distributed") is None:
            raise ParameterError(
                "executor: dask is not installed; write pip install 'dicesim[dask]', or choose "
                "another executor",
                parameter="executor",
            )
        if scheduler is not None:
            return cls(_scheduler_at(scheduler), None, patience)
        if reason := obstacle("spawn"):
            raise ParameterError(
                f"executor: dask cannot start workers {reason}; name a scheduler, or choose "
                "serial, threads or auto",
                parameter="executor",
            )
        return cls(_local_cluster(workers), workers, patience)

    def outcomes(self, job: Job, schedule: Schedule) -> Outcomes:
        """Run every task."""
        with self._connection as self._client:
            self._last_seen = time.monotonic()
            yield from super().outcomes(job, schedule)

    def _hand_out(self) -> Executor:
        executor: Executor = self._client.get_executor(pure=False)
        return executor

    def _fit(self, schedule: Schedule) -> None:
        now = time.monotonic()
        if now > self._next_look:
            threads = self._count()
            # Tasks wait for the first worker, and may be done within a second of its coming.
            self._next_look = now + (_LOOK if threads else TICK)
            if threads:
                self._last_seen = now
                self.workers = max(self.workers or 0, threads)
            self.slots = threads or 1
            self._check_patience(now)
        super()._fit(schedule)

    def _count(self) -> int:
        """Count the threads that take tasks."""
        try:
            told = self._client.sync(
                self._client.scheduler.identity, n_workers=0, callback_timeout=_ANSWER
            )
        except (OSError, TimeoutError):
            return 0
        return int(told["total_threads"])

    def _check_patience(self, now: float) -> None:
        """Give up on a scheduler without workers.

        Raises
        ------
        ExecutionError
            It had none for too long.
        """
        if now > self._last_seen + self._patience:
            address = self._client.scheduler.address
            raise ExecutionError(
                f"the scheduler at {address} had no worker for {self._patience:g} s; start some "
                f"(dask worker {address}), or wait longer with --limit worker_wait=N or "
                "Limits(worker_wait=N)"
            )

    def _failure(self, error: Exception, task: Task) -> str:
        if type(error).__name__ != "KilledWorker":
            return super()._failure(error, task)
        batches = f"batches {task.index} to {task.batches.stop - 1}"
        return f"{batches} ended every worker that Dask gave them to, and it gave up"


@contextmanager
def _scheduler_at(address: str) -> Iterator[Any]:
    """Connect to a scheduler.

    Raises
    ------
    ParameterError
        It does not answer.
    """
    import distributed

    with _quiet():
        try:
            client = distributed.Client(address, timeout=_ANSWER)
        except (OSError, ValueError) as error:
            raise ParameterError(
                f"scheduler: nobody answers at {address} ({error}); start one with dask scheduler, "
                "and write its address, such as tcp://127.0.0.1:8786",
                parameter="scheduler",
            ) from error
        with client:
            yield client


@contextmanager
def _local_cluster(workers: int | None) -> Iterator[Any]:
    """Start a scheduler and workers on this machine, and end them."""
    import distributed

    with _quiet():
        with starting(get_context("spawn")):
            cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",  # two clusters would quarrel over the usual port
                silence_logs=logging.CRITICAL,
            )
        with cluster, distributed.Client(cluster) as client:
            yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from telling in many lines what an error of ours tells in one."""
    # Each of its modules has a logger with a level of its own, which another thread may quiet, too.
    loggers = [
        logging.getLogger(name)
        for name in list(logging.root.manager.loggerDict)
        if name.partition(".")[0] == "distributed"
    ]
    for logger in loggers:
        logger.addFilter(_is_critical)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_is_critical)


def _is_critical(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.CRITICAL
