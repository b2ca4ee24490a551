"""The names that a caller may choose from, and the refusal of any other.

Kept apart from what they name, so that a face can offer them without importing numpy.
"""

from __future__ import annotations

import difflib
from typing import Final, Literal, get_args

from dicesim.errors import ParameterError

Method = Literal["roll", "multinomial"]
ExecutorName = Literal["auto", "serial", "threads", "process", "pool", "dask"]
StartMethod = Literal["fork", "forkserver", "spawn"]
Aggregation = Literal["bincount", "counter", "groupby", "shared"]
BitGeneratorName = Literal["SFC64", "PCG64DXSM", "Philox", "MT19937"]

METHODS: tuple[Method, ...] = get_args(Method)
EXECUTORS: tuple[ExecutorName, ...] = get_args(ExecutorName)
START_METHODS: tuple[StartMethod, ...] = get_args(StartMethod)
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)
BIT_GENERATORS: tuple[BitGeneratorName, ...] = get_args(BitGeneratorName)
# Least alarm level: shared out among all outcomes it is still a number.
LEAST_ALPHA: Final = 1e-300


def require_choice(parameter: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a `value` that is none of the `choices`.

    Raises
    ------
    ParameterError
        With the choices, and the nearest of them where one is near.
    """
    if value in choices:
        return
    near = difflib.get_close_matches(str(value), choices, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ParameterError(
        f"{parameter}: {value!r} is not one of {', '.join(choices)}{hint}", parameter=parameter
    )


def require_between(parameter: str, value: object, low: float, high: float) -> None:
    """Refuse a `value` that is no number strictly between `low` and `high`.

    Raises
    ------
    ParameterError
        With both ends.
    """
    if isinstance(value, (int, float)) and low < value < high:
        return
    raise ParameterError(
        f"{parameter}: {value!r} is no number between {low:g} and {high:g}; write one",
        parameter=parameter,
    )


def require_alpha(value: object) -> None:
    """Refuse what is no alarm level, or so small that shares of it could not be told from 0."""
    require_between("alpha", value, LEAST_ALPHA, 0.5)
