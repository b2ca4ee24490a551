"""Recorded rolls: statistics against scipy and against print, verdicts, false alarms."""

from __future__ import annotations

import io
import json
import math
from fractions import Fraction
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

import dicesim
from dicesim import PMF
from dicesim.dependence import classes, contingency_test, repeats_test, runs_test
from dicesim.outcome_tests import holm_adjusted, holm_level

DATA = Path(dicesim.__file__).parent / "data"
D6 = dicesim.exact("1d6")


def test_labby() -> None:
    """Labby's machine: 24.73 on 5 dof, as printed."""
    result = dicesim.check_file(DATA / "labby_2009.csv", "1d6")
    check = result.check
    assert check is not None
    assert check.statistic == pytest.approx(24.7315, abs=5e-5)
    assert (check.dof, result.n) == (5, 26_306 * 12)
    assert check.p_value == pytest.approx(0.000157, abs=5e-7)
    assert result.verdict == "deviates"
    counts = {row["outcome"]: row["count"] for row in result.to_dict()["outcomes"]}
    assert dicesim.check(counts, "d6").check == check


def test_wolf() -> None:
    """Wolf's two dice: each deviates, and so does the total; neither knows of the other."""
    result = dicesim.check_file(DATA / "wolf.csv", "1d6")
    figures = {test.label: test.to_dict() for test in result.tests}
    for label, statistic, dof in (
        ("counts of red", 94.189, 5),
        ("counts of white", 270.9568, 5),
        ("total", 87.7708, 10),
        ("red against white", 18.7586, 25),
    ):
        assert figures[label]["statistic"] == pytest.approx(statistic, abs=5e-5)
        assert figures[label]["dof"] == dof
    assert figures["red against white"]["p_value"] == pytest.approx(0.8085, abs=5e-5)
    assert figures["red against white"]["effect_size"] == pytest.approx(
        math.sqrt(18.7586 / 20_000 / 5), rel=1e-4
    )
    assert (result.n, result.ordered, result.verdict) == (20_000, False, "deviates")
    white = dicesim.check_file(DATA / "wolf.csv", "1d6", column="white")
    assert white.check is not None
    assert white.check.statistic == pytest.approx(270.9568, abs=5e-5)
    assert len(white.tests) == 1


def test_weldon_and_the_lesson_of_pooling() -> None:
    """One cell with .05 expected adds a seventh to the statistic; pooled it is 35.4943."""
    result = dicesim.check_file(DATA / "weldon.csv", "12d6>=5")
    check = result.check
    assert check is not None
    assert check.statistic == pytest.approx(35.4943, abs=5e-5)
    assert check.dof == 10
    assert check.p_value == pytest.approx(0.000103, abs=5e-7)
    law = dicesim.exact("12d6>=5")
    assert law == PMF({k: math.comb(12, k) * 2 ** (12 - k) for k in range(13)})
    rows = result.to_dict()["outcomes"]
    cells = [(Fraction(row["count"]), result.n * law[row["outcome"]]) for row in rows]
    unpooled = float(sum((o - e) ** 2 / e for o, e in cells))
    assert unpooled == pytest.approx(41.3122, abs=5e-5)
    assert rows[12]["count"] == 0


def biased_rolls(seed: int, n: int) -> list[int]:
    """A die that shows a six too often and remembers nothing."""
    shares = [0.15] * 5 + [0.25]
    return [int(x) for x in np.random.default_rng(seed).choice(range(1, 7), n, p=shares)]


def sticky_rolls(seed: int, n: int, stick: float) -> list[int]:
    """A die that now and then falls as it fell before."""
    rng = np.random.default_rng(seed)
    rolls = [1]
    for face, sticks in zip(rng.integers(1, 7, n - 1), rng.random(n - 1) < stick, strict=True):
        rolls.append(rolls[-1] if sticks else int(face))
    return rolls


def of(result: dicesim.RecordedCheck, label: str) -> dicesim.JointTest:
    """One of the tests."""
    return next(test for test in result.tests if test.label == label)


