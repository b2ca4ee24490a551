"""Workers that somebody else manages: any `concurrent.futures.Executor`."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any, ClassVar, Final

from dicesim._version import __version__
from dicesim.choices import StartMethod
from dicesim.errors import DicesimError, ExecutionError, ParameterError
from dicesim.execution import (
    TASKS_PER_WORKER,
    TICK,
    TRIES,
    Job,
    Outcome,
    Outcomes,
    Schedule,
    Task,
    run_task,
)
from dicesim.guard import UNGUARDED
from dicesim.workers import (
    KILLED_AT_START,
    check_born,
    check_start,
    obstacle,
    prepare_worker,
    starting,
    watch_parent,
)

Flying = dict[Future[Outcome], Task]

# How long an executor may take to notice that a worker has died, or to shut down, in seconds.
_PATIENCE: Final = 2.0
# What a task costs the one scheduler of a cluster, in seconds (measured for Dask: 3 ms), and how
# long a task should take at least.
_SCHEDULER_SECONDS: Final = 0.004
_LEAST_SECONDS: Final = 0.5


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
    slots : int
        How many tasks it is taken to run at once.
    """

    name: str
    make: Callable[[], Executor]
    workers: int | None = None
    owned: bool = True
    slots: int = 1
    start_method: ClassVar[StartMethod | None] = None

    def outcomes(self, job: Job, schedule: Schedule) -> Outcomes:
        """Run every task."""
        pool = self._make()
        flying: Flying = {}
        idle_breaks = 0
        try:
            while not schedule.finished:
                try:
                    if pool.remote:
                        self._fit(schedule)
                    self._submit(pool, job, schedule, flying)
                    self._collect(pool, schedule, flying)
                except BrokenExecutor as error:
                    idle_breaks = 0 if flying else idle_breaks + 1
                    self._settle(schedule, flying)
                    if not self.owned or idle_breaks == TRIES:
                        raise self._give_up(error) from error
                    pool.end(abandon=True)
                    pool.check_guard()
                    pool = self._make()
                yield None
                yield from schedule.ready()
        finally:
            if self.owned:
                pool.end(abandon=not schedule.finished)
            else:
                for future in flying:
                    future.cancel()

    def _fit(self, schedule: Schedule) -> None:
        """Have tasks so large that they are worth their way to other machines."""
        schedule.fit(2 * TASKS_PER_WORKER * self.slots, lambda left: task_seconds(self.slots, left))

    def _make(self) -> _Pool:
        try:
            executor = self.make()
        except OSError as error:
            raise ExecutionError(
                f"the function that was handed in could make no executor: {error}"
            ) from error
        if not isinstance(executor, Executor):
            raise ParameterError(
                f"executor: the function returned {executor!r}; return a "
                "concurrent.futures.Executor",
                parameter="executor",
            )
        if isinstance(executor, ProcessPoolExecutor):
            inside: Any = executor
            if reason := obstacle(inside._mp_context.get_start_method()):
                raise ParameterError(
                    f"executor: it cannot start workers {reason}; choose serial, threads or auto",
                    parameter="executor",
                )
        return _Pool(executor, self.owned)

    def _submit(self, pool: _Pool, job: Job, schedule: Schedule, flying: Flying) -> None:
        """Keep the workers busy; a task under suspicion flies alone, so that guilt is certain."""
        while not any(schedule.suspected(task) for task in flying.values()):
            if len(flying) >= TASKS_PER_WORKER * self.slots:
                return
            task = schedule.take()
            if task is None:
                return
            if schedule.suspected(task) and flying:
                schedule.lost(task, blamed=False)
                return
            try:
                flying[pool.submit(job, task)] = task
            except BrokenExecutor:
                schedule.lost(task, blamed=False)
                raise
            except (RuntimeError, OSError) as error:
                raise ExecutionError(f"the executor takes no tasks: {error}") from error

    def _collect(self, pool: _Pool, schedule: Schedule, flying: Flying) -> None:
        if not flying:
            time.sleep(TICK)
        done, _ = wait(flying, timeout=TICK, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                schedule.done(future.result())
            except (DicesimError, BrokenExecutor):
                raise
            except Exception as error:
                raise ExecutionError(self._failure(error, flying[future])) from error
            del flying[future]
        pool.check(came=bool(done))

    def _failure(self, error: Exception, task: Task) -> str:
        """Say that a task came to nothing, for a reason that lies outside of it."""
        batches = f"batches {task.index} to {task.batches.stop - 1}"
        if isinstance(error, CancelledError):
            return f"{self.name} has cancelled {batches}: it was shut down, or its scheduler died"
        hint = ""
        if isinstance(error, (ImportError, AttributeError)):
            hint = f"; install dicesim=={__version__} wherever workers run"
        return f"{self.name} could not run {batches}: {type(error).__name__}: {error}{hint}"

    @staticmethod
    def _settle(schedule: Schedule, flying: Flying) -> None:
        """Keep what was finished before the pool broke, and have the rest run again."""
        done, _ = wait(flying, timeout=_PATIENCE)
        for future, task in flying.items():
            try:
                if future in done:
                    schedule.done(future.result())
                    continue
            except BrokenExecutor:
                pass
            schedule.lost(task, blamed=True)
        flying.clear()

    def _give_up(self, error: BrokenExecutor) -> ExecutionError:
        if self.owned:
            return ExecutionError(f"the executor broke {TRIES} times and took no task: {error}")
        return ExecutionError(
            f"the executor that was handed in broke: {error}; hand in a function that makes one, "
            "and it is made anew"
        )


def handed_in(
    executor: Executor, name: str, workers: int | None, processors: int
) -> FuturesExecutor:
    """Take an executor that stays its owner's.

    Parameters
    ----------
    executor : concurrent.futures.Executor
    name : str
    workers : int or None
        How many it has, if that was told.
    processors : int
        How many it is taken to have, where it does not tell either.
    """
    slots = workers or _size(executor) or processors
    return FuturesExecutor(name, lambda: executor, workers, owned=False, slots=slots)


def _size(executor: Executor) -> int | None:
    """Tell how many workers an executor has, as several kinds of them do."""
    for name in ("num_workers", "_max_workers"):
        number = getattr(executor, name, None)
        if isinstance(number, int) and number > 0:
            return number
    return None


def task_seconds(workers: int, left: float) -> float:
    """How long a task should take on a cluster.

    So long that the scheduler, to which all workers come in turn, is idle half of the time. Where
    little is left to do, less: ``n`` tasks keep the scheduler busy for n times what one costs it,
    and the last of them takes its own time, which is soonest over for the square root.

    Parameters
    ----------
    workers : int
    left : float
        Seconds that one worker would take for all that is left.

    Examples
    --------
    >>> task_seconds(10, 1e6), task_seconds(1000, 1e6), task_seconds(1000, 1000)
    (0.5, 8.0, 2.0)
    """
    longest = min(2 * _SCHEDULER_SECONDS * workers, math.sqrt(_SCHEDULER_SECONDS * left))
    return max(_LEAST_SECONDS, longest)


class _Pool:
    """An executor and, if it is a `ProcessPoolExecutor`, its processes.

    That one does not notice every death: a worker killed half-way through a message leaves its
    manager thread waiting for the rest, and one killed as it starts may not be watched yet. Then no
    future would ever be done, and neither `shutdown` nor the interpreter would come to an end.
    Nothing of this can be seen or mended but from the inside.
    """

    def __init__(self, executor: Executor, owned: bool) -> None:
        self._executor = executor
        self._owned = owned
        self._deaf_since: float | None = None
        self._unguarded = False
        self._inside: Any = executor if isinstance(executor, ProcessPoolExecutor) else None
        self.remote = not isinstance(executor, (ProcessPoolExecutor, ThreadPoolExecutor))
        if self._inside and owned:
            before = self._inside._initializer, self._inside._initargs
            self._inside._initializer, self._inside._initargs = _enlist, before

    def submit(self, job: Job, task: Task) -> Future[Outcome]:
        """Submit a task; for that, processes may be started."""
        if not self._owned:
            return self._executor.submit(run_task, job, task)
        if not self._inside:
            return self._executor.submit(_run_watched, job, task)
        try:
            with starting(self._inside._mp_context):
                future = self._executor.submit(run_task, job, task)
                for process in self._processes:
                    check_born(process)
        except KILLED_AT_START as error:
            raise BrokenProcessPool(f"a worker died as it started: {error!r}") from error
        return future

    def check(self, *, came: bool) -> None:
        """Look for a death that the executor does not notice; `came` says that outcomes come.

        Raises
        ------
        BrokenExecutor
            A worker is dead, and nothing has come of it.
        """
        sentinels = [process.sentinel for process in self._processes]
        if came or not connection.wait(sentinels, timeout=0):
            self._deaf_since = None
            return
        self._deaf_since = self._deaf_since or time.monotonic()
        if time.monotonic() > self._deaf_since + _PATIENCE:
            raise BrokenProcessPool("a worker died, and the executor did not notice")

    def end(self, *, abandon: bool) -> None:
        """Shut the executor down; to abandon it is to kill its processes at once."""
        processes, inside = self._processes, self._inside
        queues = (inside._call_queue, inside._result_queue) if processes else ()
        if abandon:
            self._kill(processes)
            if queues:
                queues[1]._writer.close()  # our own end; the manager may wait for half a message
        options = {"wait": True, "cancel_futures": True}
        closing = threading.Thread(target=self._executor.shutdown, kwargs=options, daemon=True)
        try:
            closing.start()
        except RuntimeError:  # the system has no more threads: not even one to wait in
            self._executor.shutdown(wait=False, cancel_futures=True)
            return
        # Threads end by themselves, with their batch.
        closing.join(TICK if abandon and not processes else _PATIENCE)
        if closing.is_alive() and queues:
            self._kill(processes)
            queues[0]._reader.close()  # our own end; a thread may wait for room to write
            closing.join(_PATIENCE)
        self._unguarded = any(process.exitcode == UNGUARDED for process in processes)

    def check_guard(self) -> None:
        """Give up on an executor that has ended because the script has no main guard.

        Raises
        ------
        ExecutionError
            A process of it would have started a run as it imported the script.
        """
        if self._unguarded:
            check_start(UNGUARDED)

    @property
    def _processes(self) -> list[Any]:
        return list(((self._inside and self._inside._processes) or {}).values())

    @staticmethod
    def _kill(processes: list[Any]) -> None:
        for process in processes:
            if not connection.wait([process.sentinel], timeout=0):
                process.kill()


def _enlist(initializer: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    """Begin as a worker of a `ProcessPoolExecutor` that is ours."""
    prepare_worker()
    if initializer is not None:
        initializer(*arguments)


def _run_watched(job: Job, task: Task) -> Outcome:
    """Run a task in a worker that must not outlive us."""
    watch_parent()
    return run_task(job, task)
