"""How long exact distributions take from cold, in dicesim and in other libraries.

    python benchmarks/exact.py [--runs N]

Each library computes each case in many fresh processes, by turns with the others, and only the
first call in a process counts: no cache is warm. Imports are done before the clock starts. What is
timed ends with all weights in hand; libraries that are lazy are made to compute them. Each law is
held equal to dicesim's. The libraries beside dicesim come with ``pip install 'dicesim[bench]'``;
those that are not installed are left out, and so are cases for which a library has no rule.

The last column divides dicesim's time, with the reading of the notation in it, by that of the
fastest other library, which all are given numbers in place of notation. The column ``tree`` is
dicesim from an expression that has already been read.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from importlib import import_module, metadata
from importlib.util import find_spec
from statistics import median
from textwrap import fill
from time import perf_counter, process_time
from typing import Any, Final, NamedTuple, TypeAlias

# What computes a case; its result has `items`, weights (or probabilities) by outcome.
Rule: TypeAlias = Callable[[], Any]

CASES: Final = ("2d6", "4d6kh3", "10d10>=7", "100d6", "20d6kh10", "d6!")


def _dicesim(dicesim: Any, case: str) -> Rule:
    exact = dicesim.exact  # which imports what it needs
    return lambda: exact(case)


def _tree(dicesim: Any, case: str) -> Rule:
    return partial(dicesim.exact, dicesim.parse(case))


def _icepool(icepool: Any, case: str) -> Rule | None:
    return {
        "2d6": lambda: 2 @ icepool.d6,
        "4d6kh3": lambda: icepool.d6.highest(4, 3),
        "10d10>=7": lambda: 10 @ (icepool.d10 >= 7),
        "100d6": lambda: 100 @ icepool.d6,
        "20d6kh10": lambda: icepool.d6.highest(20, 10),
        "d6!": lambda: icepool.d6.explode(depth=20),
    }.get(case)


def _dyce(dyce: Any, case: str) -> Rule | None:
    return {
        "2d6": lambda: 2 @ dyce.H(6),
        "4d6kh3": lambda: (4 @ dyce.P(6)).at(slice(-3, None)),
        "10d10>=7": lambda: 10 @ dyce.H(10).ge(7),
        "100d6": lambda: 100 @ dyce.H(6),
        "20d6kh10": lambda: (20 @ dyce.P(6)).at(slice(-10, None)),
        "d6!": lambda: dyce.explode_n(dyce.H(6), n=20),
    }.get(case)


def _dicetables(dt: Any, case: str) -> Rule | None:
    def added(die: Any, number: int) -> Any:
        return dt.DiceTable.new().add_die(die, number).get_dict()

    def best(number: int, of: int) -> Any:
        return dt.BestOfDicePool(dt.DicePool(dt.Die(6), of), number).get_dict()

    return {
        "2d6": lambda: added(dt.Die(6), 2),
        "4d6kh3": lambda: best(3, 4),
        # No die of its own shows 0; this one shows 1 or 2, less 1.
        "10d10>=7": lambda: added(dt.ModWeightedDie({1: 6, 2: 4}, -1), 10),
        "100d6": lambda: added(dt.Die(6), 100),
        "20d6kh10": lambda: best(10, 20),
        "d6!": lambda: dt.Exploding(dt.Die(6), explosions=20).get_dict(),
    }.get(case)


def _opendice(opendice: Any, case: str) -> Rule | None:
    return {
        "2d6": lambda: opendice.ndm(2, 6).probabilities(),
        "10d10>=7": lambda: (10 * (opendice.d(10) >= 7)).probabilities(),
        "100d6": lambda: opendice.ndm(100, 6).probabilities(),
    }.get(case)


def _hdroller(hdroller: Any, case: str) -> Rule | None:
    return {
        "2d6": lambda: 2 @ hdroller.d6,
        "4d6kh3": lambda: hdroller.d6.keep_highest(4, 3),
        "10d10>=7": lambda: 10 @ (hdroller.d10 >= 7),
        "100d6": lambda: 100 @ hdroller.d6,
        "20d6kh10": lambda: hdroller.d6.keep_highest(20, 10),
        "d6!": lambda: hdroller.d6.explode(max_depth=20),
    }.get(case)


class Column(NamedTuple):
    """A library, and how it computes a case."""

    library: str
    rule: Callable[[Any, str], Rule | None]


OURS: Final = {"dicesim": Column("dicesim", _dicesim), "tree": Column("dicesim", _tree)}
OTHERS: Final = {
    "icepool": Column("icepool", _icepool),
    "dyce": Column("dyce", _dyce),
    "dicetables": Column("dicetables", _dicetables),
    "opendice": Column("opendice", _opendice),
    "hdroller": Column("hdroller", _hdroller),
}
COLUMNS: Final = {**OURS, **OTHERS}


class Sample(NamedTuple):
    """What one process reports: its times in seconds, and the weight of each outcome."""

    wall: float
    cpu: float
    weights: list[tuple[int, int | float]]


def measure(name: str, case: str) -> Sample | None:
    """Compute a case for the first time in this process; None where there is no rule for it."""
    column = COLUMNS[name]
    compute = column.rule(import_module(column.library), case)
    if compute is None:
        return None
    cpu, wall = process_time(), perf_counter()
    result = compute()
    items = zip(result, result.weights, strict=True) if name in OURS else result.items()
    wall, cpu = perf_counter() - wall, process_time() - cpu
    return Sample(wall, cpu, [(int(outcome), weight) for outcome, weight in items])


def sample(name: str, case: str) -> Sample | None:
    """Measure in a fresh process."""
    # dyce warns that a part of it is experimental.
    command = [sys.executable, "-W", "ignore", __file__, "--measure", name, case]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120)
    answer = json.loads(done.stdout)
    return None if answer is None else Sample(*answer)


def check(name: str, case: str, weights: list[tuple[int, int | float]]) -> None:
    """Refuse weights that are not dicesim's, up to a common factor; floats are rounded once."""
    pmf = import_module("dicesim").exact(case)
    found: dict[int, Fraction | float] = {outcome: weight for outcome, weight in weights if weight}
    expected: dict[int, Fraction | float] = dict(pmf)
    if any(isinstance(weight, float) for weight in found.values()):
        expected = {outcome: float(share) for outcome, share in expected.items()}
    else:
        total = sum(weight for _, weight in weights)
        found = {outcome: Fraction(weight) / int(total) for outcome, weight in found.items()}
    if found != expected:
        raise ValueError(f"{name} finds another distribution of {case}")