def test_a_biased_die_that_remembers_nothing(seed: int) -> None:
    """Only its counts raise the alarm (the others at p < 1e-6 together)."""
    result = dicesim.check(biased_rolls(seed, 20_000), "1d6", alpha=1e-6)
    assert result.verdict == "deviates"
    assert [test.label for test in result.tests if (test.holm_p or 0) < 1e-6] == ["counts"]
    assert not result.notes


def test_a_die_that_sticks(seed: int) -> None:
    """Repeats find it where the table of neighbours does not, and the counts are not trusted."""
    result = dicesim.check(sticky_rolls(seed, 40_000, 0.04), "1d6")
    assert result.verdict == "deviates"
    assert result.explanation.startswith("repeats: ")
    repeats, table = of(result, "repeats"), of(result, "lag-1 table")
    assert (repeats.p_value or 0) < (table.p_value or 0)
    assert "take them as independent, and so do not hold" in result.notes[0]


def test_dice_that_cling(seed: int) -> None:
    """Two columns that agree too often are told of."""
    rng = np.random.default_rng(seed)
    pairs = rng.integers(1, 7, (20_000, 2))
    pairs[:2000, 1] = pairs[:2000, 0]
    result = dicesim.check(rng.permutation(pairs), "1d6")
    assert result.explanation.startswith("column 1 against column 2: not independent, V = 0.")
    assert "dice depend on each other" in result.notes[0]


def test_repeats_and_runs_are_those_of_all_orders() -> None:
    """Mean and variance are those over every order of the same rolls."""
    rolls = [1] * 4 + [2] * 3 + [3] * 2
    rows = np.array(sorted(set(permutations(rolls))))
    repeats = (rows[:, 1:] == rows[:, :-1]).sum(axis=1)
    counts = [400, 300, 200]
    test = repeats_test(counts, 250, "x")
    assert repeats_test([4, 3, 2], 3, "x").expected == pytest.approx(repeats.mean())
    assert test.statistic is not None
    many = [
        int((line[1:] == line[:-1]).sum())
        for line in np.random.default_rng(5).permuted(
            np.tile(np.repeat([1, 2, 3], counts), (2000, 1)), axis=1
        )
    ]
    assert test.expected == pytest.approx(
        np.mean(many), abs=5 * float(np.std(many)) / math.sqrt(2000)
    )
    z = (250 - np.mean(many)) / np.std(many)
    assert test.statistic == pytest.approx(z, rel=0.1)


def test_the_runs_test_is_that_of_wald_and_wolfowitz() -> None:
    """Two kinds: mean 2ab/n + 1 runs and the variance of the textbooks."""
    a, b, repeats = 60, 40, 60
    n = a + b
    test = runs_test([a, b], repeats, "x")
    mean = 2 * a * b / n + 1
    variance = (mean - 1) * (mean - 2) / (n - 1)
    assert test.observed == n - repeats
    assert test.expected == pytest.approx(mean)
    assert test.statistic == pytest.approx((n - repeats - mean) / math.sqrt(variance))
    corrected = (abs(n - repeats - mean) - 0.5) / math.sqrt(variance)
    assert test.p_value == pytest.approx(2 * stats.norm.sf(corrected))


def test_tables_are_those_of_scipy(seed: int) -> None:
    """Chi-square of independence, its p-value and Cramer's V."""
    table = np.random.default_rng(seed).integers(20, 90, (6, 6))
    ours = contingency_test("two columns", table, [1] * 6, ("a", "b"))
    theirs = stats.chi2_contingency(table, correction=False)
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert ours.dof == theirs.dof
    assert ours.effect_size == pytest.approx(stats.contingency.association(table))


def test_sparse_tables_are_pooled_by_the_law() -> None:
    """Whatever came: so that the choice of cells is no choice of the result."""
    law = dicesim.exact("2d6")
    table = np.zeros((11, 11), dtype=np.int64)
    table[3:9, 3:9] = 10
    test = contingency_test("lag-1 table", table, law.weights, ("x",))
    assert test.dof is not None
    assert test.dof < 25
    few = contingency_test("lag-1 table", np.eye(6, dtype=np.int64), [1] * 6, ("x",))
    assert (few.statistic, few.p_value) == (None, None)


