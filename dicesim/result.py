"""The forms of what a run found: JSON, CSV, a file, a table, a picture."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dicesim._version import __version__
from dicesim.documents import write_document
from dicesim.drawing import bins, csv_text, fitted, svg_histogram
from dicesim.findings import Findings
from dicesim.layout import counted
from dicesim.picture import draw_tally
from dicesim.pmf_files import pmf_to_hexadecimal
from dicesim.report import format_run

if TYPE_CHECKING:  # an extra
    from matplotlib.axes import Axes

SCHEMA: Final = "dicesim.run/1"
SAVED: Final = "dicesim.result/1"


@dataclass(frozen=True, repr=False)
class Result(Findings):
    """The outcome of a run.

    Figures that are not defined (the spread of a single trial, anything of none) are None.

    Parameters
    ----------
    plan : Plan
        What was asked for; its seed replays the run.
    tally : Tally
        What came.
    executor, aggregation : str
        How it was rolled; the counts do not depend on it.
    workers : int or None
        None where an executor was handed in that does not tell.
    start_method : str or None
    elapsed_seconds : float
        From the first task to the last outcome, the start of workers included.
    pmf : PMF or None
        The exact distribution, where there is one, or the law that was expected.
    exact_unavailable : str
        Why there is none.
    alpha : float
        Alarm level of the check.
    of : Condition, optional
        Comparison whose probability was asked for.
    notes : tuple of str
        What the user should know, such as an option that had no effect.
    law : {"exact", "expected"}
        Whether `pmf` was worked out, or handed in.

    Examples
    --------
    >>> import dicesim
    >>> result = dicesim.run("2d6", n=10_000, rng=42)
    >>> result
    <Result 2d6: 10,000 trials, seed 42, consistent>
    >>> result.counts[7], result.unique, result.quantile(0.5)
    (1721, 11, 7)
    >>> [round(end, 3) for end in result.interval(0.99)]
    [6.977, 7.102]
    """

    def to_dict(self) -> dict[str, Any]:
        """Return the one form that library, command line and service share.

        Returns
        -------
        dict
        """
        return {
            "schema": SCHEMA,
            "expression": self.expression,
            "model": self.model and self.model.to_dict(),
            "n": self.n,
            "requested_n": self.requested_n,
            "complete": self.complete,
            "seed": self.seed,
            "method": self.plan.method,
            "bit_generator": self.plan.bit_generator,
            "batch_size": self.plan.batch_size,
            "batches": self.plan.batches,
            "executor": self.executor,
            "workers": self.workers,
            "start_method": self.start_method,
            "aggregation": self.aggregation,
            "elapsed_seconds": self.elapsed_seconds,
            "trials_per_second": self.trials_per_second,
            "unique": self.unique,
            "mean": self.mean,
            "std": self.std,
            "standard_error": self.standard_error,
            "until": self._until(),
            "probability": self._probability(),
            "law": self.law if self.pmf else None,
            "outcomes": self.outcomes,
            "check": self.check.to_dict() if self.check else None,
            "check_unavailable": self.check_unavailable or None,
            "versions": versions(),
        }

    def _until(self) -> dict[str, Any] | None:
        until = self.plan.until
        if until is None:
            return None
        return {**until.to_dict(), "reached": self.precision_reached}

    def _probability(self) -> dict[str, Any] | None:
        estimate = self.asked
        if estimate is None:
            return None
        return {
            "of": str(self.of),
            "value": estimate.value,
            "standard_error": estimate.standard_error,
            "low": estimate.interval[0],
            "high": estimate.interval[1],
            "expected": None if self.pmf is None else float(self.pmf.probability(str(self.of))),
        }

    def to_json(self) -> str:
        """`to_dict` as JSON text; figures that are not defined are null.

        Returns
        -------
        str

        Examples
        --------
        >>> import dicesim, json
        >>> json.loads(dicesim.run("2d6", n=1000, rng=42).to_json())["schema"]
        'dicesim.run/1'
        """
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def to_csv(self) -> str:
        """`outcomes` as CSV text.

        Returns
        -------
        str

        Examples
        --------
        >>> import dicesim
        >>> dicesim.run("2d6", n=1000, rng=42).to_csv().splitlines()[0]
        'outcome,count,observed,expected,exact,z,p_holm,low,high'
        """
        return csv_text(self.outcomes)

    def rows(self) -> list[dict[str, Any]]:
        """Return `outcomes` as ``pandas.DataFrame`` and other tables of data take them.

        Returns
        -------
        list of dict
            Those of `outcomes`; a column with whole numbers beyond 64 bits is one of text.

        Examples
        --------
        >>> import dicesim
        >>> dicesim.run("2d6", n=1000, rng=42).rows()[0]["exact"]
        '1/36'
        """
        return fitted(self.outcomes)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result to a file, of which `load` makes an equal one.

        The file is JSON; it is written whole or not at all.

        Parameters
        ----------
        path : str or path-like
            Replaced if it exists.

        Raises
        ------
        StoreError
            The file cannot be made there.
        ExecutionError
            There is no room for it.

        Examples
        --------
        >>> import dicesim, tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     dicesim.run("2d6", n=1000, rng=42).save(f"{directory}/dice.json")
        ...     dicesim.load(f"{directory}/dice.json")
        <Result 2d6: 1,000 trials, seed 42, consistent>
        """
        content = {
            "plan": self.plan.to_dict(),
            "counts": list(self._counts.items()),
            "executor": self.executor,
            "aggregation": self.aggregation,
            "workers": self.workers,
            "start_method": self.start_method,
            "elapsed_seconds": self.elapsed_seconds,
            "pmf": self.pmf and pmf_to_hexadecimal(self.pmf),
            "exact_unavailable": self.exact_unavailable,
            "alpha": self.alpha,
            "of": None if self.of is None else str(self.of),
            "notes": list(self.notes),
            "law": self.law,
        }
        write_document(path, SAVED, content)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the observed shares as bars, with 95 % intervals, and the exact ones as marks.

        The intervals are Wilson's and hold together, for all bars at once; of more than 120
        outcomes, neighbours share a bar. Nothing is shown: hand in axes of `matplotlib.pyplot`,
        save the figure, or let a notebook show it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Drawn into; left out, a new figure is made, which no window knows of.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ParameterError
            matplotlib, the extra ``plot``, is not installed.

        Examples
        --------
        >>> import dicesim
        >>> ax = dicesim.run("2d6", n=1000, rng=42).plot()
        >>> ax.get_title(), len(ax.patches)
        ('2d6: 1,000 trials, seed 42', 11)
        """
        return draw_tally(
            self.tally,
            self.pmf,
            ax=ax,
            law=self.law,
            title=f"{self.plan.label}: {counted(self.n, 'trial')}, seed {self.seed}",
            ylabel="share of trials",
        )

    def __str__(self) -> str:
        return format_run(self)

    def __repr__(self) -> str:
        verdict = self.check.verdict if self.check else "no check"
        whole = counted(self.requested_n, "trial")
        rolled = counted(self.n, "trial") if self.complete else f"{self.n:,} of {whole}"
        return f"<Result {self.plan.label}: {rolled}, seed {self.seed}, {verdict}>"

    def _repr_html_(self) -> str:
        title = f"{self.plan.summary}: {counted(self.n, 'trial')}, seed {self.seed}"
        support, n = self.support, max(self.n, 1)
        counts = [self._counts[outcome] for outcome in support]
        weights = counts if self.pmf is None else [self.pmf.weight(x) for x in support]
        rows = bins(support, weights)
        picture = svg_histogram(
            [label for label, _ in rows],
            [sum(counts[row]) / n for _, row in rows],
            None if self.pmf is None else [sum(weights[row]) / self.pmf.total for _, row in rows],
            title=title,
        )
        key = "bars: observed" if self.pmf is None else f"bars: observed, lines: {self.law}"
        verdict = f"no check: {self.check_unavailable}"
        if self.check:
            verdict = f"{self.check.verdict}: {self.check.explanation}"
        return f"<div><p>{escape(title)}</p>{picture}<p>{key}</p><p>{escape(verdict)}</p></div>"


def versions() -> dict[str, str]:
    """Versions of everything that counts depend on, and of Python.

    Returns
    -------
    dict[str, str]

    Examples
    --------
    >>> list(versions())
    ['dicesim', 'numpy', 'scipy', 'python']
    """
    from importlib.metadata import version  # slow to import, and seldom needed

    return {
        "dicesim": __version__,
        "numpy": np.__version__,
        "scipy": version("scipy"),
        "python": platform.python_version(),
    }
