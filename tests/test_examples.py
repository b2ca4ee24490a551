"""The examples follow laws that are known exactly, each found in another way than by rolling.

Each check has a false alarm in a million seeds; the seed is fixed.
"""

from __future__ import annotations

import ast
import runpy
from collections import Counter
from fractions import Fraction
from itertools import product
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dicesim
from dicesim import PMF, Model

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ALPHA = 1e-6
N = 300_000


def either(probability: Fraction) -> PMF:
    """Law of what is 1 with a probability, and else 0."""
    hits, trials = probability.as_integer_ratio()
    return PMF({1: hits, 0: trials - hits})


def law(probabilities: dict[int, Fraction]) -> PMF:
    """Law of outcomes with these probabilities."""
    common = lcm(*(p.denominator for p in probabilities.values()))
    return PMF({x: int(p * common) for x, p in probabilities.items()})


def pig(hold: int = 20) -> PMF:
    """Points of a turn, by recursion over what has been rolled."""

    def after(points: int) -> dict[int, Fraction]:
        if points >= hold:
            return {points: Fraction(1)}
        found = {0: Fraction(1, 6)}
        for face in range(2, 7):
            for end, share in after(points + face).items():
                found[end] = found.get(end, Fraction(0)) + share / 6
        return found

    return law(after(0))


def risk() -> PMF:
    """Losses of the defender, in all 6**5 ways that five dice can fall."""
    losses: Counter[int] = Counter()
    for *attack, e, f in product(range(1, 7), repeat=5):
        _, second, first = sorted(attack)
        losses[(first > max(e, f)) + (second > min(e, f))] += 1
    return PMF(losses)


LAWS = {
    "craps.py:pass_line": either(Fraction(244, 495)),
    "yahtzee.py:yahtzee": either(Fraction(347_897, 7_558_272)),
    "risk.py:three_against_two": PMF({2: 2890, 1: 2611, 0: 2275}),
    "de_mere.py:six": either(1 - Fraction(5, 6) ** 4),
    "de_mere.py:double_six": either(1 - Fraction(35, 36) ** 24),
    "pig.py:turn": pig(),
    "attack.py:advantage": dicesim.exact(
        "a = d20adv; if(a==20, 2d8+4, if(a==1, 0, if(a+7>=16, 1d8+4, 0)))"
    ),
    "attack.py:mighty": dicesim.exact(
        "a = d20adv; if(a==20, 2d8+14, if(a==1, 0, if(a+2>=16, 1d8+14, 0)))"
    ),
}
# Expected turns on this board: Althoen, King and Schilling, "How long is a game of Snakes and
# Ladders?", Mathematical Gazette 77 (1993).
PUBLISHED = Fraction(
    225837582538403273407117496273279920181931269186581786048583,
    5757472998140039232950575874628786131130999406013041613400,
)
TURNS = "snakes_and_ladders.py:turns"
HELPERS = ("most_common", "_attack")


def roll(example: str, seed: int, n: int = N) -> dicesim.Result:
    """Run an example."""
    return dicesim.run(Model.load(f"{EXAMPLES / example}"), n, rng=seed)


@pytest.mark.parametrize("example", LAWS)
def test_an_example_follows_its_law(example: str, seed: int) -> None:
    """As a check of the counts against the exact probabilities says."""
    check = dicesim.goodness_of_fit(roll(example, seed).tally, LAWS[example], ALPHA)
    assert check.verdict == "consistent", check.explanation
    assert check.p_value is not None
    assert check.p_value > ALPHA


def test_the_published_odds_of_risk() -> None:
    """They are those of all the ways in which the dice can fall."""
    assert risk() == LAWS["risk.py:three_against_two"]


def transitions() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Probabilities to go from square to square in a turn, those that land on 100 left out."""
    board = runpy.run_path(str(EXAMPLES / "snakes_and_ladders.py"))
    jumps = board["LADDERS"] | board["SNAKES"]
    moves = np.zeros((100, 100))
    for square, face in product(range(100), range(1, 7)):
        landed = square + face if square + face <= 100 else square
        landed = jumps.get(landed, landed)
        if landed < 100:
            moves[square, landed] += 1 / 6
    return moves


def test_snakes_and_ladders(seed: int) -> None:
    """Mean and spread of the turns are those of the Markov chain, within five standard errors.

    That is a false alarm in 870,000 seeds, for each.
    """
    expected = np.linalg.inv(np.eye(100) - transitions())
    mean = expected.sum(axis=1)
    variance = ((2 * expected - np.eye(100)) @ mean - mean**2)[0]
    assert mean[0] == pytest.approx(float(PUBLISHED), rel=1e-9)
    result = roll(TURNS, seed, n=100_000)
    for found, error, wanted in (
        (result.mean, result.standard_error, mean[0]),
        (result.std, result.standard_error_of_std, variance**0.5),
    ):
        assert found is not None
        assert error is not None
        assert abs(found - wanted) < 5 * error


def test_examples_are_all_there_and_short() -> None:
    """Each function that is a model is tested here, says what it does, and loops over no trials."""
    found = set()
    for file in EXAMPLES.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        found |= {f"{file.name}:{name}" for name in names if name not in HELPERS}
        assert len(ast.unparse(tree).splitlines()) <= 30
    assert found == {*LAWS, TURNS}
