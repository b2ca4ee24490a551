"""A run stops at the first batch that is precise enough, wherever it is rolled (L1)."""

from __future__ import annotations

import itertools
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dicesim
from dicesim import ParameterError, Precision, Progress, Tally
from dicesim.condition import Condition
from dicesim.estimates import Moments, mean, probability, standard_error_of_std
from tests.conftest import CommandLine

BATCH = 2**12
SIX = Condition.parse(">= 6")
TARGETS: list[dict[str, Any]] = [
    {"until_se": 0.01},
    {"until_ci": 0.02},
    {"until_se": 0.002, "of": ">= 9"},
    {"until_ci": 0.005, "of": 7},
    {"until_se": 0.01, "until_ci": 0.015},
]


def run(expression: Any = "2d6", **options: Any) -> dicesim.Result:
    """A run of small batches, with a fixed seed."""
    return dicesim.run(expression, **{"rng": 3, "batch_size": BATCH, **options})


def uncertainties(result: dicesim.Result, of: str | int | None) -> tuple[float, float]:
    """Standard error, and how far the interval reaches, by the result's own public figures."""
    if of is None:
        interval = result.interval()
        assert result.mean is not None
        assert result.standard_error is not None
        assert interval is not None
        return result.standard_error, interval[1] - result.mean
    estimate = result.probability(of)
    assert estimate is not None
    return estimate.standard_error, max(
        estimate.value - estimate.interval[0], estimate.interval[1] - estimate.value
    )


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_a_run_stops_at_the_first_batch_that_is_precise(target: dict[str, Any]) -> None:
    """One batch less would not have been enough, and the counts are those of that many trials."""
    result = run(**target)
    assert result.complete
    assert result.precision_reached
    assert result.n % BATCH == 0
    wanted = (target.get("until_se", np.inf), target.get("until_ci", np.inf))
    assert all(np.array(uncertainties(result, target.get("of"))) <= wanted)
    shorter = run(n=result.n - BATCH)
    assert shorter.n == BATCH or not all(
        np.array(uncertainties(shorter, target.get("of"))) <= wanted
    )
    assert result.tally == run(n=result.n).tally


@pytest.mark.parametrize("executor", ["threads", "process", "pool"])
@pytest.mark.parametrize("target", TARGETS[1:4:2], ids=str)
def test_every_executor_stops_at_the_same_batch(executor: str, target: dict[str, Any]) -> None:
    """Batches that were rolled beyond the last one are not counted."""
    alone = run(executor="serial", **target)
    for workers in (1, 3):
        result = run(executor=executor, workers=workers, **target)
        assert result.tally == alone.tally
        assert result.complete


def test_a_precise_run_is_resumed(tmp_path: Path) -> None:
    """The rule is kept with the run, and holds for all sittings together."""
    # More batches than make a task.
    target: dict[str, Any] = {"until_ci": 0.003, "of": ">= 9"}
    path, stop = tmp_path / "runs.db", threading.Event()
    part = run(checkpoint=path, cancel=stop, progress=lambda _: stop.set(), **target)
    assert not part.complete
    (stored,) = dicesim.stored_runs(path)
    assert stored.plan == part.plan
    whole = dicesim.resume(path)
    assert whole.tally == run(**target).tally
    assert whole.of == Condition(">=", 9)
    assert dicesim.stored_runs(path)[0].complete
    assert dicesim.resume(path).tally == whole.tally


def test_two_batches_at_least() -> None:
    """A single batch is never enough, however loose the target."""
    assert run(until_se=100).n == 2 * BATCH


@pytest.mark.parametrize("of", ["== 1", "== 0"])
def test_thirty_of_each_outcome(of: str) -> None:
    """A probability near 0 or 1 is not taken for certain because nothing else was seen."""
    result = run("(3d6)==18", of=of, until_se=0.5, n=10**6, batch_size=500)
    before = run("(3d6)==18", n=result.n - 500, batch_size=500)
    assert before.counts[1] < 30 <= result.counts[1]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"until_se": 1.0}, "which all came to the same, did not reach it"),
        ({"until_se": 1.0, "of": 13}, "with 0 that met == 13 and 20,481 that did not, 30 of each"),
        ({"until_ci": 1.0, "of": ">= 2"}, "with 20,481 that met >= 2 and 0 that did not, 30 of"),
        ({"until_se": 1e-9, "of": "== 8"}, "did not reach it, as about 1.2e+17 would"),
    ],
)
def test_what_is_not_reached_ends_at_the_limit(options: dict[str, Any], reason: str) -> None:
    """No variance is no proof of precision; the output says that it was not reached, and why."""
    constant = options.keys() == {"until_se"}
    result = run(lambda dice: dice.roll("7" if constant else "2d6"), n=5 * BATCH + 1, **options)
    assert result.n == 5 * BATCH + 1
    assert result.complete
    assert not result.precision_reached
    text = " ".join(dicesim.format_run(result).split())
    assert f"NOT PRECISE: 20,481 trials, the most allowed, {reason}" in text


