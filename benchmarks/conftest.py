"""The fixture that times two ways in turns, and the table of all of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import pytest
from pytest_benchmark.fixture import BenchmarkFixture


@dataclass(frozen=True)
class Row:
    """Seconds that a trial takes dicesim, and another way.

    Parameters
    ----------
    place : tuple of int
        Number of the table, and of the line in it.
    label : str
    ours, theirs : float
    """

    place: tuple[int, int]
    label: str
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """How many times as fast dicesim is."""
        return self.theirs / self.ours


class Compare(Protocol):
    """What the fixture `compare` is."""

    def __call__(
        self,
        place: tuple[int, int],
        label: str,
        ours: Callable[[int], object],
        theirs: Callable[[int], object],
        *,
        trials: int = ...,
        our_trials: int = ...,
        rounds: int = ...,
    ) -> None:
        """Call both with their numbers of trials, `TRIALS` unless they are named."""


# As many as the greatest batch of a run has, unless it is told otherwise.
TRIALS: Final = 2**22
_ROWS: Final = pytest.StashKey[list[Row]]()
_TABLES: Final = (("rule", "by hand"), ("rule, and another way", "that way"), ("model", "by hand"))


@pytest.fixture
def compare(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Compare:
    """Time dicesim and another way in turns, so that both meet the same noise; keep the medians.

    Each is called once before it is timed, for the other one leaves caches and memory as it likes.
    """

    def call(
        place: tuple[int, int],
        label: str,
        ours: Callable[[int], object],
        theirs: Callable[[int], object],
        *,
        trials: int = TRIALS,
        our_trials: int = TRIALS,
        rounds: int = 7,
    ) -> None:
        clock = request.node.get_closest_marker("benchmark").kwargs["timer"]
        seconds: list[float] = []

        def time_theirs() -> None:
            theirs(trials)
            start = clock()
            theirs(trials)
            seconds.append(clock() - start)
            ours(our_trials)

        pedantic: Callable[..., object] = benchmark.pedantic  # it has no types
        pedantic(ours, args=(our_trials,), setup=time_theirs, rounds=rounds)
        if benchmark.stats is None:  # --benchmark-disable
            return
        median = statistics.median(seconds)
        row = Row(place, label, benchmark.stats.stats.median / our_trials, median / trials)
        benchmark.extra_info.update(label=label, other_seconds_per_trial=row.theirs)
        request.config.stash.setdefault(_ROWS, []).append(row)

    return call


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Leave out the plugin's own table, which is too wide; --benchmark-json has what is in it."""
    config.option.benchmark_quiet = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured, in 80 columns."""
    rows = terminalreporter.config.stash.get(_ROWS, list[Row]())
    rows = sorted(rows, key=lambda row: row.place)
    lines = ["", "nanoseconds a trial on one core, medians; the two of a line measured in turns"]
    for number, (label, other) in enumerate(_TABLES):
        members = [row for row in rows if row.place[0] == number]
        if members:
            lines += ["", f"{label:<41}{'dicesim':>11}{other:>13}{'ratio':>12}"]
            lines += map(_line, members)
        if number == 0 and members:
            mean = statistics.geometric_mean(row.ratio for row in members)
            lines.append(f"{'geometric mean':<41}{mean:>36.2f}")
    if rows:
        terminalreporter.write_line("\n".join(lines))


def _line(row: Row) -> str:
    figures = row.ours * 1e9, row.theirs * 1e9, row.ratio
    shown = (f"{figure:,.2f}" if figure < 1000 else f"{figure:,.0f}" for figure in figures)
    return "{:<41}{:>11}{:>13}{:>12}".format(row.label, *shown)
