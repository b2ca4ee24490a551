"""Plans, seeds, batches, limits: what is settled and refused before the first roll."""

from __future__ import annotations

import numpy as np
import pytest

import dicesim
from dicesim import Limits, ParameterError, parse
from dicesim.arguments import settle_seed
from dicesim.plan import Plan, make_plan


def plan_for(n: int, text: str = "2d6", **options: object) -> Plan:
    """A plan within the default limits."""
    return make_plan(parse(text), n, limits=Limits(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("n", "text", "batches", "batch_size"),
    [
        (1, "2d6", 1, 2**16),
        (2**16, "2d6", 1, 2**16),
        (10**6, "2d6", 16, 2**16),
        (10**7, "2d6", 16, 625_000),
        (10**9, "2d6", 239, 2**22),
        (10**6, "1000d6", 30, 33_554),
        (10, "100000d6", 1, 335),
    ],
)
def test_default_batches(n: int, text: str, batches: int, batch_size: int) -> None:
    """A sixteenth of the trials, within bounds that price and method set."""
    plan = plan_for(n, text)
    assert (plan.batches, plan.batch_size) == (batches, batch_size)


def test_batches_cover_all_trials() -> None:
    """The sizes of the batches sum to n (L2)."""
    for n in (1, 9, 10, 11, 99, 100):
        plan = plan_for(n, batch_size=10)
        assert sum(plan.batch(i).size for i in range(plan.batches)) == n
        assert all(plan.batch(i).size > 0 for i in range(plan.batches))


def test_each_batch_owns_its_stream() -> None:
    """Streams are replayed by (seed, index), and differ otherwise."""
    plan = plan_for(100, rng=1, batch_size=10)
    draws = {tuple(plan.generator(i).integers(2**62, size=2).tolist()) for i in range(10)}
    assert len(draws) == 10
    assert plan.generator(3).random() == plan.generator(3).random()
    assert plan.generator(3).random() != plan_for(100, rng=2).generator(3).random()


def test_seeds() -> None:
    """Whatever stands for randomness is reduced to one integer that replays the run."""
    assert settle_seed(5) == 5
    assert settle_seed(np.int64(5)) == 5
    assert settle_seed(2**200) == 2**200
    assert all(settle_seed(None) < 2**53 for _ in range(100))
    assert settle_seed(None) != settle_seed(None)
    children = np.random.SeedSequence(7).spawn(3)
    assert len({settle_seed(child) for child in children}) == 3
    assert settle_seed(children[0]) == settle_seed(children[0])
    generator = np.random.default_rng(7)
    assert settle_seed(generator) == settle_seed(np.random.default_rng(7))
    assert settle_seed(generator) != settle_seed(np.random.default_rng(7))
    for wrong in (-1, 1.5, "7", True, [1]):
        with pytest.raises(ParameterError, match="rng"):
            settle_seed(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n: 0 is too small"),
        ({"n": -1}, "n: -1 is too small"),
        ({"n": 1.5}, "n: 1.5 is not a whole number"),
        ({"n": float("nan")}, "n: nan is not a whole number"),
        ({"n": float("inf")}, "n: inf is not a whole number"),
        ({"n": True}, "n: True is not a whole number"),
        ({"n": "many"}, "n: 'many' is not a whole number"),
        ({"n": 2**63}, "n: 9223372036854775808 is too large"),
        ({"batch_size": 0}, "batch_size: 0 is too small"),
        ({"workers": 0}, "workers: 0 is too small"),
        ({"rng": -3}, "rng: -3 is no seed"),
        ({"alpha": 0}, "alpha: 0 is no number between 1e-300 and 0.5"),
        ({"alpha": 0.8}, "alpha: 0.8 is no number between 1e-300 and 0.5"),
        ({"alpha": None}, "alpha: None is no number between"),
        ({"rng": 2**256}, "rng: the number is no seed"),
        ({"n": 10**5000}, "n: the number is too large"),
        ({"executor": "proces"}, "executor: 'proces' is not one of .*did you mean 'process'"),
        ({"executor": 5}, "executor: 5 is not one of"),
        ({"aggregation": "sum"}, "aggregation: 'sum' is not one of bincount, counter"),
        ({"method": "guess"}, "method: 'guess' is not one of roll, multinomial"),
        ({"start_method": "clone"}, "start_method: 'clone' is not one of fork, forkserver"),
        ({"bit_generator": "RANDU"}, "bit_generator: 'RANDU' is not one of SFC64"),
        ({"method": "multinomial", "aggregation": "counter"}, "no totals for counter"),
        ({"method": "multinomial", "aggregation": "groupby"}, "no totals for groupby"),
        ({"expression": None}, "expression: None is no text"),
        ({"expression": 6}, "expression: 6 is no text"),
    ],
)
def test_refuses_parameters(options: dict[str, object], message: str) -> None:
    """Each wrong argument is refused by its name, before any work (L5)."""
    with pytest.raises(ParameterError, match=message) as caught:
        dicesim.run(**options)  # type: ignore[arg-type]
    assert caught.value.parameter in (*options, "expression")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "limit", "message"),
    [
        ({"expression": "999999999d999999999"}, "price", "would roll 999,999,999 dice"),
        ({"expression": "d2000000"}, "outcomes", "2,000,000 different values"),
        ({"expression": "2d6", "n": 10**15}, "work", "--method multinomial"),
        ({"expression": "5", "n": 2**63 - 1}, "work", "beyond the limit"),
        ({"workers": 1000}, "workers", "1,000 workers"),
        ({"batch_size": 2**30, "n": 2**31}, "batch_size", "1,073,741,824 trials"),
        ({"expression": "d9223372036854775807*0"}, "outcomes", "9,223,372,036,854,775,807"),
        ({"expression": "0*d2000000000"}, "outcomes", "2,000,000,000 different values"),
        ({"n": 10**15 + 1, "method": "multinomial"}, "work", "smaller n"),
        ({"expression": "d2000*2000-d9", "aggregation": "shared"}, "outcomes", "choose bincount"),
    ],
)
def test_refuses_runaway_work(options: dict[str, object], limit: str, message: str) -> None:
    """Work beyond a limit is refused before the first roll, with what to do instead (L6)."""
    with pytest.raises(dicesim.LimitError, match=message) as caught:
        dicesim.run(**options)  # type: ignore[arg-type]
    assert caught.value.limit == limit
    assert "\n" not in str(caught.value)


