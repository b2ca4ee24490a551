"""Two rules side by side, held against every pair of outcomes and against repeated trials."""

from __future__ import annotations

import csv
import io
import json
import math
import pickle
import threading
from collections.abc import Sequence
from dataclasses import FrozenInstanceError
from fractions import Fraction
from itertools import product
from typing import Any

import icepool  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import assume, given, settings

import dicesim
from dicesim import PMF, ComparedFigure, Expression, Limits, RuleComparison, compare
from tests.strategies import trees

FEW = settings(max_examples=60, deadline=None)
# Exact weights fit for a lone d6, and not for anything larger than about ten outcomes.
TIGHT = Limits(table_bytes=400)
NOTHING_EXACT = Limits(table_bytes=1)
PAIR = ("4d6kh3", "3d6+2")


def brute(a: PMF, b: PMF) -> list[Fraction]:
    """P(A > B), P(A = B), P(A < B) by a double loop over fractions."""
    found = [Fraction(0)] * 3
    for (x, p), (y, q) in product(a.items(), b.items()):
        found[0 if x > y else 1 if x == y else 2] += p * q
    return found


def figures(comparison: RuleComparison) -> list[ComparedFigure]:
    """The three probabilities and the difference of the means."""
    return [
        comparison.greater,
        comparison.equal,
        comparison.less,
        comparison.mean_difference,
    ]


def law(tree: Expression) -> PMF:
    """A law that is small enough for a double loop."""
    try:
        found = dicesim.exact(tree, limits=Limits(outcomes=1000, price=40))
    except (dicesim.LimitError, dicesim.ExactUnavailable):
        assume(False)
        raise
    assume(len(found) <= 60)
    return found


def test_every_pair_of_faces() -> None:
    """A fair pair of dice by counting the 24 pairs."""
    pairs = list(product(range(1, 7), range(2, 6)))
    compared = compare("1d6", "1d4+1")
    assert compared.greater.exact == Fraction(sum(x > y for x, y in pairs), 24)
    assert compared.equal.exact == Fraction(sum(x == y for x, y in pairs), 24)
    assert compared.less.exact == Fraction(sum(x < y for x, y in pairs), 24)
    assert compared.mean_difference.exact == 0


@pytest.mark.parametrize(
    ("a", "b", "first", "second"),
    [
        ("4d6kh3", "3d6+2", icepool.d6.highest(4, 3), 3 @ icepool.d6 + 2),
        ("2d20kh1", "1d20+5", icepool.d20.highest(2), icepool.d20 + 5),
        ("10d10>=8", "6d6>=4", 10 @ (icepool.d10 >= 8), 6 @ (icepool.d6 >= 4)),
    ],
)
def test_against_another_library(a: str, b: str, first: Any, second: Any) -> None:
    """The odds are those of icepool."""
    compared = compare(a, b)
    assert compared.greater.exact == (first > second).probability(True)
    assert compared.equal.exact == (first == second).probability(True)
    assert compared.less.exact == (first < second).probability(True)


@FEW
@given(trees, trees)
def test_any_two_rules_against_all_pairs(a: Expression, b: Expression) -> None:
    """The merge of both supports gives what a double loop over fractions gives."""
    first, second = law(a), law(b)
    compared = compare(a, b)
    assert compared.seed is None
    assert [figure.exact for figure in figures(compared)[:3]] == brute(first, second)
    assert compared.mean_difference.exact == first.exact_mean - second.exact_mean
    for figure in figures(compared):
        assert figure.exact is not None
        assert figure.value == float(figure.exact)
        assert (figure.standard_error, figure.interval) == (0.0, (figure.value, figure.value))


@FEW
@given(trees, trees)
def test_the_other_way_round(a: Expression, b: Expression) -> None:
    """Whoever is named first, the odds are the same."""
    law(a), law(b)
    one, other = compare(a, b), compare(b, a)
    assert one.greater == other.less
    assert one.equal == other.equal
    assert one.mean_difference.exact == -Fraction(other.mean_difference.exact or 0)
    assert (one.a, one.b) == (other.b, other.a)
    swapped = [{**row, "a": row["b"], "b": row["a"]} for row in other.outcomes]
    assert one.outcomes == swapped


def test_the_same_rule_twice_is_two_rolls() -> None:
    """They tie only by chance."""
    compared = compare("2d6", "2D6")
    assert compared.same
    assert compared.equal.exact == sum(p**2 for p in dicesim.exact("2d6").values()) < 1
    assert compared.greater == compared.less
    assert compared.summary.startswith("A and B are the same rule; A wins 44.4%")
    assert "independently rolled, the same rule twice" in dicesim.format_comparison(compared)


