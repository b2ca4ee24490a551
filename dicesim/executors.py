"""Which executor runs a plan: the one that was named or handed in, or the one that pays."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from dicesim.arguments import whole_number
from dicesim.choices import EXECUTORS, Aggregation, ExecutorName, StartMethod, require_choice
from dicesim.errors import ParameterError
from dicesim.execution import Executor, SerialExecutor
from dicesim.limits import Limits
from dicesim.model import Model, unfindable
from dicesim.plan import Plan
from dicesim.pmf import PMF
from dicesim.tables import cost

# Random words from which on two workers save more than their start takes (measured: 13 ms by fork,
# 350 with new interpreters; a word with what is made of it takes about 2 ns).
_WORTH_WORKERS: Final[dict[StartMethod, float]] = {
    "fork": 1.5e7,
    "forkserver": 4e8,
    "spawn": 4e8,
}
# How many words dearer a trial is where every total becomes a Python object.
_OBJECT: Final = 25
# What a trial of a model is taken to cost, in words; those of the examples cost 5 to 200.
_MODEL: Final = 40


class HandsOut(Protocol):
    """Anything that hands out an executor, such as a client of Dask."""

    def get_executor(self) -> concurrent.futures.Executor:
        """Return an executor that stays with the one who handed it out."""


ExecutorLike = (
    ExecutorName
    | concurrent.futures.Executor
    | HandsOut
    | Callable[[], concurrent.futures.Executor]
)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a plan is rolled and judged; the counts do not depend on it."""

    executor: ExecutorLike
    workers: int | None
    start_method: StartMethod | None
    aggregation: Aggregation
    alpha: float
    of: str | None
    limits: Limits
    expect: PMF | None = None
    scheduler: str | None = None


def choose_executor(
    plan: Plan,
    executor: ExecutorLike,
    workers: int | None,
    start_method: StartMethod | None,
    aggregation: Aggregation,
    limits: Limits,
    scheduler: str | None = None,
) -> Executor:
    """Check what was asked for, and make what runs the tasks.

    Raises
    ------
    ParameterError
        There is no such executor or start method, or it cannot be used here.
    LimitError
        There would be too many workers.
    """
    if workers is not None:
        workers = whole_number("workers", workers)
        limits.check("workers", workers, "{} workers would be started")
    if scheduler is not None or executor == "dask":
        return _dask(plan, executor, workers, limits, scheduler)
    words = _cost(plan, aggregation)
    cheap = workers is None and words <= min(_WORTH_WORKERS.values())
    if start_method is None and (executor == "serial" or (executor == "auto" and cheap)):
        return SerialExecutor()
    return _with_workers(plan, executor, workers, start_method, words, limits)


def _with_workers(
    plan: Plan,
    executor: ExecutorLike,
    workers: int | None,
    start_method: StartMethod | None,
    words: float,
    limits: Limits,
) -> Executor:
    # Imported here, since most runs are serial and multiprocessing takes longer than they do.
    from dicesim.futures import FuturesExecutor, handed_in
    from dicesim.pool import PoolExecutor
    from dicesim.processes import ProcessExecutor
    from dicesim.workers import obstacle, settle_start_method

    method = settle_start_method(start_method)
    if not isinstance(executor, (str, concurrent.futures.Executor)) and hasattr(
        executor, "get_executor"
    ):
        from dicesim.distributed import executor_of

        return executor_of(executor, workers, limits.worker_wait, processors())
    if isinstance(executor, concurrent.futures.Executor):
        return handed_in(executor, type(executor).__name__, workers, processors())
    if callable(executor):
        return FuturesExecutor("futures", executor, workers, slots=workers or processors())
    require_choice("executor", executor, EXECUTORS)
    number = min(workers or min(processors(), limits.workers), plan.batches)
    if executor == "auto":
        asked = workers is not None or start_method is not None
        worth = (asked or words > _WORTH_WORKERS[method]) and number > 1
        executor = "process" if worth and not (obstacle(method) or _stays(plan)) else "serial"
    if executor == "serial":
        return SerialExecutor()
    if executor == "threads":
        return FuturesExecutor(
            "threads", lambda: concurrent.futures.ThreadPoolExecutor(number), number, slots=number
        )
    if reason := obstacle(method):
        raise ParameterError(
            f"executor: {executor} cannot start workers {reason}; choose serial, threads or auto",
            parameter="executor",
        )
    if plan.model is not None and _stays(plan):
        raise ParameterError(unfindable(plan.model), parameter="executor")
    kind = ProcessExecutor if executor == "process" else PoolExecutor
    return kind(number, method)


def _dask(
    plan: Plan, executor: ExecutorLike, workers: int | None, limits: Limits, scheduler: str | None
) -> Executor:
    from dicesim.distributed import DaskExecutor

    if executor != "dask":
        raise ParameterError(
            "scheduler: it is that of Dask; choose the executor dask with it", parameter="scheduler"
        )
    if scheduler is not None and workers is not None:
        raise ParameterError(
            "workers: a scheduler has its own; leave them out, or leave out the scheduler and have "
            "workers started here",
            parameter="workers",
        )
    if plan.model is not None and _stays(plan):
        raise ParameterError(unfindable(plan.model), parameter="executor")
    number = None if scheduler else min(workers or processors(), limits.workers)
    return DaskExecutor.named(scheduler, number, limits.worker_wait)


def _stays(plan: Plan) -> bool:
    """Tell whether it is a model's that no other process can find."""
    return plan.model is not None and plan.model.reference is None


def _cost(plan: Plan, aggregation: Aggregation) -> float:
    """Weigh the whole run, in random words."""
    if plan.method == "multinomial":
        return 0
    objects = _OBJECT if aggregation in ("counter", "groupby") else 0
    words = _MODEL if isinstance(plan.rule, Model) else cost(plan.rule)
    return plan.n * (words + objects)


def processors() -> int:
    """Count the processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def unused_options(
    team: Executor, workers: int | None, start_method: str | None
) -> tuple[str, ...]:
    """Say which options had no effect."""
    notes = []
    if start_method is not None and team.start_method is None:
        notes.append(f"the start method {start_method} is not used: {team.name} starts no process")
    if workers is not None and team.workers is not None and workers != team.workers:
        reason = "is one worker" if team.name == "serial" else "has no more batches to share out"
        notes.append(f"{workers} workers were asked for, {team.workers} used: {team.name} {reason}")
    return tuple(notes)


def check_aggregation(plan: Plan, aggregation: Aggregation, executor: ExecutorLike) -> None:
    """Refuse an aggregation that this method or executor cannot have.

    Raises
    ------
    ParameterError
        The message names what can be had.
    """
    if plan.method == "multinomial" and aggregation in ("counter", "groupby"):
        raise ParameterError(
            f"aggregation: multinomial draws counts and has no totals for {aggregation}; choose "
            "bincount or shared",
            parameter="aggregation",
        )
    if aggregation == "shared" and plan.model is not None:
        raise ParameterError(
            "aggregation: nobody knows what outcomes a model has, and shared counters have a place "
            "for each; choose bincount",
            parameter="aggregation",
        )
    if aggregation == "shared" and (not isinstance(executor, str) or executor == "dask"):
        raise ParameterError(
            "aggregation: shared counters cannot be sent to an executor that was handed in, or to "
            "a cluster; choose bincount, or an executor of this machine",
            parameter="aggregation",
        )