def test_classes_of_wide_laws_are_alike() -> None:
    """A law of 501 outcomes has at most 128 classes, in order, none empty."""
    numbers = classes(dicesim.exact("100d6"))
    steps = np.diff(numbers)
    assert numbers[0] == 0
    assert numbers[-1] < 128
    assert set(steps.tolist()) == {0, 1}


def test_holm_is_that_of_the_textbook() -> None:
    """Against the definition, with ties and missing values."""
    p_values = [0.01, 0.04, 0.03, 0.005, 0.03]
    expected = [0.04, 0.09, 0.09, 0.025, 0.09]
    assert holm_adjusted(p_values) == pytest.approx(expected)
    assert holm_adjusted([None, 0.9, None, 0.8]) == [None, 1.0, None, 1.0]
    assert holm_adjusted([]) == []


@given(st.lists(st.floats(1e-9, 1), min_size=1, max_size=9))
def test_one_level_decides_what_holm_decides(p_values: list[float]) -> None:
    """A p-value is below it just where its adjusted one is below alpha."""
    adjusted = holm_adjusted(p_values)
    for alpha in (0.01, 0.05, 0.3):
        level = holm_level(p_values, adjusted, alpha)
        for p, adjusted_p in zip(p_values, adjusted, strict=True):
            if abs(p / level - 1) > 1e-9:  # else rounding decides
                assert (p < level) == ((adjusted_p or 0) < alpha)


@pytest.mark.parametrize("columns", [1, 3])
def test_single_checks_say_what_holm_says(columns: int, seed: int) -> None:
    """No check deviates at its level that Holm's method passes, nor the other way round."""
    rng = np.random.default_rng(seed)
    for bias in np.linspace(0, 0.012, 40):
        shares = [(1 - 1 / 6 - bias) / 5] * 5 + [1 / 6 + bias]
        rolls = rng.choice(range(1, 7), (3000, columns), p=shares)
        result = dicesim.check(rolls, "1d6", alpha=0.1)
        for test in result.tests:
            if isinstance(test.source, dicesim.Margin):
                alarm = test.source.check.verdict == "deviates"
                assert alarm == ((test.holm_p or 1) < 0.1)
        if result.verdict != "deviates":
            assert all((test.holm_p or 1) >= 0.1 for test in result.tests)


@pytest.mark.parametrize(
    ("text", "n", "columns"), [("1d6", 600, 1), ("2d6", 500, 1), ("1d6", 300, 2)]
)
def test_sound_rolls_seldom_raise_the_alarm(text: str, n: int, columns: int, seed: int) -> None:
    """Of 2000 sound records at most 5 % and five standard errors alarm (false alarm 1e-6)."""
    rng = np.random.default_rng(seed)
    alarms = 0
    for _ in range(2000):
        low, high = (1, 7)
        rolls = rng.integers(low, high, (n, columns))
        if text == "2d6":
            rolls = rolls + rng.integers(low, high, (n, columns))
        alarms += dicesim.check(rolls, text, alpha=0.05).alarm
    assert alarms <= 2000 * 0.05 + 5 * math.sqrt(2000 * 0.05 * 0.95)


