"""Recorded rolls and what they say, as text for terminals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

from dicesim.drawing import bins
from dicesim.layout import Column, counted, format_share, heading, layout_table, wrap
from dicesim.notation import parse
from dicesim.outcome_tests import z_score
from dicesim.recorded import RecordedCheck
from dicesim.recorded_tests import JointTest, Margin
from dicesim.report import check_lines
from dicesim.watching import Look

Row: TypeAlias = tuple[str, slice]

# Tests shown one by one; of more, those with the least p-values.
_MOST_TESTS: Final = 20


def format_check(
    result: RecordedCheck, *, width: int = 80, ascii_only: bool = False, show_all: bool = False
) -> str:
    """Lay out what recorded rolls say: the counts, every test, and the verdict.

    Parameters
    ----------
    result : RecordedCheck
    width : int, optional
        Columns of the terminal.
    ascii_only : bool, optional
        Draw bars without characters beyond ASCII.
    show_all : bool, optional
        Show each outcome and each test, however many there are.

    Returns
    -------
    str

    Examples
    --------
    >>> import dicesim
    >>> format_check(dicesim.check([1, 6, 6], "1d6")).splitlines()[1]
    '3 rolls, in order'
    """
    lines = [
        *wrap(heading(parse(result.against)), width),
        *wrap(_rolls(result), width),
        "",
    ]
    if len(result.columns) > 1:
        lines += _side_by_side(result, width)
    if result.total:
        lines += [*_margin(result.total, width, ascii_only, show_all), ""]
    if len(result.tests) > 1:
        lines += [*_tests(result.tests, width, show_all), ""]
    for sentence in _sentences(result):
        lines += wrap(sentence, width)
    return "\n".join(lines)


def format_look(look: Look) -> str:
    """Say in a line what rolls that are still being made show so far.

    Parameters
    ----------
    look : Look

    Returns
    -------
    str

    Examples
    --------
    >>> format_look(Look(600, 1.0, 2.0, 0.01))
    'inconclusive: 600 rolls, e-value 2.7, greatest 7.4, alarm at 100'
    >>> format_look(Look(900, 4.0, 5.0, 0.01))
    'deviates: 900 rolls, e-value 55, greatest 1.5e+02, alarm at 100'
    """
    verdict = "deviates" if look.alarm else "inconclusive"
    return (
        f"{verdict}: {counted(look.n, 'roll')}, e-value {_e_value(look.log_e_value)}, greatest "
        f"{_e_value(look.log_greatest)}, alarm at {1 / look.alpha:,.4g}"
    )


def _rolls(result: RecordedCheck) -> str:
    order = "in order" if result.ordered else "counts"
    if len(result.columns) == 1:
        return f"{counted(result.n, 'roll')}, {order}"
    return f"{counted(result.n, 'roll')} of {len(result.columns)} columns, {order}"


def _side_by_side(result: RecordedCheck, width: int) -> list[str]:
    """Lay out counts and scores of all columns beside each other, where there is room."""
    first = result.columns[0]
    rows = bins(first.pmf.outcomes, first.pmf.weights)
    columns: list[Column] = [
        ("outcome", [label for label, _ in rows]),
        ("expected", [f"{result.n * share:,.1f}" for share in _shares(first, rows)]),
    ]
    for margin in result.columns:
        counts, scores = _counts(margin, rows), _scores(margin, rows)
        columns += [(margin.name, [f"{count:,}" for count in counts]), ("z", scores)]
    if sum(max(map(len, [name, *cells])) + 2 for name, cells in columns) - 2 > width:
        return []
    return [*layout_table(columns, [0.0] * len(rows), None, 0, False), ""]


def _margin(margin: Margin, width: int, ascii_only: bool, show_all: bool) -> list[str]:
    rows = bins(margin.pmf.outcomes, margin.pmf.weights, show_all=show_all)
    n, counts, shares = margin.tally.total, _counts(margin, rows), _shares(margin, rows)
    columns = [
        ("total" if margin.name == "total" else "outcome", [label for label, _ in rows]),
        ("count", [f"{count:,}" for count in counts]),
        ("observed", [format_share(count / n) for count in counts]),
        ("expected", [format_share(share) for share in shares]),
        ("z", _scores(margin, rows)),
    ]
    return layout_table(columns, [count / n for count in counts], shares, width, ascii_only)


def _counts(margin: Margin, rows: list[Row]) -> list[int]:
    counts = margin.tally.counter()
    return [sum(counts[x] for x in margin.pmf.outcomes[row]) for _, row in rows]


def _shares(margin: Margin, rows: list[Row]) -> list[float]:
    return [sum(margin.pmf.weights[row]) / margin.pmf.total for _, row in rows]


def _scores(margin: Margin, rows: list[Row]) -> list[str]:
    scores = [
        z_score(count, margin.tally.total, sum(margin.pmf.weights[row]), margin.pmf.total)
        for count, (_, row) in zip(_counts(margin, rows), rows, strict=True)
    ]
    return ["" if score is None else f"{score:+.2f}" for score in scores]


def _tests(tests: Sequence[JointTest], width: int, show_all: bool) -> list[str]:
    """Lay out the tests, or those of them that say most."""
    shown = tests
    if len(tests) > _MOST_TESTS and not show_all:
        ranked = sorted(tests, key=lambda test: 2 if test.p_value is None else test.p_value)
        shown = [test for test in tests if test in ranked[:_MOST_TESTS]]
    columns = [
        ("test", [test.label for test in shown]),
        ("statistic", [_statistic(test) for test in shown]),
        ("p", [_p_value(test.p_value) for test in shown]),
        ("Holm p", [_p_value(test.holm_p) for test in shown]),
        ("effect", [_effect(test) for test in shown]),
    ]
    widths = [max(map(len, [name, *cells])) for name, cells in columns]
    lines = []
    for row in zip(*([name, *cells] for name, cells in columns), strict=True):
        first, *rest = (cell.ljust(w) for cell, w in zip(row, widths, strict=True))
        lines.append("  ".join([first, *rest]).rstrip()[:width])
    if len(shown) < len(tests):
        lines.append(f"and {len(tests) - len(shown)} more with greater p; --all shows each")
    return lines


def _statistic(test: JointTest) -> str:
    figures = test.to_dict()
    if figures["statistic"] is None:
        return "not tested" if test.p_value is None else ""
    if figures["dof"] is None:
        return f"z = {figures['statistic']:+.2f}"
    return f"{figures['statistic']:.2f} on {figures['dof']} dof"


def _effect(test: JointTest) -> str:
    source = test.source
    if isinstance(source, Margin):
        effect = source.check.effect_size
        return "" if effect is None else f"w = {effect:.2g}"
    if source.effect_size is None:
        return ""
    if source.observed is not None:
        return f"{source.effect_size:+.2%}"
    return f"V = {source.effect_size:.2g}"


def _p_value(p: float | None) -> str:
    if p is None:
        return ""
    return f"{p:.3g}" if p else "< 1e-300"


def _sentences(result: RecordedCheck) -> list[str]:
    verdict = f"{result.verdict}: {result.explanation}"
    if len(result.tests) == 1 and result.check:
        *lines, _ = check_lines(result.check)
    else:
        lines = [f"alarm below {result.alpha:g}, for all tests together by Holm's method"]
    lines.append(
        f"e-value of the counts {_e_value(result.log_e_value)} (for whoever looks while rolling: "
        f"alarm at {1 / result.alpha:,.4g})"
    )
    return [*lines, *(f"note: {note}" for note in result.notes), verdict]


def _e_value(logarithm: float) -> str:
    """Two digits of an e-value of any size."""
    tens = math.floor(logarithm / math.log(10))
    if -4 < tens < 300:
        return f"{math.exp(logarithm):.2g}"
    return f"1e{tens:+d}"
