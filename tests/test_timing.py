"""Every way is timed once, told as it is, and none of the figures is ever tested for its size."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import dicesim
from dicesim import Benchmark, Measurement, Tally, format_benchmark, guard, textbook, timing
from tests.conftest import CommandLine
from tests.test_architecture import modules_after

IN_CLASS = ["one Process per roll", "random.randint loop", "textbook numpy"]
EXECUTORS = [name for name in dicesim.EXECUTORS if name not in ("auto", "dask")]
WAYS = list(itertools.product(dicesim.AGGREGATIONS, EXECUTORS))
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX terminals and signals")


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One round is enough."""
    monkeypatch.setattr(timing, "_ROUNDS", 1)


def ways(measured: Benchmark) -> list[tuple[str | None, str]]:
    """What was measured of ours."""
    return [(row.aggregation, row.way) for row in measured.rows if row.aggregation]


@pytest.mark.parametrize("start_method", dicesim.START_METHODS)
@pytest.mark.usefixtures("once")
def test_every_way_is_measured(start_method: dicesim.StartMethod) -> None:
    """What is done in class, and each executor with each aggregation, all with the same counts."""
    measured = dicesim.benchmark(n=200_000, rng=3, workers=2, start_method=start_method)
    assert [row.way for row in measured.rows[:3]] == IN_CLASS
    assert ways(measured) == WAYS
    assert measured.complete
    assert measured.same_counts
    for row in measured.rows:
        assert not row.unavailable
        assert (row.elapsed_seconds or 0) > 0
        processes = row.way in ("process", "pool", "one Process per roll")
        assert row.start_method == (start_method if processes else None)
        if row.aggregation:
            assert (row.n, row.workers) == (200_000, 1 if row.way == "serial" else 2)


@pytest.mark.usefixtures("once")
def test_without_a_number_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials take about as long for each aggregation, and all counts are still held together."""
    monkeypatch.setattr(timing, "_LONG", 0.01)
    monkeypatch.setattr(timing, "_LONG_ENOUGH", 0.001)
    measured = dicesim.benchmark(rng=3, start_method="fork")
    numbers = {row.aggregation: row.n for row in measured.rows}
    assert numbers["bincount"] == numbers["shared"]
    assert numbers["counter"] == numbers["groupby"]
    assert all(str(n).strip("0") in ("1", "2", "5") for n in numbers.values())
    assert measured.same_counts


@pytest.mark.usefixtures("once")
def test_auto_is_what_a_run_takes() -> None:
    """One row of each aggregation is marked: the executor of a run that leaves it open."""
    for workers in (None, 2):
        measured = dicesim.benchmark(n=200_000, workers=workers)
        for aggregation in dicesim.AGGREGATIONS:
            chosen = [
                row.way for row in measured.rows if row.auto and row.aggregation == aggregation
            ]
            run = dicesim.run(n=200_000, workers=workers, aggregation=aggregation)
            assert chosen == [run.executor]


def test_the_best_round_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A way is as fast as in its faster round."""
    speeds = itertools.count(1)

    def roll(*_: object) -> tuple[int, float]:
        return 100, 1 / next(speeds)

    monkeypatch.setattr(timing, "_run_program", roll)
    monkeypatch.setattr(timing, "_ROUNDS", 3)
    assert dicesim.benchmark(n=10, start_method="fork").rows[0].elapsed_seconds == 1 / 3


@pytest.mark.usefixtures("once")
def test_other_counts_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A way that counts otherwise than the others does not go unseen (L1)."""
    real = Tally.sum
    monkeypatch.setattr(Tally, "sum", lambda parts: real(parts) + Tally.of({7: 1}))
    measured = dicesim.benchmark(n=1000, start_method="fork")
    assert not measured.same_counts
    assert "The counts DIFFER" in format_benchmark(measured)


@pytest.mark.usefixtures("once")
def test_what_is_refused_says_why_and_the_rest_goes_on() -> None:
    """Shared counters that range too widely, and a rule that has no textbook."""
    measured = dicesim.benchmark("1000000*d6", n=1000, start_method="fork")
    refused = {(row.aggregation, row.way): row.unavailable for row in measured.rows}
    for aggregation, executor in WAYS:
        assert ("5,000,001 totals" in refused[aggregation, executor]) == (aggregation == "shared")
    assert "plain dice" in refused[None, "textbook numpy"] == refused[None, "random.randint loop"]
    assert not refused[None, "one Process per roll"]
    text = format_benchmark(measured)
    assert re.search(r"^shared +pool +1,000 +\(2\)$", text, re.MULTILINE)
    assert "(2) aggregation: shared counters would range over 5,000,001 totals" in text


def _inside_a_worker() -> Benchmark:
    return dicesim.benchmark(n=1000)


def test_inside_a_worker() -> None:
    """A worker may have no workers, and says so in the rows that need them."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        measured = pool.apply(_inside_a_worker)
        pool.close()
        pool.join()
    for row in measured.rows[3:]:
        assert ("inside a worker" in row.unavailable) == (row.way in ("process", "pool"))
        assert row.auto == (row.way == "serial")


