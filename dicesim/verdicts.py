"""What a check found, in sentences that claim no more than it can."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dicesim.cells import ratio
from dicesim.effect_size import bias_of, enough_trials
from dicesim.outcome_tests import adjusted_p_values, z_score
from dicesim.pmf import PMF

# A test that would miss even a doubling of the likeliest outcome has nothing to say.
GREATEST_BIAS: Final = 1.0
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Words:
    """What the things are called that were counted.

    Parameters
    ----------
    trial : str
        ``"trial"``, or ``"roll"``.
    outcome : str
        ``"outcome"``, or what a number stands for, such as ``"face"``.
    """

    trial: str = "trial"
    outcome: str = "outcome"

    def name(self, outcome: int) -> str:
        """Name one of them; what is just an outcome is named by its number."""
        return str(outcome) if self.outcome == "outcome" else f"{self.outcome} {outcome}"


def say_consistent(bias: float, pmf: PMF, words: Words) -> str:
    """No alarm, and how small a bias would have raised it."""
    return (
        f"a bias of {_likeliest('any', pmf, words)} above {percent(bias)} of its share "
        "would have been seen"
    )


def say_too_good(words: Words) -> str:
    """Say that the counts fit better than counts do."""
    return f"the counts fit more closely than chance allows; were these {words.trial}s made up?"


def say_impossible(impossible: list[int], words: Words) -> str:
    """Say which outcomes the law does not know."""
    shown = ", ".join(map(str, impossible[:5])) + (", ..." if len(impossible) > 5 else "")
    return f"{words.outcome}s occurred that cannot: {shown}"


def say_more(n: int, pmf: PMF, alpha: float, words: Words) -> str:
    """Say that the trials were too few, and how many would do."""
    enough = _rounded_up(enough_trials(n, pmf, alpha, GREATEST_BIAS, precision=0.002))
    trials = f"1 {words.trial} is" if n == 1 else f"{n:,} {words.trial}s are"
    return (
        f"no alarm, but {trials} too few to show even a doubling of the likeliest "
        f"{words.outcome}; about {enough:,} would do, {enough - n:,} more"
    )


def say_level(alpha: float) -> str:
    """Say what it was that raised an alarm."""
    return f"p is below the alarm level of {alpha:g}; "


def say_deviation(
    counts: Mapping[int, int],
    n: int,
    pmf: PMF,
    alpha: float,
    effect: tuple[float, float, float],
    tolerance: float,
    words: Words,
) -> str:
    """Say which outcomes deviate by themselves, how far, and whether that matters.

    Parameters
    ----------
    counts, n, pmf, alpha
        As they were tested.
    effect : tuple of float
        Cohen's w, and the ends of its interval.
    tolerance : float
        A bias that does not matter.
    words : Words
    """
    found = [counts.get(outcome, 0) for outcome in pmf.outcomes]
    p_holm = adjusted_p_values(found, pmf.weights, n, pmf.total)
    scores = [
        abs(z_score(count, n, weight, pmf.total) or 0.0)
        for count, weight in zip(found, pmf.weights, strict=True)
    ]
    order = sorted(range(len(pmf)), key=lambda i: -scores[i])
    beyond = [i for i in order if p_holm[i] < alpha]

    def change(place: int) -> str:
        share = ratio(found[place] * pmf.total, n * pmf.weights[place]) - 1
        sign = "-" if share < 0 else "+"
        return f"{words.name(pmf.outcomes[place])} by {sign}{percent(abs(share))}"

    shares = ", ".join(map(change, (beyond or order)[:_NAMED]))
    which = f"no single {words.outcome} is off beyond chance, most of all"
    if beyond:
        more = len(beyond) - _NAMED
        shares += f" and {more:,} more" if more > 0 else ""
        which = "off beyond chance:"
    return (
        f"{say_level(alpha)}{which} {shares} of "
        f"{'its' if len(beyond) == 1 else 'their'} share; {_size(pmf, effect, tolerance, words)}"
    )


def _size(pmf: PMF, effect: tuple[float, float, float], tolerance: float, words: Words) -> str:
    """Put an effect as one outcome that is off, the others giving way."""
    middle, _, high = (bias_of(w, pmf) for w in effect)
    alone = f"as large as {_likeliest('one', pmf, words)} alone off by {percent(middle)}"
    return f"detectable but negligible: {alone}" if high < tolerance else f"in all {alone}"


def _likeliest(article: str, pmf: PMF, words: Words) -> str:
    """Name the likeliest outcome, unless all are equally likely."""
    if min(pmf.weights) == max(pmf.weights):
        return f"{article} {words.outcome}"
    return words.name(pmf.likeliest)


def _rounded_up(number: int) -> int:
    """Three digits and zeros, as befits an advice."""
    unit = int(10 ** max(len(str(number)) - 3, 0))
    return -(-number // unit) * unit


def percent(share: float) -> str:
    """Two significant digits, without an exponent.

    Examples
    --------
    >>> percent(0.0162), percent(0.25), percent(3.0), percent(0.0)
    ('1.6 %', '25 %', '300 %', '0 %')
    """
    if not 0 < share < math.inf:
        return "0 %" if share == 0 else "any share"
    digits = max(0, 1 - math.floor(math.log10(share * 100)))
    return f"{share * 100:.{digits}f} %"
