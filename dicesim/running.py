"""A run on its way: from the draft of its result to the result."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dicesim.errors import ExecutionError, LimitError
from dicesim.execution import (
    TASKS_PER_WORKER,
    BatchRecord,
    Counters,
    Executor,
    Job,
    Outcome,
    Outcomes,
    Schedule,
)
from dicesim.executors import processors
from dicesim.limits import Limits
from dicesim.model import Model
from dicesim.result import Result
from dicesim.tally import Tally

if TYPE_CHECKING:  # most runs are not kept
    from dicesim.checkpoints import Checkpoint


class Progress(NamedTuple):
    """How far a run has come.

    Attributes
    ----------
    done, requested : int
        Trials.
    elapsed_seconds : float
    tally : Tally or None
        The counts of what is done; not known of shared counters, and of comparisons.

    Examples
    --------
    >>> import dicesim
    >>> seen = []
    >>> result = dicesim.run("2d6", n=1000, rng=42, progress=seen.append)
    >>> seen[-1].done, seen[-1].requested, seen[-1].tally == result.tally
    (1000, 1000, True)
    """

    done: int
    requested: int
    elapsed_seconds: float
    tally: Tally | None = None


class Cancel(Protocol):
    """Anything that can be asked whether to stop, such as a `threading.Event`.

    If it has a method ``breaking()`` as well, which returns a context manager, it may raise
    `KeyboardInterrupt` while that is entered: so Ctrl-C need not wait for a batch to end that is
    rolled in the calling thread.
    """

    def is_set(self) -> bool:
        """Whether to stop."""


@dataclass
class Running:
    """A run on its way.

    Parameters
    ----------
    draft : Result
        All but counts and time.
    team : Executor
    progress, trace, cancel
        As of `dicesim.run`.
    checkpoint : Checkpoint, optional
        Where the first batches may be finished already, and the others are written down.
    limits : Limits, optional
        For what a model rolls and returns.
    """

    draft: Result
    team: Executor
    progress: Callable[[Progress], None] | None = None
    trace: Callable[[BatchRecord], None] | None = None
    cancel: Cancel | None = None
    checkpoint: Checkpoint | None = None
    limits: Limits = field(default_factory=Limits)
    _tally: Tally = field(default_factory=lambda: Tally.of({}))
    _batches: int = 0
    _start: float = 0.0

    def finish(self) -> Result:
        """Take outcomes until all are there, or the caller has enough.

        Raises
        ------
        ExecutionError
            The run could not finish; ``partial`` has what was finished.
        """
        self._start = time.perf_counter()
        if self.checkpoint:
            stored = self.checkpoint.stored
            self._tally, self._batches = stored.tally, stored.batches
            self._start -= stored.elapsed_seconds
        plan = self.draft.plan
        window = 2 * TASKS_PER_WORKER * (self.team.workers or processors())
        counters = self._counters(window)
        task_size = 1 if counters else None  # they mark each batch by itself
        schedule = Schedule(plan, window, task_size=task_size, first=self._batches)
        pmf = self.draft.pmf if plan.method == "multinomial" else None
        traced = self.trace is not None
        job = Job(plan, self.draft.aggregation, pmf, counters, self.limits, traced)
        failure = None
        try:
            try:
                self._work(job, schedule)
            finally:
                if self.checkpoint:
                    self.checkpoint.save()
        except ExecutionError as error:
            failure = error
        result = replace(
            self.draft,
            tally=counters.tally() if counters else self._tally,
            workers=self.team.workers,
            elapsed_seconds=self._elapsed,
        )
        if failure is not None:
            failure.partial = result
            raise failure
        return result

    @property
    def _elapsed(self) -> float:
        return time.perf_counter() - self._start

    def _counters(self, window: int) -> Counters | None:
        rule = self.draft.plan.rule
        if self.draft.aggregation != "shared" or isinstance(rule, Model):
            return None
        # Slow to import, and most runs share nothing.
        from multiprocessing import get_context

        from dicesim.shared import SharedCounters

        method = self.team.start_method
        context = get_context(method) if method else None
        return SharedCounters(rule, window, context)

    def _work(self, job: Job, schedule: Schedule) -> None:
        plan = job.plan
        self._tell()
        if plan.fulfilled(self._tally):
            return
        with closing(self.team.outcomes(job, schedule)) as outcomes:
            for outcome in self._breakable(outcomes):
                if outcome is not None:
                    self._accept(outcome)
                self._tell()
                if outcome is not None and plan.precise(self._tally):
                    return
                if self.cancel is not None and self.cancel.is_set():
                    return

    def _breakable(self, outcomes: Outcomes) -> Outcomes:
        """Let a batch be broken off that is rolled here: it counts wholly or not at all."""
        breaking = getattr(self.cancel, "breaking", None)
        # Shared counters could be left in the middle of a batch.
        if breaking is None or self.team.name != "serial" or self.draft.aggregation == "shared":
            yield from outcomes
            return
        while True:
            try:
                with breaking():
                    outcome = next(outcomes)
            except (StopIteration, KeyboardInterrupt):
                return
            yield outcome

    def _tell(self) -> None:
        if self.progress is not None:
            plan = self.draft.plan
            done = min(plan.n, self._batches * plan.batch_size)
            # Shared counters are put together at the end.
            tally = None if self.draft.aggregation == "shared" else self._tally
            needed = max(done, plan.needed(self._tally))
            self.progress(Progress(done, needed, self._elapsed, tally))

    def _accept(self, outcome: Outcome) -> None:
        if self.draft.plan.until is None:
            self._batches = outcome.task.batches.stop
            self._tally += Tally.sum(outcome.tallies)
        else:
            self._accept_apart(outcome)
        self._check_outcomes()
        if self.checkpoint:
            self.checkpoint.reach(self._batches, self._tally, self._elapsed)
        if self.trace is not None:
            for record in outcome.records:
                self.trace(record)

    def _accept_apart(self, outcome: Outcome) -> None:
        """Count batch after batch, and none beyond the one with which it is enough."""
        for index, tally in zip(outcome.task.batches, outcome.tallies, strict=True):
            self._batches = index + 1
            self._tally += tally
            if self.draft.plan.precise(self._tally):
                return

    def _check_outcomes(self) -> None:
        """Hold the memory of a model's tally to the limit; an expression was held to it before."""
        model = self.draft.plan.model
        if model is None:
            return
        try:
            self.limits.check("outcomes", self._tally.unique, "it had {} different outcomes")
        except LimitError as error:
            raise ExecutionError(f"model {model.name}: {error}") from error