@pytest.mark.parametrize(
    ("a", "b"), [("1000d6", "900d6+350"), ("1d4", "1000d6"), ("700d10", "1d4+3849")]
)
def test_long_weights_lose_no_digit_that_is_shown(
    monkeypatch: pytest.MonkeyPatch, a: str, b: str
) -> None:
    """Where products of long weights would take too long, every digit of the floats is right."""
    exact = figures(compare(a, b))[:3]
    assert all(figure.exact is not None for figure in exact)
    monkeypatch.setattr("dicesim.odds._MAX_STEPS", 0)
    rounded = figures(compare(a, b))[:3]
    assert all(figure.exact is None for figure in rounded)
    for one, other in zip(exact, rounded, strict=True):
        assert other.value == pytest.approx(one.value, rel=1e-15, abs=0)
        assert other.standard_error == 0


def test_wide_supports_take_no_double_loop() -> None:
    """A million outcomes on either side are merged, not paired: 10**12 pairs would never end."""
    compared = compare("1d1000000", "1d1000000+1")
    assert compared.equal.exact == Fraction(999_999, 10**12)
    assert compared.greater.exact == Fraction(999_999 * 999_998, 2 * 10**12)


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


@pytest.mark.parametrize(
    ("a", "b", "summary"),
    [
        ("3", "3", "A and B are the same rule; they always tie"),
        ("1+2", "3", "A and B have the same mean, 3; they always tie"),
        ("5", "1d4", "A is higher on average, by 2.5; A always wins"),
        ("-1d4", "0", "B is higher on average, by 2.5; B always wins"),
        (
            "1d6", "d{1..5, 21}",
            ("B is higher on average, by 2.5; B wins 44.4% of the time, A wins 41.7%, and 13.9% "
            "are ties"),
        ),
        (
            "d{0:9, 100}", "1",
            ("A is higher on average, by 9, yet B wins 90.0% of the time, A wins 10.0%, and 0.0% "
            "are ties"),
        ),
        (
            "1d10000", "1",
            ("A is higher on average, by 5000; A wins >99.9% of the time, B wins 0.0%, and <0.1% "
            "are ties"),
        ),
        (
            "1d6", "1d4+1",
            ("A and B have the same mean, 3.5; A wins 41.7% of the time, B wins 41.7%, and 16.7% "
            "are ties"),
        ),
    ],
)  # fmt: skip
def test_one_sentence_says_which_is_higher_and_how_often_it_wins(
    a: str, b: str, summary: str
) -> None:
    """Ties, certainty, and a rule that is higher on average and yet mostly loses."""
    compared = compare(a, b)
    assert compared.summary == summary
    assert compared.is_exact


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


def test_sides_have_the_figures_of_their_laws() -> None:
    """Mean, spread, quantiles and range, in words and canonical notation."""
    compared = compare("4D6 kh3", "3d6+2")
    assert (compared.a.notation, compared.a.label) == (
        "4d6kh3", "four d6, keep the highest 3, sum",
    )  # fmt: skip
    exact = dicesim.exact("4d6kh3")
    assert compared.a.mean.exact == exact.exact_mean
    assert compared.a.std == exact.std
    assert [compared.a.quantile(q) for q in (0.05, 0.5)] == [7, 12]
    assert (compared.a.least, compared.a.greatest) == (3, 18)
    with pytest.raises(dicesim.ParameterError, match="no share"):
        compared.a.quantile(2)


def test_means_of_trials_have_students_interval(seed: int) -> None:
    """As those of the run itself."""
    compared = compare("2d6", "1d6", 50, rng=seed, limits=NOTHING_EXACT)
    for side in (compared.a, compared.b):
        assert side.result is not None
        assert side.mean.value == side.result.mean
        assert side.mean.standard_error == pytest.approx(side.result.standard_error)
        assert side.mean.interval == pytest.approx(side.result.interval(0.95))
        assert side.std == side.result.std


@pytest.mark.parametrize(
    ("a", "b", "kind", "message"),
    [
        ("2d", "2d6", dicesim.NotationError, "^first expression: found the end"),
        ("2d6", "2d6)", dicesim.NotationError, "^second expression: character 4"),
        ("2d6", "", dicesim.NotationError, "^second expression: "),
        ("999999999d6", "1d6", dicesim.LimitError, "^first expression: one trial"),
        (
            "1d6",
            dicesim.Name("x", 1, 6),
            dicesim.ParameterError,
            "^second expression: x is not defined",
        ),
    ],
)
def test_errors_say_which_of_both(
    a: str, b: str | Expression, kind: type[dicesim.DicesimError], message: str
) -> None:
    """The message names the side, and all else of the error stays."""
    with pytest.raises(kind, match=message) as caught:
        compare(a, b)
    if isinstance(caught.value, dicesim.NotationError):
        assert caught.value.text in (a, b)


def test_a_place_in_the_notation_stays() -> None:
    """For whoever underlines it."""
    with pytest.raises(dicesim.NotationError) as caught:
        compare("2d6", "2d6)")
    assert (caught.value.text, caught.value.position, caught.value.length) == ("2d6)", 3, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"n": 0}, "^n: 0 is too small"), ({"n": 1.5}, "^n: "), ({"rng": -1}, "^rng: -1 is no seed")],
)
def test_bad_arguments(arguments: dict[str, int], message: str) -> None:
    """They are refused even where nothing would be rolled."""
    with pytest.raises(dicesim.ParameterError, match=message):
        compare("2d6", "1d6", **arguments)  # type: ignore[arg-type]


