"""Monte Carlo dice, rolled in parallel and held against the exact distribution.

>>> import dicesim
>>> dicesim.run("2d6", n=100_000, rng=42).unique
11
>>> dicesim.exact("2d6")[7]
Fraction(1, 6)

Names are imported when they are first used, so that ``import dicesim`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dicesim._version import __version__

if TYPE_CHECKING:
    from dicesim.choices import (
        AGGREGATIONS,
        BIT_GENERATORS,
        EXECUTORS,
        METHODS,
        START_METHODS,
        Aggregation,
        BitGeneratorName,
        ExecutorName,
        Method,
        StartMethod,
    )
    from dicesim.condition import Condition
    from dicesim.distribution import exact
    from dicesim.errors import (
        DicesimError,
        ExactUnavailable,
        ExecutionError,
        LimitError,
        NotationError,
        ParameterError,
    )
    from dicesim.execution import BatchRecord
    from dicesim.expression import Constant, Dice, Expression, Negate, Product, Sum
    from dicesim.limits import Limits
    from dicesim.notation import describe, parse, unparse
    from dicesim.plan import Plan
    from dicesim.pmf import PMF
    from dicesim.report import format_exact, format_rate, format_roll, format_run
    from dicesim.result import Estimate, Result, versions
    from dicesim.sampling import Roll
    from dicesim.simulation import Progress, roll, roll_dice, run
    from dicesim.tally import Tally
    from dicesim.validation import Cell, Check, goodness_of_fit

_HOMES = {
    "choices": (
        "AGGREGATIONS BIT_GENERATORS EXECUTORS METHODS START_METHODS "
        "Aggregation BitGeneratorName ExecutorName Method StartMethod"
    ),
    "condition": "Condition",
    "distribution": "exact",
    "errors": (
        "DicesimError ExactUnavailable ExecutionError LimitError NotationError ParameterError"
    ),
    "execution": "BatchRecord",
    "expression": "Constant Dice Expression Negate Product Sum",
    "limits": "Limits",
    "notation": "describe parse unparse",
    "plan": "Plan",
    "pmf": "PMF",
    "report": "format_exact format_rate format_roll format_run",
    "result": "Estimate Result versions",
    "sampling": "Roll",
    "simulation": "Progress roll roll_dice run",
    "tally": "Tally",
    "validation": "Cell Check goodness_of_fit",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [  # noqa: RUF022  (kept in step with the table above by a test)
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'dicesim' has no attribute {name!r}")
    value = getattr(import_module(f"dicesim.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
