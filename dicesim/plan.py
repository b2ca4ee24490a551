"""What is to be rolled, and the random stream of each part of it.

A plan knows nothing of workers: it cuts the trials into batches, and each batch owns the stream
that its index gives it. So counts do not depend on who rolls what, or when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dicesim._version import __version__
from dicesim.arguments import RNG, settle_seed, whole_number
from dicesim.choices import (
    BIT_GENERATORS,
    METHODS,
    BitGeneratorName,
    Method,
    require_choice,
)
from dicesim.errors import LimitError, ParameterError
from dicesim.expression import Expression, check_limits
from dicesim.limits import Limits
from dicesim.model import Model
from dicesim.notation import parse
from dicesim.pmf import PMF
from dicesim.precision import Precision
from dicesim.tally import Tally
from dicesim.wording import describe, unparse

# Trials where no number is named, and at most where a precision is.
DEFAULT_N: Final = 10**6
GREATEST_N: Final = 10**9
_MULTINOMIAL_TRIALS: Final = 10**15
_BATCHES: Final = 16
_LEAST_BATCH: Final = 2**16
_GREATEST_BATCH: Final = 2**22
# So many times as many batches where a precision is looked for after each, and a batch costs the
# same however large it is.
_LOOKS: Final = 2**6
# Dice of a batch: a twentieth of a second, so that progress and interruption stay prompt.
_BATCH_DICE: Final = 2**25


@dataclass(frozen=True, slots=True)
class Batch:
    """A fixed run of trials that owns one stream."""

    index: int
    size: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the counts of a run depend on.

    Parameters
    ----------
    rule : Expression or Model
        What one trial does.
    n : int
        Number of trials.
    seed : int
        Replays the run.
    batch_size : int
        Trials of every batch but the last.
    method : {"roll", "multinomial"}
    bit_generator : {"SFC64", "PCG64DXSM", "Philox", "MT19937"}
    until : Precision, optional
        Stop at the end of the first batch after which this is reached.

    Examples
    --------
    >>> from dicesim import parse
    >>> plan = Plan(parse("2d6"), n=10, seed=42, batch_size=4)
    >>> [plan.batch(index).size for index in range(plan.batches)]
    [4, 4, 2]
    """

    rule: Expression | Model
    n: int
    seed: int
    batch_size: int
    method: Method = "roll"
    bit_generator: BitGeneratorName = "SFC64"
    until: Precision | None = None

    @property
    def expression(self) -> Expression | None:
        """The rule, if it is an expression."""
        return None if isinstance(self.rule, Model) else self.rule

    @property
    def model(self) -> Model | None:
        """The rule, if it is a model."""
        return self.rule if isinstance(self.rule, Model) else None

    @property
    def label(self) -> str:
        """The canonical notation, or where the model stands."""
        return self.rule.label if isinstance(self.rule, Model) else unparse(self.rule)

    @property
    def summary(self) -> str:
        """What a trial does, in words."""
        return self.rule.summary if isinstance(self.rule, Model) else describe(self.rule)

    @property
    def batches(self) -> int:
        """Number of batches."""
        return -(-self.n // self.batch_size)

    def batch(self, index: int) -> Batch:
        """Return the batch with this index.

        Parameters
        ----------
        index : int
            From 0.

        Returns
        -------
        Batch
        """
        return Batch(index, min(self.batch_size, self.n - index * self.batch_size))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, of which `from_dict` makes the plan again.

        Returns
        -------
        dict
        """
        return {
            "expression": None if self.model else self.label,
            "model": self.model and self.model.to_dict(),
            "n": self.n,
            "seed": self.seed,
            "batch_size": self.batch_size,
            "method": self.method,
            "bit_generator": self.bit_generator,
            "until": self.until and self.until.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """Make a plan of plain values; a model is not loaded before it is rolled.

        Parameters
        ----------
        values : mapping
            What `to_dict` returned.

        Returns
        -------
        Plan

        Examples
        --------
        >>> from dicesim import parse
        >>> plan = Plan(parse("2d6"), n=10, seed=42, batch_size=4)
        >>> Plan.from_dict(plan.to_dict()) == plan
        True
        """
        model, expression, until = (values[name] for name in ("model", "expression", "until"))
        plain = ("n", "seed", "batch_size", "method", "bit_generator")
        return cls(
            rule=Model(**model) if model else parse(expression),
            until=until and Precision.from_dict(until),
            **{name: values[name] for name in plain},
        )

    def precise(self, tally: Tally) -> bool:
        """Tell whether the first batches, which counted this, reach the precision asked for.

        Parameters
        ----------
        tally : Tally
            What the first batches counted.

        Returns
        -------
        bool

        Examples
        --------
        >>> import dicesim
        >>> result = dicesim.run("2d6", until_se=0.01, rng=42)
        >>> result.plan.precise(result.tally), result.plan.fulfilled(result.tally)
        (True, True)
        """
        batches = -(-tally.total // self.batch_size)
        return self.until is not None and self.until.reached(tally, batches)

    def fulfilled(self, tally: Tally) -> bool:
        """Tell whether the first batches, which counted this, are all that was asked for.

        Parameters
        ----------
        tally : Tally
            What the first batches counted.

        Returns
        -------
        bool
        """
        return tally.total == self.n or self.precise(tally)

    def needed(self, tally: Tally) -> int:
        """Tell how many trials there will be in all, as far as can be known.

        Parameters
        ----------
        tally : Tally
            What the first batches counted.

        Returns
        -------
        int

        Examples
        --------
        >>> import dicesim
        >>> result = dicesim.run("2d6", until_se=0.01, rng=42)
        >>> result.plan.n, result.plan.needed(result.tally)
        (1000000000, 131072)
        """
        if self.until is None:
            return self.n
        if self.precise(tally):
            return tally.total
        return max(tally.total, round(min(self.n, self.until.expected_n(tally))))

    def generator(self, index: int) -> np.random.Generator:
        """Return the random numbers of a batch, from their beginning.

        Parameters
        ----------
        index : int
            Of the batch.

        Returns
        -------
        numpy.random.Generator

        Examples
        --------
        >>> from dicesim import parse
        >>> plan = Plan(parse("2d6"), n=10, seed=42, batch_size=4)
        >>> plan.generator(0).random() == plan.generator(0).random() != plan.generator(1).random()
        True
        """
        sequence = np.random.SeedSequence(self.seed, spawn_key=(index,))
        bit_generator = getattr(np.random, self.bit_generator)
        return np.random.Generator(bit_generator(sequence))


def make_plan(
    rule: Expression | Model,
    n: int | None,
    *,
    rng: RNG = None,
    method: Method = "roll",
    batch_size: int | None = None,
    bit_generator: BitGeneratorName = "SFC64",
    until: Precision | None = None,
    limits: Limits,
) -> Plan:
    """Check everything that a plan holds, and settle what was left open.

    Raises
    ------
    ParameterError
        `n`, `rng`, `method`, `batch_size` or `bit_generator` cannot be used, or not with a model.
    LimitError
        The expression, the batch or the whole run is beyond a limit.
    """
    require_choice("method", method, METHODS)
    require_choice("bit_generator", bit_generator, BIT_GENERATORS)
    if n is None:
        n = DEFAULT_N if until is None else GREATEST_N
    n = whole_number("n", n)
    price = _price(rule, method, limits)
    _check_work(price, n, method, limits)
    if batch_size is None:
        batch_size = _batch_size(price, _known(rule, n, until, method), method)
    else:
        batch_size = whole_number("batch_size", batch_size)
        if method == "roll":
            limits.check("batch_size", min(batch_size, n), "a batch would hold {} trials")
        if until is None:  # otherwise n is only the most that it may come to
            sentence = "the run would be cut into {} batches"
            limits.check("batches", -(-n // batch_size), sentence, "name a greater batch size, or ")
    return Plan(rule, n, settle_seed(rng), batch_size, method, bit_generator, until)


def _price(rule: Expression | Model, method: Method, limits: Limits) -> int:
    """Tell how many dice a trial rolls, one at least; nobody knows how many a model rolls."""
    if isinstance(rule, Model):
        if method == "multinomial":
            raise ParameterError(
                "method: multinomial draws from the exact distribution, and a model has none; "
                "choose roll",
                parameter="method",
            )
        return 1
    check_limits(rule, limits)
    return max(rule.price, 1)


def _check_work(price: int, n: int, method: Method, limits: Limits) -> None:
    if method == "multinomial":
        if n > _MULTINOMIAL_TRIALS:
            raise LimitError(
                f"n: {n:,} trials are beyond the {_MULTINOMIAL_TRIALS:,} up to which the "
                "multinomial method is exact; write a smaller n",
                limit="work",
            )
        return
    limits.check(
        "work",
        price * n,
        "the run would roll {} dice",
        "use --method multinomial (method='multinomial'), whose cost does not grow with n, or ",
    )


def refuse_certainty(plan: Plan, pmf: PMF | None) -> None:
    """Refuse to roll for what is known exactly, and would never vary.

    Raises
    ------
    ParameterError
        The mean or the probability that is asked about is certain.
    """
    if plan.until is None or pmf is None:
        return
    of = plan.until.of
    known = pmf.mean if of is None else pmf.probability(str(of))
    if len(pmf) > 1 and (of is None or 0 < known < 1):
        return
    name = "until_ci" if plan.until.standard_error is None else "until_se"
    subject = "the mean" if of is None else f"P({of})"
    raise ParameterError(
        f"{name}: {subject} of {plan.label} is exactly {float(known):g}, and no trial tells more; "
        "leave out the target",
        parameter=name,
    )


def _known(rule: Expression | Model, n: int, until: Precision | None, method: Method) -> int:
    """Tell for how many trials batches are to be cut, where `n` may be far more than are rolled."""
    if until is not None:
        return n // _LOOKS if method == "multinomial" else _LEAST_BATCH
    return _LEAST_BATCH if isinstance(rule, Model) else n


def _batch_size(price: int, n: int, method: Method) -> int:
    size = max(-(-n // _BATCHES), _LEAST_BATCH)
    if method == "multinomial":
        return size
    affordable = max(_BATCH_DICE // price, 1)
    return min(size, _GREATEST_BATCH, affordable)


def stream_versions() -> dict[str, str]:
    """Versions that the counts depend on.

    Examples
    --------
    >>> sorted(stream_versions())
    ['dicesim', 'numpy']
    """
    return {"dicesim": __version__, "numpy": np.__version__}
