"""The examples as models, beside the same games in numpy, and each of those held to its law."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest

from benchmarks import games
from benchmarks.conftest import Compare
from benchmarks.test_sampling import generator
from dicesim import Model, Roller, Tally, goodness_of_fit
from dicesim.tally import bincount
from tests.test_examples import EXAMPLES, LAWS

_COARSE: Final = time.get_clock_info("process_time").resolution > 1e-6
pytestmark = pytest.mark.benchmark(timer=time.perf_counter if _COARSE else time.process_time)

_TRIALS: Final = 2**19


def ours(example: str) -> Callable[[int], Any]:
    """Roll and count batches as dicesim does."""
    model, rng = Model.load(f"{EXAMPLES / example}"), generator()

    def count(n: int) -> Tally:
        sizes = [games.CHUNK] * (n // games.CHUNK)
        return Tally.sum(bincount(model.totals(Roller(rng, size))) for size in sizes)

    return count


@pytest.mark.parametrize("example", games.GAMES)
def test_games_by_hand_are_right(example: str) -> None:
    """Each follows the law of its example, or has its mean; a false alarm in a million seeds."""
    counted = games.counts(games.GAMES[example], generator(), _TRIALS)
    tally = Tally.of(dict(enumerate(counted.tolist())))
    if example in LAWS:
        check = goodness_of_fit(tally, LAWS[example], alpha=1e-6)
        assert check.verdict == "consistent", check.explanation
    else:
        mean = (tally.outcomes * tally.counts).sum() / tally.total
        assert mean == pytest.approx(39.2251, abs=0.2)  # more than five standard errors


@pytest.mark.parametrize("example", games.GAMES)
def test_models(compare: Compare, example: str) -> None:
    """Every example, beside the same by hand."""
    place = 2, list(games.GAMES).index(example)
    by_hand = partial(games.counts, games.GAMES[example], generator())
    compare(place, example, ours(example), by_hand, trials=_TRIALS, our_trials=_TRIALS)
