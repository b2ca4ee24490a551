"""The entry points: plan, executor, aggregation, result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dicesim.arguments import RNG, whole_number
from dicesim.choices import (
    AGGREGATIONS,
    Aggregation,
    BitGeneratorName,
    Method,
    StartMethod,
    require_alpha,
    require_choice,
)
from dicesim.condition import Condition
from dicesim.distribution import exact
from dicesim.errors import ExactUnavailable, ParameterError
from dicesim.execution import BatchRecord, Executor
from dicesim.executors import (
    ExecutorLike,
    RunOptions,
    check_aggregation,
    choose_executor,
    unused_options,
)
from dicesim.expression import Expression
from dicesim.guard import refuse_while_importing
from dicesim.limits import Limits
from dicesim.model import Model
from dicesim.notation import as_expression
from dicesim.plan import Plan, make_plan, refuse_certainty
from dicesim.pmf import PMF
from dicesim.precision import make_precision
from dicesim.references import Function
from dicesim.result import Result
from dicesim.running import Cancel, Progress, Running
from dicesim.tally import Tally
from dicesim.validation import ALARM
from dicesim.wording import caveats

if TYPE_CHECKING:  # most runs are not kept
    from dicesim.checkpoints import Checkpoint

_NO_LAW: Final = (
    "a model has no exact distribution; to check it against the law that it should have, hand that "
    "in: --expect FILE (expect=pmf)"
)
FilePath = str | os.PathLike[str]


def run(
    expression: str | Expression | Model | Function = "2d6",
    n: int | None = None,
    *,
    rng: RNG = None,
    method: Method = "roll",
    executor: ExecutorLike = "auto",
    workers: int | None = None,
    start_method: StartMethod | None = None,
    scheduler: str | None = None,
    aggregation: Aggregation = "bincount",
    batch_size: int | None = None,
    bit_generator: BitGeneratorName = "SFC64",
    until_se: float | None = None,
    until_ci: float | None = None,
    of: str | int | None = None,
    alpha: float = ALARM,
    expect: PMF | None = None,
    progress: Callable[[Progress], None] | None = None,
    trace: Callable[[BatchRecord], None] | None = None,
    cancel: Cancel | None = None,
    checkpoint: FilePath | None = None,
    limits: Limits | None = None,
) -> Result:
    """Roll an expression many times, and hold the counts against its exact distribution.

    The counts depend on expression, n, seed, batch size, method and bit generator alone: not on
    executor, aggregation, number of workers or start method.

    Parameters
    ----------
    expression : str, Expression, Model or callable, optional
        Notation such as ``"3d6+1d8"``, or a function that takes a `Roller` and returns an array
        with the outcome of each trial.
    n : int, optional
        Number of trials, a million by default; with a precision target the most that are rolled,
        a thousand million by default.
    rng : int, SeedSequence, Generator or None, optional
        Reduced to one integer, ``result.seed``, that replays the run.
    method : {"roll", "multinomial"}, optional
        ``roll`` rolls every die; ``multinomial`` draws the counts of a batch from the exact
        distribution in one step.
    executor : str, concurrent.futures.Executor, client or callable, optional
        ``auto``, ``serial``, ``threads``, ``process``, ``pool`` or ``dask``; an executor, or a
        client of a cluster that hands one out, which are left open; or a function that makes one,
        which is closed, and made anew if it breaks.
    workers : int, optional
        Number of workers; by default one for each processor.
    start_method : {"fork", "forkserver", "spawn"}, optional
        How processes are started.
    scheduler : str, optional
        Address of the scheduler, for the executor dask; by default one is started here.
    aggregation : {"bincount", "counter", "groupby", "shared"}, optional
        How totals are counted; ``shared`` uses counters behind a lock.
    batch_size : int, optional
        Trials in a batch.
    bit_generator : {"SFC64", "PCG64DXSM", "Philox", "MT19937"}, optional
        Name of a bit generator of `numpy.random`.
    until_se : float, optional
        Stop after the first batch at whose end the standard error is no larger; see `Precision`.
    until_ci : float, optional
        Stop after the first batch at whose end the 95 % interval reaches no farther to either side.
    of : str or int, optional
        Comparison such as ``">= 9"``: the targets are those of its probability, else of the mean.
    alpha : float, optional
        p-value below which the check raises the alarm, less than one half.
    expect : PMF, optional
        The law to check against, where there is no exact distribution, as of a model; `read_pmf`
        reads one from a file.
    progress : callable, optional
        Called with a `Progress` as rolling begins, after each task, and about twenty times a second
        between.
    trace : callable, optional
        Called with a `BatchRecord` for each batch: where it was rolled.
    cancel : object with ``is_set()``, optional
        Once it is set, the run stops with what it has.
    checkpoint : str or path-like, optional
        File in which the run is kept while it is rolled, so that `resume` can go on with it; it may
        hold other runs, if they are finished.
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
    StoreError
        The file for checkpoints is foreign, damaged or in use, or has an unfinished run.
    ExecutionError
        The run could not finish; ``partial`` has what was finished.

    Examples
    --------
    >>> result = run("2d6", n=36_000, rng=42)
    >>> result.n, result.unique, result.check.verdict
    (36000, 11, 'consistent')
    """
    refuse_while_importing()
    limits = limits or Limits()
    require_choice("aggregation", aggregation, AGGREGATIONS)
    require_alpha(alpha)
    rule = _as_rule(expression)
    asked = None if of is None else Condition.parse(of, "of")
    workers = None if workers is None else whole_number("workers", workers)
    plan = make_plan(
        rule,
        n,
        rng=rng,
        method=method,
        batch_size=batch_size,
        bit_generator=bit_generator,
        until=make_precision(until_se, until_ci, asked),
        limits=limits,
    )
    check_aggregation(plan, aggregation, executor)
    if aggregation == "shared" and (plan.until or checkpoint is not None):
        raise ParameterError(
            "aggregation: shared counters hold batches in any order; a checkpoint is made of the "
            "first ones, and a precision is looked for in them: choose the aggregation bincount",
            parameter="aggregation",
        )
    options = RunOptions(
        executor=executor,
        workers=workers,
        start_method=start_method,
        scheduler=scheduler,
        aggregation=aggregation,
        alpha=alpha,
        of=None if asked is None else str(asked),
        limits=limits,
        expect=expect,
    )
    draft, team = _draft(plan, options)
    with _kept(checkpoint, plan, options) as kept:
        return Running(draft, team, progress, trace, cancel, kept, limits).finish()


def resume(
    path: FilePath,
    *,
    executor: ExecutorLike | None = None,
    workers: int | None = None,
    start_method: StartMethod | None = None,
    scheduler: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    trace: Callable[[BatchRecord], None] | None = None,
    cancel: Cancel | None = None,
    limits: Limits | None = None,
) -> Result:
    """Go on with a run that was begun with a checkpoint, and end with the counts it would have had.

    A run that is finished is returned as it is, so that this may be called any number of times.

    Parameters
    ----------
    path : str or path-like
        The file; of several runs in it, the one that is unfinished, or else the last.
    executor, workers, start_method, scheduler : optional
        In place of those it was begun with; the counts do not depend on them. Where an executor was
        handed in, it has to be so again, or the run goes on with ``auto``.
    progress, trace, cancel : optional
        As for `run`.
    limits : Limits, optional
        Ceilings that hold where they are higher than those it was begun with.

    Returns
    -------
    Result

    Raises
    ------
    StoreError
        There is no such file, it is foreign, damaged or in use, or its run was begun with another
        version of dicesim or numpy, or with a model whose file is gone or has changed.
    ExecutionError
        The run could not finish; ``partial`` has what was finished.

    Examples
    --------
    >>> import dicesim, tempfile, threading
    >>> stop = threading.Event()
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = f"{directory}/runs.db"
    ...     part = dicesim.run("2d6", 10**6, rng=42, cancel=stop, checkpoint=path,
    ...                        progress=lambda progress: stop.set())
    ...     whole = dicesim.resume(path)
    >>> part.complete, whole.complete, whole.counts == dicesim.run("2d6", 10**6, rng=42).counts
    (False, True, True)
    """
    refuse_while_importing()
    from dicesim.checkpoints import Checkpoint, check_model, check_versions, last_run
    from dicesim.store import Store, stored_runs

    file = Path(path)
    stored = last_run(file, stored_runs(file))
    options = replace(
        stored.options,
        executor=executor or stored.options.executor,
        workers=workers or (None if scheduler else stored.options.workers),
        start_method=start_method or stored.options.start_method,
        scheduler=scheduler or (None if executor else stored.options.scheduler),
        limits=stored.options.limits.raised_to(limits or stored.options.limits),
    )
    if stored.complete:
        draft = _finished_draft(stored.plan, options)
        return replace(draft, tally=stored.tally, elapsed_seconds=stored.elapsed_seconds)
    draft, team = _draft(stored.plan, options)
    check_versions(file, stored)
    check_model(file, stored.plan)
    with Store(file) as store:
        # Until now another process may have gone on with it.
        kept = Checkpoint(store, store.run(stored.number))
        return Running(draft, team, progress, trace, cancel, kept, options.limits).finish()


def _as_rule(rule: str | Expression | Model | Function) -> Expression | Model:
    if isinstance(rule, Model):
        return rule
    if callable(rule):
        return Model.of(rule)
    return as_expression(rule)


def _draft(plan: Plan, options: RunOptions) -> tuple[Result, Executor]:
    """Choose who rolls, and return all of the result but counts and time."""
    workers, start_method, limits = options.workers, options.start_method, options.limits
    team = choose_executor(
        plan,
        options.executor,
        workers,
        start_method,
        options.aggregation,
        limits,
        options.scheduler,
    )
    pmf, reason = _exact_or_reason(plan, limits)
    if options.expect is not None:
        pmf = _expected(options.expect, plan, pmf)
    refuse_certainty(plan, pmf)
    draft = Result(
        plan=plan,
        tally=Tally.of({}),
        executor=team.name,
        aggregation=options.aggregation,
        workers=team.workers,
        start_method=team.start_method,
        elapsed_seconds=0.0,
        pmf=pmf,
        exact_unavailable=reason,
        alpha=options.alpha,
        of=None if options.of is None else Condition.parse(options.of),
        notes=(*_caveats(plan), *unused_options(team, workers, start_method)),
        law="exact" if options.expect is None else "expected",
    )
    return draft, team


def _finished_draft(plan: Plan, options: RunOptions) -> Result:
    """Return all of the result of a finished run but counts and time, wherever it is asked for."""
    try:
        return _draft(plan, options)[0]
    except ParameterError:  # who rolled it cannot be had here, and need not
        free = replace(options, executor="auto", workers=None, start_method=None, scheduler=None)
        return _draft(plan, free)[0]


def _caveats(plan: Plan) -> tuple[str, ...]:
    return () if isinstance(plan.rule, Model) else caveats(plan.rule)


@contextmanager
def _kept(path: FilePath | None, plan: Plan, options: RunOptions) -> Iterator[Checkpoint | None]:
    """Begin a run in a store, if that was asked for."""
    if path is None:
        yield None
        return
    from dicesim.checkpoints import Checkpoint, check_kept, refuse_unfinished
    from dicesim.store import Store

    check_kept(plan)
    with Store(path) as store:
        refuse_unfinished(store)
        yield Checkpoint(store, store.add(plan, options))


def _exact_or_reason(plan: Plan, limits: Limits) -> tuple[PMF | None, str]:
    if isinstance(plan.rule, Model):
        return None, _NO_LAW
    try:
        return exact(plan.rule, limits=limits), ""
    except ExactUnavailable as error:
        if plan.method == "multinomial":
            raise ExactUnavailable(f"multinomial needs an exact distribution: {error}") from error
        return None, str(error)


def _expected(expect: PMF, plan: Plan, pmf: PMF | None) -> PMF:
    """Check a law that was handed in."""
    if isinstance(expect, PMF) and len(expect) < 2:
        raise ParameterError(
            f"expect: a law with one outcome, {expect.outcomes[0]}, leaves nothing to check; name "
            "one that has two or more",
            parameter="expect",
        )
    if not isinstance(expect, PMF):
        raise ParameterError(
            f"expect: {repr(expect)[:40]} is no law; write dicesim.exact('2d6'), "
            "dicesim.PMF({outcome: weight, ...}) or dicesim.read_pmf(path)",
            parameter="expect",
        )
    if pmf is not None:
        raise ParameterError(
            f"expect: {plan.label} has an exact distribution and is checked against it; leave out "
            "expect",
            parameter="expect",
        )
    return expect
