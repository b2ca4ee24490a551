"""Two rules side by side, as text for terminals."""

from __future__ import annotations

import math
from typing import Final

from dicesim.compared_side import ComparedSide
from dicesim.comparison import RuleComparison
from dicesim.layout import Column, counted, format_share, layout_table, wrap
from dicesim.odds import LEVEL, ComparedFigure
from dicesim.quantiles import QUANTILES

_LONGEST_FRACTION: Final = 24


def format_comparison(
    comparison: RuleComparison,
    *,
    width: int = 80,
    ascii_only: bool = False,
    show_all: bool = False,
) -> str:
    """Lay out two rules side by side: figures, outcomes with bars, odds, and a summary.

    Parameters
    ----------
    comparison : RuleComparison
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
    >>> format_comparison(dicesim.compare("2d6", "1d12")).splitlines()[0]
    'A: 2d6: two d6, sum'
    """
    lines = [
        *_side("A", comparison.a, width),
        *_side("B", comparison.b, width),
        *wrap(_together(comparison), width),
        "",
        *_plain(_figures(comparison, "+/-" if ascii_only else "±")),
        "",
        *_outcomes(comparison, width, ascii_only, show_all),
        "",
        *_plain(_odds(comparison)),
        *wrap(_paired(comparison, "+/-" if ascii_only else "±"), width),
        "",
        *wrap(comparison.summary, width),
    ]
    if comparison.seed is not None:
        lines.append(f"seed {comparison.seed}")
    return "\n".join(lines)


def _side(letter: str, side: ComparedSide, width: int) -> list[str]:
    """Say what was understood, and whether it is exact, or why not."""
    lines = wrap(f"{letter}: {side.notation}: {side.label}", width)
    if side.result is None:
        return lines
    number = counted(side.result.n, "trial")
    if not side.result.complete:
        number = f"INCOMPLETE, {side.result.n:,} of {counted(side.result.requested_n, 'trial')}"
    return [*lines, *wrap(f"{letter} is simulated, {number}: {side.exact_unavailable}", width)]


def _together(comparison: RuleComparison) -> str:
    same = ", the same rule twice" if comparison.same else ""
    if comparison.is_exact:
        return f"independently rolled{same}; both exact"
    if comparison.a.is_exact or comparison.b.is_exact:
        return f"independently rolled; {'A' if comparison.a.is_exact else 'B'} is exact"
    return f"independently rolled{same}; both simulated"


def _paired(comparison: RuleComparison, sign: str) -> str:
    """Tell of the difference on common random numbers, if there is one."""
    gap = comparison.paired_difference
    if gap is None:
        return ""
    text = f"mean of A - B on common random numbers: {_mean(gap, sign)}"
    if not gap.standard_error:
        return f"{text}, the same in every trial"
    ratio = comparison.variance_ratio
    if ratio is not None:
        text += f" (one s.e.), as precise as {ratio:.3g} times as many independent trials"
    return f"{text}; not independent rolls, so that only this figure is of them"


def _plain(columns: list[Column]) -> list[str]:
    """Lay out columns, the first one to the left."""
    (name, cells), *others = columns
    edge = max(map(len, [name, *cells]))
    first = (name, [cell.ljust(edge) for cell in cells])
    head, *lines = layout_table([first, *others], [0.0] * len(cells), None, 0, False)
    return [head, *lines] if head.strip() else lines


def _figures(comparison: RuleComparison, sign: str) -> list[Column]:
    names = ["mean", "sd", *(f"{q:.0%} quantile" for q in QUANTILES), "least", "greatest"]
    columns = [("", [name.replace("50% quantile", "median") for name in names])]
    for letter, side in (("A", comparison.a), ("B", comparison.b)):
        spread = "" if side.std is None else f"{side.std:.7g}"
        outcomes = [*map(side.quantile, QUANTILES), side.least, side.greatest]
        columns.append((letter, [_mean(side.mean, sign), spread, *(f"{x:,}" for x in outcomes)]))
    return columns


def _mean(mean: ComparedFigure, sign: str) -> str:
    """Write a mean to all digits, or to those that its error leaves."""
    if not mean.standard_error:
        return f"{mean.value:.7g}"
    digits = _decimals(mean.standard_error)
    return f"{mean.value:.{digits}f} {sign} {mean.standard_error:.{digits}f}"


def _decimals(error: float) -> int:
    """Count the decimals of a figure, of whose standard error two digits are shown."""
    return max(0, 1 - math.floor(math.log10(error)))


def _outcomes(
    comparison: RuleComparison, width: int, ascii_only: bool, show_all: bool
) -> list[str]:
    rows = comparison.bins(show_all=show_all)
    labels, a, b = (list(column) for column in zip(*rows, strict=True))
    columns = [
        ("outcome", labels),
        ("A", [format_share(share) if share else "-" for share in a]),
        ("B", [format_share(share) if share else "-" for share in b]),
    ]
    marks = [share or None for share in b]
    head, *lines = layout_table(columns, a, marks, width, ascii_only)
    block, tick = ("#", "|") if ascii_only else ("█", "┃")
    number = len(comparison.support)
    if len(rows) < number:
        lines.append(f"{number:,} outcomes in {len(rows)} rows; --all shows each")
    return [f"{head}  {block} A, {tick} B", *lines]


def _odds(comparison: RuleComparison) -> list[Column]:
    shares = [comparison.greater, comparison.equal, comparison.less]
    gap = comparison.mean_difference
    decimals = _decimals(gap.standard_error) if gap.standard_error else 0
    mean = f"{gap.value:+.{decimals}f}" if gap.standard_error else f"{gap.value:+.7g}"
    columns = [
        ("", ["A > B", "A = B", "A < B", "mean of A - mean of B"]),
        ("", [*(format_share(figure.value) for figure in shares), mean]),
    ]
    if comparison.is_exact:
        fractions = [(figure.fraction or "").removesuffix("/1") for figure in (*shares, gap)]
        short = [text if len(text) <= _LONGEST_FRACTION else "" for text in fractions]
        return [*columns, ("exact", short)] if any(short) else columns
    errors = [f"{(figure.standard_error or 0) * 100:.2g}%" for figure in shares]
    ends = [f"{low:.4%} to {high:.4%}" for low, high in (f.interval for f in shares if f.interval)]
    spread = ["", ""]
    if gap.standard_error is not None and gap.interval is not None:
        low, high = (f"{end:+.{decimals}f}" for end in gap.interval)
        spread = [f"{gap.standard_error:.{decimals}f}", f"{low} to {high}"]
    return [
        *columns,
        ("one s.e.", [*errors, spread[0]]),
        (f"{LEVEL:.0%} interval", [*ends, spread[1]]),
    ]
