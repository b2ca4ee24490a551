"""Runs of models: the counts of a seed everywhere (L1), kept and resumed, refused in one line."""

from __future__ import annotations

import concurrent.futures
import json
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dicesim
from dicesim import ExecutionError, Limits, Model, ParameterError, Roller, StoreError, references
from dicesim.plan import make_plan
from dicesim.tally import Integers
from tests import storing
from tests.conftest import CRAPS
from tests.test_model import best_of_three

N, BATCH = 5_000, 1_000
saving_at_once = storing.saving_at_once
PROCESSES = [
    {"executor": executor, "start_method": method, "workers": 2}
    for executor in ("process", "pool")
    for method in ("fork", "forkserver", "spawn")
]


def run(rule: Any = best_of_three, **options: Any) -> dicesim.Result:
    """A run of five batches."""
    return dicesim.run(rule, **{"n": N, "rng": 1, "batch_size": BATCH, **options})


def wide(dice: Roller) -> Integers:
    """Return another number in every trial."""
    return dice.rng.integers(2**60, size=dice.size)


def broken(dice: Roller) -> Integers:
    """Raise an error."""
    raise KeyError(dice.size)


@pytest.mark.parametrize("options", [{"executor": "threads", "workers": 3}, *PROCESSES], ids=str)
def test_every_executor_gives_the_same_counts(options: dict[str, Any], craps: Path) -> None:
    """Whether the model stands in a file or in a module (L1, L2)."""
    for rule in (best_of_three, Model.load(f"{craps}:play")):
        alone = run(rule, executor="serial")
        assert alone.n == N
        assert run(rule, **options).tally == alone.tally


def test_an_executor_that_is_handed_in() -> None:
    """It gets the model like any other; what cannot be sent is refused, and nothing hangs."""
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        assert run(executor=pool).tally == run().tally
        with pytest.raises(ParameterError, match="no other process can find the model <lambda>"):
            run(lambda dice: dice.roll("2d6"), executor=pool)
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        assert run(lambda dice: dice.roll("2d6"), executor=threads).n == N


@pytest.mark.parametrize("aggregation", ["counter", "groupby"])
def test_every_aggregation_gives_the_same_counts(aggregation: str) -> None:
    """All but shared, which needs to know the outcomes beforehand."""
    assert run(aggregation=aggregation).tally == run().tally


def test_counts_follow_the_law() -> None:
    """Of the best of three dice; p < 1e-6 would be a false alarm in a million seeds."""
    result = dicesim.run(best_of_three, n=200_000, rng=5)
    check = dicesim.goodness_of_fit(result.tally, dicesim.exact("3d6kh1"), alpha=1e-6)
    assert check.verdict == "consistent"


def test_lambdas_stay_in_this_process() -> None:
    """`auto` is serial for them, threads work, and processes are refused with a hint."""
    rule = lambda dice: dice.roll("2d6")  # noqa: E731
    alone = run(rule)
    assert alone.executor == "serial"
    assert run(rule, workers=2).executor == "serial"
    assert dicesim.run(rule, 10**7, rng=1).executor == "serial"
    assert run(rule, executor="threads", workers=2).tally == alone.tally
    for executor in ("process", "pool"):
        with pytest.raises(ParameterError, match="choose serial or threads"):
            run(rule, executor=executor)


def test_auto_shares_out_what_is_dear() -> None:
    """A model that can be found elsewhere is rolled by processes, if it was asked for or pays."""
    assert run(workers=2).executor == "process"
    assert run().executor == "serial"