def test_all_forms_of_the_same_rolls_agree(seed: int) -> None:
    """Sequence, array, text and pieces of text; counts have the same margins."""
    rolls = np.random.default_rng(seed).integers(1, 7, (400_000, 2))
    text = "".join(f"{a},{b}\n" for a, b in rolls.tolist()).encode()
    whole = dicesim.check(rolls, "1d6").to_dict()
    assert dicesim.check(rolls.tolist(), "1d6").to_dict() == whole
    assert dicesim.check(rolls.astype(np.uint8), "1d6").to_dict() == whole
    assert dicesim.check_file(io.BytesIO(text), "1d6").to_dict() == whole
    repeats = next(test for test in whole["tests"] if test["test"] == "repeats of column 2")
    assert repeats["observed"] == int((rolls[1:, 1] == rolls[:-1, 1]).sum())
    pairs, counts = np.unique(rolls, axis=0, return_counts=True)
    table = {tuple(p): c for p, c in zip(pairs.tolist(), counts.tolist(), strict=True)}
    counted = dicesim.check(table, "1d6").to_dict()
    assert counted["columns"][1]["outcomes"] == whole["columns"][1]["outcomes"]
    assert counted["outcomes"] == whole["outcomes"]
    labels = {test["test"] for test in whole["tests"]}
    assert labels - {test["test"] for test in counted["tests"]} == {
        f"{kind} of column {i}" for kind in ("repeats", "runs", "lag-1 table") for i in (1, 2)
    }


def test_zeros_are_kept() -> None:
    """A face that never came stands in the table, and in the test."""
    result = dicesim.check({1: 100, 2: 100, 3: 100, 4: 100, 5: 100, 6: 0}, "1d6")
    assert result.to_dict()["outcomes"][5]["count"] == 0
    assert result.check is not None
    assert result.check.dof == 5
    missing = dicesim.check({1: 100, 2: 100, 3: 100, 4: 100, 5: 100}, "1d6")
    assert missing.to_dict() == result.to_dict()


def test_huge_counts_lose_nothing() -> None:
    """At 10**15 rolls everything is as exact as at a hundred."""
    counts = {(i, j): 10**15 // 36 for i in range(1, 7) for j in range(1, 7)}
    counts[1, 1] += 10**9
    result = dicesim.check(counts, "1d6")
    n = 36 * (10**15 // 36) + 10**9
    part = 10**15 // 36
    chi2 = sum((Fraction(c) - Fraction(n, 6)) ** 2 / Fraction(n, 6)
               for c in [6 * part + 10**9, *[6 * part] * 5])  # fmt: skip
    assert result.check is not None
    assert of(result, "counts of column 1").to_dict()["statistic"] == pytest.approx(
        float(chi2), rel=1e-12
    )
    with pytest.raises(dicesim.RecordError, match="rolls in all"):
        dicesim.check({1: 2**62, 2: 2**62}, "1d6")


def test_what_is_too_close_is_told_of() -> None:
    """Counts that fit better than chance allows were made up."""
    result = dicesim.check(dict.fromkeys(range(1, 7), 10**6), "1d6")
    assert (result.verdict, result.alarm) == ("suspiciously good", True)
    rng = np.random.default_rng(9)
    perfect = rng.permutation(np.repeat(range(1, 7), 10_000))
    pairs = np.stack((rng.integers(1, 7, 60_000), perfect), axis=1)
    second = dicesim.check(pairs, "1d6")
    assert second.verdict == "suspiciously good"
    assert second.explanation.startswith("counts of column 2: ")


def test_few_rolls_are_inconclusive() -> None:
    """Thirty rolls tell of no small bias, one tells nothing."""
    assert dicesim.check([1, 2, 3, 4, 5, 6] * 5, "1d6").verdict in ("inconclusive", "deviates")
    assert dicesim.check([4], "1d6").verdict == "inconclusive"
    assert dicesim.check([[1, 2]], "1d6").verdict == "inconclusive"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "nothing was rolled"),
        ({}, "nothing was rolled"),
        ({1: 0}, "nothing was rolled"),
        ([1, 2, 7], "roll 3: 7 cannot come up with 1d6"),
        ([[1, 2], [3, 0]], "roll 2: 0 cannot come up with 1d6, which is the law of each of"),
        (
            np.transpose([np.arange(1, 6)] * 2),
            "column 1 numbers the rows, from 1 to 5; write --column",
        ),
        ({1: 3, 9: 4}, "9 cannot come up"),
        ({1: 0.5, 2: 0.5}, "0.5 is no whole number; write what was rolled and, for counts, how"),
        ([0.16, 0.17], "roll: 0.16 is no whole number"),
        ({1: -3}, "the count -3 is negative"),
        ({(1, 2): 3, (1,): 4}, "row 2: 1 faces; write as many"),
        ({(): 3}, "row 1: 0 faces"),
        ({"one": 3}, "'one' is no whole number"),
        (["3", "4"], "'3' is no whole number"),
        ([1, None], "None is no whole number"),
        ("3 4 5", "this is text"),
        ([[1, 2], [3]], "rows of different lengths"),
        (np.ones((2, 2, 2), dtype=int), "shape (2, 2, 2)"),
        (np.ones((2, 65), dtype=int), "shape (2, 65)"),
        (3, "shape ()"),
        ([2**70], "the number is too large"),
        ({1: 2**63}, "the number is too large"),
    ],
)
def test_what_is_no_record_is_refused(data: object, message: str) -> None:
    """One clear line each (L5)."""
    with pytest.raises(dicesim.RecordError) as caught:
        dicesim.check(data, "1d6")  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert "; " in str(caught.value)


