"""Properties that hold for all expressions and all texts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import dicesim
from dicesim import (
    Constant,
    Dice,
    DicesimError,
    Expression,
    Negate,
    NotationError,
    Product,
    Sum,
    Tally,
    parse,
    unparse,
)
from dicesim.sampling import counts, totals
from dicesim.tally import AGGREGATORS

constants = st.builds(Constant, st.integers(-50, 50))
dice = st.builds(Dice, st.integers(0, 6), st.sampled_from([1, 2, 3, 6, 20, 256, 257, 1000]))


def negation(operand: Expression) -> Expression:
    """As the parser builds it: constants carry their sign."""
    return Constant(-operand.value) if isinstance(operand, Constant) else Negate(operand)


def combinations(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Operations of the grammar over smaller expressions."""
    terms = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.builds(negation, inner) | st.builds(Sum, terms) | st.builds(Product, terms)


expressions = st.recursive(constants | dice, combinations, max_leaves=6)


@given(expressions)
def test_what_is_written_reads_back(expression: Expression) -> None:
    """parse(unparse(e)) == e."""
    assert parse(unparse(expression)) == expression


@given(st.text() | st.text("0123456789d%+-*() \n", max_size=60))
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


@given(expressions, st.integers(1, 3000))
@settings(max_examples=100, deadline=None)
def test_rolls_stay_in_the_support(expression: Expression, size: int) -> None:
    """Counts and totals of one stream agree roll for roll, and lie where the exact law allows."""
    rolled = totals(expression, np.random.Generator(np.random.SFC64(1)), size)
    counted = counts(expression, np.random.Generator(np.random.SFC64(1)), size)
    low, high = expression.bounds
    assert low <= rolled.min()
    assert rolled.max() <= high
    assert counted.total == size
    for aggregate in AGGREGATORS.values():
        assert aggregate(rolled) == counted
    try:
        pmf = dicesim.exact(expression, limits=dicesim.Limits(table_bytes=10**6))
    except DicesimError:
        return
    assert set(counted.counter()) <= set(pmf)
    assert len(pmf) <= expression.outcomes
    assert (pmf.outcomes[0], pmf.outcomes[-1]) == (low, high)


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


@given(expressions, st.integers(1, 200), st.integers(0, 2**64))
@settings(max_examples=50, deadline=None)
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
@given(st.text("0123456789d%+-*()  ", min_size=1, max_size=200))
@settings(max_examples=100_000, deadline=None)
def test_any_text_is_read_or_refused_at_length(text: str) -> None:
    """The same with a hundred thousand texts."""
    try:
        assert parse(unparse(parse(text))) == parse(text)
    except NotationError as error:
        assert 0 <= error.position <= len(text)
