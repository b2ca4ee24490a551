"""Text for terminals: the question, the table, and what it means; returned, never printed."""

from __future__ import annotations

import math
from typing import Any, Final

from dicesim.condition import Condition
from dicesim.drawing import bins
from dicesim.expression import Expression
from dicesim.findings import Findings
from dicesim.layout import Column, counted, format_share, heading, layout_table, wrap
from dicesim.outcome_tests import adjusted_p_values, z_score
from dicesim.pmf import PMF
from dicesim.precision import Precision
from dicesim.quantiles import QUANTILES
from dicesim.sampling import Roll
from dicesim.tally import Tally
from dicesim.validation import Check
from dicesim.wording import unparse

# Numbers from here on are written with an exponent.
_LONGEST: Final = 1e12


def format_run(
    result: Findings, *, width: int = 80, ascii_only: bool = False, show_all: bool = False
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

    Returns
    -------
    str

    Examples
    --------
    >>> import dicesim
    >>> result = dicesim.run("2d6", n=10_000, rng=42)
    >>> print(format_run(result).splitlines()[0])
    2d6: two d6, sum
    """
    question = f"{result.plan.label}: {result.plan.summary}"
    lines = [*wrap(question, width), *wrap(_trials(result), width), ""]
    if result.n:
        lines += [*_run_table(result, width, ascii_only, show_all), ""]
    for sentence in [*_figures(result), *_verdict(result)]:
        lines += wrap(sentence, width)
    lines.append(f"seed {result.seed}; {_rate(result)}")
    text = "\n".join(lines)
    return text.replace("±", "+/-") if ascii_only else text


def format_exact(
    expression: Expression,
    pmf: PMF,
    *,
    of: Condition | None = None,
    width: int = 80,
    ascii_only: bool = False,
    show_all: bool = False,
) -> str:
    """Lay out an exact distribution: probability, at least, at most, and its figures.

    Parameters
    ----------
    expression : Expression
    pmf : PMF
        Its distribution.
    of : Condition, optional
        What to give the probability of beside.
    width, ascii_only, show_all
        As for `format_run`.

    Returns
    -------
    str

    Examples
    --------
    >>> import dicesim
    >>> tree = dicesim.parse("d2")
    >>> print(format_exact(tree, dicesim.exact(tree), width=60, ascii_only=True))
    1d2: one d2
    <BLANKLINE>
    outcome  probability  exact   at least    at most
          1     50.0000%    1/2  100.0000%   50.0000%  ########
          2     50.0000%    1/2   50.0000%  100.0000%  ########
    <BLANKLINE>
    mean 1.5, sd 0.5, 2 outcomes
    quantiles: 5% 1, 25% 1, 50% 1, 75% 2, 95% 2
    """
    rows = bins(pmf.outcomes, pmf.weights, show_all=show_all)
    below = [pmf.cumulative[row.start - 1] if row.start else 0 for _, row in rows]
    reached = [pmf.cumulative[row.stop - 1] for _, row in rows]
    shares = [(up - low) / pmf.total for low, up in zip(below, reached, strict=True)]
    columns = [
        ("outcome", [label for label, _ in rows]),
        ("probability", [format_share(share) for share in shares]),
        *_fractions(pmf, [row for _, row in rows], width),
        ("at least", [format_share((pmf.total - low) / pmf.total) for low in below]),
        ("at most", [format_share(up / pmf.total) for up in reached]),
    ]
    quantiles = ", ".join(f"{q:.0%} {pmf.quantile(q):,}" for q in QUANTILES)
    grouped = f" in {len(rows)} rows; --all shows each" if len(rows) < len(pmf) else ""
    asked = [] if of is None else wrap(_exactly(pmf.probability_of(of)), width)
    figures = f"mean {pmf.mean:.7g}, sd {pmf.std:.7g}, {counted(len(pmf), 'outcome')}{grouped}"
    return "\n".join(
        [
            *wrap(heading(expression), width),
            "",
            *layout_table(columns, shares, None, width, ascii_only),
            "",
            *wrap(figures, width),
            *wrap(f"quantiles: {quantiles}", width),
            *asked,
        ]
    )


def _exactly(probability: dict[str, Any]) -> str:
    fraction = "" if probability["exact"] is None else f" = {probability['exact']}"
    return f"P({probability['of']}) = {probability['value']:.7g}{fraction}"


def format_roll(roll: Roll) -> str:
    """Show the dice of every pool, dropped ones in brackets, and the total.

    Parameters
    ----------
    roll : Roll

    Returns
    -------
    str

    Examples
    --------
    >>> from dicesim.notation import parse
    >>> from dicesim.sampling import RolledPool
    >>> tree = parse("3d6kh2")
    >>> format_roll(Roll(tree, 9, (RolledPool(tree, (5, 4), (1,)),)))
    '3d6kh2: 5 4 [1] = 9'
    """
    pools = [
        " ".join([*map(str, one.kept), *(f"[{face}]" for face in one.dropped)])
        for one in roll.pools
    ]
    if len(roll.pools) != 1 or roll.pools[0].pool != roll.expression:
        notations = (unparse(one.pool) for one in roll.pools)
        pools = [f"{text} ({dice})" for text, dice in zip(notations, pools, strict=True)]
    shown = ", ".join(pools)
    return f"{unparse(roll.expression)}: {shown}{' ' if shown else ''}= {roll.total:,}"


def format_rate(rate: float) -> str:
    """Trials per second, readable at any size.

    Parameters
    ----------
    rate : float
        Trials per second.

    Returns
    -------
    str

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


def _trials(result: Findings) -> str:
    plan = result.plan
    number = counted(result.n, "trial")
    if not result.complete:
        number = f"INCOMPLETE: {result.n:,} of {counted(result.requested_n, 'trial')}"
    workers = f", {result.workers} workers" if result.workers and result.workers > 1 else ""
    start = f" ({result.start_method})" if result.start_method else ""
    method = f", {plan.method}" if plan.method != "roll" else ""
    how = f"{result.executor}{start}{workers}, {result.aggregation}{method}"
    batches = plan.batches if plan.until is None else -(-result.n // plan.batch_size)
    return f"{number} in {counted(batches, 'batch', 'batches')}, {how}"


def _run_table(result: Findings, width: int, ascii_only: bool, show_all: bool) -> list[str]:
    pmf, n, support = result.pmf, result.n, result.support
    counts = result.counts
    weights = [counts[x] if pmf is None else pmf.weight(x) for x in support]
    rows = bins(support, weights, show_all=show_all)
    grouped = [sum(counts[x] for x in support[row]) for _, row in rows]
    columns = [
        ("outcome", [label for label, _ in rows]),
        ("count", [f"{count:,}" for count in grouped]),
        ("observed", [format_share(count / n) for count in grouped]),
    ]
    if pmf is None:
        return layout_table(columns, [count / n for count in grouped], None, width, ascii_only)
    shares = [sum(weights[row]) for _, row in rows]
    scores = [
        z_score(count, n, share, pmf.total) if share else None
        for count, share in zip(grouped, shares, strict=True)
    ]
    expected = [share / pmf.total for share in shares]
    stars = _stars(result, grouped, shares)
    columns += [
        ("expected", [format_share(share) for share in expected]),
        ("z", _scores(scores, stars)),
    ]
    lines = layout_table(columns, [count / n for count in grouped], expected, width, ascii_only)
    if any(stars):
        lines.append(f"* off beyond chance, all {len(rows)} rows allowed for (Holm's method)")
    return lines


def _stars(result: Findings, counts: list[int], weights: list[int]) -> list[bool]:
    """Tell which rows deviate by themselves, where the whole does."""
    if not (result.pmf and result.check and result.check.verdict == "deviates"):
        return [False] * len(counts)
    p_holm = adjusted_p_values(counts, weights, result.n, result.pmf.total)
    return [bool(p < result.check.alpha) for p in p_holm]


def _scores(scores: list[float | None], stars: list[bool]) -> list[str]:
    room = " " if any(stars) else ""
    return [
        ("" if score is None else f"{score:+.2f}") + ("*" if star else room)
        for score, star in zip(scores, stars, strict=True)
    ]


def _fractions(pmf: PMF, rows: list[slice], width: int) -> list[Column]:
    """Write a column of exact fractions for single outcomes, where they are short enough."""
    singles = [row.stop - row.start == 1 for row in rows]
    cells = [
        pmf.exact(pmf.outcomes[row.start]) or "" if single else ""
        for row, single in zip(rows, singles, strict=True)
    ]
    longest = max(map(len, cells))
    return [("exact", cells)] if 0 < longest <= width // 4 else []


def _figures(result: Findings) -> list[str]:
    if result.mean is None:
        return []
    pmf, probability, law = result.pmf, result.asked, result.law
    line = f"mean {_with_error(result.mean, result.standard_error, ' (one s.e.)')}"
    line += f", {law} {_as_exactly(pmf.mean, result.standard_error)}" if pmf else ""
    if result.std is not None:
        line += f"; sd {_with_error(result.std, result.standard_error_of_std)}"
        line += f", {law} {_as_exactly(pmf.std, result.standard_error_of_std)}" if pmf else ""
    possible = f" of {len(pmf):,} possible" if pmf else ""
    lines = [line, counted(result.unique, "unique value") + possible]
    if result.of is not None and probability is not None:
        low, high = probability.interval
        expected = ""
        if pmf:
            share = float(pmf.probability(str(result.of)))
            expected = f", {law} {_as_exactly(share, probability.standard_error, 6)}"
        value = _with_error(probability.value, probability.standard_error, " (one s.e.)")
        lines.append(f"P({result.of}) = {value}{expected}; 95 % interval {low:.6g} to {high:.6g}")
    return lines + _precision(result)


def _with_error(value: float, error: float | None, label: str = "") -> str:
    """Write a figure with its standard error, and no more digits than that bears out."""
    if not error:
        return f"{value:.7g}"
    digits = _decimals(error)
    return f"{value:.{digits}f} ± {error:.{digits}f}{label}"


def _as_exactly(value: float, error: float | None, least: int = 7) -> str:
    """Write the figure of a law with no fewer decimals than the estimate that stands beside it."""
    whole = len(f"{abs(value):.0f}") if abs(value) >= 1 else 0
    return f"{value:.{max(least, whole + _decimals(error)) if error else least}g}"


def _decimals(error: float) -> int:
    return max(0, 1 - math.floor(math.log10(error)))


def _precision(result: Findings) -> list[str]:
    """Tell what was rolled for, and whether it was reached."""
    until = result.plan.until
    if until is None:
        return []
    targets = []
    if until.standard_error is not None:
        targets.append(f"a standard error of {until.standard_error:g}")
    if until.margin is not None:
        targets.append(f"a 95 % interval of ± {until.margin:g}")
    subject = "the mean" if until.of is None else f"P({until.of})"
    target = f"{' and '.join(targets)} for {subject}"
    if result.precision_reached:
        return [f"stopped at {target}"]
    if result.complete:
        missed = until.doubt(result.tally) or f"did not reach it{_enough(until, result.tally)}"
        return [f"NOT PRECISE: {result.n:,} trials, the most allowed, {missed}: {target}"]
    return [f"rolled for {target}"]


def _enough(until: Precision, tally: Tally) -> str:
    enough = until.expected_n(tally)
    if math.isinf(enough):
        return ""
    number = f"{float(f'{enough:.2g}'):,.0f}" if enough < _LONGEST else f"{enough:.2g}"
    return f", as about {number} would"


def _verdict(result: Findings) -> list[str]:
    if result.check is None:
        return [f"no check: {result.check_unavailable}"]
    lines = check_lines(result.check)
    if result.plan.method == "multinomial":
        lines.append("drawn from the exact distribution: the check tests the generator only")
    if result.law == "expected":
        lines.append("checked against the law that was expected, as it was handed in")
    return lines


def check_lines(check: Check) -> list[str]:
    """Put a check into lines: the statistic where there is one, the effect, and the verdict."""
    lines = []
    if check.statistic is not None:
        pooled = (
            f" ({len(check.cells):,} cells of sparse neighbours pooled)" if check.pooled else ""
        )
        lines.append(
            f"chi-square {check.statistic:.4g} on {check.dof:,} dof{pooled}, {_p_value(check)} "
            f"(alarm below {check.alpha:g})"
        )
        if check.pooled and check.unpooled_statistic is not None:
            unpooled = f"chi-square {check.unpooled_statistic:.4g} on {check.unpooled_dof:,} dof"
            lines.append(f"unpooled {unpooled}, too sparse for a p-value")
        lines.append(_effect(check))
    return [*lines, f"{check.verdict}: {check.explanation}"]


def _p_value(check: Check) -> str:
    """Show the p-value and how it was found; the left tail where that raised the alarm."""
    shown = f"p = {check.p_value:.3g}"
    if check.p_value == 0 and check.log10_p is not None:
        shown = f"p = 10^{check.log10_p:,.0f}"
    if check.p_method == "exact":
        shown = f"exact {shown}"
    elif check.p_standard_error is not None:
        shown += f" ± {check.p_standard_error:.1g}, {check.replicates:,} tables drawn"
    elif check.p_method == "monte carlo":
        shown = f"p below {max(check.p_value or 0.0, 1e-300):.1g}"
    if check.verdict == "suspiciously good":
        shown += f", left tail {check.p_left:.2g}"
    return shown


def _effect(check: Check) -> str:
    """Show Cohen's w, to which chance adds, and what it may be without."""
    size = f"effect size w = {check.effect_size:.2g}"
    if check.effect_interval is None:
        return size
    low, high = check.effect_interval
    return f"{size}; less chance, {low:.2g} to {high:.2g} (95 % interval)"


def _rate(result: Findings) -> str:
    return f"{result.elapsed_seconds:.3g} s, {format_rate(result.trials_per_second)}"
