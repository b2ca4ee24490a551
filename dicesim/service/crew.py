"""Worker processes beside the event loop, each looked after by a thread of its own.

A thread hands its worker one task after another, and passes on what comes back. A worker that dies
at any instant is replaced, and its task is done again: what a task answers depends on the request
alone. Nothing is shared between workers, so that a dead one leaves nothing locked.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final

from .problems import Problem, encoded, problem
from .turns import Turns
from .worker import STOP, Message, Request, work

# Deaths in a row, without any progress between them, after which a task is given up.
_TRIES: Final = 5
_LOOK_SECONDS: Final = 0.05
# How long a worker may take to come to the end of a batch.
_GRACE_SECONDS: Final = 10.0
# How long an answer may still take once nobody waits for it: a new worker costs as much.
_LEFT_SECONDS: Final = 0.5


@dataclass(eq=False)
class Task:
    """One request to a worker.

    Parameters
    ----------
    request : dict
        What is asked.
    tell : callable
        Called from a thread with the kind of each message, ``started``, ``progress``, ``result``
        or ``problem``, and what it says; the last two are the end of it.
    seconds : float
        How long it may take: from its start, or from when it was asked, where it is not ended
        gently.
    client : str
        Who asked.
    gently : bool
        Whether it is asked to stop when the time is over, or ended.
    """

    request: Request
    tell: Callable[[str, Any], None]
    seconds: float
    client: str = ""
    gently: bool = True
    asked: float = field(default_factory=time.monotonic)
    stop: threading.Event = field(default_factory=threading.Event)
    overdue: bool = False


class Crew:
    """Some workers with one queue.

    Parameters
    ----------
    size : int
        How many.
    nice : bool
        Whether they give way to others.
    """

    def __init__(self, size: int, *, nice: bool) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._tasks: Turns[Task] = Turns()
        self._nice = nice
        self._closing = threading.Event()
        self.size = size
        self.ready = 0
        self.deaths = 0
        self._foremen = [_Foreman(self) for _ in range(size)]
        self._threads = [
            threading.Thread(target=foreman.loop, daemon=True, name="crew")
            for foreman in self._foremen
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task) -> None:
        """Queue a task."""
        self._tasks.put(task.client, task)

    def drop(self, task: Task) -> bool:
        """Leave out a task that waits, and say whether it still did."""
        return self._tasks.drop(task.client, task)

    def close(self, seconds: float) -> None:
        """End all workers, after a time by force."""
        self._closing.set()
        self._tasks.close()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        for foreman in self._foremen:
            foreman.kill()

    def take(self) -> Task | None:
        """Wait for the next task; None at the end."""
        return self._tasks.get()

    @property
    def closing(self) -> bool:
        """Whether the end has come."""
        return self._closing.is_set()

    def start(self) -> tuple[Any, Connection]:
        """Start a worker."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=work, args=(theirs, self._nice), daemon=True)
        process.start()
        theirs.close()  # so that the pipe ends with the worker
        if self.closing:  # nobody would end it any more
            process.kill()
        return process, ours


class _Foreman:
    """One worker, and the thread that looks after it."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._process: Any = None
        self._pipe: Connection | None = None

    def loop(self) -> None:
        """Do one task after another."""
        with suppress(EOFError, OSError):
            self._worker()  # at once, so that the first task does not wait for it
        while task := self._crew.take():
            self._do(task)
        self._end()

    def _worker(self) -> Connection:
        """Return the pipe to a worker that is ready."""
        if self._pipe is None:
            self._process, pipe = self._crew.start()
            pipe.recv()
            self._pipe = pipe
            self._crew.ready += 1
        return self._pipe

    def kill(self) -> None:
        """End the worker, whatever it does."""
        if self._process is not None:
            self._process.kill()

    def _end(self) -> None:
        if self._pipe is not None:
            self._crew.ready -= 1
            self._pipe.close()
            self._process.kill()
            self._process.join()
            self._pipe = None

    def _do(self, task: Task) -> None:
        end = (time.monotonic() if task.gently else task.asked) + task.seconds
        if task.stop.is_set() or time.monotonic() > end:
            task.tell("problem", encoded(_not_begun(task)))
            return
        task.tell("started", None)
        tries = farthest = 0
        while tries < _TRIES:
            tries += 1
            try:
                pipe = self._worker()
                pipe.send(task.request)
                for kind, value in self._messages(pipe, task, end):
                    task.tell(kind, value)
                    if kind != "progress":
                        return
                    if value[0] > farthest:
                        tries, farthest = 0, value[0]
                break  # it did not stop when it was told to
            except (EOFError, OSError):
                if self._crew.closing:
                    return
                self._crew.deaths += 1
                self._end()
        self._give_up(task)

    def _messages(self, pipe: Connection, task: Task, end: float) -> Iterator[Message]:
        """Yield what a worker says, and tell it when to stop; end if it does not.

        Raises
        ------
        EOFError, OSError
            It died.
        """
        told = False
        while True:
            while not pipe.poll(_LOOK_SECONDS):
                task.overdue = task.overdue or time.monotonic() > end
                if (task.overdue or task.stop.is_set()) and not told:
                    if task.overdue and not task.gently:
                        return
                    pipe.send(STOP)
                    grace = _GRACE_SECONDS if task.gently else _LEFT_SECONDS
                    told, end = True, time.monotonic() + grace
                elif told and time.monotonic() > end:
                    return
            yield pipe.recv()

    def _give_up(self, task: Task) -> None:
        """Say that nothing came of a task, and of what; only then have a new worker."""
        if task.overdue or task.stop.is_set():
            told = problem(
                "too-slow",
                503,
                f"it took more than {task.seconds:g} s, and was stopped",
                hint="ask for less; what has no quick answer can be simulated",
            )
        else:
            told = problem(
                "worker",
                500,
                f"{_TRIES} workers died of it, one after another",
                hint="ask for less",
            )
        task.tell("problem", encoded(told))
        if self._pipe is not None:  # it goes on, and nobody waits for it
            self._end()
            with suppress(EOFError, OSError):
                self._worker()


def _not_begun(task: Task) -> Problem:
    if task.gently:
        return problem("cancelled", 409, "it was cancelled before anything was rolled")
    detail = f"others asked so much that it waited for {task.seconds:g} s"
    return problem("busy", 429, detail, hint="try again in a second")