@pytest.mark.parametrize(
    ("expression", "options", "reason"),
    [
        ("7", {"until_se": 1.0}, "until_se: the mean of 7 is exactly 7, and no trial tells more"),
        ("2d6", {"until_ci": 1.0, "of": 13}, r"until_ci: P\(== 13\) of 2d6 is exactly 0"),
        ("2d6", {"until_se": 1.0, "of": ">= 2"}, r"until_se: P\(>= 2\) of 2d6 is exactly 1"),
    ],
)
def test_what_is_certain_is_not_rolled_for(
    expression: str, options: dict[str, Any], reason: str
) -> None:
    """It would be rolled a thousand million times, and never come to vary."""
    with pytest.raises(ParameterError, match=reason):
        run(expression, **options)


def test_intervals_at_the_stop_cover_the_truth() -> None:
    """Stopping when it looks precise costs no coverage that could be seen.

    Of 600 runs 570 are expected to cover; less than 543 have a probability below 1e-6.
    """
    seeds = range(1000, 1600)
    runs = [
        run("d6", n=10**6, rng=seed, batch_size=32, until_ci=0.03, of=6, executor="serial")
        for seed in seeds
    ]
    assert len({result.n for result in runs}) > 5
    covered = 0
    for result in runs:
        estimate = result.asked
        assert estimate is not None
        covered += estimate.interval[0] <= 1 / 6 <= estimate.interval[1]
    assert covered >= 543


def test_progress_tells_what_will_be_needed() -> None:
    """The number of trials that is told comes near the end, and is never less than is done."""
    seen: list[Progress] = []
    result = run(until_se=0.005, progress=seen.append)
    assert all(progress.done <= progress.requested for progress in seen)
    assert seen[-1].done == result.n
    half = next(progress for progress in seen if progress.done >= result.n / 2)
    assert half.requested == pytest.approx(result.n, rel=0.05)


def test_defaults() -> None:
    """Batches of 2**16, and at most a thousand million trials, where nothing else is said."""
    result = dicesim.run("d6", until_se=0.01, rng=1)
    assert (result.plan.batch_size, result.plan.n) == (2**16, 10**9)
    assert dicesim.run("d6", rng=1).n == 10**6


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"until_se": 0}, "until_se: 0 is no positive number"),
        ({"until_ci": -1.0}, "until_ci: -1.0 is no positive"),
        ({"until_ci": float("nan")}, "nan is no positive"),
        ({"until_se": "small"}, "'small' is no positive"),
        ({"until_se": True}, "True is no positive"),
        ({"until_se": 0.1, "of": "x"}, "cannot read 'x'"),
        ({"until_se": 0.1, "aggregation": "shared"}, "choose the aggregation bincount"),
    ],
)
def test_bad_targets_are_refused(options: dict[str, Any], reason: str) -> None:
    """Before any roll, with what to write instead."""
    with pytest.raises(dicesim.ParameterError, match=reason):
        run(**options)


def test_the_command_line(command_line: CommandLine) -> None:
    """Targets as people write them; the JSON form has the rule and the probability."""
    options = ("--until-ci", "0.5%", "--of", ">=9", "--batch-size", "4096", "--seed", "3")
    done = command_line("run", *options, "--json")
    document = json.loads(done.stdout)
    expected = {"standard_error": None, "margin": 0.005, "of": ">= 9", "reached": True}
    assert document["until"] == expected
    told = document["probability"]
    assert told["of"] == ">= 9"
    assert told["low"] < told["value"] < told["high"]
    assert told["expected"] == pytest.approx(10 / 36)
    table = command_line("run", *options).stdout
    assert f"{document['n']:,} trials in {document['n'] // 4096} batches" in table
    assert "stopped at a 95 % interval of ± 0.005 for P(>= 9)" in table
    assert "P(>= 9) = 0.2" in table
    bad = command_line("run", "--of", ">= x")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("dicesim: --of: cannot read '>= x'")
    bad = command_line("run", "--until-se", "1%")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "--until-se: '1%' cannot be meant of the mean" in bad.stderr
    missed = command_line("run", "--until-se", "1e-9", "--n", "1000", "--quiet", "--strict")
    assert missed.returncode == 1
    assert missed.stderr == "note: 1,000 trials, the most allowed, did not reach the precision\n"
    bad = command_line("run", "--until-se", "soon")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "write it as 0.001, 1e-3 or 0.1%" in bad.stderr


