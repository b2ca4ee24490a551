"""Worker processes by `multiprocessing.Pool`.

A Pool replaces a dead worker silently, and then waits for ever for the outcome of its task; and its
workers share queues whose locks a dead one may hold. So each process that the Pool starts is
watched from outside, and after a death the whole Pool is thrown away and another one made.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.pool import Pool
from typing import Any, ClassVar, Final

from dicesim.choices import StartMethod
from dicesim.errors import ExecutionError
from dicesim.execution import (
    TASKS_PER_WORKER,
    TICK,
    Job,
    Outcome,
    Outcomes,
    Schedule,
    Task,
    run_task,
)
from dicesim.workers import (
    KILLED_AT_START,
    Life,
    Parcel,
    check_born,
    check_deaths,
    check_start,
    prepare_worker,
    settle,
    starting,
)

# What a worker announces: its process, and the task that it begins (-1: none yet). Shorter than
# PIPE_BUF, so that many may write to one pipe without a lock.
_ANNOUNCEMENT: Final = struct.Struct("qq")

# How long workers may take to end by themselves, in seconds.
_PATIENCE: Final = 2.0

# Set once, in a worker: a Pool hands nothing to its tasks but their arguments, and the lock of the
# shared counters can only be inherited.
_enlisted: tuple[Job, Connection]


@dataclass
class PoolExecutor:
    """A `multiprocessing.Pool`, made anew when one of its workers dies.

    Parameters
    ----------
    workers : int
    start_method : {"fork", "forkserver", "spawn"}
    """

    workers: int
    start_method: StartMethod
    name: ClassVar[str] = "pool"

    def outcomes(self, job: Job, schedule: Schedule) -> Outcomes:
        """Run every task."""
        context = multiprocessing.get_context(self.start_method)
        deaths = 0
        while not schedule.finished:
            squad = _Squad(job, context, self.workers)
            try:
                while not schedule.finished and not squad.dead:
                    squad.feed(schedule)
                    deaths = 0 if squad.collect(schedule, TICK) else deaths
                    yield None
                    yield from schedule.ready()
                if not squad.dead:
                    squad.dismiss()
                    return
            finally:
                squad.end()
            if squad.dead:
                squad.collect(schedule, 0)
                squad.check_start()
                deaths += len(squad.dead)
                check_deaths(deaths)
                self._settle(squad, job, schedule, context)
                yield from schedule.ready()

    @staticmethod
    def _settle(squad: _Squad, job: Job, schedule: Schedule, context: BaseContext) -> None:
        suspects = squad.suspects
        for task in schedule.flying:
            settle(job, schedule, task, blamed=task.index in suspects)
        if job.counters:
            job.counters.renew(context)


class _Process:
    """What stands for a process in a Pool: it is only started while the squad recruits."""

    def __init__(self, squad: _Squad, process: Any) -> None:
        self._squad = squad
        self.process = process
        self.name = process.name
        self.daemon = True

    def start(self) -> None:
        """Start the process, unless the Pool is being thrown away."""
        self.process.name, self.process.daemon = self.name, self.daemon
        self._squad.start(self.process)

    @property
    def _running(self) -> bool:
        return self.process.pid is not None

    @property
    def pid(self) -> int | None:
        """As of a Process."""
        return self.process.pid  # type: ignore[no-any-return]

    @property
    def sentinel(self) -> int:
        """As of a Process; a Pool asks first whether there is one."""
        if not self._running:
            raise AttributeError("the process was not started")
        return self.process.sentinel  # type: ignore[no-any-return]

    @property
    def exitcode(self) -> int | None:
        """As of a Process."""
        return self.process.exitcode  # type: ignore[no-any-return]

    def is_alive(self) -> bool:
        """As of a Process."""
        return self._running and self.process.is_alive()

    def terminate(self) -> None:
        """As of a Process."""
        if self._running:
            self.process.terminate()

    def join(self, timeout: float | None = None) -> None:
        """As of a Process."""
        if self._running:
            self.process.join(timeout)


class _Squad:
    """One Pool, and every process that it has started."""

    def __init__(self, job: Job, context: BaseContext, workers: int) -> None:
        self._context = context
        self._workers = workers
        self._recruiting = True
        self._lock = threading.Lock()
        self._lives: dict[Any, Life] = {}
        self._stillborn: list[Any] = []
        # Before Python 3.13 a SimpleQueue waits for ever if a signal outlasts the timeout.
        self._outcomes: queue.Queue[Outcome | BaseException] = queue.Queue()
        self._announced: dict[int, int] = {}
        self.dead: list[Any] = []
        self._reader, self._writer = context.Pipe(duplex=False)
        parcel = Parcel(job, context)
        try:
            with starting(context):
                self._pool = Pool(workers, _enlist, (parcel, self._writer), context=self)
        except ExecutionError:
            self._dissolve()
            raise

    def __getattr__(self, name: str) -> Any:
        """Be the context of the Pool, except for its processes."""
        return getattr(self._context, name)

    def Process(self, *args: Any, **kwargs: Any) -> _Process:  # noqa: N802  (the context's name)
        """Make a process for the Pool."""
        return _Process(self, self._context.Process(*args, **kwargs))  # type: ignore[attr-defined]

    def start(self, process: Any) -> None:
        """Start a process and remember it, or do nothing once the squad is at its end."""
        with self._lock:
            if not self._recruiting:
                return
            try:
                process.start()
                check_born(process)
            except KILLED_AT_START:
                self._stillborn.append(process)
            else:
                self._lives[process] = Life(process)

    def feed(self, schedule: Schedule) -> None:
        """Submit tasks, so that each worker has one to roll and others to go on with."""
        while len(schedule.flying) < TASKS_PER_WORKER * self._workers:
            task = schedule.take()
            if task is None:
                return
            put = self._outcomes.put
            self._pool.apply_async(_run, (task,), callback=put, error_callback=put)

    def collect(self, schedule: Schedule, timeout: float) -> bool:
        """Wait for an outcome, take all that have come, and look for the dead."""
        came = False
        try:
            while True:
                outcome = self._outcomes.get(timeout=0 if came else timeout)
                if isinstance(outcome, BaseException):
                    raise outcome
                schedule.done(outcome)
                came = True
        except queue.Empty:
            pass
        if self._recruiting:
            self._hear()
            self.dead = self._ended()
        return came

    def dismiss(self) -> None:
        """Let all workers end by themselves, and the Pool with them, if they do so in time."""
        self._pool.close()
        end = threading.Thread(target=self._pool.join, daemon=True)
        with suppress(RuntimeError):  # no more threads can be had
            end.start()
            end.join(_PATIENCE)

    def end(self) -> None:
        """Kill every process, and leave the Pool to itself: its own `terminate` may hang."""
        with self._lock:
            self._recruiting = False
        for life in self._lives.values():
            life.end()
        self._release_locks()
        with suppress(RuntimeError):
            threading.Thread(target=self._terminate, daemon=True).start()
        self._hear()
        self._reader.close()
        self._writer.close()
        for life in self._lives.values():
            life.close()

    def _dissolve(self) -> None:
        """Kill what was started for a Pool that did not come to be."""
        with self._lock:
            self._recruiting = False
        for life in self._lives.values():
            life.end()
            life.close()
        self._reader.close()
        self._writer.close()

    def _release_locks(self) -> None:
        """Release what the dead may hold, so that the threads of the Pool can come to an end."""
        inside: Any = self._pool
        for lock in filter(None, (inside._inqueue._rlock, inside._outqueue._wlock)):
            lock.acquire(False)
            with suppress(ValueError):  # the Pool was faster
                lock.release()

    def _terminate(self) -> None:
        with suppress(OSError, ValueError, EOFError):  # half a message that a dead worker left
            self._pool.terminate()

    def check_start(self) -> None:
        """Give up where a worker ended by itself before it could announce itself."""
        for process in self.dead:
            if process.pid not in self._announced:
                check_start(process.exitcode)

    @property
    def suspects(self) -> set[int]:
        """Indices of the tasks that the dead had begun."""
        return {
            self._announced[process.pid] for process in self.dead if process.pid in self._announced
        }

    def _hear(self) -> None:
        while self._reader.poll(0):
            process, task = _ANNOUNCEMENT.unpack(self._reader.recv_bytes())
            self._announced[process] = task

    def _ended(self) -> list[Any]:
        """Tell which processes have ended, without polling them: only the Pool may do that."""
        with self._lock:
            lives = {life.handle: process for process, life in self._lives.items()}
            stillborn = self._stillborn.copy()
        ready = connection.wait(list(lives), timeout=0)
        return [*stillborn, *(process for handle, process in lives.items() if handle in ready)]


def _enlist(parcel: Parcel, announcements: Connection) -> None:
    """Begin as a worker of a Pool."""
    global _enlisted
    prepare_worker()
    _enlisted = parcel.open(), announcements
    announcements.send_bytes(_ANNOUNCEMENT.pack(os.getpid(), -1))


def _run(task: Task) -> Outcome:
    """Run a task in a worker of a Pool."""
    job, announcements = _enlisted
    announcements.send_bytes(_ANNOUNCEMENT.pack(os.getpid(), task.index))
    return run_task(job, task)
