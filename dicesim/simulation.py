"""The entry points: plan, executor, aggregation, result."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from dicesim.choices import (
    AGGREGATIONS,
    Aggregation,
    BitGeneratorName,
    Method,
    StartMethod,
    require_between,
    require_choice,
)
from dicesim.distribution import exact
from dicesim.errors import ExactUnavailable, ExecutionError
from dicesim.execution import (
    TASKS_PER_WORKER,
    BatchRecord,
    Counters,
    Executor,
    Job,
    Outcome,
    Schedule,
)
from dicesim.executors import (
    ExecutorLike,
    check_aggregation,
    choose_executor,
    processors,
    unused_options,
)
from dicesim.expression import Expression, check_limits
from dicesim.guard import UNGUARDED, importing_main
from dicesim.limits import Limits
from dicesim.notation import as_expression
from dicesim.plan import RNG, Plan, make_plan, settle_seed, whole_number
from dicesim.pmf import PMF
from dicesim.result import Result
from dicesim.sampling import Roll, roll_once, rolls
from dicesim.tally import Tally
from dicesim.validation import ALARM
from dicesim.wording import caveats


class Progress(NamedTuple):
    """How far a run has come."""

    done: int
    requested: int
    elapsed_seconds: float


class Cancel(Protocol):
    """Anything that can be asked whether to stop, such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Whether to stop."""


def run(
    expression: str | Expression = "2d6",
    n: int = 1_000_000,
    *,
    rng: RNG = None,
    method: Method = "roll",
    executor: ExecutorLike = "auto",
    workers: int | None = None,
    start_method: StartMethod | None = None,
    aggregation: Aggregation = "bincount",
    batch_size: int | None = None,
    bit_generator: BitGeneratorName = "SFC64",
    alpha: float = ALARM,
    progress: Callable[[Progress], None] | None = None,
    trace: Callable[[BatchRecord], None] | None = None,
    cancel: Cancel | None = None,
    limits: Limits | None = None,
) -> Result:
    """Roll an expression many times, and hold the counts against its exact distribution.

    The counts depend on expression, n, seed, batch size, method and bit generator alone: not on
    executor, aggregation, number of workers or start method.

    Parameters
    ----------
    expression : str or Expression, optional
        Notation such as ``"3d6+1d8"``.
    n : int, optional
        Number of trials.
    rng : int, SeedSequence, Generator or None, optional
        Reduced to one integer, ``result.seed``, that replays the run.
    method : {"roll", "multinomial"}, optional
        ``roll`` rolls every die; ``multinomial`` draws the counts of a batch from the exact
        distribution in one step.
    executor : str, concurrent.futures.Executor, or callable, optional
        ``auto``, ``serial``, ``threads``, ``process`` or ``pool``; an executor, which is left
        open; or a function that makes one, which is closed, and made anew if it breaks.
    workers : int, optional
        Number of workers; by default one for each processor.
    start_method : {"fork", "forkserver", "spawn"}, optional
        How processes are started.
    aggregation : {"bincount", "counter", "groupby", "shared"}, optional
        How totals are counted; ``shared`` uses counters behind a lock.
    batch_size : int, optional
        Trials in a batch.
    bit_generator : {"SFC64", "PCG64DXSM", "Philox", "MT19937"}, optional
        Name of a bit generator of `numpy.random`.
    alpha : float, optional
        p-value below which the check raises the alarm, less than one half.
    progress : callable, optional
        Called with a `Progress` after each task, and about twenty times a second between.
    trace : callable, optional
        Called with a `BatchRecord` for each batch: where it was rolled.
    cancel : object with ``is_set()``, optional
        Once it is set, the run stops with what it has.
    limits : Limits, optional
        Ceilings that refuse runaway work.

    Returns
    -------
    Result

    Raises
    ------
    NotationError
        The expression cannot be read.
    ParameterError
        An argument cannot be used, or not with the others.
    LimitError
        The work is beyond a limit.
    ExactUnavailable
        The method is multinomial, and there is no exact distribution.
    ExecutionError
        The run could not finish; ``partial`` has what was finished.

    Examples
    --------
    >>> result = run("2d6", n=36_000, rng=42)
    >>> result.n, result.unique, result.check.verdict
    (36000, 11, 'consistent')
    """
    if importing_main():
        raise SystemExit(UNGUARDED)
    limits = limits or Limits()
    require_choice("aggregation", aggregation, AGGREGATIONS)
    require_between("alpha", alpha, 0, 0.5)
    tree = as_expression(expression)
    plan = make_plan(
        tree,
        n,
        rng=rng,
        method=method,
        batch_size=batch_size,
        bit_generator=bit_generator,
        limits=limits,
    )
    check_aggregation(plan, aggregation, executor)
    team = choose_executor(plan, executor, workers, start_method, aggregation, limits)
    pmf, reason = _exact_or_reason(plan, limits)
    draft = Result(
        plan=plan,
        tally=Tally.of({}),
        executor=team.name,
        aggregation=aggregation,
        workers=team.workers,
        start_method=team.start_method,
        elapsed_seconds=0.0,
        pmf=pmf,
        exact_unavailable=reason,
        alpha=alpha,
        notes=(*caveats(tree), *unused_options(team, workers, start_method)),
    )
    return _Run(draft, team, progress, trace, cancel).finish()


@dataclass
class _Run:
    """A run on its way, from the draft of its result to the result."""

    draft: Result
    team: Executor
    progress: Callable[[Progress], None] | None
    trace: Callable[[BatchRecord], None] | None
    cancel: Cancel | None
    tally: Tally = field(default_factory=lambda: Tally.of({}))
    done: int = 0

    def finish(self) -> Result:
        """Take outcomes until all are there, or the caller has enough."""
        plan = self.draft.plan
        window = 2 * TASKS_PER_WORKER * (self.team.workers or processors())
        counters = self._counters(window)
        # A batch in shared counters is marked by itself, so that it is a task by itself.
        schedule = Schedule(plan, window, task_size=1 if counters else None)
        pmf = self.draft.pmf if plan.method == "multinomial" else None
        job = Job(plan, self.draft.aggregation, pmf, counters)
        start = time.perf_counter()
        failure = None
        try:
            self._work(job, schedule, start)
        except ExecutionError as error:
            failure = error
        result = replace(
            self.draft,
            tally=counters.tally() if counters else self.tally,
            elapsed_seconds=time.perf_counter() - start,
        )
        if failure is not None:
            failure.partial = result
            raise failure
        return result

    def _counters(self, window: int) -> Counters | None:
        if self.draft.aggregation != "shared":
            return None
        # Slow to import, and most runs share nothing.
        from multiprocessing import get_context

        from dicesim.shared import SharedCounters

        method = self.team.start_method
        context = get_context(method) if method else None
        return SharedCounters(self.draft.plan.expression, window, context)

    def _work(self, job: Job, schedule: Schedule, start: float) -> None:
        requested = job.plan.n
        with closing(self.team.outcomes(job, schedule)) as outcomes:
            for outcome in outcomes:
                if outcome is not None:
                    self._accept(outcome)
                if self.progress is not None:
                    self.progress(Progress(self.done, requested, time.perf_counter() - start))
                if self.cancel is not None and self.cancel.is_set():
                    return

    def _accept(self, outcome: Outcome) -> None:
        plan = self.draft.plan
        self.done = min(plan.n, outcome.task.batches.stop * plan.batch_size)
        if outcome.tally is not None:
            self.tally += outcome.tally
        if self.trace is not None:
            for record in outcome.records:
                self.trace(record)


def roll_dice(
    expression: str | Expression,
    times: int = 1,
    *,
    rng: RNG = None,
    limits: Limits | None = None,
) -> list[Roll]:
    """Roll an expression, and keep the faces.

    The stream is another one than that of `roll`, which keeps totals alone.

    Parameters
    ----------
    expression : str or Expression
    times : int, optional
        Number of trials.
    rng : int, SeedSequence, Generator or None, optional
        A `Generator` is drawn from directly.
    limits : Limits, optional

    Returns
    -------
    list of Roll

    Raises
    ------
    NotationError, ParameterError, LimitError
        As for `run`.

    Examples
    --------
    >>> (one,) = roll_dice("2d6+1", rng=7)
    >>> one.total == 1 + sum(one.pools[0].kept)
    True
    """
    tree, number = _few(expression, times, limits or Limits(), "times", "rolls")
    generator = _as_generator(rng)
    return [roll_once(tree, generator) for _ in range(number)]


@overload
def roll(
    expression: str | Expression,
    size: None = None,
    *,
    rng: RNG = None,
    limits: Limits | None = None,
) -> int: ...
@overload
def roll(
    expression: str | Expression, size: int, *, rng: RNG = None, limits: Limits | None = None
) -> NDArray[np.int64]: ...
def roll(
    expression: str | Expression,
    size: int | None = None,
    *,
    rng: RNG = None,
    limits: Limits | None = None,
) -> int | NDArray[np.int64]:
    """Roll an expression, and return the total or totals.

    Parameters
    ----------
    expression : str or Expression
    size : int, optional
        Number of trials; a single total is returned without it.
    rng : int, SeedSequence, Generator or None, optional
        A `Generator` is drawn from directly.
    limits : Limits, optional

    Returns
    -------
    int or ndarray of int64, shape (size,)

    Raises
    ------
    NotationError, ParameterError, LimitError
        As for `run`.

    Examples
    --------
    >>> roll("2d6", size=3, rng=1).shape
    (3,)
    """
    number = 1 if size is None else size
    tree, number = _few(expression, number, limits or Limits(), "size", "batch_size")
    rolled = rolls(tree, _as_generator(rng), number)
    return int(rolled[0]) if size is None else rolled


def _few(
    expression: str | Expression, number: int, limits: Limits, parameter: str, limit: str
) -> tuple[Expression, int]:
    """Check what is rolled at once and kept whole."""
    tree = as_expression(expression)
    check_limits(tree, limits)
    number = whole_number(parameter, number)
    sentence = "{} trials would be kept, each by itself"
    limits.check(limit, number, sentence, "use run, which keeps counts only, or ")
    limits.check("work", number * max(tree.price, 1), "{} dice would be rolled")
    return tree, number


def _as_generator(rng: RNG) -> np.random.Generator:
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.Generator(np.random.SFC64(settle_seed(rng)))


def _exact_or_reason(plan: Plan, limits: Limits) -> tuple[PMF | None, str]:
    try:
        return exact(plan.expression, limits=limits), ""
    except ExactUnavailable as error:
        if plan.method == "multinomial":
            raise ExactUnavailable(f"multinomial needs an exact distribution: {error}") from error
        return None, str(error)