def test_work_of_both_is_counted_together() -> None:
    """A comparison costs what both of its runs cost (L6)."""
    limits = Limits(table_bytes=1, work=250)
    compare("1d6", "1d6", 100, limits=limits)
    with pytest.raises(dicesim.LimitError, match=r"would roll 300 dice.*write a smaller n"):
        compare("1d6", "2d6", 100, limits=limits)


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


def test_the_json_form() -> None:
    """Keys, fractions, rows that add up, and no figure beyond JSON."""
    document = json.loads(compare(*PAIR).to_json())
    assert list(document) == [
        "schema", "a", "b", "independent", "is_exact", "complete", "seed", "level", "greater",
        "equal", "less", "mean_difference", "summary", "outcomes", "versions",
    ]  # fmt: skip
    assert document["schema"] == "dicesim.compare/1"
    assert document["greater"]["exact"] == "20293/46656"
    assert document["mean_difference"]["exact"] == "-331/1296"
    assert [row["outcome"] for row in document["outcomes"]] == list(range(3, 21))
    for letter in "ab":
        assert math.fsum(row[letter] for row in document["outcomes"]) == pytest.approx(1)
    assert document["a"]["quantiles"][2] == {"q": 0.5, "outcome": 12}
    assert document["a"]["n"] is None
    simulated = compare(*PAIR, 1_000, rng=7, limits=NOTHING_EXACT).to_dict()
    assert simulated["a"]["exact_unavailable"].startswith("the exact weights would take")
    assert (simulated["seed"], simulated["a"]["seed"], simulated["a"]["n"]) == (7, 7, 1_000)
    assert compare("200d100", "199d99").to_dict()["greater"]["exact"] is None


def test_the_csv_form() -> None:
    """One row an outcome, 0 for what cannot occur."""
    rows = list(csv.DictReader(io.StringIO(compare("1d2", "1d2+1").to_csv())))
    assert rows == [
        {"outcome": "1", "a": "0.5", "b": "0.0"},
        {"outcome": "2", "a": "0.5", "b": "0.5"},
        {"outcome": "3", "a": "0.0", "b": "0.5"},
    ]


def test_values_are_frozen_and_travel() -> None:
    """A comparison is a value; a notebook shows it."""
    compared = compare(*PAIR, 1_000, rng=7, limits=NOTHING_EXACT)
    with pytest.raises(FrozenInstanceError):
        compared.seed = 1  # type: ignore[misc]
    copy = pickle.loads(pickle.dumps(compared))
    assert copy.to_dict() == compared.to_dict()
    html = compare(*PAIR)._repr_html_()
    assert "<svg" in html
    assert "B is higher on average" in html


@pytest.mark.parametrize(
    ("a", "b", "limits"),
    [
        (*PAIR, None),
        (*PAIR, NOTHING_EXACT),
        ("100d6", "30d20kh10", None),
        ("1d100*1000000000000", "-1d100*1000000000000", None),
        ("1d6*1000000000000", "-1d6*1000000000000", None),
        ("1d6", "10d10", TIGHT),
        ("5", "5", None),
    ],
)
def test_reports_fit_80_columns(a: str, b: str, limits: Limits | None) -> None:
    """With bars and without characters beyond ASCII; bins unless all are wanted."""
    compared = compare(a, b, 1_000, rng=3, limits=limits)
    for ascii_only, show_all in product((False, True), repeat=2):
        text = dicesim.format_comparison(compared, ascii_only=ascii_only, show_all=show_all)
        assert max(map(len, text.splitlines())) <= 80
        assert text.isascii() or not ascii_only
        assert all(line == line.rstrip() for line in text.splitlines())
        blank = [i for i, line in enumerate(text.splitlines()) if not line]
        table = text.splitlines()[blank[0] + 1 : blank[1]]
        assert len({len(line) for line in table}) == 1  # all end where column B does
        rows = compared.bins(show_all=show_all)
        assert len(rows) <= 40 or show_all
        assert math.fsum(a for _, a, _ in rows) == pytest.approx(1)
        assert math.fsum(b for _, _, b in rows) == pytest.approx(1)
    assert ("--all shows each" in dicesim.format_comparison(compared)) == (
        len(compared.support) > 40
    )


def test_what_cannot_occur_has_no_mark() -> None:
    """Bars are A, marks are B, and neither is drawn for an outcome that it cannot have."""
    lines = dicesim.format_comparison(compare("1d2", "1d2+1"), ascii_only=True).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("outcome"))
    one, two, three = lines[start + 1 : start + 4]
    assert one.endswith("#")
    assert "|" not in one
    assert two.endswith("#|")
    assert three.endswith("|")
    assert "#" not in three
