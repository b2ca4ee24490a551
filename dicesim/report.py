"""Text for terminals: the question, the table, and what it means; returned, never printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from dicesim.drawing import bar
from dicesim.expression import Expression
from dicesim.notation import describe, unparse
from dicesim.pmf import PMF
from dicesim.result import Result
from dicesim.sampling import Roll
from dicesim.validation import Check, z_score

# More outcomes than this are binned, unless all are wanted.
MOST_ROWS: Final = 40
_BINS: Final = 24
# Share of the weight that may go into the first bin and into the last, whatever their width.
_TAIL: Final = 1e-4
_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_LEAST_BAR: Final = 8


class _Row(NamedTuple):
    """Neighbouring outcomes that share a line of a table."""

    label: str
    members: slice


def format_run(
    result: Result, *, width: int = 80, ascii_only: bool = False, show_all: bool = False
) -> str:
    """Lay out a result as a table with verdict.

    Parameters
    ----------
    result : Result
    width : int, optional
        Columns of the terminal.
    ascii_only : bool, optional
        Draw bars without characters beyond ASCII.
    show_all : bool, optional
        Show each outcome, however many there are.
    """
    lines = [heading(result.plan.expression), _trials(result), ""]
    if result.n:
        lines += [*_run_table(result, width, ascii_only, show_all), "", *_figures(result)]
    lines += [*_verdict(result), f"seed {result.seed}; {_rate(result)}"]
    text = "\n".join(lines)
    return text.replace("±", "+/-") if ascii_only else text


def format_exact(
    expression: Expression,
    pmf: PMF,
    *,
    width: int = 80,
    ascii_only: bool = False,
    show_all: bool = False,
) -> str:
    """Lay out an exact distribution: probability, at least, at most.

    Parameters
    ----------
    expression : Expression
    pmf : PMF
        Its distribution.
    width, ascii_only, show_all
        As for `format_run`.
    """
    rows = _rows(pmf.outcomes, pmf.weights, show_all)
    shares = [sum(pmf.weights[row.members]) / pmf.total for row in rows]
    at_least, at_most = pmf.at_least(), pmf.at_most()
    fractions = [
        pmf.exact(pmf.outcomes[row.members.start]) or "" if _single(row) else "" for row in rows
    ]
    columns = [
        ("outcome", [row.label for row in rows]),
        ("probability", [f"{share:.4%}" for share in shares]),
        ("at least", [f"{float(at_least[row.members.start]):.4%}" for row in rows]),
        ("at most", [f"{float(at_most[row.members.stop - 1]):.4%}" for row in rows]),
    ]
    if any(fractions) and max(map(len, fractions)) <= width // 4:
        columns.insert(2, ("exact", fractions))
    quantiles = ", ".join(f"{q:.0%} {pmf.quantile(q):,}" for q in _QUANTILES)
    return "\n".join(
        [
            heading(expression),
            "",
            *_table(columns, shares, None, width, ascii_only),
            "",
            f"mean {pmf.mean:.7g}, sd {pmf.std:.7g}, {len(pmf):,} outcomes",
            f"quantiles: {quantiles}",
        ]
    )


def format_roll(roll: Roll) -> str:
    """Show the faces of every pool, and the total.

    Examples
    --------
    >>> from dicesim.expression import Dice
    >>> format_roll(Roll(9, ((Dice(2, 6), (4, 5)),)))
    '2d6: 4 5 = 9'
    """
    pools = "; ".join(f"{unparse(dice)}: {' '.join(map(str, faces))}" for dice, faces in roll.pools)
    return f"{pools} = {roll.total:,}" if pools else f"{roll.total:,}"


def format_check(check: Check) -> list[str]:
    """Put a check into lines: the statistic where there is one, and the verdict."""
    lines = []
    if check.statistic is not None and check.p_value is not None:
        pooled = ""
        if any(cell.low != cell.high for cell in check.cells):
            pooled = f" ({len(check.cells)} cells, sparse neighbours pooled)"
        lines.append(
            f"chi-square {check.statistic:.4g} on {check.dof} dof, p = {check.p_value:.3g}{pooled}"
        )
    return [*lines, f"{check.verdict}: {check.explanation}"]


def heading(expression: Expression) -> str:
    """Say what was understood: canonical notation, and the same in words."""
    return f"{unparse(expression)}: {describe(expression)}"


def _trials(result: Result) -> str:
    plan = result.plan
    number = f"{result.n:,}"
    if not result.complete:
        number = f"INCOMPLETE: {number} of {result.requested_n:,}"
    batches = "1 batch" if plan.batches == 1 else f"{plan.batches:,} batches"
    workers = f", {result.workers} workers" if result.workers and result.workers > 1 else ""
    start = f" ({result.start_method})" if result.start_method else ""
    method = f", {plan.method}" if plan.method != "roll" else ""
    how = f"{batches}, {result.executor}{start}{workers}, {result.aggregation}{method}"
    return f"{number} trials in {how}"


def _run_table(result: Result, width: int, ascii_only: bool, show_all: bool) -> list[str]:
    pmf, n = result.pmf, result.n
    outcomes = [row["outcome"] for row in result.outcomes]
    counts = [row["count"] for row in result.outcomes]
    weights = [pmf.weight(outcome) for outcome in outcomes] if pmf else counts
    rows = _rows(outcomes, weights, show_all)
    grouped = [sum(counts[row.members]) for row in rows]
    columns = [
        ("outcome", [row.label for row in rows]),
        ("count", [f"{count:,}" for count in grouped]),
        ("observed", [f"{count / n:.4%}" for count in grouped]),
    ]
    expected = None
    if pmf is not None:
        shares = [sum(weights[row.members]) for row in rows]
        expected = [share / pmf.total for share in shares]
        scores = [
            z_score(count, n, share, pmf.total) if share else None
            for count, share in zip(grouped, shares, strict=True)
        ]
        columns += [
            ("expected", [f"{share:.4%}" for share in expected]),
            ("z", ["" if score is None else f"{score:+.2f}" for score in scores]),
        ]
    return _table(columns, [count / n for count in grouped], expected, width, ascii_only)


def _rows(outcomes: Sequence[int], weights: Sequence[int], show_all: bool) -> list[_Row]:
    """Give each outcome a line, or bin them: equal widths between two thin tails."""
    if show_all or len(outcomes) <= MOST_ROWS:
        return [_Row(str(x), slice(i, i + 1)) for i, x in enumerate(outcomes)]
    first = _reach(weights)
    last = len(outcomes) - 1 - _reach(weights[::-1])
    step = -(-(outcomes[last] - outcomes[first] + 1) // _BINS)
    starts = [0]
    for i in range(first + 1, last + 1):
        bins = [(outcomes[j] - outcomes[first]) // step for j in (i - 1, i)]
        if bins[0] != bins[1]:
            starts.append(i)
    return [
        _Row(_label(outcomes[start], outcomes[stop - 1]), slice(start, stop))
        for start, stop in zip(starts, [*starts[1:], len(outcomes)], strict=True)
    ]


def _reach(weights: Sequence[int]) -> int:
    """Index at which the running sum goes beyond a thin tail."""
    tail = int(sum(weights) * _TAIL) if sum(weights) < 2**53 else sum(weights) // round(1 / _TAIL)
    running = 0
    for i, weight in enumerate(weights):
        running += weight
        if running > tail:
            return i
    return 0


def _label(low: int, high: int) -> str:
    if low == high:
        return str(low)
    return f"{low}..{high}" if low < 0 or high < 0 else f"{low}-{high}"


def _single(row: _Row) -> bool:
    return bool(row.members.stop - row.members.start == 1)


def _table(
    columns: list[tuple[str, list[str]]],
    values: list[float],
    marks: list[float] | None,
    width: int,
    ascii_only: bool,
) -> list[str]:
    """Right-align the columns, and fill the rest of the width with a bar for each line."""
    widths = [max(map(len, [name, *cells])) for name, cells in columns]
    room = width - sum(widths) - 2 * len(widths) - 1  # the mark of a full bar takes one more
    top = max([*values, *(marks or [])])
    lines = ["  ".join(name.rjust(w) for (name, _), w in zip(columns, widths, strict=True))]
    for i, value in enumerate(values):
        line = "  ".join(cells[i].rjust(w) for (_, cells), w in zip(columns, widths, strict=True))
        if room >= _LEAST_BAR and top > 0:
            mark = marks[i] / top if marks else None
            line += "  " + bar(value / top, mark, room, ascii_only=ascii_only)
        lines.append(line.rstrip())
    return lines


def _figures(result: Result) -> list[str]:
    line = f"mean {result.mean:.7g}"
    if result.standard_error is not None:
        line += f" ± {result.standard_error:.2g}"
    if result.pmf is not None:
        line += f" (exact {result.pmf.mean:.7g})"
    if result.std is not None:
        line += f", sd {result.std:.7g}"
    if result.pmf is not None:
        line += f" (exact {result.pmf.std:.7g})"
    possible = f" of {len(result.pmf):,} possible" if result.pmf is not None else ""
    return [line, f"{result.unique:,} unique values{possible}"]


def _verdict(result: Result) -> list[str]:
    if result.check is None:
        return [f"no check: {result.check_unavailable}"]
    lines = format_check(result.check)
    if result.plan.method == "multinomial":
        lines.append("drawn from the exact distribution: the check tests the generator only")
    return lines


def _rate(result: Result) -> str:
    return f"{result.elapsed_seconds:.3g} s, {format_rate(result.trials_per_second)}"


def format_rate(rate: float) -> str:
    """Trials per second, readable at any size.

    Examples
    --------
    >>> format_rate(41_234_567.0), format_rate(900.0)
    ('41.2 million trials/s', '900 trials/s')
    """
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if rate >= size:
            digits = max(0, 2 - math.floor(math.log10(rate / size)))
            return f"{rate / size:,.{digits}f} {name} trials/s"
    return f"{rate:,.0f} trials/s"
