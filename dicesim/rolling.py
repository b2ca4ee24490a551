"""A few rolls, each of them kept."""

from __future__ import annotations

from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from dicesim.arguments import RNG, settle_seed, whole_number
from dicesim.expression import Expression, check_limits
from dicesim.limits import Limits
from dicesim.notation import as_expression
from dicesim.sampling import Roll, roll_once, rolls

_KEPT: Final = "use run, which keeps counts only, or "


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
    limits = limits or Limits()
    tree, number = _few(expression, times, limits, "times", "rolls")
    limits.check("rolls", number * max(tree.price, 1), "{} dice would be kept", _KEPT)
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
    limits.check(limit, number, "{} trials would be kept, each by itself", _KEPT)
    limits.check("work", number * max(tree.price, 1), "{} dice would be rolled")
    return tree, number


def _as_generator(rng: RNG) -> np.random.Generator:
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.Generator(np.random.SFC64(settle_seed(rng)))
