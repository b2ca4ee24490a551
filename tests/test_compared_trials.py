"""Comparisons of trials: estimates that lie where they say, streams apart, errors that hold."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Sequence

import numpy as np
import pytest

import dicesim
from dicesim import ComparedFigure, Limits, compare
from tests.test_comparison import NOTHING_EXACT, PAIR, TIGHT, figures

SIDES = [
    ("1d6", "1d8", NOTHING_EXACT, (False, False)),
    (*PAIR, NOTHING_EXACT, (False, False)),
    ("1d6+9", "4d6kh3", TIGHT, (True, False)),
    ("4d6kh3", "1d6+9", TIGHT, (False, True)),
]


@pytest.mark.parametrize(("a", "b", "limits", "are_exact"), SIDES)
def test_simulated_against_exact(
    a: str, b: str, limits: Limits, are_exact: tuple[bool, bool], seed: int
) -> None:
    """Each figure lies within 5 standard errors of the exact one (false alarm 6e-7 each)."""
    exact, simulated = compare(a, b), compare(a, b, 100_000, rng=seed, limits=limits)
    assert (simulated.a.is_exact, simulated.b.is_exact) == are_exact
    assert simulated.seed == seed
    for known, found in zip(figures(exact), figures(simulated), strict=True):
        assert found.exact is None
        assert found.standard_error
        assert found.interval is not None
        assert abs(found.value - known.value) < 5 * found.standard_error
        assert found.interval[0] < found.value < found.interval[1]
    for known_side, side in ((exact.a, simulated.a), (exact.b, simulated.b)):
        assert abs(side.mean.value - known_side.mean.value) <= 5 * (side.mean.standard_error or 0)
        assert side.std == pytest.approx(known_side.std, rel=0.02)
    assert math.fsum(figure.value for figure in figures(simulated)[:3]) == pytest.approx(1)


@pytest.mark.parametrize(("a", "b", "limits", "are_exact"), SIDES)
def test_errors_and_intervals_are_what_they_say(
    a: str, b: str, limits: Limits, are_exact: tuple[bool, bool], seed: int
) -> None:
    """Over 400 comparisons, estimates spread by their standard error and intervals cover.

    The ratio of variances has a standard error of 0.07, the coverage one of 0.011: false alarm
    below 1e-5 for each figure.
    """
    exact = figures(compare(a, b))
    runs = [figures(compare(a, b, 300, rng=seed + i, limits=limits)) for i in range(400)]
    for known, estimates in zip(exact, zip(*runs, strict=True), strict=True):
        ratio, covered = calibration(known, estimates)
        assert 0.65 < ratio < 1.4
        assert 0.89 < covered < 0.995
    assert compare(a, b, 300, limits=limits).a.is_exact == are_exact[0]


def test_ties_that_depend_on_neither_side_alone(seed: int) -> None:
    """Whatever a fair d6 shows, another ties with it one time in six: the error is of second order.

    Of 2000 comparisons the ratio of variances is 0.74 with a standard error of 0.035; it would be
    0.5 if what both sides decide together were counted twice.
    """
    known = compare("1d6", "1d6").equal
    estimates = [
        compare("1d6", "1d6", 100, rng=seed + i, limits=NOTHING_EXACT).equal for i in range(2000)
    ]
    ratio, covered = calibration(known, estimates)
    assert 0.57 < ratio < 0.92
    assert covered > 0.95


def calibration(known: ComparedFigure, estimates: Sequence[ComparedFigure]) -> tuple[float, float]:
    """Variance of estimates over that which they state, and the share of intervals that cover."""
    squares = [(figure.standard_error or 0) ** 2 for figure in estimates]
    spread = np.var([figure.value for figure in estimates])
    ends = [figure.interval or (1.0, 0.0) for figure in estimates]
    covered = [low <= known.value <= high for low, high in ends]
    return float(spread / np.mean(squares)), float(np.mean(covered))


def test_a_constant_beside_trials_has_wilsons_interval(seed: int) -> None:
    """Where the exact side is one number, trials hit or miss as in any run."""
    compared = compare("12", "4d6kh3", 5_000, rng=seed, limits=TIGHT)
    result = compared.b.result
    assert result is not None
    for figure, condition in ((compared.greater, "< 12"), (compared.equal, "== 12")):
        estimate = result.probability(condition)
        assert estimate is not None
        assert figure.value == pytest.approx(estimate.value)
        assert figure.standard_error == pytest.approx(estimate.standard_error)
        assert figure.interval == pytest.approx(estimate.interval)


def test_what_never_occurred_is_not_called_impossible(seed: int) -> None:
    """No trial won, and yet the upper end is above 0."""
    compared = compare("4d6kh3", "18", 1, rng=seed, limits=TIGHT)
    assert compared.greater.value == 0
    assert compared.greater.interval is not None
    assert compared.greater.interval[1] > 0.5


def test_streams_are_independent_and_replayed_by_one_seed(seed: int) -> None:
    """The first rule rolls as `run` does with that seed, the second with its own (L1)."""
    compared = compare("2d6", "2d6", 10_000, rng=seed, limits=NOTHING_EXACT)
    first, second = compared.a.result, compared.b.result
    assert first is not None
    assert second is not None
    assert first.seed == compared.seed == seed != second.seed
    assert first.counts == dicesim.run("2d6", 10_000, rng=seed).counts != second.counts
    assert second.counts == dicesim.run("2d6", 10_000, rng=second.seed).counts
    again = compare("2d6", "2d6", 10_000, rng=np.int64(seed), limits=NOTHING_EXACT)
    assert figures(again) == figures(compared)
    given = compare("2d6", "2d6", 100, rng=42, limits=NOTHING_EXACT).b.result
    assert given is not None
    assert given.seed == 8643516733996662
    drawn = compare("2d6", "1d6", 100, rng=np.random.default_rng(seed), limits=NOTHING_EXACT)
    replayed = compare("2d6", "1d6", 100, rng=drawn.seed, limits=NOTHING_EXACT)
    assert figures(drawn) == figures(replayed)


def test_both_sides_wander_apart(seed: int) -> None:
    """Counts of both sides are uncorrelated over 300 seeds (false alarm 1e-6)."""
    hits = []
    for i in range(300):
        compared = compare("1d2", "1d2", 200, rng=seed + i, limits=NOTHING_EXACT)
        hits.append([compared.a.share(1), compared.b.share(1)])
    assert abs(np.corrcoef(np.array(hits).T)[0, 1]) < 4.9 / math.sqrt(300)


@pytest.mark.parametrize("n", [2, 10, 30, 100, 200, 1_000])
def test_trials_claim_no_more_than_they_show(n: int, seed: int) -> None:
    """Within the interval nothing is claimed, and short of five standard errors with reserve."""
    compared = compare("1d6+1", "1d6", n, rng=seed, limits=NOTHING_EXACT)
    gap = compared.mean_difference
    assert gap.interval is not None
    assert gap.standard_error is not None
    lead = f"{'A' if gap.value > 0 else 'B'} is higher on average, by about "
    if gap.interval[0] <= 0 <= gap.interval[1]:
        lead = "these trials do not tell which is higher on average; "
    elif abs(gap.value) <= 5 * gap.standard_error:
        lead = lead.replace("is", "seems")
    assert compared.summary.startswith(lead)


def test_a_single_trial_has_no_error_to_tell(seed: int) -> None:
    """What is not defined is null, and the table leaves it out."""
    single = compare("1d6", "2d6", 1, rng=seed, limits=NOTHING_EXACT)
    assert single.summary.startswith("these trials do not tell which is higher on average; ")
    assert single.mean_difference.interval is None
    assert json.loads(single.to_json())["a"]["std"] is None
    assert "nan" not in dicesim.format_comparison(single)


def test_means_of_trials_have_students_interval(seed: int) -> None:
    """As those of the run itself."""
    compared = compare("2d6", "1d6", 50, rng=seed, limits=NOTHING_EXACT)
    for side in (compared.a, compared.b):
        assert side.result is not None
        assert side.mean.value == side.result.mean
        assert side.mean.standard_error == pytest.approx(side.result.standard_error)
        assert side.mean.interval == pytest.approx(side.result.interval(0.95))
        assert side.std == side.result.std


def test_progress_is_that_of_both(seed: int) -> None:
    """It never runs back, and ends with all trials of both."""
    seen: list[dicesim.Progress] = []
    compare("2d6", "1d6", 200_000, rng=seed, progress=seen.append, limits=NOTHING_EXACT)
    assert {progress.requested for progress in seen} == {400_000}
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert done[-1] == 400_000
    assert [p.elapsed_seconds for p in seen] == sorted(p.elapsed_seconds for p in seen)


def test_cancelled_comparisons_say_so(seed: int) -> None:
    """Both sides have some trials to compare, whenever the request to stop came."""
    stop = threading.Event()
    stop.set()
    compared = compare("2d6", "1d6", 10**9, rng=seed, cancel=stop, limits=NOTHING_EXACT)
    assert not compared.complete
    assert compared.to_dict()["complete"] is False
    for side in (compared.a, compared.b):
        assert side.result is not None
        assert 0 < side.result.n < 10**9
    assert dicesim.format_comparison(compared).count("INCOMPLETE") == 2
