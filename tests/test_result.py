"""What a result tells: estimates, uncertainty, and its forms."""

from __future__ import annotations

import csv
import io
import json
import math
import pickle
import re
from collections import Counter
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

import dicesim
from dicesim import Result, Tally

RESULT = dicesim.run("2d6", 10_000, rng=42)
KEYS = [
    "schema",
    "expression",
    "model",
    "n",
    "requested_n",
    "complete",
    "seed",
    "method",
    "bit_generator",
    "batch_size",
    "batches",
    "executor",
    "workers",
    "start_method",
    "aggregation",
    "elapsed_seconds",
    "trials_per_second",
    "unique",
    "mean",
    "std",
    "standard_error",
    "until",
    "probability",
    "law",
    "outcomes",
    "check",
    "check_unavailable",
    "versions",
]


def with_counts(counts: dict[int, int]) -> Result:
    """A result that counted just this."""
    return replace(RESULT, tally=Tally.of(counts))


def test_figures_are_those_of_the_sample() -> None:
    """Mean, spread and quantiles equal numpy's of the same totals."""
    totals = np.repeat(list(RESULT.counts), list(RESULT.counts.values()))
    assert RESULT.n == RESULT.requested_n == len(totals)
    assert RESULT.unique == len(set(totals)) == 11
    assert isinstance(RESULT.counts, Counter)
    assert RESULT.mean == pytest.approx(totals.mean(), rel=1e-14)
    assert RESULT.std == pytest.approx(totals.std(ddof=1), rel=1e-13)
    assert RESULT.standard_error == pytest.approx(totals.std(ddof=1) / 100, rel=1e-13)
    for q in (0.0, 0.1, 0.5, 0.9, 1.0):
        assert RESULT.quantile(q) == np.quantile(totals, q, method="inverted_cdf")
    low, high = RESULT.interval(0.9) or (0.0, 0.0)
    reference = stats.t.interval(0.9, 9999, totals.mean(), totals.std(ddof=1) / 100)
    assert (low, high) == pytest.approx(reference, rel=1e-12)


@pytest.mark.parametrize("condition", [">= 9", "== 2", "<3", "!=7", "13", "> 0", "<= -5"])
def test_probabilities_have_wilson_intervals(condition: str) -> None:
    """The interval equals scipy's, also for what never and what always occurred."""
    estimate = RESULT.probability(condition, 0.99)
    assert estimate is not None
    hits = round(estimate.value * RESULT.n)
    reference = stats.binomtest(hits, RESULT.n).proportion_ci(0.99, method="wilson")
    assert estimate.interval == pytest.approx((reference.low, reference.high), abs=1e-12)
    assert float(estimate) == hits / RESULT.n
    assert estimate.standard_error == pytest.approx(
        math.sqrt(estimate.value * (1 - estimate.value) / RESULT.n)
    )


@pytest.mark.parametrize("wrong", ["about 9", ">= 9.5", "=> 9", "", ">= 9 and < 3"])
def test_conditions_that_cannot_be_read(wrong: str) -> None:
    """A refusal shows how a condition is written."""
    with pytest.raises(dicesim.ParameterError, match="as in '>= 9'"):
        RESULT.probability(wrong)
    assert RESULT.probability(9) == RESULT.probability("== 9")


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, math.nan, "x", None])
def test_levels_that_are_none(level: Any) -> None:
    """A confidence lies between 0 and 1."""
    for ask in (RESULT.interval, lambda level: RESULT.probability("7", level)):
        with pytest.raises(dicesim.ParameterError, match="level"):
            ask(level)


def test_figures_that_are_not_defined_are_none() -> None:
    """One trial has no spread, none has no figure at all."""
    one = with_counts({7: 1})
    assert (one.mean, one.std, one.standard_error, one.interval()) == (7, None, None, None)
    none = with_counts({})
    assert (none.mean, none.std, none.quantile(0.5), none.probability("7")) == (None,) * 4
    assert none.check is None
    assert none.check_unavailable == "nothing was rolled"
    assert json.loads(none.to_json())["mean"] is None


def test_figures_are_exact_at_huge_n() -> None:
    """At 10**15 trials a spread of one in 10**9 is not lost."""
    result = with_counts({10**9: 5 * 10**14, 10**9 + 1: 5 * 10**14})
    assert result.std == pytest.approx(0.5, rel=1e-12)
    assert result.mean == 10**9 + 0.5


def test_the_json_form() -> None:
    """Keys, order and values are those of the schema dicesim.run/1."""
    document = json.loads(RESULT.to_json())
    assert list(document) == KEYS
    assert document["schema"] == "dicesim.run/1"
    assert document["versions"]["numpy"] == np.__version__
    assert sum(row["count"] for row in document["outcomes"]) == document["n"]
    first = document["outcomes"][0]
    assert list(first) == [
        "outcome", "count", "observed", "expected", "exact", "z", "p_holm", "low", "high",
    ]  # fmt: skip
    assert (first["outcome"], first["exact"], first["expected"]) == (2, "1/36", 1 / 36)
    assert first["observed"] == first["count"] / 10_000
    assert document["check"]["verdict"] == "consistent"
    assert document["check_unavailable"] is None


def test_the_whole_support_is_listed_with_zeros() -> None:
    """Outcomes that did not occur have a row; without an exact law only what occurred has."""
    rows = dicesim.run("2d6", 1, rng=1).outcomes
    assert [row["outcome"] for row in rows] == list(range(2, 13))
    assert sum(row["count"] for row in rows) == 1
    blind = dicesim.run("1000d1000", 3, rng=1)
    assert len(blind.outcomes) == blind.unique
    assert {(row["expected"], row["exact"], row["z"]) for row in blind.outcomes} == {(None,) * 3}