def test_a_script_without_main_guard(tmp_path: Path) -> None:
    """Its workers are refused with a hint, and the rest is measured."""
    script = tmp_path / "script.py"
    script.write_text(
        "import dicesim\n"
        "print(dicesim.format_benchmark(dicesim.benchmark(n=1000, start_method='spawn')))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=100, check=True
    )
    assert "if __name__ == '__main__'" in " ".join(done.stdout.split())
    assert "The 8 ways gave the same counts" in done.stdout


def test_a_worker_that_imports_its_script_measures_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ends at once, before anything is timed."""
    monkeypatch.setattr(guard, "importing_main", lambda: True)
    with pytest.raises(SystemExit):
        dicesim.benchmark(n=1000)


def test_a_program_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One Process per roll may fail; then there is no speed-up, and all else."""
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    measured = dicesim.benchmark(n=1000, start_method="fork", workers=1)
    assert "/no/such/python" in measured.rows[0].unavailable
    assert {measured.speed_up(row) for row in measured.rows} == {None}
    assert "A Process for each roll" not in format_benchmark(measured)


class After:
    """Asks to stop after so many ways have begun."""

    def __init__(self, number: int) -> None:
        self.left = number

    def begin(self, _way: str) -> None:
        """Count a way."""
        self.left -= 1

    def is_set(self) -> bool:
        """Whether so many have begun."""
        return self.left <= 0


@pytest.mark.parametrize(("begun", "kept"), [(1, 0), (2, 1), (6, 5), (19, 18), (21, 19)])
def test_cancelled_it_keeps_what_it_has(begun: int, kept: int) -> None:
    """The way that was being measured is left out, and what was measured is in order."""
    after = After(begun)
    measured = dicesim.benchmark(n=1000, start_method="fork", progress=after.begin, cancel=after)
    assert not measured.complete
    names = [(row.aggregation, row.way) for row in measured.rows]
    assert names == ([(None, way) for way in IN_CLASS] + WAYS)[:kept]
    assert format_benchmark(measured).splitlines()[-1].startswith("INCOMPLETE")


def row(way: str, aggregation: dicesim.Aggregation | None, n: int, seconds: float) -> Measurement:
    """A measurement by hand."""
    workers = None if aggregation is None else 1 if way == "serial" else 4
    start_method: dicesim.StartMethod | None = "spawn" if way == "process" else None
    return Measurement(way, aggregation, n, seconds, workers, start_method, way == "process")


FAST = [
    row("one Process per roll", None, 100, 0.25),
    row("serial", "bincount", 10**8, 0.2),
    row("process", "bincount", 10**8, 0.4),
    row("serial", "counter", 10**6, 0.1),
    row("process", "counter", 10**6, 0.04),
    row("serial", "groupby", 10**6, 0.125),
]
TEXT = """\
2d6: two d6, sum
On 4 processors: 4 workers, processes by spawn. Slow aggregations have fewer
  trials. Seconds are the best of two rounds, with the start and the end of
  workers. Speed-up is over one Process per roll. auto marks what --executor
  auto takes.

counted by  rolled by        trials  seconds     trials/s   speed-up
one Process per roll            100    0.250          400          1

bincount    serial      100,000,000    0.200  500,000,000  1,250,000
bincount    process     100,000,000    0.400  250,000,000    625,000  auto

counter     serial        1,000,000    0.100   10,000,000     25,000
counter     process       1,000,000    0.040   25,000,000     62,500  auto

groupby     serial        1,000,000    0.125    8,000,000     20,000

A Process for each roll takes 2.5 ms; in that time one process that goes on
  rolling (serial, bincount) rolls 1,250,000 times.
Serial, bincount is 50 times as fast as counter and 62.5 times as fast as
  groupby, which make a Python object of every total.
Against serial, workers gain: at best 2.5 times as fast (process with counter),
  at worst 0.5 times (process with bincount).
The 5 ways gave the same counts for the same number of trials, as they have the
  same seed, 7."""


def by_hand(rows: list[Measurement]) -> Benchmark:
    """A benchmark by hand."""
    return Benchmark(dicesim.parse("2d6"), 7, 4, tuple(rows), same_counts=True, complete=True)


