"""Workers that somebody else manages: any `concurrent.futures.Executor`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from typing import ClassVar, Final

from dicesim.choices import StartMethod
from dicesim.errors import ExecutionError, ParameterError
from dicesim.execution import TICK, TRIES, Job, Outcome, Outcomes, Schedule, Task, run_task
from dicesim.workers import watch_parent

# How long workers may take to end by themselves, in seconds.
_PATIENCE: Final = 2.0

Flying = dict[Future[Outcome], Task]


@dataclass
class FuturesExecutor:
    """Any `concurrent.futures.Executor`.

    Parameters
    ----------
    name : str
    make : callable
        Returns the pool to submit to.
    workers : int or None
        How many workers it has, if that is known.
    owned : bool
        Whether the pool is ours to shut down, and to make anew when it breaks. What was handed in
        is the caller's, and is left as it is.
    """

    name: str
    make: Callable[[], Executor]
    workers: int | None = None
    owned: bool = True
    start_method: ClassVar[StartMethod | None] = None

    def outcomes(self, job: Job, schedule: Schedule) -> Outcomes:
        """Run every task."""
        pool = self._make()
        flying: Flying = {}
        idle_breaks = 0
        try:
            while not schedule.finished:
                try:
                    self._submit(pool, job, schedule, flying)
                    self._collect(schedule, flying)
                except BrokenExecutor as error:
                    idle_breaks = 0 if flying else idle_breaks + 1
                    self._settle(schedule, flying)
                    if not self.owned or idle_breaks == TRIES:
                        raise self._give_up(error) from error
                    pool = self._make()
                yield None
                yield from schedule.ready()
        finally:
            for future in flying:
                future.cancel()
            if self.owned:
                _shut_down(pool)

    def _make(self) -> Executor:
        try:
            pool = self.make()
        except OSError as error:
            raise ExecutionError(
                f"the function that was handed in could make no executor: {error}"
            ) from error
        if not isinstance(pool, Executor):
            raise ParameterError(
                f"executor: the function returned {pool!r}; return a concurrent.futures.Executor",
                parameter="executor",
            )
        return pool

    def _submit(self, pool: Executor, job: Job, schedule: Schedule, flying: Flying) -> None:
        """Keep the window full; a task under suspicion flies alone, so that guilt is certain."""
        run = _run_watched if self.owned else run_task
        while not any(schedule.suspected(task) for task in flying.values()):
            task = schedule.take()
            if task is None:
                return
            if schedule.suspected(task) and flying:
                schedule.lost(task, blamed=False)
                return
            try:
                flying[pool.submit(run, job, task)] = task
            except BrokenExecutor:
                schedule.lost(task, blamed=False)
                raise
            except (RuntimeError, OSError) as error:
                raise ExecutionError(f"the executor takes no tasks: {error}") from error

    @staticmethod
    def _collect(schedule: Schedule, flying: Flying) -> None:
        done, _ = wait(flying, timeout=TICK, return_when=FIRST_COMPLETED)
        for future in done:
            schedule.done(future.result())
            del flying[future]

    @staticmethod
    def _settle(schedule: Schedule, flying: Flying) -> None:
        """Keep what was finished before the pool broke, and have the rest run again."""
        wait(flying)
        for future, task in flying.items():
            try:
                schedule.done(future.result())
            except BrokenExecutor:
                schedule.lost(task, blamed=True)
        flying.clear()

    def _give_up(self, error: BrokenExecutor) -> ExecutionError:
        if self.owned:
            return ExecutionError(f"the executor broke {TRIES} times and took no task: {error}")
        return ExecutionError(
            f"the executor that was handed in broke: {error}; hand in a function that makes one, "
            "and it is made anew"
        )


def _shut_down(pool: Executor) -> None:
    """End a pool, and its processes with it where they do not end by themselves.

    A process that was forked beside other threads may stand still for ever before its first task
    (a lock was held as it was forked), and the pool's own `shutdown` then waits for it.
    """
    end = threading.Thread(
        target=pool.shutdown, kwargs={"wait": True, "cancel_futures": True}, daemon=True
    )
    processes = dict(getattr(pool, "_processes", None) or {})
    end.start()
    end.join(_PATIENCE)
    if end.is_alive() and processes:
        for process in processes.values():
            process.kill()
        end.join(_PATIENCE)


def _run_watched(job: Job, task: Task) -> Outcome:
    """Run a task in a worker that must not outlive us."""
    watch_parent()
    return run_task(job, task)