def medians(case: str, names: list[str], runs: int) -> dict[str, tuple[float, float]]:
    """Measure all columns by turns; median of wall clock and CPU time, in microseconds."""
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for run in range(runs):
        shift = run % len(names)
        for name in names[shift:] + names[:shift]:
            one = sample(name, case)
            if one is not None:
                samples[name].append(one)
    for name, taken in samples.items():
        if taken:
            check(name, case, taken[0].weights)
    return {
        name: (1e6 * median(one.wall for one in taken), 1e6 * median(one.cpu for one in taken))
        for name, taken in samples.items()
        if taken
    }


def table(times: Mapping[str, Mapping[str, float]], names: list[str]) -> str:
    """Lay out times by case and column, 80 columns wide with all libraries."""
    lines = [_line(["", *names, "ratio"], names)]
    for case, row in times.items():
        cells = [f"{row[name]:,.0f}" if name in row else "-" for name in names]
        fastest = min((row[name] for name in OTHERS if name in row), default=None)
        ratio = f"{row['dicesim'] / fastest:.2f}" if fastest else "-"
        lines.append(_line([case, *cells, ratio], names))
    return "\n".join(lines)


def _line(cells: list[str], names: list[str]) -> str:
    widths = [max(8, len(name) + 1) for name in names]
    others = (f"{cell:>{width}}" for cell, width in zip(cells[1:], [*widths, 7], strict=True))
    return f"{cells[0]:<9}" + "".join(others)


def main() -> None:
    """Measure all cases and print the table, or measure one for a parent process."""
    parser = argparse.ArgumentParser(description="Exact distributions from cold.")
    parser.add_argument("--runs", type=int, default=15, help="processes for each library and case")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    names = [name for name, column in COLUMNS.items() if find_spec(column.library)]
    libraries = dict.fromkeys(COLUMNS[name].library for name in names)
    versions = [f"{library} {metadata.version(library)}" for library in libraries]
    print(fill(", ".join([f"Python {platform.python_version()}", *versions]), 80))
    results = {case: medians(case, names, options.runs) for case in CASES}
    for place, clock in enumerate(("wall clock", "CPU time")):
        times = {
            case: {name: both[place] for name, both in row.items()} for case, row in results.items()
        }
        print(f"\nFirst call, {clock}, median of {options.runs} processes, microseconds\n")
        print(table(times, names))
    print("\nLoad average at the end:", *(f"{load:.2f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
