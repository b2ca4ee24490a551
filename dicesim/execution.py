"""Getting the batches of a plan rolled: the task, the schedule, and the simplest executor.

A *task* is a range of batches, submitted as one piece. An executor takes tasks from a `Schedule`,
has `run_task` called on each of them somewhere, and gives the outcomes back; the schedule hands
them on in the order of their index. Everything that must hold under faults (nothing lost, nothing
doubled, three tries at most) is kept in the schedule, once for all executors.
"""

from __future__ import annotations

import math
import os
import platform
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, TypeAlias

from dicesim import sampling
from dicesim.choices import Aggregation, StartMethod
from dicesim.errors import DicesimError, ExecutionError
from dicesim.limits import Limits
from dicesim.model import Model
from dicesim.plan import Batch, Plan, stream_versions
from dicesim.pmf import PMF
from dicesim.roller import Roller
from dicesim.tally import AGGREGATORS, Tally

if TYPE_CHECKING:  # slow to import, and most runs are serial
    from multiprocessing.context import BaseContext

# Longest wait for a worker before the caller is given the chance to cancel, in seconds.
TICK: Final = 0.05
TRIES: Final = 3
# Tasks in flight for each worker: one that it rolls, and more so that it need not wait.
TASKS_PER_WORKER: Final = 3
# A task holds so many trials or batches at most (a batch costs some 40 µs beside its trials).
_TASK_TRIALS: Final = 2**16
_TASK_BATCHES: Final = 256
# So many different outcomes may come apart, batch by batch, from one task.
_TASK_ENTRIES: Final = 2**20
# How many times as large as the last one a task may be where they are sized by what they take.
_GROWTH: Final = 4


@dataclass(frozen=True, slots=True)
class Task:
    """What is submitted to a worker: a range of batches."""

    batches: range

    @property
    def index(self) -> int:
        """That of its first batch, by which it is told from others."""
        return self.batches.start


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """Where a batch was rolled.

    Parameters
    ----------
    index, size : int
        Of the batch, and how many trials it has.
    module : str
        Where the task is defined.
    parent, process, thread : int
        Numbers that the system gives them.

    Examples
    --------
    >>> import dicesim
    >>> records = []
    >>> result = dicesim.run("2d6", n=1000, rng=42, trace=records.append)
    >>> [(record.index, record.size) for record in records]
    [(0, 1000)]
    """

    index: int
    size: int
    module: str
    parent: int
    process: int
    thread: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a task brought: tallies, unless the shared counters have them, and how long it took.

    There is one tally of all batches, or one of each where a precision is looked for after each.
    Where each batch was rolled comes along if that was asked for.
    """

    task: Task
    tallies: tuple[Tally, ...] = ()
    records: tuple[BatchRecord, ...] = ()
    seconds: float = 0.0


class Counters(Protocol):
    """Counters that all workers share."""

    def add(self, batch: int, tally: Tally) -> None:
        """Count a batch, wholly or not at all."""

    def holds(self, batch: int) -> bool:
        """Tell whether a batch in flight has been counted."""

    def renew(self, context: BaseContext) -> None:
        """Take a new lock, after all workers that could hold the old one have died."""

    def tally(self) -> Tally:
        """Return all that has been counted."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to know, besides the task."""

    plan: Plan
    aggregation: Aggregation = "bincount"
    pmf: PMF | None = None
    counters: Counters | None = None
    limits: Limits = field(default_factory=Limits)
    traced: bool = True
    versions: Mapping[str, str] = field(default_factory=stream_versions)


def run_task(job: Job, task: Task) -> Outcome:
    """Roll the batches of a task and aggregate them; this is what every worker calls.

    Raises
    ------
    ExecutionError
        Something went wrong inside a batch; the message names it. Or this worker has other versions
        than the run was begun with.
    """
    _check_versions(job)
    start = time.perf_counter()
    records = []
    tallies: list[Tally] = []
    for index in task.batches:
        batch = job.plan.batch(index)
        try:
            counted = _tally_batch(job, index)
        except DicesimError:
            raise
        except Exception as error:
            raise ExecutionError(
                f"batch {index} failed with {type(error).__name__}: {error}"
            ) from error
        if job.counters is not None:
            job.counters.add(index, counted)
        elif tallies and job.plan.until is None:
            tallies[0] += counted
        else:
            tallies.append(counted)
        if job.traced:
            records.append(_record(batch))
    seconds = time.perf_counter() - start
    return Outcome(task, tuple(tallies), tuple(records), seconds)


def _check_versions(job: Job) -> None:
    """Refuse to roll where the same stream may bring other dice."""
    here = stream_versions()
    for name, version in job.versions.items():
        if here[name] != version:
            raise ExecutionError(
                f"a worker on {platform.node()} has {name} {here[name]}, and the run was begun "
                f"with {version}, whose random numbers may be others; install {name}=={version} "
                "there"
            )


def _record(batch: Batch) -> BatchRecord:
    return BatchRecord(
        index=batch.index,
        size=batch.size,
        module=__name__,
        parent=os.getppid(),
        process=os.getpid(),
        thread=threading.get_native_id(),
    )


def _tally_batch(job: Job, index: int) -> Tally:
    plan = job.plan
    rng = plan.generator(index)
    size = plan.batch(index).size
    if job.pmf is not None:
        return sampling.multinomial(job.pmf, rng, size)
    if isinstance(plan.rule, Model):
        outcomes = plan.rule.totals(Roller(rng, size, job.limits))
        return AGGREGATORS[job.aggregation](outcomes)
    if job.aggregation in ("bincount", "shared"):
        return sampling.counts(plan.rule, rng, size)
    blocks = sampling.blocks(plan.rule, rng, size)
    return Tally.sum(map(AGGREGATORS[job.aggregation], blocks))


