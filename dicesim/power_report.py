"""A bias and the rolls that show it, in text for terminals."""

from __future__ import annotations

from dicesim.layout import counted, heading, wrap
from dicesim.notation import parse
from dicesim.power_analysis import PowerAnalysis
from dicesim.validation import ALARM
from dicesim.verdicts import percent


def format_power(analysis: PowerAnalysis, *, width: int = 80) -> str:
    """Say how many rolls show which bias, and how surely.

    Parameters
    ----------
    analysis : PowerAnalysis
    width : int, optional
        Columns of the terminal.

    Returns
    -------
    str

    Examples
    --------
    >>> import dicesim
    >>> print(format_power(dicesim.power("1d20", bias=0.05)).splitlines()[0])
    1d20: one d20
    """
    return "\n".join(
        [
            *wrap(heading(parse(analysis.expression)), width),
            "",
            *wrap(_power(analysis), width),
            *wrap(
                f"chi-square test on {analysis.dof:,} dof, alarm below p = {analysis.alpha:g} "
                f"(a run has {ALARM:g}); effect size w = {analysis.effect_size:.2g}",
                width,
            ),
        ]
    )


def _power(analysis: PowerAnalysis) -> str:
    rolls, sure = counted(analysis.n, "roll"), f"with a probability of {analysis.power:.1%}"
    if analysis.found != "bias":
        bias = f"{analysis.outcome} by {_signed(analysis.bias)} of its share"
        return f"{rolls} would show a bias of {bias} {sure}"
    if analysis.bias > max(1, 1 / analysis.probability - 1):
        return f"{rolls} would show no bias of {analysis.outcome}, however large, {sure}"
    size = f"{percent(analysis.bias)} of its share, either way,"
    if analysis.bias > 1:  # nothing comes less than never
        size = f"{_signed(analysis.bias)} of its share"
    return f"{rolls} would show a bias of {analysis.outcome} by {size} {sure}"


def _signed(share: float) -> str:
    return f"{'-' if share < 0 else '+'}{percent(abs(share))}"