def test_the_limit_of_workers_bounds_the_default() -> None:
    """Whoever allows one worker gets one."""
    result = dicesim.run("2d6", 10**6, executor="process", limits=Limits(workers=1))
    assert result.workers == 1


def test_limits_are_raised_by_name() -> None:
    """What a limit refuses, a higher limit allows."""
    assert dicesim.run("200000d2", 10, limits=Limits(price=10**6, table_bytes=1)).n == 10
    with pytest.raises(ParameterError, match="limits: workers is 0"):
        Limits(workers=0)
    with pytest.raises(ParameterError, match=r"limits: work is 1\.5"):
        Limits(work=1.5)  # type: ignore[arg-type]


def test_multinomial_needs_an_exact_distribution() -> None:
    """Without one, the method is refused, and says why."""
    with pytest.raises(dicesim.ExactUnavailable, match="multinomial needs an exact"):
        dicesim.run("1000d1000", 10, method="multinomial")
    result = dicesim.run("1000d1000", 10)
    assert result.check is None
    assert "beyond the limit of 268,435,456" in result.check_unavailable
    assert "no check: the exact weights would take" in dicesim.format_run(result)


def test_hand_built_trees_are_checked_too() -> None:
    """A tree that notation could not give is refused where it is built."""
    for build in (
        lambda: dicesim.Dice(-1, 6),
        lambda: dicesim.Dice(1, 0),
        lambda: dicesim.Dice(2**62, 4),
        lambda: dicesim.Constant(2**63),
        lambda: dicesim.Sum((dicesim.Constant(2**62), dicesim.Constant(2**62))),
        lambda: dicesim.Sum((dicesim.Constant(1),)),
        lambda: dicesim.Sum(("2d6", "d4")),  # type: ignore[arg-type]
        lambda: dicesim.Negate(dicesim.Constant(1)),
        lambda: dicesim.Dice("2", 6),  # type: ignore[arg-type]
        lambda: dicesim.Dice(2.0, 6),  # type: ignore[arg-type]
        lambda: dicesim.Constant(True),
    ):
        with pytest.raises(ParameterError):
            build()
