"""Numbers and seeds, as callers hand them in."""

from __future__ import annotations

import secrets
from typing import Any, Final

import numpy as np

from dicesim.errors import ParameterError
from dicesim.faces import INT64_MAX

RNG = int | np.integer[Any] | np.random.SeedSequence | np.random.Generator | None

# Fresh seeds stay below this, so that JSON and JavaScript keep every digit.
_FRESH_SEEDS: Final = 2**53
_SEEDS: Final = 2**256


def whole_number(parameter: str, value: Any) -> int:
    """Return `value` as a plain int, or refuse what is no whole number from 1 to 2**63 - 1.

    Raises
    ------
    ParameterError
        For a boolean and a float with a fraction, too.
    """
    integral = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if integral or (isinstance(value, float) and value.is_integer()):
        if 1 <= value <= INT64_MAX:
            return int(value)
        reason = "is too large" if value > 0 else "is too small"
    else:
        reason = "is not a whole number"
    raise ParameterError(
        f"{parameter}: {shown(value)} {reason}; write a whole number from 1 to 2**63 - 1",
        parameter=parameter,
    )


def shown(value: Any) -> str:
    """Show what was given, unless it is so long that nobody would read it."""
    if isinstance(value, int) and abs(value) >= 10**30:
        return "the number"
    return repr(value) if len(repr(value)) <= 40 else f"{repr(value)[:37]}..."


def fresh_seed() -> int:
    """Return a random seed below 2**53.

    Returns
    -------
    int

    Examples
    --------
    >>> 0 <= fresh_seed() < 2**53
    True
    """
    return secrets.randbelow(_FRESH_SEEDS)


def settle_seed(rng: RNG) -> int:
    """Reduce whatever stands for randomness to the one integer that replays the run.

    An int is itself. A `SeedSequence` gives a word of its state, since spawned children share
    their entropy; a `Generator` gives one draw; None gives a fresh seed below 2**53.

    Raises
    ------
    ParameterError
        The value is none of these, or negative.

    Examples
    --------
    >>> settle_seed(42)
    42
    """
    match rng:
        case None:
            return fresh_seed()
        case np.random.SeedSequence():
            return int(rng.generate_state(1, np.uint64)[0]) % _FRESH_SEEDS
        case np.random.Generator():
            return int(rng.integers(_FRESH_SEEDS))
        case int() | np.integer() if not isinstance(rng, bool) and 0 <= rng < _SEEDS:
            return int(rng)
    raise ParameterError(
        f"rng: {shown(rng)} is no seed; write an integer from 0 to 2**256 - 1, or hand in a "
        "numpy.random.Generator or SeedSequence",
        parameter="rng",
    )