def test_the_plan() -> None:
    """Batches of 2**16, and the same plan after a journey."""
    result = dicesim.run(best_of_three, 100_000, rng=1)
    assert (result.plan.batch_size, result.plan.batches) == (2**16, 2)
    assert make_plan(Model.of(best_of_three), 10**8, limits=Limits()).batch_size == 2**16
    assert result.plan.model == result.model == Model.of(best_of_three)
    assert (result.plan.expression, result.expression) == (None, None)
    assert pickle.loads(pickle.dumps(result)).plan == result.plan


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"method": "multinomial"}, "a model has none; choose roll"),
        ({"aggregation": "shared"}, "nobody knows what outcomes a model has.*choose bincount"),
        ({"n": 10**14}, "beyond the limit"),
        ({"expression": 6}, "expression: 6 is no text"),
    ],
)
def test_what_a_model_cannot_have_is_refused(options: dict[str, Any], reason: str) -> None:
    """Before the first roll."""
    with pytest.raises(dicesim.DicesimError, match=reason):
        dicesim.run(**{"expression": broken, **options})


@pytest.mark.parametrize("options", [{}, *PROCESSES[:2], {"executor": "threads"}], ids=str)
def test_a_failing_model_ends_the_run(options: dict[str, Any]) -> None:
    """In one line, with what was finished."""
    with pytest.raises(ExecutionError) as caught:
        run(broken, **options)
    line = broken.__code__.co_firstlineno + 2
    assert str(caught.value) == f"model broken, test_model_runs.py line {line}: KeyError: 1000"
    assert caught.value.partial.n == 0


def test_memory_stays_within_the_limit() -> None:
    """A model with ever more outcomes is ended (L4)."""
    with pytest.raises(ExecutionError, match="model wide: it had 3,000 different outcomes"):
        run(wide, limits=Limits(outcomes=2500))


def test_a_model_rolls_within_the_limits() -> None:
    """Those of the run, in workers too."""
    for options in ({}, PROCESSES[0]):
        with pytest.raises(ExecutionError, match="3,000 totals would be rolled at once"):
            run(limits=Limits(batch_size=2000), batch_size=1000, **options)


def test_precision_targets() -> None:
    """A run of a model stops like any other."""
    result = run(until_ci=0.02, of=6, n=10**6)
    assert result.precision_reached
    assert result.n % BATCH == 0
    shorter = run(n=result.n - BATCH).probability(6)
    assert shorter is not None
    assert shorter.margin > 0.02
    estimate = result.asked
    assert estimate is not None
    assert math.isclose(estimate.value, 91 / 216, abs_tol=0.03)


def test_what_the_result_says() -> None:
    """The model in place of an expression, and no exact figures."""
    reason = "a model has no exact distribution; to check it against the law that it should have, "
    reason += "hand that in: --expect FILE (expect=pmf)"
    result = run()
    document = json.loads(result.to_json())
    assert document["expression"] is None
    assert document["model"] == Model.of(best_of_three).to_dict()
    assert run("2d6").to_dict()["model"] is None
    assert result.check is document["check"] is None
    assert document["check_unavailable"] == reason
    assert document["outcomes"][0]["expected"] is None
    assert document["law"] is None
    text = dicesim.format_run(result)
    assert text.startswith("tests.test_model:best_of_three: The best of three dice\n")
    assert "no check: a model has no exact distribution" in text
    assert "The best of three dice" in result._repr_html_()


def stopped(path: Path, rule: Any = best_of_three) -> dicesim.Result:
    """A run that was stopped after two batches."""
    part = run(rule, checkpoint=path, **storing.stop_at(2 * BATCH))
    assert part.n == 2 * BATCH
    return part


def test_a_run_is_resumed(craps: Path, tmp_path: Path) -> None:
    """With the counts that it would have had."""
    path = tmp_path / "runs.db"
    for rule in (best_of_three, Model.load(f"{craps}:play")):
        part = stopped(path, rule)
        stored = dicesim.stored_runs(path)[-1]
        assert stored.plan == part.plan
        assert dicesim.resume(path).tally == run(rule).tally
        assert stored.to_dict()["expression"] is None
        assert stored.to_dict()["model"]["name"] == part.plan.label.rpartition(":")[2]
    assert "craps.py:play" in dicesim.format_runs(dicesim.stored_runs(path))


