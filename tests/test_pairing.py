"""Two models on common random numbers: the difference of each trial, and what is gained."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import dicesim
from dicesim import Model, Roller
from dicesim.pairing import PairedDifference
from tests.conftest import CommandLine

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ATTACKS = [f"{EXAMPLES / 'attack.py'}:{name}" for name in ("advantage", "mighty")]
ADVANTAGE, MIGHTY = map(Model.load, ATTACKS)


def best_of_two(dice: Roller) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The higher of two d6."""
    return np.asarray(np.maximum(dice.roll("d6"), dice.roll("d6")))


def first_of_two(dice: Roller) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The first of two d6."""
    return dice.roll("d6")


def far(dice: Roller) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Outcomes that cannot be subtracted."""
    return dice.roll("d6") + 2**62


def test_both_models_see_the_same_dice() -> None:
    """The higher of two dice less the first of them is never negative, and its law is exact."""
    pair = PairedDifference.between(Model.of(best_of_two), Model.of(first_of_two))
    result = dicesim.run(pair, 360_000, rng=3)
    law = dicesim.exact("a = d6; max(a, d6) - a")
    check = dicesim.goodness_of_fit(result.tally, law, 1e-6)
    assert check.verdict == "consistent"


def test_the_pair_is_that_of_the_single_runs() -> None:
    """The first trials of both are those of their own runs with the same seed."""
    pair = PairedDifference.between(ADVANTAGE, MIGHTY)
    rolled = [dicesim.run(model, 10**5, rng=4) for model in (ADVANTAGE, MIGHTY)]
    means = [result.mean or 0 for result in rolled]
    assert dicesim.run(pair, 10**5, rng=4).mean == pytest.approx(means[0] - means[1])


@pytest.mark.parametrize("executor", ["threads", "process", "pool"])
def test_every_executor_counts_the_same(executor: str) -> None:
    """A pair goes to other processes as its two models do."""
    pair = PairedDifference.between(ADVANTAGE, MIGHTY)
    alone = dicesim.run(pair, 3 * 10**5, rng=5, executor="serial")
    result = dicesim.run(pair, 3 * 10**5, rng=5, executor=executor, workers=2)  # type: ignore[arg-type]
    assert result.tally == alone.tally
    assert pickle.loads(pickle.dumps(pair)).models == pair.models


def test_the_comparison_of_two_models() -> None:
    """The paired mean is right, more precise, and stated beside the odds of independent rolls."""
    compared = dicesim.compare(ADVANTAGE, MIGHTY, 2 * 10**5, rng=6)
    exact = [
        dicesim.exact("a = d20adv; if(a==20, 2d8+4, if(a==1, 0, if(a+7>=16, 1d8+4, 0)))"),
        dicesim.exact("a = d20adv; if(a==20, 2d8+14, if(a==1, 0, if(a+2>=16, 1d8+14, 0)))"),
    ]
    truth = exact[0].mean - exact[1].mean
    paired = compared.paired_difference
    assert paired is not None
    assert paired.standard_error is not None
    assert compared.mean_difference.standard_error is not None
    assert abs(paired.value - truth) < 5 * paired.standard_error
    assert paired.standard_error < compared.mean_difference.standard_error
    ratio = compared.variance_ratio
    assert ratio == pytest.approx(
        (compared.mean_difference.standard_error / paired.standard_error) ** 2
    )
    assert compared.a.result is not None
    assert compared.b.result is not None
    assert compared.a.result.seed != compared.b.result.seed  # the odds are of independent rolls
    report = " ".join(dicesim.format_comparison(compared).split())
    assert "mean of A - B on common random numbers:" in report
    assert "not independent rolls" in report
    document = compared.to_dict()["common_random_numbers"]
    assert document["n"] == 2 * 10**5
    assert document["variance_ratio"] == ratio


def test_the_same_model_twice_never_differs() -> None:
    """Common random numbers show that nothing has changed."""
    compared = dicesim.compare(ADVANTAGE, ADVANTAGE, 10**4, rng=6)
    assert compared.paired_difference is not None
    assert compared.paired_difference.value == 0
    assert compared.variance_ratio is None
    assert "the same in every trial" in dicesim.format_comparison(compared)


def test_a_model_beside_a_notation() -> None:
    """Any rule may stand on either side; without two models nothing is paired."""
    compared = dicesim.compare("1d6", first_of_two, 10**5, rng=2)
    assert compared.a.is_exact
    assert not compared.b.is_exact
    assert compared.paired is None
    assert compared.to_dict()["common_random_numbers"] is None
    assert abs(compared.equal.value - 1 / 6) < 5 * (compared.equal.standard_error or 1) + 1e-9


def test_outcomes_too_far_apart() -> None:
    """A difference that int64 cannot hold is refused, not wrapped around."""
    pair = PairedDifference.between(Model.of(far), Model.of(first_of_two))
    with pytest.raises(dicesim.ExecutionError, match="beyond 2\\*\\*62"):
        dicesim.run(pair, 100, rng=1)


def test_the_command_line(command_line: CommandLine) -> None:
    """Rules are given as notation or as models, two in all."""
    models = [f"--model={reference}" for reference in ATTACKS]
    done = command_line("compare", *models, "--n", "1e4", "--seed", "1", "--json")
    assert json.loads(done.stdout)["common_random_numbers"]["n"] == 10**4
    done = command_line("compare", "2d6", models[0], "--n", "1e4", "--seed", "1", "--json")
    assert json.loads(done.stdout)["a"]["is_exact"]
    for arguments in (["2d6"], ["2d6", "3d6", models[0]], [models[0]], []):
        done = command_line("compare", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "cannot be compared; write two, as notation or with --model" in done.stderr
