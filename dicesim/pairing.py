"""Two models on common random numbers: the same stream for both, and the difference tallied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dicesim.errors import ExecutionError
from dicesim.model import Model
from dicesim.roller import Roller
from dicesim.tally import Integers

# Outcomes as far apart as this could not be subtracted in int64.
_WIDEST: Final = 2**62


@dataclass(frozen=True, eq=False)
class PairedDifference(Model):
    """The outcome of one model less that of another, which sees the same random numbers.

    Where both use the dice alike, chance does to one what it does to the other, and the difference
    varies less than that of independent runs.

    References
    ----------
    A. M. Law, "Simulation Modeling and Analysis", chapter 11: variance reduction.

    Examples
    --------
    >>> low = Model.of(lambda dice: dice.roll("2d6"))
    >>> high = Model.of(lambda dice: dice.roll("2d6") + 1)
    >>> pair = PairedDifference.between(high, low)
    >>> pair.totals(Roller(np.random.default_rng(1), size=4))
    array([1, 1, 1, 1])
    """

    models: tuple[Model, ...] = ()

    @classmethod
    def between(cls, a: Model, b: Model) -> PairedDifference:
        """Pair two models."""
        references = [model.reference for model in (a, b)]
        findable = " - ".join(references) if all(references) else None  # type: ignore[arg-type]
        return cls(f"{a.name} - {b.name}", findable, None, "the difference", None, (a, b))

    @property
    def _identity(self) -> tuple[Any, ...]:
        return self.models

    def __reduce__(self) -> tuple[Any, ...]:
        return PairedDifference.between, self.models

    def totals(self, dice: Roller) -> Integers:
        """Return the difference of each trial.

        Raises
        ------
        ExecutionError
            Either model failed, or the outcomes are too far apart.
        """
        a, b = self.models
        beginning = dice.rng.bit_generator.state
        first = a.totals(dice)
        dice.rng.bit_generator.state = beginning
        second = b.totals(dice)
        if any(np.any((x > _WIDEST) | (x < -_WIDEST)) for x in (first, second)):
            raise ExecutionError(f"model {self.name}: an outcome lies beyond 2**62; return less")
        return first - second
