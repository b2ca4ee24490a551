"""How many rolls show a bias, and what bias a number of rolls shows."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from dicesim.arguments import whole_number
from dicesim.cells import choose_cells
from dicesim.chi_square import power_of
from dicesim.choices import require_alpha, require_between
from dicesim.distribution import exact
from dicesim.effect_size import (
    POWER,
    detectable_bias,
    effect_of,
    enough_trials,
    weight_around_likeliest,
)
from dicesim.errors import ParameterError
from dicesim.expression import Expression
from dicesim.limits import Limits
from dicesim.notation import parse
from dicesim.pmf import PMF
from dicesim.validation import RECORDED_ALARM
from dicesim.wording import unparse

SCHEMA: Final = "dicesim.power/1"


@dataclass(frozen=True, slots=True)
class PowerAnalysis:
    """A number of rolls, a bias, and the probability that the one shows the other.

    Parameters
    ----------
    expression : str
        In canonical notation.
    outcome : int
        The likeliest outcome, which the bias is one of.
    probability : float
        Of that outcome, by the exact distribution.
    n : int
        Number of rolls.
    bias : float
        Relative change of the outcome's probability, the others giving way in proportion.
    power : float
        Probability that n rolls with this bias raise the alarm.
    alpha : float
        The alarm level: probability that n rolls without bias raise it.
    dof : int
        Degrees of freedom of the test.
    effect_size : float
        Cohen's w of the bias.
    found : {"n", "bias", "power"}
        Which of the three follows from the others.

    Examples
    --------
    >>> import dicesim
    >>> analysis = dicesim.power("1d20", bias=0.05)
    >>> analysis.n, analysis.outcome, analysis.found
    (210120, 1, 'n')
    """

    expression: str
    outcome: int
    probability: float
    n: int
    bias: float
    power: float
    alpha: float
    dof: int
    effect_size: float
    found: Literal["n", "bias", "power"]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the JSON form.

        Returns
        -------
        dict
        """
        return {"schema": SCHEMA, **asdict(self)}


def power(
    expression: str | Expression,
    *,
    bias: float | None = None,
    n: int | None = None,
    alpha: float = RECORDED_ALARM,
    power: float = POWER,
    limits: Limits | None = None,
) -> PowerAnalysis:
    """Plan a check: how many rolls show a bias, or what bias a number of rolls shows.

    By the noncentral chi-square distribution, for the test that `goodness_of_fit` makes.

    Parameters
    ----------
    expression : str or Expression
        With an exact distribution of two outcomes at least.
    bias : float, optional
        Of the likeliest outcome, as a share of its probability: 0.05 is five percent too many,
        -0.05 too few.
    n : int, optional
        Number of rolls. One of `bias` and `n` has to be given; with both, the power follows.
    alpha : float, optional
        The alarm level, between 0 and 0.5: 0.01, as for recorded rolls. Simulations have 1e-6.
    power : float, optional
        Probability of the alarm, above `alpha` and below 1.
    limits : Limits, optional

    Returns
    -------
    PowerAnalysis

    Raises
    ------
    ParameterError
        Neither is given, or something cannot be.
    ExactUnavailable
        There is no exact distribution.

    References
    ----------
    J. Cohen, "Statistical Power Analysis for the Behavioral Sciences" (1988), chapter 7.

    Examples
    --------
    >>> power("1d20", bias=0.05).n
    210120
    >>> round(power("1d20", n=1000).bias, 2)
    0.72
    """
    require_alpha(alpha)
    require_between("power", power, alpha, 1)
    tree = parse(expression) if isinstance(expression, str) else expression
    pmf = exact(tree, limits=limits)
    if len(pmf) < 2:
        raise ParameterError(
            "expression: there is only one possible outcome; write dice", parameter="expression"
        )
    if bias is not None:
        bias = _possible(bias, pmf)
    found: Literal["n", "bias", "power"] = "power"
    if n is not None:
        n = whole_number("n", n)
    elif bias is not None:
        n, found = enough_trials(0, pmf, alpha, abs(bias), power), "n"
    else:
        raise ParameterError("bias: give a bias, a number of rolls (n), or both", parameter="bias")
    members = choose_cells(n, pmf)
    cell, dof = weight_around_likeliest(members, pmf), len(members) - 1
    if bias is None:
        bias, found = detectable_bias(n, dof, pmf, alpha, power=power, cell=cell), "bias"
    effect = effect_of(abs(bias), pmf, cell)
    return PowerAnalysis(
        unparse(tree),
        pmf.likeliest,
        float(pmf[pmf.likeliest]),
        n,
        bias,
        power_of(n * effect * effect, dof, alpha) if found != "bias" else power,
        alpha,
        dof,
        effect,
        found,
    )


def _possible(bias: object, pmf: PMF) -> float:
    """Refuse a bias that leaves no probability, or too much."""
    share = pmf[pmf.likeliest]
    most = float((1 - share) / share)
    if isinstance(bias, (int, float)) and not isinstance(bias, bool):
        value = float(bias)
        if math.isfinite(value) and value and -1 <= value <= most:
            return value
    raise ParameterError(
        f"bias: {bias!r} cannot be the bias of {pmf.likeliest}, whose probability is "
        f"{float(share):.4g}; write a share from -1 to {most:.4g} other than 0, such as 0.05",
        parameter="bias",
    )
