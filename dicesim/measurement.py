"""What a benchmark measured: values, and their JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from dicesim.choices import Aggregation, StartMethod
from dicesim.expression import Expression
from dicesim.result import versions
from dicesim.wording import unparse

SCHEMA: Final = "dicesim.bench/1"
ONE_PROCESS_PER_ROLL: Final = "one Process per roll"


@dataclass(frozen=True, slots=True)
class Measurement:
    """How long one way took.

    Parameters
    ----------
    way : str
        Name of the executor, or of a way that is done in class.
    aggregation : str or None
        None for what is done in class.
    n : int
        Number of trials.
    elapsed_seconds : float or None
        Of the best round, with the start and the end of workers.
    workers : int or None
    start_method : str or None
    auto : bool
        Whether the executor ``auto`` would have gone this way.
    unavailable : str
        Why there is no figure; empty where there is one.

    Examples
    --------
    >>> measurement = Measurement("serial", "bincount", n=2 * 10**8, elapsed_seconds=0.2)
    >>> measurement.trials_per_second
    1000000000.0
    """

    way: str
    aggregation: Aggregation | None
    n: int
    elapsed_seconds: float | None = None
    workers: int | None = None
    start_method: StartMethod | None = None
    auto: bool = False
    unavailable: str = ""

    @property
    def trials_per_second(self) -> float | None:
        """Trials per second of elapsed time."""
        return None if self.elapsed_seconds is None else self.n / max(self.elapsed_seconds, 1e-9)


@dataclass(frozen=True)
class Benchmark:
    """What was measured.

    Parameters
    ----------
    expression : Expression
    seed : int
        Of every run.
    processors : int
        How many this process may use.
    rows : tuple of Measurement
        What is done in class, and then each aggregation with each executor.
    same_counts : bool
        Whether all runs with equally many trials had the same counts.
    complete : bool
        Whether everything was measured.

    Examples
    --------
    >>> import dicesim
    >>> measured = dicesim.benchmark("2d6", n=1000, rng=42)
    >>> measured.same_counts, measured.find("serial", "bincount").n
    (True, 1000)
    >>> measured.speed_up(measured.find("serial", "bincount")) > 1
    True
    """

    expression: Expression
    seed: int
    processors: int
    rows: tuple[Measurement, ...]
    same_counts: bool
    complete: bool

    def find(self, way: str, aggregation: Aggregation | None = None) -> Measurement | None:
        """Return the measurement of a way, if there is one that has a figure.

        Parameters
        ----------
        way : str
            Name of an executor, or of a way that is done in class.
        aggregation : str, optional
            None is for what is done in class.

        Returns
        -------
        Measurement or None
        """
        for row in self.rows:
            if (row.way, row.aggregation) == (way, aggregation) and not row.unavailable:
                return row
        return None

    def speed_up(self, row: Measurement) -> float | None:
        """How many times as fast as one Process per roll, where both are known.

        Parameters
        ----------
        row : Measurement

        Returns
        -------
        float or None
        """
        base = self.find(ONE_PROCESS_PER_ROLL)
        if base is None or base.trials_per_second is None or row.trials_per_second is None:
            return None
        return row.trials_per_second / base.trials_per_second

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as ``dicesim bench --json`` prints them.

        Returns
        -------
        dict
        """
        return {
            "schema": SCHEMA,
            "expression": unparse(self.expression),
            "seed": self.seed,
            "processors": self.processors,
            "complete": self.complete,
            "same_counts": self.same_counts,
            "rows": [self._row(row) for row in self.rows],
            "versions": versions(),
        }

    def _row(self, row: Measurement) -> dict[str, Any]:
        return {
            "way": row.way,
            "aggregation": row.aggregation,
            "n": row.n,
            "workers": row.workers,
            "start_method": row.start_method,
            "auto": row.auto,
            "elapsed_seconds": row.elapsed_seconds,
            "trials_per_second": row.trials_per_second,
            "speed_up": self.speed_up(row),
            "unavailable": row.unavailable or None,
        }
