"""Vectorised dice, as a model gets them."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dicesim.errors import ParameterError
from dicesim.expression import Expression, check_limits, whole
from dicesim.limits import Limits
from dicesim.notation import as_expression
from dicesim.sampling import rolls


class Roller:
    """The dice of all trials of a batch, rolled at once.

    Parameters
    ----------
    rng : numpy.random.Generator
        The stream of the batch; a model may draw from it too.
    size : int
        Number of trials.
    limits : Limits, optional
        Ceilings of what is rolled at once.

    Examples
    --------
    >>> dice = Roller(np.random.default_rng(1), size=1000)
    >>> dice.roll("4d6kh3").shape, dice.roll("d6", count=5).shape
    ((1000,), (5, 1000))
    """

    def __init__(self, rng: np.random.Generator, size: int, limits: Limits | None = None) -> None:
        self.rng = rng
        self.size = size
        self._limits = limits or Limits()

    def roll(
        self,
        notation: str | Expression,
        count: int | None = None,
        where: NDArray[np.bool_] | None = None,
        size: int | None = None,
        dtype: DTypeLike = np.int64,
    ) -> NDArray[Any]:
        """Roll an expression in every trial.

        Parameters
        ----------
        notation : str or Expression
        count : int, optional
            Roll it so often, independently.
        where : ndarray of bool, optional
            Roll in these trials alone; the others get 0, and take no random numbers.
        size : int, optional
            Roll for so many trials in place of all, such as those that still go on.
        dtype : data-type, optional
            Type of the totals. A shorter one, such as ``np.uint8``, takes less memory and time; as
            ever with numpy, what is added up in it may overflow.

        Returns
        -------
        ndarray of int64 or `dtype`, shape (size,), or (count, size) with a count
            The total of each trial.

        Raises
        ------
        NotationError
            The expression cannot be read.
        ParameterError
            `count` or `size` is no whole number, or too small, `where` does not fit, or `dtype`
            does not hold every total.
        LimitError
            So much is beyond a limit.
        """
        tree = _tree(notation, self._limits)
        trials = self.size if size is None else _number("size", size, 0)
        shape = (trials,) if count is None else (_number("count", count, 1), trials)
        totals = math.prod(shape)
        self._limits.check("batch_size", totals, "{} totals would be rolled at once")
        kind = _dtype(tree, dtype)
        if where is None:
            return rolls(tree, self.rng, totals, kind).reshape(shape)
        (places,) = np.nonzero(self._mask(where, shape).reshape(-1))
        rolled = np.zeros(totals, kind)
        rolled[places] = rolls(tree, self.rng, len(places), kind)
        return rolled.reshape(shape)

    @staticmethod
    def _mask(where: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
        if isinstance(where, np.ndarray) and where.dtype == np.bool_:
            if where.shape == shape:
                return where
            if where.shape == shape[1:]:
                return np.broadcast_to(where, shape)
        shown = f"{where.dtype} {where.shape}" if isinstance(where, np.ndarray) else repr(where)
        raise ParameterError(
            f"where: {shown[:60]} is no boolean array of shape {shape}; write a comparison, as in "
            "where=first > 6",
            parameter="where",
        )


def _number(parameter: str, value: int, least: int) -> int:
    number = whole(parameter, value)
    if number < least:
        raise ParameterError(
            f"{parameter}: {number} is too small; write a whole number of at least {least}",
            parameter=parameter,
        )
    return number


def _dtype(tree: Expression, dtype: DTypeLike) -> np.dtype[Any]:
    """Read the type of totals; one that is too short would change them silently."""
    low, high = tree.bounds
    try:
        kind = np.dtype(dtype)
    except (TypeError, ValueError):
        kind = np.dtype(object)
    if kind.kind in "iu" and np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
        return kind
    raise ParameterError(
        f"dtype: {str(dtype)[:40]} is no type of whole numbers from {low} to {high}; write one "
        "that is, such as np.int64",
        parameter="dtype",
    )


@lru_cache(maxsize=256)
def _tree(notation: str | Expression, limits: Limits) -> Expression:
    """Read a notation once, however many batches roll it."""
    if not isinstance(notation, (str, Expression)):
        raise ParameterError(
            f"notation: {notation!r} is no notation; write it as a text, such as '2d6'",
            parameter="notation",
        )
    tree = as_expression(notation)
    check_limits(tree, limits)
    return tree
