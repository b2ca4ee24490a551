"""The way to a comparison: exact where that is possible, and rolled where it is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from dicesim.arguments import RNG, settle_seed, whole_number
from dicesim.compared_side import ComparedSide
from dicesim.comparison import RuleComparison
from dicesim.distribution import exact
from dicesim.errors import DicesimError, ExactUnavailable, ExecutionError
from dicesim.expression import Expression
from dicesim.limits import Limits
from dicesim.model import Model
from dicesim.notation import as_expression
from dicesim.pairing import PairedDifference
from dicesim.references import Function
from dicesim.result import Result
from dicesim.running import Cancel, Progress
from dicesim.simulation import run
from dicesim.wording import caveats, describe, unparse

# Apart from the keys of batches, which are below 2**63, and from the one of p-values, 2**64 - 1.
_SECOND_KEY: Final = 2**64
# Seconds from the request to stop until a side may be left with nothing.
_PATIENCE: Final = 0.5


def compare(
    a: str | Expression | Model | Function,
    b: str | Expression | Model | Function,
    n: int = 1_000_000,
    *,
    rng: RNG = None,
    progress: Callable[[Progress], None] | None = None,
    cancel: Cancel | None = None,
    limits: Limits | None = None,
) -> RuleComparison:
    """Set two rules side by side, rolled independently of each other, even if they are the same.

    What has an exact distribution is exact, and is not rolled. A first rule without one is rolled
    as by ``run(a, n, rng=seed)``; a second one has a seed of its own, made from that seed.

    Two models are rolled once more, on common random numbers: both see the stream of `seed`, and
    the mean of the difference of each trial mostly has a smaller error than that of two means.

    Parameters
    ----------
    a, b : str, Expression, Model or function
        Notation such as ``"3d6+1d8"``, or a rule written in Python as for `run`.
    n : int, optional
        Number of trials of each side that has no exact distribution.
    rng : int, SeedSequence, Generator or None, optional
        Reduced to one integer, which replays the comparison.
    progress : callable, optional
        Called with a `Progress` of both sides together while something is rolled.
    cancel : object with ``is_set()``, optional
        Once it is set, the comparison is one of the trials that it has, at least a few of each.
    limits : Limits, optional
        Ceilings that refuse runaway work.

    Returns
    -------
    RuleComparison

    Raises
    ------
    NotationError, ParameterError, LimitError
        As for `run`; the message says which of both rules is meant.
    ExecutionError
        A run could not finish.

    Examples
    --------
    >>> comparison = compare("2d6", "1d12")
    >>> comparison.greater.fraction, comparison.equal.fraction, comparison.less.fraction
    ('1/2', '1/12', '5/12')
    >>> comparison.summary
    'A is higher on average, by 0.5; A wins 50.0% of the time, B wins 41.7%, and 8.3% are ties'
    """
    limits = limits or Limits()
    n, seed = whole_number("n", n), settle_seed(rng)
    drafts = _Draft.of("first", a, limits), _Draft.of("second", b, limits)
    models = [draft.rule for draft in drafts if isinstance(draft.rule, Model)]
    pair = PairedDifference.between(*models) if len(models) == 2 else None
    price = sum(draft.price for draft in drafts if not draft.side.is_exact) + 2 * bool(pair)
    limits.check("work", price * n, "the comparison would roll {} dice", "write a smaller n, or ")
    requested = n * (sum(not draft.side.is_exact for draft in drafts) + bool(pair))
    rolling = _Rolling(n, requested, limits, cancel, progress)
    other = settle_seed(np.random.SeedSequence(seed, spawn_key=(_SECOND_KEY,)))
    first, second = rolling.side(drafts[0], seed), rolling.side(drafts[1], other)
    paired = rolling.roll(pair, seed) if pair else None
    return RuleComparison(first, second, seed if requested else None, paired)


@dataclass(frozen=True)
class _Draft:
    """A side as far as it is known without rolling."""

    place: str
    rule: Expression | Model
    side: ComparedSide

    @property
    def price(self) -> int:
        """Dice of a trial; at least one of a model, whose dice are not known."""
        return 1 if isinstance(self.rule, Model) else max(self.rule.price, 1)

    @classmethod
    def of(cls, place: str, rule: str | Expression | Model | Function, limits: Limits) -> _Draft:
        with _named(place):
            if not isinstance(rule, (str, Expression)):
                model = rule if isinstance(rule, Model) else Model.of(rule)
                reason = "a model has no exact distribution"
                side = ComparedSide(model.label, model.summary, None, reason, model=model)
                return cls(place, model, side)
            tree = as_expression(rule)
            pmf, reason = None, ""
            try:
                pmf = exact(tree, limits=limits)
            except ExactUnavailable as error:
                reason = str(error)
        side = ComparedSide(unparse(tree), describe(tree), pmf, reason, notes=caveats(tree))
        return cls(place, tree, side)


@dataclass
class _Rolling:
    """Runs one after the other: how far they are together, and whether to stop.

    A side of which nothing was rolled could not be compared, so each goes on until it has some, if
    that does not take long.
    """

    n: int
    requested: int
    limits: Limits
    cancel: Cancel | None
    progress: Callable[[Progress], None] | None
    start: float = field(default_factory=time.perf_counter)
    before: int = 0
    done: int = 0
    asked: float = 0.0

    def side(self, draft: _Draft, seed: int) -> ComparedSide:
        """Roll a side, unless its law is exact."""
        if draft.side.is_exact:
            return draft.side
        with _named(draft.place):
            return replace(draft.side, result=self.roll(draft.rule, seed))

    def roll(self, rule: Expression | Model, seed: int) -> Result:
        """Roll a rule."""
        self.before, self.done = self.before + self.done, 0
        result = run(rule, self.n, rng=seed, progress=self._tell, cancel=self, limits=self.limits)
        if not result.n:
            raise ExecutionError(
                "stopped before each rule had a batch; there is nothing to compare"
            )
        return result

    def breaking(self) -> AbstractContextManager[None]:
        """Let Ctrl-C break off a batch, as the caller does."""
        breaking = getattr(self.cancel, "breaking", nullcontext)
        entered: AbstractContextManager[None] = breaking()
        return entered

    def is_set(self) -> bool:
        """Whether to stop."""
        if self.cancel is None or not self.cancel.is_set():
            return False
        now = time.perf_counter()
        self.asked = self.asked or now
        return self.done > 0 or now > self.asked + _PATIENCE

    def _tell(self, run: Progress) -> None:
        self.done = run.done
        if self.progress is not None:
            elapsed = time.perf_counter() - self.start
            self.progress(Progress(self.before + run.done, self.requested, elapsed))


@contextmanager
def _named(place: str) -> Iterator[None]:
    """Say in an error which of both rules is meant; all else of it stays."""
    try:
        yield
    except DicesimError as error:
        message = str(error).removeprefix("expression: ")
        error.args = (f"{place} expression: {message}",)
        raise
