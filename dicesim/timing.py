"""How fast each way to roll is on this machine, beside how it is done in class."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Final

import numpy as np

from dicesim import textbook
from dicesim.arguments import RNG, whole_number
from dicesim.choices import AGGREGATIONS, EXECUTORS, Aggregation, ExecutorName, StartMethod
from dicesim.dice import Dice
from dicesim.errors import DicesimError
from dicesim.executors import choose_executor, processors
from dicesim.expression import Expression
from dicesim.guard import refuse_while_importing
from dicesim.limits import Limits
from dicesim.measurement import ONE_PROCESS_PER_ROLL, Benchmark, Measurement
from dicesim.notation import as_expression
from dicesim.plan import make_plan
from dicesim.result import Result
from dicesim.running import Cancel
from dicesim.simulation import run
from dicesim.tally import Tally
from dicesim.wording import unparse
from dicesim.workers import settle_start_method

# Noise only ever slows, so the best of some rounds is what counts.
_ROUNDS: Final = 2
# A measurement takes about this long by one process, and a try that tells how much that is takes
# this long at least; in seconds.
_LONG: Final = 0.25
_LONG_ENOUGH: Final = 0.02
_MOST: Final = 10**10
# Dice that textbook numpy rolls at once, all of which it keeps.
_TEXTBOOK_DICE: Final = 2 * 10**6
_PATIENCE: Final = 30.0


def benchmark(
    expression: str | Expression = "2d6",
    n: int | None = None,
    *,
    rng: RNG = None,
    workers: int | None = None,
    start_method: StartMethod | None = None,
    progress: Callable[[str], None] | None = None,
    cancel: Cancel | None = None,
    limits: Limits | None = None,
) -> Benchmark:
    """Time every executor with every aggregation, and what is done in class, on this machine.

    A way that is refused here says so in its row, and the others go on.

    Parameters
    ----------
    expression : str or Expression, optional
        Notation such as ``"3d6+1d8"``.
    n : int, optional
        Trials of each run; by default as many as one process rolls in a quarter of a second,
        which are fewer where every total becomes a Python object.
    rng : int, SeedSequence, Generator or None, optional
        Reduced to one integer, the seed of every run.
    workers, start_method
        As for `run`.
    progress : callable, optional
        Called with the name of each way before it is measured.
    cancel : object with ``is_set()``, optional
        Once it is set, the measurements end with what there is.
    limits : Limits, optional
        Ceilings that refuse runaway work.

    Returns
    -------
    Benchmark

    Raises
    ------
    NotationError, ParameterError, LimitError
        As for `run`.

    Examples
    --------
    >>> measured = benchmark("2d6", n=1000, rng=42)
    >>> len(measured.rows), measured.same_counts
    (19, True)
    """
    refuse_while_importing()
    limits = limits or Limits()
    tree = as_expression(expression)
    if n is not None:
        n = whole_number("n", n)
        limits.check("work", max(tree.price, 1) * n, "each run would roll {} dice")
    plan = make_plan(tree, n or 1, rng=rng, limits=limits)
    choose_executor(plan, "serial", workers, start_method, "bincount", limits)
    session = _Session(
        tree=tree,
        seed=plan.seed,
        workers=workers,
        start_method=start_method,
        settled=settle_start_method(start_method),
        # Each run would compute the exact distribution again, which is not what is measured.
        limits=replace(limits, table_bytes=1),
        progress=progress,
        cancel=cancel,
    )
    complete = session.measure(n)
    return Benchmark(tree, plan.seed, processors(), session.rows, session.same_counts, complete)


@dataclass
class _Session:
    """Measurements on their way."""

    tree: Expression
    seed: int
    workers: int | None
    start_method: StartMethod | None
    settled: StartMethod
    limits: Limits
    progress: Callable[[str], None] | None
    cancel: Cancel | None
    same_counts: bool = True
    _found: dict[str, Measurement] = field(default_factory=dict)
    _tallies: dict[int, Tally] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[Measurement, ...]:
        """What was measured so far."""
        return tuple(self._found.values())

    @property
    def _stopped(self) -> bool:
        return self.cancel is not None and self.cancel.is_set()

    def measure(self, n: int | None) -> bool:
        """Measure every way in turn, and all again; tell whether nothing stopped it."""
        ways = self._ways_in_class() | self._ways_of_ours(n)
        for _ in range(_ROUNDS):
            for name, way in ways.items():
                if not self._stopped:
                    self._take(name, way)
        return not self._stopped

    def _take(self, name: str, way: Callable[[], Measurement]) -> None:
        """Keep the best measurement of a way, unless the caller has enough before it is whole."""
        best = self._found.get(name)
        if best is not None and best.unavailable:
            return
        if self.progress is not None:
            self.progress(name)
        row = way()
        if self._stopped or (best is not None and _speed(row) < _speed(best)):
            return
        self._found[name] = row

    def _ways_in_class(self) -> dict[str, Callable[[], Measurement]]:
        return {
            ONE_PROCESS_PER_ROLL: self._one_process_per_roll,
            "random.randint loop": self._loop,
            "textbook numpy": self._textbook_numpy,
        }

    def _ways_of_ours(self, n: int | None) -> dict[str, Callable[[], Measurement]]:
        many = n or self._affordable("bincount")
        few = n or self._affordable("counter")
        trials = {name: few if name in ("counter", "groupby") else many for name in AGGREGATIONS}
        # Chosen before there are workers, whose threads may linger and change the choice.
        chosen = {name: self._choose(name, trials[name]) for name in AGGREGATIONS}
        return {
            f"{executor} with {aggregation}": partial(
                self._time,
                executor,
                aggregation,
                trials[aggregation],
                executor == chosen[aggregation],
            )
            for aggregation, executor in product(AGGREGATIONS, EXECUTORS)
            if executor not in ("auto", "dask")
        }

    def _choose(self, aggregation: Aggregation, n: int) -> str:
        """Name the executor that `auto` would take."""
        plan = make_plan(self.tree, n, rng=self.seed, limits=self.limits)
        return choose_executor(
            plan, "auto", self.workers, self.start_method, aggregation, self.limits
        ).name

    def _affordable(self, aggregation: Aggregation) -> int:
        """Find how many trials one process rolls in the time of a measurement."""
        work = self.limits.work // max(self.tree.price, 1)
        most = min(_MOST, max(work, 1))

        def seconds(n: int) -> float:
            return self._run("serial", aggregation, n).elapsed_seconds

        seconds(1)  # which may have tables to make
        n = _affordable(seconds, most)
        self._run("serial", "bincount", n)  # so that there are counts to hold the others against
        return n

    def _run(self, executor: ExecutorName, aggregation: Aggregation, n: int) -> Result:
        result = run(
            self.tree,
            n,
            rng=self.seed,
            executor=executor,
            workers=self.workers,
            start_method=self.settled,
            aggregation=aggregation,
            cancel=self.cancel,
            limits=self.limits,
        )
        if not self._stopped:
            self.same_counts &= self._tallies.setdefault(n, result.tally) == result.tally
        return result

    def _time(
        self, executor: ExecutorName, aggregation: Aggregation, n: int, auto: bool
    ) -> Measurement:
        row = Measurement(executor, aggregation, n, auto=auto)
        try:
            result = self._run(executor, aggregation, n)
        except DicesimError as error:
            return replace(row, unavailable=str(error))
        return replace(
            row,
            elapsed_seconds=result.elapsed_seconds,
            workers=result.workers,
            start_method=result.start_method,
        )

    def _one_process_per_roll(self) -> Measurement:
        dice = _plain(self.tree)
        rule = [unparse(self.tree)] if dice is None else [str(number) for number in dice]
        row = Measurement(ONE_PROCESS_PER_ROLL, None, 0, start_method=self.settled)
        try:
            n, seconds = _run_program([self.settled, *rule])
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            return replace(row, unavailable=f"the program that does it failed: {error}")
        return replace(row, n=n, elapsed_seconds=seconds)

    def _loop(self) -> Measurement:
        def seconds(n: int, number: int, sides: int) -> float:
            start = time.perf_counter()
            textbook.loop(n, number, sides)
            return time.perf_counter() - start

        return self._in_class("random.randint loop", seconds, _MOST)

    def _textbook_numpy(self) -> Measurement:
        rng = np.random.default_rng(self.seed)

        def seconds(n: int, number: int, sides: int) -> float:
            start = time.perf_counter()
            np.bincount(rng.integers(1, sides + 1, (n, number)).sum(axis=1))
            return time.perf_counter() - start

        return self._in_class("textbook numpy", seconds, _TEXTBOOK_DICE)

    def _in_class(
        self, way: str, seconds: Callable[[int, int, int], float], dice: int
    ) -> Measurement:
        """Time a way that is for plain dice, and for a number of them at most."""
        plain = _plain(self.tree)
        if plain is None:
            reason = "in class it is done for plain dice, such as 3d6"
            return Measurement(way, None, 0, unavailable=reason)
        n = _affordable(lambda n: seconds(n, *plain), max(dice // max(plain[0], 1), 1))
        return Measurement(way, None, n, seconds(n, *plain))


def _speed(row: Measurement) -> float:
    return row.trials_per_second or 0.0


def _affordable(seconds: Callable[[int], float], most: int) -> int:
    """Find how many trials take long enough, up to `most`: 1, 2 or 5 and zeros.

    Examples
    --------
    >>> _affordable(lambda n: n * 1e-6, 10**9), _affordable(lambda n: n * 1e-6, 3000)
    (200000, 3000)
    """
    n = 1
    while (elapsed := seconds(n)) < _LONG_ENOUGH and n < most:
        n = min(10 * n, most)
    fitting = max(n * _LONG / max(elapsed, 1e-9), 1)
    zeros = 10.0 ** math.floor(math.log10(fitting))
    return min(int(max(step for step in (1, 2, 5) if step * zeros <= fitting) * zeros), most)


def _plain(expression: Expression) -> tuple[int, int] | None:
    """Return number and sides of plain dice, or None for anything else."""
    match expression:
        case Dice(count=int(number), die=die, modifiers=()) if die.is_fair:
            return number, die.high
    return None


def _run_program(arguments: list[str]) -> tuple[int, float]:
    """Run the program of one Process per roll."""
    done = subprocess.run(  # noqa: S603  (our own module, and notation that was read)
        [sys.executable, "-m", textbook.__name__, *arguments],
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    if done.returncode:
        raise ValueError((done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1])
    n, seconds = json.loads(done.stdout)
    return n, seconds