def test_a_probability_without_a_target(command_line: CommandLine) -> None:
    """`--of` alone prints the probability, and changes no count."""
    done = command_line("run", "--of", "7", "--seed", "3", "--quiet")
    assert done.stdout == command_line("run", "--seed", "3", "--quiet").stdout
    assert "P(== 7) = 0.16" in command_line("run", "--of", "7", "--seed", "3").stdout
    document = json.loads(command_line("run", "--seed", "3", "--n", "10", "--json").stdout)
    assert document["until"] is None
    assert document["probability"] is None


def test_moments_are_exact() -> None:
    """Sums beyond int64 are as exact as small ones, and the figures are numpy's."""
    for scale in (1, 10**3, 10**8, 10**17):
        values = np.array([-3, 0, 1, 4]) * scale
        counts = np.array([5, 2, 1, 9])
        moments = Moments.of(Tally(values, counts))
        pairs = list(zip(values.tolist(), counts.tolist(), strict=True))
        assert moments.first == sum(x * k for x, k in pairs)
        assert moments.second == sum(x * x * k for x, k in pairs)
        sample = np.repeat(values, counts).astype(float)
        assert moments.mean == pytest.approx(sample.mean())
        assert moments.std == pytest.approx(sample.std(ddof=1))


def test_errors_are_those_of_many_samples(seed: int) -> None:
    """Standard errors agree with the spread over 4,000 samples; 6 % is five times its own error."""
    rng = np.random.default_rng(seed)
    spread: dict[str, list[float]] = {"mean": [], "std": [], "share": []}
    for _ in range(4000):
        faces, counts = np.unique(rng.integers(1, 7, 200), return_counts=True)
        moments = Moments.of(Tally(faces, counts))
        spread["mean"].append(moments.mean or 0)
        spread["std"].append(moments.std or 0)
        spread["share"].append(counts[-1] / 200)
    fair = Tally.of(dict.fromkeys(range(1, 7), 10**6))
    shrink = (6 * 10**6 / 200) ** 0.5
    known = [mean(fair), probability(fair, SIX)]
    errors = [estimate.standard_error for estimate in known if estimate]
    deviation = standard_error_of_std(fair)
    assert deviation is not None
    for name, error in zip(spread, (errors[0], deviation, errors[1]), strict=True):
        assert np.std(spread[name]) == pytest.approx(error * shrink, rel=0.06)


def test_figures_of_too_little_are_none() -> None:
    """Nothing has no mean, and one trial no error."""
    nothing, one = Tally.of({}), Tally.of({4: 1})
    assert mean(nothing) is mean(one) is None
    assert probability(nothing, SIX) is None
    assert standard_error_of_std(one) is standard_error_of_std(nothing) is None
    rule = Precision(standard_error=1.0)
    assert not any(rule.reached(tally, 5) for tally in (nothing, one, Tally.of({4: 9})))
    assert rule.expected_n(nothing) == float("inf")


def test_a_rule_survives_its_plain_form() -> None:
    """What a store keeps gives the same rule."""
    for se, margin, of in itertools.product((None, 0.1), (None, 0.2), (None, SIX)):
        rule = Precision(se, margin, of)
        assert Precision.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule


def test_thirty_trials_for_a_mean() -> None:
    """Few trials vary less than the die does, now and then, and would stop at once."""
    assert run("1d6", until_ci=100.0, batch_size=1).n == 30


def test_batches_that_come_in_one_task_are_looked_at_one_by_one() -> None:
    """Small batches travel together; the stop is still at the first that is enough."""
    options: dict[str, Any] = {"until_se": 0.02, "batch_size": 100, "rng": 3}
    alone = dicesim.run("2d6", executor="serial", **options)
    again = dicesim.run("2d6", executor="process", workers=2, **options)
    assert alone.tally == again.tally
    before = dicesim.run("2d6", alone.n - 100, batch_size=100, rng=3)
    assert before.standard_error is not None
    assert before.standard_error > 0.02


def test_targets_beyond_all_numbers() -> None:
    """The smallest float is aimed at in vain; what is no float is refused."""
    assert not dicesim.run("2d6", 1000, until_se=1e-300, rng=3).precision_reached
    with pytest.raises(ParameterError, match="until_se: the number is no positive number"):
        dicesim.run("2d6", 1000, until_se=10**400)


def test_multinomial_looks_seldom() -> None:
    """A batch costs the same however large it is; so there are not a thousand million of them."""
    result = dicesim.run("2d6", 10**15, method="multinomial", until_ci=1e-9, rng=3)
    assert result.n == 10**15
    assert result.plan.batches <= 1100