def test_laws_that_are_none() -> None:
    """One outcome leaves nothing to test; what cannot be read is said so; no alarm level."""
    with pytest.raises(dicesim.ParameterError, match="only one outcome"):
        dicesim.check([5], "5")
    with pytest.raises(dicesim.NotationError):
        dicesim.check([5], "1d")
    with pytest.raises(dicesim.ParameterError, match="alpha"):
        dicesim.check([5], "1d6", alpha=0.7)


def test_a_total_beyond_reach_is_no_obstacle() -> None:
    """The columns are tested all the same, and a note says why the total is not."""
    rng = np.random.default_rng(3)
    result = dicesim.check(rng.integers(1, 100_001, (500, 5)), "1d100000")
    assert result.total is None
    assert result.to_dict()["check"] is None
    assert "the total of the columns is not tested: " in result.notes[0]
    assert "note: the total" in dicesim.format_check(result)
    far = 9 * 10**18
    pairs = far + rng.integers(0, 2, (500, 2))
    wide = dicesim.check(pairs, f"d{{{far}..{far + 1}}}")
    assert (wide.total, wide.n) == (None, 500)


def test_the_json_form() -> None:
    """The schema, the check as in a run, and nothing that JSON cannot say."""
    result = dicesim.check({1: 3, 2: 4, 6: 5}, "1d6")
    document = json.loads(result.to_json())
    assert document["schema"] == "dicesim.check/1"
    run = dicesim.run("1d6", 1000, rng=1).to_dict()
    assert set(document["check"]) == set(run["check"])
    assert set(document["outcomes"][0]) <= set(run["outcomes"][0])
    assert document["n"] == 12
    assert set(document) == {
        "schema", "against", "n", "ordered", "alpha", "outcomes", "check", "columns", "tests",
        "e_value", "log_e_value", "verdict", "explanation", "notes", "versions",
    }  # fmt: skip


def test_text_is_narrow_and_says_no_more_than_is_so(seed: int) -> None:
    """Eighty columns whatever is shown; and never that dice are fair or random."""
    rng = np.random.default_rng(seed)
    for columns, sides in ((1, 6), (2, 6), (5, 20), (12, 6), (64, 4), (2, 500)):
        text = dicesim.format_check(
            dicesim.check(rng.integers(1, sides + 1, (2000, columns)), f"1d{sides}")
        )
        assert max(map(len, text.splitlines())) <= 81  # the mark of a full bar
        assert not {"fair", "proven", "chance"} & set(text.split())


class Dribble(io.BytesIO):
    """A stream that gives seven bytes at a time."""

    def read(self, _size: int | None = -1) -> bytes:
        """Read seven bytes, however many are asked for."""
        return super().read(7)


def test_what_spans_two_pieces_is_counted(seed: int) -> None:
    """A total that repeats the last one of the piece before is a repeat, and a neighbour."""
    text = "".join(f"{x}\n" for x in np.random.default_rng(seed).integers(1, 7, 3000)).encode()
    whole = dicesim.check_file(io.BytesIO(text), "1d6").to_dict()
    assert dicesim.check_file(Dribble(text), "1d6").to_dict() == whole