def test_the_table_and_what_it_says() -> None:
    """Figures, and sentences that follow from them."""
    assert format_benchmark(by_hand(FAST)) == TEXT


def test_sentences_follow_the_figures() -> None:
    """Where the figures are others, nothing is claimed that they contradict."""
    slow = [
        row("serial", "bincount", 1000, 0.1),
        row("threads", "bincount", 1000, 0.2),
        row("serial", "counter", 1000, 0.05),
        row("serial", "groupby", 1000, 0.2),
    ]
    text = " ".join(format_benchmark(by_hand(slow)).split())
    assert "bincount is 0.5 times as fast as counter and 2 times as fast as groupby. A" in text
    assert "workers gain little or nothing: at best 0.5 times as fast (threads with" in text
    assert "A Process for each roll" not in text
    assert "worst" not in text
    assert "fewer" not in text


def test_the_command_prints_a_table_or_json(command_line: CommandLine) -> None:
    """Within 80 columns and nothing on stderr; as JSON with the same rows."""
    arguments = ("bench", "3d6+1d8", "--n", "1e5", "--start-method", "fork", "--seed", "9")
    done = command_line(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("3d6+1d8: ")
    assert max(map(len, lines)) <= 80
    assert "The 16 ways gave the same counts" in done.stdout
    document = json.loads(command_line(*arguments, "--json").stdout)
    assert (document["schema"], document["expression"]) == ("dicesim.bench/1", "3d6+1d8")
    assert (document["seed"], document["complete"], document["same_counts"]) == (9, True, True)
    assert [(one["aggregation"], one["way"]) for one in document["rows"][3:]] == WAYS
    for one in document["rows"]:
        if one["unavailable"] is None:
            rate = document["rows"][0]["trials_per_second"]
            assert one["speed_up"] == pytest.approx(one["trials_per_second"] / rate)
            assert one["trials_per_second"] == pytest.approx(one["n"] / one["elapsed_seconds"])


@posix
def test_an_interrupt_leaves_with_what_was_measured(dicesim_script: str) -> None:
    """Ctrl-C, which all processes of the terminal get, ends with 130 and no traceback."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [dicesim_script, "bench", "--n", "1e11", "--json"],
        stdout=subprocess.PIPE, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        shown = b""
        while b"serial with bincount" not in shown:
            shown += os.read(ours, 4096)
        os.killpg(process.pid, signal.SIGINT)
        stdout, _ = process.communicate(timeout=60)
        shown += os.read(ours, 4096)
    finally:
        process.kill()
        process.communicate()
        os.close(ours)
    assert process.returncode == 130
    assert b"Traceback" not in shown
    document = json.loads(stdout)
    assert document["complete"] is False
    assert [one["way"] for one in document["rows"]] == IN_CLASS


def test_the_readme_shows_the_table(command_line: CommandLine) -> None:
    """Figures differ from machine to machine; ways, columns and sentences do not."""

    def shape(text: str) -> str:
        _, table = text.split("\n\n", 1)
        table, _ = table.split("\n\nA Process", 1)
        return re.sub(r"([\d., ]|auto)+", " ", table)

    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"`dicesim bench`.*?```text\n(.*?)```", readme, re.DOTALL)
    real = command_line("bench", "--n", "1000", "--start-method", "fork").stdout
    assert shape(shown) == shape(real)


def test_the_textbook_counts_every_roll() -> None:
    """One Process a roll, each with its own total; and the loop."""
    context = multiprocessing.get_context("fork")
    rolled = textbook.one_process_per_roll(20, lambda: textbook.roll(2, 6), context)
    assert rolled.total() == 20
    assert set(rolled) <= set(range(2, 13))
    assert len(rolled) > 1  # all alike once in 6**19
    looped = textbook.loop(1000, 2, 6)
    assert looped.total() == 1000
    assert set(looped) == set(range(2, 13))


@pytest.mark.parametrize("rule", [("2", "6"), ("4d6kh3",)])
def test_the_textbook_is_a_program(rule: tuple[str, ...]) -> None:
    """It tells how many rolls took how many seconds."""
    command = [sys.executable, "-m", "dicesim.textbook", "fork", *rule]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    n, seconds = json.loads(done.stdout)
    assert n in (10, 100)
    assert seconds > 0
    assert done.stderr == ""


def test_the_textbook_loads_nothing() -> None:
    """The less a parent has imported, the faster are its processes."""
    loaded = modules_after("import dicesim.textbook")
    assert not {"numpy", "scipy", "dicesim.sampling"} & loaded