@pytest.mark.parametrize("change", ["edited", "gone"])
def test_a_changed_model_is_not_resumed(craps: Path, tmp_path: Path, change: str) -> None:
    """Nor one that is gone; the runs are listed all the same, and what is finished is shown."""
    path = tmp_path / "runs.db"
    stopped(path, Model.load(f"{craps}:play"))
    if change == "edited":
        craps.write_text(CRAPS.replace("7", "8"))
    else:
        craps.unlink()
    references.load_function.cache_clear()
    with pytest.raises(StoreError, match=r"cannot go on without its model: .*craps\.py"):
        dicesim.resume(path)
    assert dicesim.stored_runs(path)[0].tally.total == 2 * BATCH
    craps.write_text(CRAPS)
    whole = dicesim.resume(path)
    assert whole.complete
    craps.unlink()
    references.load_function.cache_clear()
    again = dicesim.resume(path)
    assert again.tally == whole.tally
    assert "craps.py:play: Pay 1 if the pass line wins" in dicesim.format_run(again)


def test_what_nobody_could_resume_is_not_kept(tmp_path: Path) -> None:
    """No file is made."""
    with pytest.raises(ParameterError, match="checkpoint: no other process can find the model"):
        run(lambda dice: dice.roll("2d6"), checkpoint=tmp_path / "runs.db")
    assert not list(tmp_path.iterdir())


SCRIPT = f"""
import dicesim
{CRAPS}
if __name__ == "__main__":
    for options in ({{}}, *{PROCESSES}):
        result = dicesim.run(play, {N}, rng=1, batch_size={BATCH}, **options)
        print(result.executor, sorted(result.counts.items()), result.model.reference)
"""


def test_a_script_runs_its_own_model(tmp_path: Path) -> None:
    """A function of the script that is run is found by its file, with every start method."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"],
        capture_output=True, text=True, check=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 1 + len(PROCESSES)
    expected = sorted(run(Model.load(f"{script}:play")).counts.items())
    assert {line.split(" ", 1)[1] for line in lines} == {f"{expected} {script}:play"}


def test_a_model_may_draw_from_the_stream() -> None:
    """Its generator is that of the batch, so the counts are the same anywhere."""
    rule = lambda dice: dice.rng.choice(np.array([1, 5]), dice.size)  # noqa: E731
    assert run(rule).tally == run(rule, executor="threads", workers=2).tally


UNGUARDED = """
import dicesim
def play(dice): return dice.roll("2d6")
print("once")
try:
    dicesim.run(play, 300_000, rng=1, executor="process", workers=2, start_method="fork")
except dicesim.ParameterError as error:
    if __name__ != "__main__":
        raise
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
def test_a_script_without_the_guard_is_told_so(tmp_path: Path) -> None:
    """Workers that load the model from the script begin no runs of their own."""
    script = tmp_path / "game.py"
    script.write_text(UNGUARDED)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert "game.py line 6: it starts a run, which belongs under `if __name__" in done.stdout


def test_different_models_are_not_taken_for_the_same_rule() -> None:
    """Though they have the same name; the same function twice is one rule."""

    def least(n: int) -> Any:
        return lambda dice: dice.roll(f"{n}d6")

    assert not dicesim.compare(least(2), least(3), 1000, rng=1).same
    rule = least(2)
    assert dicesim.compare(rule, rule, 1000, rng=1).same
    pairs = [dicesim.compare(rule, other, 100, rng=1).paired for other in (rule, least(3))]
    assert pairs[0] is not None
    assert pairs[1] is not None
    assert pairs[0].plan != pairs[1].plan


def test_no_spread_seen_is_no_proof() -> None:
    """A rare prize that no trial won makes neither rule the higher for certain."""
    compared = dicesim.compare(lambda dice: dice.roll("1d1") * 0, "1d1", 1000, rng=1)
    difference = compared.mean_difference
    assert (difference.value, difference.standard_error, difference.interval) == (-1, 0, None)
    assert compared.summary.startswith("B seems higher on average, by about 1")