def test_what_is_handed_out_changes_nothing() -> None:
    """Counts and rows are the caller's own."""
    RESULT.counts[7] += 10**6
    RESULT.outcomes[0]["count"] = 5
    assert RESULT.counts[7] < 10**4
    assert sum(row["count"] for row in RESULT.outcomes) == RESULT.n


def test_csv_reads_back() -> None:
    """Rows of CSV are the rows of the JSON form."""
    rows = list(csv.DictReader(io.StringIO(RESULT.to_csv())))
    assert [int(row["count"]) for row in rows] == [row["count"] for row in RESULT.outcomes]
    assert [float(row["z"]) for row in rows] == [row["z"] for row in RESULT.outcomes]


def test_a_seed_replays_the_run() -> None:
    """The seed that a result names gives the same counts again."""
    first = dicesim.run("3d6", 1000)
    assert dicesim.run("3d6", 1000, rng=first.seed).tally == first.tally
    generator = np.random.default_rng(5)
    drawn = dicesim.run("3d6", 1000, rng=generator)
    assert dicesim.run("3d6", 1000, rng=drawn.seed).tally == drawn.tally


def test_a_result_is_a_frozen_value_that_travels() -> None:
    """Results cannot be changed, and survive pickling."""
    with pytest.raises(FrozenInstanceError):
        RESULT.tally = Tally.of({})  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        RESULT.tally.counts[0] = 5
    again = pickle.loads(pickle.dumps(RESULT))
    assert again == RESULT
    with pytest.raises(ValueError, match="read-only"):
        again.tally.counts[0] = 5
    assert again.to_dict() == RESULT.to_dict()


def test_errors_travel_too() -> None:
    """Errors keep what they know when they are pickled."""
    with pytest.raises(dicesim.NotationError) as caught:
        dicesim.parse("2d6 + foo")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.position, again.found) == (str(caught.value), 6, "'foo'")


def test_a_notebook_shows_a_picture() -> None:
    """The HTML form has an SVG with a bar for each outcome, and the verdict."""
    html = RESULT._repr_html_()
    assert html.count("<rect") == 11
    assert html.count("<line") == 11
    assert "<title>two d6, sum: 10,000 trials, seed 42</title>" in html
    assert "consistent" in html
    assert "<p>bars: observed, lines: exact</p>" in html
    wide = dicesim.run("100d100", 1000, rng=1)._repr_html_()
    assert wide.count("<rect") <= 40


def doctored(text: str, counts: dict[int, int], alpha: float = 1e-6) -> dicesim.Result:
    """A result whose counts are others than it rolled."""
    result = dicesim.run(text, 1000, rng=1, alpha=alpha)
    plan = replace(result.plan, n=sum(counts.values()))
    return replace(result, tally=Tally.of(counts), plan=plan)


def test_the_table_stars_what_deviates() -> None:
    """Rows that are off by themselves have a star, where the whole deviates, and a line says so."""
    loaded = doctored("d6", {1: 900, 2: 1000, 3: 1000, 4: 1000, 5: 1000, 6: 1400})
    text = dicesim.format_run(loaded)
    starred = re.findall(r"^ +(\d+) .* [+-]\d+\.\d\d\*", text, re.MULTILINE)
    assert starred == ["6"]
    assert "* off beyond chance, all 6 rows allowed for (Holm's method)" in text
    assert "off beyond chance: 6 by +33 % of its share" in " ".join(text.split())
    assert all(len(line) <= 80 for line in text.splitlines())
    header, *rows = text.splitlines()[3:10]
    assert {row.index("%", row.index("%") + 1) for row in rows} == {header.index("expected") + 7}
    assert "*" not in dicesim.format_run(RESULT)
    rows_by_outcome = {row["outcome"]: row for row in loaded.outcomes}
    assert rows_by_outcome[6]["p_holm"] < 1e-6 < rows_by_outcome[2]["p_holm"]
    assert rows_by_outcome[6]["low"] > 1 / 6


@pytest.mark.parametrize(
    ("text", "counts", "alpha", "said"),
    [
        ("d6", {1: 1, 2: 2, 3: 2, 4: 2, 6: 5}, 0.01, "exact p = 0.266"),
        ("d10", {1: 16, **dict.fromkeys(range(2, 11), 9)}, 0.01, "9,999 tables drawn"),
        ("d100", {1: 100}, 1e-6, "p below 1e-144"),
        ("2d6", {2: 10**6}, 1e-6, "p = 10^-7,60"),
        ("d2", {1: 10**14, 2: 10**14}, 1e-6, "left tail"),
        ("10d10", dict.fromkeys(range(40, 71), 10), 0.01, "cells of sparse neighbours pooled)"),
        ("10d10", dict.fromkeys(range(40, 71), 10), 0.01, "unpooled chi-square"),
    ],
)
def test_the_table_says_how_p_was_found(
    text: str, counts: dict[int, int], alpha: float, said: str
) -> None:
    """Exactly, from drawn tables, beyond floating point, over pooled cells, and from which tail."""
    shown = dicesim.format_run(doctored(text, counts, alpha))
    assert said in " ".join(shown.split())
    assert all(len(line) <= 80 for line in shown.splitlines())
