"""Two rules side by side, held against every pair of outcomes, and the forms of a comparison."""

from __future__ import annotations

import csv
import io
import json
import math
import pickle
from dataclasses import FrozenInstanceError
from fractions import Fraction
from itertools import product
from typing import Any

import icepool  # type: ignore[import-untyped]
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


def test_the_json_form() -> None:
    """Keys, fractions, rows that add up, and no figure beyond JSON."""
    document = json.loads(compare(*PAIR).to_json())
    assert list(document) == [
        "schema", "a", "b", "independent", "is_exact", "complete", "seed", "level", "greater",
        "equal", "less", "mean_difference", "common_random_numbers", "summary", "outcomes",
        "versions",
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
