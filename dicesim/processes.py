"""Worker processes by hand: create, start, get, join.

A worker may die at any instant, and a killed one leaves a lock locked or a message half-written. So
workers share neither lock nor channel: each has its own queue of tasks and its own pipe of
outcomes, and the parent watches the processes themselves, not only what they send.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from typing import ClassVar

from dicesim.choices import StartMethod
from dicesim.errors import DicesimError
from dicesim.execution import TASKS_PER_WORKER, TICK, Job, Outcomes, Schedule, Task, run_task
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


@dataclass
class ProcessExecutor:
    """One `Process` a worker, each with its own queue of tasks and its own pipe of outcomes.

    Parameters
    ----------
    workers : int
    start_method : {"fork", "forkserver", "spawn"}
    """

    workers: int
    start_method: StartMethod
    name: ClassVar[str] = "process"

    def outcomes(self, job: Job, schedule: Schedule) -> Outcomes:
        """Run every task."""
        crew = _Crew(job, schedule, multiprocessing.get_context(self.start_method))
        try:
            crew.recruit(self.workers)
            while not schedule.finished:
                crew.feed()
                crew.listen()
                yield None
                yield from schedule.ready()
            crew.dismiss()
        finally:
            crew.kill()


class _Worker:
    """A process, the queue it gets tasks from, and the pipe it sends outcomes through."""

    def __init__(self, parcel: Parcel, context: BaseContext) -> None:
        self.flying: deque[Task] = deque()
        self.started = False
        self._tasks: SimpleQueue[Task | None] = context.SimpleQueue()
        self.results, sender = context.Pipe(duplex=False)
        self.process: BaseProcess = context.Process(  # type: ignore[attr-defined]
            target=_work, args=(parcel, self._tasks, sender), daemon=True
        )
        self.process.start()
        check_born(self.process)
        self.life = Life(self.process)
        sender.close()  # else a dead worker would never read as the end of the pipe

    def put(self, task: Task) -> None:
        """Send a task."""
        self.flying.append(task)
        self._tasks.put(task)

    def dismiss(self) -> None:
        """Let the worker end by itself."""
        self._tasks.put(None)
        connection.wait([self.life.handle])
        self.process.join()

    def close(self) -> None:
        """Kill the process if it is alive, and free what it held."""
        self.life.end()
        self.process.join(TICK)  # that of a dead fork server cannot be joined
        self.life.close()
        self._tasks.close()
        self.results.close()


def _work(parcel: Parcel, tasks: SimpleQueue[Task | None], results: Connection) -> None:
    """Get tasks and send outcomes, until there is no task: what a worker process does."""
    prepare_worker()
    job = parcel.open()
    results.send(None)
    while (task := tasks.get()) is not None:
        try:
            results.send(run_task(job, task))
        except DicesimError as error:
            results.send(error)


class _Crew:
    """The workers of one run."""

    def __init__(self, job: Job, schedule: Schedule, context: BaseContext) -> None:
        self._job = job
        self._schedule = schedule
        self._context = context
        self._parcel = Parcel(job, context)
        self._workers: list[_Worker] = []
        self._deaths = 0

    def recruit(self, number: int) -> None:
        """Start workers until there are so many."""
        while len(self._workers) < number:
            try:
                with starting(self._context):
                    self._workers.append(_Worker(self._parcel, self._context))
            except KILLED_AT_START:
                self._count_deaths(1)

    def feed(self) -> None:
        """Give each worker a task to roll and others to go on with."""
        while True:
            idlest = min(self._workers, key=lambda worker: len(worker.flying))
            if len(idlest.flying) >= TASKS_PER_WORKER:
                return
            task = self._schedule.take()
            if task is None:
                return
            idlest.put(task)

    def listen(self) -> None:
        """Wait until a worker sends something or dies, at most a `TICK`, and act on it."""
        channels = {worker.results: worker for worker in self._workers}
        lives = {worker.life.handle: worker for worker in self._workers}
        handles = connection.wait([*channels, *lives], timeout=TICK)
        dead = [worker for handle, worker in lives.items() if handle in handles]
        for channel, worker in channels.items():
            if channel in handles and worker not in dead:
                try:
                    self._receive(worker)
                except (EOFError, OSError):
                    dead.append(worker)
        if dead:
            self._replace(dead)

    def dismiss(self) -> None:
        """Let all workers end by themselves."""
        for worker in self._workers:
            worker.dismiss()

    def kill(self) -> None:
        """End all workers, whatever they do."""
        while self._workers:
            self._workers.pop().close()

    def _receive(self, worker: _Worker) -> None:
        message = worker.results.recv()
        worker.started = True
        if isinstance(message, DicesimError):
            raise message
        if message is not None:
            worker.flying.popleft()
            self._deaths = 0
            self._schedule.done(message)

    def _replace(self, dead: list[_Worker]) -> None:
        """Settle what the dead had in hand, and start others in their place.

        Shared counters are guarded by a lock that a dead worker may have held, and nobody can know
        which. So all workers end, and their successors get a new one.
        """
        number = len(self._workers)
        counters = self._job.counters
        for worker in dead:
            worker.process.join(TICK)
        fallen = list(self._workers) if counters else dead
        for worker in fallen:
            worker.life.end()
            self._drain(worker)
        for worker in dead:
            if not worker.started:
                check_start(worker.process.exitcode)
        self._count_deaths(len(dead))
        for worker in fallen:
            # Tasks are first in, first out: the first one may be what killed the worker.
            suspect = worker.flying[0] if worker.flying and worker.started else None
            for task in worker.flying:
                settle(self._job, self._schedule, task, blamed=worker in dead and task is suspect)
            self._workers.remove(worker)
            worker.close()
        if counters:
            counters.renew(self._context)
        self.recruit(number)

    def _drain(self, worker: _Worker) -> None:
        try:
            while worker.results.poll(0):
                self._receive(worker)
        except (EOFError, OSError):
            pass  # the last message is whole, or it does not count

    def _count_deaths(self, number: int) -> None:
        self._deaths += number
        check_deaths(self._deaths)