class Schedule:
    """Which tasks wait, which are in flight, and which are done.

    No more than `window` tasks lie between the first batch that is not yet handed on and the last
    that was taken, so what is held back stays bounded.

    Parameters
    ----------
    plan : Plan
    window : int
        Number of tasks that may be in flight or held back at once.
    task_size : int, optional
        Batches in a task; by default as many as make a task worth sending, and leave enough tasks.
    first : int, optional
        The batch to begin with; those before it are done.
    """

    def __init__(
        self, plan: Plan, window: int, task_size: int | None = None, first: int = 0
    ) -> None:
        self._size = task_size or max(
            1, min(_TASK_TRIALS // plan.batch_size, plan.batches // window, _TASK_BATCHES)
        )
        self._window = window
        self._task_seconds: Callable[[float], float] | None = None
        self._fixed = task_size is not None
        self._apart = plan.until is not None
        self._end = plan.batches
        self._next = self._fresh = first
        self._again: deque[Task] = deque()
        self._tries: dict[int, int] = {}
        self._flying: dict[int, Task] = {}
        self._held: dict[int, Outcome] = {}

    @property
    def finished(self) -> bool:
        """Whether every outcome was handed on."""
        return self._next == self._end

    @property
    def flying(self) -> list[Task]:
        """Tasks that were taken and are not done."""
        return list(self._flying.values())

    def fit(self, window: int, task_seconds: Callable[[float], float]) -> None:
        """Have so many tasks at once from now on, and size them by the time that they take.

        The first tasks are small, for how long a batch takes is known from those that are done.

        Parameters
        ----------
        window : int
        task_seconds : callable
            How long a task should take, where all that is left takes one worker so many seconds.
        """
        self._window = window
        self._task_seconds = None if self._fixed else task_seconds

    def take(self) -> Task | None:
        """Return the next task to submit, or None where there is none for now."""
        if self._again:
            task = self._again.popleft()
        elif self._fresh < min(self._end, self._next + self._window * self._size):
            task = Task(range(self._fresh, min(self._fresh + self._size, self._end)))
            self._fresh = task.batches.stop
        else:
            return None
        self._flying[task.index] = task
        return task

    def done(self, outcome: Outcome) -> None:
        """Accept an outcome; a second one of the same task is ignored."""
        if self._flying.get(outcome.task.index) == outcome.task:
            del self._flying[outcome.task.index]
            self._held[outcome.task.index] = outcome
            self._resize(outcome)

    def _resize(self, outcome: Outcome) -> None:
        if self._task_seconds is None or outcome.seconds <= 0:
            return
        batches = len(outcome.task.batches)
        each = outcome.seconds / batches
        wanted = self._task_seconds(each * (self._end - self._fresh))
        self._size = min(math.ceil(wanted / each), _GROWTH * batches)
        if self._apart:
            widest = max((tally.unique for tally in outcome.tallies), default=1)
            self._size = max(1, min(self._size, _TASK_BATCHES, _TASK_ENTRIES // widest))

    def lost(self, task: Task, *, blamed: bool) -> None:
        """Have a task run again whose worker died; `blamed` counts the try.

        The batches of a task that is to blame are tried one by one, so that the guilty one is found
        and the others are not held liable.

        Raises
        ------
        ExecutionError
            The task has had its last try.
        """
        if self._flying.get(task.index) != task:
            return
        del self._flying[task.index]
        tries = self._tries.get(task.index, 0) + blamed
        if tries >= TRIES:
            raise ExecutionError(f"batch {task.index} ended its worker {TRIES} times; gave up")
        if not blamed:
            self._again.append(task)
            return
        for batch in task.batches:
            self._tries[batch] = tries
            self._again.append(Task(range(batch, batch + 1)))

    def suspected(self, task: Task) -> bool:
        """Tell whether a task has been blamed before."""
        return self._tries.get(task.index, 0) > 0

    def ready(self) -> Iterator[Outcome]:
        """Hand on what is done, in the order of the batches."""
        while self._next in self._held:
            outcome = self._held.pop(self._next)
            self._next = outcome.task.batches.stop
            for batch in outcome.task.batches:
                self._tries.pop(batch, None)
            yield outcome


Outcomes: TypeAlias = Generator[Outcome | None, None, None]


class Executor(Protocol):
    """Something that gets the tasks of a schedule run.

    `outcomes` yields what the schedule has ready, and None where a `TICK` has passed without any,
    so that the caller may look at the clock, or stop. Closing the generator ends the workers.
    """

    @property
    def name(self) -> str:
        """As the user chooses it."""

    @property
    def workers(self) -> int | None:
        """How many there are, if that is known."""

    @property
    def start_method(self) -> StartMethod | None:
        """How processes are started; None where none are."""

    def outcomes(self, job: Job, schedule: Schedule) -> Outcomes:
        """Run every task; see the class."""


class SerialExecutor:
    """Everything in the calling thread, one batch after the other."""

    name: ClassVar[str] = "serial"
    workers: ClassVar[int | None] = 1
    start_method: ClassVar[StartMethod | None] = None

    def outcomes(self, job: Job, schedule: Schedule) -> Outcomes:
        """Run every task."""
        while (task := schedule.take()) is not None:
            schedule.done(run_task(job, task))
            yield from schedule.ready()
