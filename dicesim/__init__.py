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
    from dicesim.arguments import fresh_seed as fresh_seed
    from dicesim.arithmetic import (
        Negate as Negate,
        Product as Product,
        Quotient as Quotient,
        Sum as Sum,
    )
    from dicesim.cells import Cell as Cell
    from dicesim.checking import check as check, check_file as check_file
    from dicesim.choices import (
        AGGREGATIONS as AGGREGATIONS,
        BIT_GENERATORS as BIT_GENERATORS,
        EXECUTORS as EXECUTORS,
        METHODS as METHODS,
        START_METHODS as START_METHODS,
        Aggregation as Aggregation,
        BitGeneratorName as BitGeneratorName,
        ExecutorName as ExecutorName,
        Method as Method,
        StartMethod as StartMethod,
    )
    from dicesim.compared_side import ComparedSide as ComparedSide
    from dicesim.comparing import compare as compare
    from dicesim.comparison import RuleComparison as RuleComparison
    from dicesim.comparison_report import format_comparison as format_comparison
    from dicesim.condition import Condition as Condition
    from dicesim.dependence import IndependenceTest as IndependenceTest
    from dicesim.dice import Dice as Dice, Group as Group
    from dicesim.distribution import exact as exact
    from dicesim.errors import (
        DicesimError as DicesimError,
        ExactUnavailable as ExactUnavailable,
        ExecutionError as ExecutionError,
        LimitError as LimitError,
        NotationError as NotationError,
        ParameterError as ParameterError,
        RecordError as RecordError,
        StoreError as StoreError,
    )
    from dicesim.estimates import Estimate as Estimate
    from dicesim.execution import BatchRecord as BatchRecord
    from dicesim.expression import Constant as Constant, Expression as Expression
    from dicesim.faces import Die as Die
    from dicesim.limits import Limits as Limits
    from dicesim.loading import load as load
    from dicesim.measurement import Benchmark as Benchmark, Measurement as Measurement
    from dicesim.model import Model as Model
    from dicesim.modifiers import (
        Clamp as Clamp,
        Count as Count,
        Drop as Drop,
        Explode as Explode,
        Keep as Keep,
        Modifier as Modifier,
        Reroll as Reroll,
    )
    from dicesim.notation import parse as parse
    from dicesim.odds import ComparedFigure as ComparedFigure
    from dicesim.plan import Plan as Plan
    from dicesim.plotting import PlotFile as PlotFile
    from dicesim.pmf import PMF as PMF
    from dicesim.pmf_files import read_pmf as read_pmf
    from dicesim.power_analysis import PowerAnalysis as PowerAnalysis, power as power
    from dicesim.power_report import format_power as format_power
    from dicesim.precision import Precision as Precision
    from dicesim.recorded import RecordedCheck as RecordedCheck
    from dicesim.recorded_report import format_check as format_check, format_look as format_look
    from dicesim.recorded_tests import JointTest as JointTest, Margin as Margin
    from dicesim.report import (
        format_exact as format_exact,
        format_rate as format_rate,
        format_roll as format_roll,
        format_run as format_run,
    )
    from dicesim.result import Result as Result, versions as versions
    from dicesim.roller import Roller as Roller
    from dicesim.rolling import roll as roll, roll_dice as roll_dice
    from dicesim.running import Progress as Progress
    from dicesim.sampling import Roll as Roll, RolledPool as RolledPool
    from dicesim.simulation import resume as resume, run as run
    from dicesim.store import StoredRun as StoredRun, stored_runs as stored_runs
    from dicesim.store_report import format_runs as format_runs
    from dicesim.tally import Tally as Tally
    from dicesim.timing import benchmark as benchmark
    from dicesim.timing_report import format_benchmark as format_benchmark
    from dicesim.totals import (
        Comparison as Comparison,
        Conditional as Conditional,
        DiceFunction as DiceFunction,
        Function as Function,
        Let as Let,
        Name as Name,
    )
    from dicesim.validation import (
        RECORDED_ALARM as RECORDED_ALARM,
        Check as Check,
        goodness_of_fit as goodness_of_fit,
    )
    from dicesim.watching import Look as Look, watch as watch
    from dicesim.wording import (
        caveats as caveats,
        describe as describe,
        unparse as unparse,
    )


# The same names again, where they live; a test holds the two lists together.
_HOMES = {
    "arguments": "fresh_seed",
    "choices": (
        "AGGREGATIONS BIT_GENERATORS EXECUTORS METHODS START_METHODS "
        "Aggregation BitGeneratorName ExecutorName Method StartMethod"
    ),
    "cells": "Cell",
    "checking": "check check_file",
    "comparing": "compare",
    "compared_side": "ComparedSide",
    "comparison": "RuleComparison",
    "comparison_report": "format_comparison",
    "condition": "Condition",
    "dependence": "IndependenceTest",
    "dice": "Dice Group",
    "distribution": "exact",
    "errors": (
        "DicesimError ExactUnavailable ExecutionError LimitError NotationError ParameterError "
        "RecordError StoreError"
    ),
    "estimates": "Estimate",
    "execution": "BatchRecord",
    "expression": "Constant Expression",
    "faces": "Die",
    "limits": "Limits",
    "loading": "load",
    "measurement": "Benchmark Measurement",
    "model": "Model",
    "modifiers": "Clamp Count Drop Explode Keep Modifier Reroll",
    "notation": "parse",
    "odds": "ComparedFigure",
    "plan": "Plan",
    "plotting": "PlotFile",
    "pmf": "PMF",
    "pmf_files": "read_pmf",
    "power_analysis": "PowerAnalysis power",
    "power_report": "format_power",
    "precision": "Precision",
    "report": "format_exact format_rate format_roll format_run",
    "recorded": "RecordedCheck",
    "recorded_tests": "JointTest Margin",
    "recorded_report": "format_check format_look",
    "result": "Result versions",
    "sampling": "Roll RolledPool",
    "running": "Progress",
    "roller": "Roller",
    "rolling": "roll roll_dice",
    "simulation": "resume run",
    "store": "StoredRun stored_runs",
    "store_report": "format_runs",
    "tally": "Tally",
    "timing": "benchmark",
    "timing_report": "format_benchmark",
    "arithmetic": "Negate Product Quotient Sum",
    "totals": "Comparison Conditional DiceFunction Function Let Name",
    "validation": "RECORDED_ALARM Check goodness_of_fit",
    "watching": "Look watch",
    "wording": "caveats describe unparse",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *_HOME]


if not TYPE_CHECKING:  # a type checker would take any name for granted

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'dicesim' has no attribute {name!r}")
        value = getattr(import_module(f"dicesim.{_HOME[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
