"""Properties that hold for all expressions and all texts."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import dicesim
from dicesim import PMF, Expression, NotationError, Tally, describe, parse, unparse
from dicesim.sampling import counts, totals
from dicesim.tally import AGGREGATORS
from tests.conftest import SEED
from tests.oracle import enumerated
from tests.strategies import trees
from tests.test_sampling import FALSE_ALARM, p_value

ALPHABET = "0123456789d%fkhlrom!p<>=+-*/(){},.:; maxifb_\n"


@given(trees)
def test_what_is_written_reads_back(expression: Expression) -> None:
    """parse(unparse(e)) == e, and it can be said in words."""
    assert parse(unparse(expression)) == expression
    assert describe(expression)


@given(st.text() | st.text(ALPHABET, max_size=60))
@settings(max_examples=500)
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text either parses or raises NotationError, with its place inside the text."""
    try:
        tree = parse(text)
    except NotationError as error:
        assert 0 <= error.position <= len(text)
        assert error.expected
    else:
        assert parse(unparse(tree)) == tree


@given(trees, st.integers(1, 3000))
@settings(max_examples=100)
def test_totals_and_counts_of_one_stream_agree(expression: Expression, size: int) -> None:
    """However it is aggregated, one stream gives the same counts, within the bounds."""
    rolled = totals(expression, np.random.Generator(np.random.SFC64(1)), size)
    counted = counts(expression, np.random.Generator(np.random.SFC64(1)), size)
    low, high = expression.bounds
    assert low <= rolled.min()
    assert rolled.max() <= high
    assert counted.total == size
    for aggregate in AGGREGATORS.values():
        assert aggregate(rolled) == counted


def exact_or_none(expression: Expression) -> PMF | None:
    """The exact law, where there is one."""
    try:
        return dicesim.exact(expression)
    except (dicesim.ExactUnavailable, dicesim.LimitError):
        return None


def agree(expression: Expression, size: int) -> None:
    """Hold simulation, exact law and enumeration against each other (L3)."""
    pmf = exact_or_none(expression)
    try:
        law = {x: share for x, share in enumerated(expression, 3000).items() if share}
    except OverflowError:
        law = dict(pmf.items()) if pmf else {}
    if pmf is not None:
        assert dict(pmf.items()) == law
        low, high = expression.bounds
        assert low <= pmf.outcomes[0]
        assert pmf.outcomes[-1] <= high
        assert len(pmf) <= expression.outcomes
    if law:
        common = math.lcm(*(share.denominator for share in law.values()))
        known = PMF({x: int(share * common) for x, share in law.items()})
        tally = counts(expression, np.random.Generator(np.random.SFC64(SEED)), size)
        assert set(tally.counter()) <= set(law)
        assert len(law) == 1 or p_value(tally, known) > FALSE_ALARM / 1000


@given(trees)
@settings(max_examples=150)
def test_engines_agree(expression: Expression) -> None:
    """Both engines and the plain enumeration have one law (false alarms: 1e-9 an example)."""
    agree(expression, 20_000)


@pytest.mark.slow
@given(trees)
@settings(max_examples=2000)
def test_engines_agree_at_length(expression: Expression) -> None:
    """The same with two thousand expressions, and ten times the trials."""
    agree(expression, 200_000)


tallies = st.dictionaries(st.integers(-(2**40), 2**40), st.integers(0, 2**40), max_size=8).map(
    Tally.of
)


@given(tallies, tallies, tallies)
def test_tallies_merge_in_any_grouping(a: Tally, b: Tally, c: Tally) -> None:
    """Merging is associative and commutative, and loses nothing (L2)."""
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + Tally.of({}) == a
    assert (a + b).total == a.total + b.total
    assert (a + b).counter() == a.counter() + b.counter()


@given(trees, st.integers(1, 200), st.integers(0, 2**64))
@settings(max_examples=50)
def test_every_result_is_valid_json(expression: Expression, n: int, seed: int) -> None:
    """Whatever was rolled, the JSON form parses, and its counts sum to n (L2)."""
    limits = dicesim.Limits(outcomes=5000)
    try:
        result = dicesim.run(expression, n, rng=seed, limits=limits)
    except dicesim.LimitError:
        return
    document = json.loads(result.to_json())
    assert sum(row["count"] for row in document["outcomes"]) == n
    assert document["expression"] == unparse(expression)
    assert document["seed"] == seed
    assert "<svg" in result._repr_html_()


@pytest.mark.slow
@given(st.text(ALPHABET, min_size=1, max_size=200))
@settings(max_examples=100_000, deadline=None)
def test_any_text_is_read_or_refused_at_length(text: str) -> None:
    """The same with a hundred thousand texts."""
    try:
        assert parse(unparse(parse(text))) == parse(text)
    except NotationError as error:
        assert 0 <= error.position <= len(text)
