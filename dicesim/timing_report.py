"""Measurements as a table for terminals, and what is to be seen in it; returned, never printed."""

from __future__ import annotations

from itertools import chain
from typing import Final

from dicesim.choices import Aggregation
from dicesim.layout import heading, wrap
from dicesim.measurement import ONE_PROCESS_PER_ROLL, Benchmark, Measurement

# How many times as fast is a gain; and how many, where there has to be a reason.
_SOME: Final = 1.1
_MUCH: Final = 2


def format_benchmark(benchmark: Benchmark, *, width: int = 80) -> str:
    """Lay out measurements as a table, and say what is to be seen in it.

    Parameters
    ----------
    benchmark : Benchmark
    width : int, optional
        Columns of the terminal.

    Returns
    -------
    str

    Examples
    --------
    >>> import dicesim
    >>> measured = dicesim.benchmark("2d6", n=1000, rng=42)
    >>> format_benchmark(measured).splitlines()[0]
    '2d6: two d6, sum'
    """
    reasons = list(dict.fromkeys(row.unavailable for row in benchmark.rows if row.unavailable))
    lines = [heading(benchmark.expression)]
    if benchmark.rows:
        lines += [_conditions(benchmark), "", *_table(benchmark, reasons), ""]
    lines += [f"({number}) {reason}" for number, reason in enumerate(reasons, start=1)]
    lines += _lessons(benchmark)
    broken = (wrap(line, width) if len(line) > width else [line] for line in lines)
    return "\n".join(chain.from_iterable(broken))


def _conditions(benchmark: Benchmark) -> str:
    processors = benchmark.processors
    workers = max((row.workers or 1 for row in benchmark.rows), default=1)
    methods = sorted({row.start_method for row in benchmark.rows if row.start_method})
    unlike = len({row.n for row in benchmark.rows if row.aggregation}) > 1
    fewer = " Slow aggregations have fewer trials." if unlike else ""
    start = f", processes by {' and '.join(methods)}" if methods else ""
    return (
        f"On {processors:,} processor{'s' * (processors > 1)}: {workers:,} worker"
        f"{'s' * (workers > 1)}{start}.{fewer} Seconds are the best of two rounds, with the start "
        "and the end of workers. Speed-up is over one Process per roll. auto marks what --executor "
        "auto takes."
    )


def _table(benchmark: Benchmark, reasons: list[str]) -> list[str]:
    """Align the rows, those of an aggregation together."""
    names = [
        f"{row.aggregation:<12}{row.way}" if row.aggregation else row.way for row in benchmark.rows
    ]
    figures = [
        (
            f"{row.n:,}" if row.n else "",
            "" if row.elapsed_seconds is None else f"{row.elapsed_seconds:.3f}",
            _rounded(row.trials_per_second),
            _rounded(benchmark.speed_up(row)),
        )
        for row in benchmark.rows
    ]
    heads = ("trials", "seconds", "trials/s", "speed-up")
    widths = [max(map(len, column)) for column in zip(heads, *figures, strict=True)]

    def line(name: str, cells: tuple[str, ...], end: str) -> str:
        aligned = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join([name.ljust(22), *aligned, end]).rstrip()

    lines = [line("counted by  rolled by", heads, "")]
    before = None
    for row, name, cells in zip(benchmark.rows, names, figures, strict=True):
        if row.aggregation != before:
            lines.append("")
            before = row.aggregation
        mark = f"({reasons.index(row.unavailable) + 1})" if row.unavailable else ""
        lines.append(line(name, cells, mark or "auto" * row.auto))
    return lines


def _lessons(benchmark: Benchmark) -> list[str]:
    """Say what the figures say."""
    ways = [row for row in benchmark.rows if row.aggregation and not row.unavailable]
    serial = {row.aggregation: _speed(row) for row in ways if row.way == "serial"}
    gains = [
        (_speed(row) / serial[row.aggregation], f"{row.way} with {row.aggregation}")
        for row in ways
        if row.way != "serial" and row.aggregation in serial
    ]
    lessons = []
    one = benchmark.find(ONE_PROCESS_PER_ROLL)
    if one is not None and "bincount" in serial:
        lessons.append(_lesson_of_class(1 / _speed(one), serial["bincount"]))
    if {"bincount", "counter", "groupby"} <= set(serial):
        lessons.append(_lesson_of_counting(serial))
    if gains:
        lessons.append(_lesson_of_workers(gains))
    if not benchmark.same_counts:
        lessons.append("The counts DIFFER, which they never should: please report it.")
    elif len(ways) > 1:
        lessons.append(
            f"The {len(ways)} ways gave the same counts for the same number of trials, as they "
            f"have the same seed, {benchmark.seed}."
        )
    if not benchmark.complete:
        lessons.append("INCOMPLETE: interrupted before everything was measured.")
    return lessons


def _lesson_of_class(seconds: float, speed: float) -> str:
    return (
        f"A Process for each roll takes {_rounded(seconds * 1e3)} ms; in that time one process "
        f"that goes on rolling (serial, bincount) rolls {_rounded(seconds * speed)} times."
    )


def _lesson_of_counting(serial: dict[Aggregation | None, float]) -> str:
    counter, groupby = (serial["bincount"] / serial[name] for name in ("counter", "groupby"))
    why = ", which make a Python object of every total" if min(counter, groupby) > _MUCH else ""
    return (
        f"Serial, bincount is {_rounded(counter)} times as fast as counter and "
        f"{_rounded(groupby)} times as fast as groupby{why}."
    )


def _lesson_of_workers(gains: list[tuple[float, str]]) -> str:
    (least, worst), (most, best) = min(gains), max(gains)
    found = "gain" if most > _SOME else "gain little or nothing"
    rest = f", at worst {_rounded(least)} times ({worst})" if len(gains) > 1 else ""
    return (
        f"Against serial, workers {found}: at best {_rounded(most)} times as fast ({best}){rest}."
    )


def _speed(row: Measurement) -> float:
    return row.trials_per_second or 0.0


def _rounded(figure: float | None) -> str:
    """Write three significant digits.

    Examples
    --------
    >>> _rounded(1234567.0), _rounded(12.345), _rounded(None)
    ('1,230,000', '12.3', '')
    """
    if figure is None:
        return ""
    return f"{float(f'{figure:.3g}'):,.0f}" if figure >= 100 else f"{figure:.3g}"
