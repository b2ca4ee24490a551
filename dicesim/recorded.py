"""Are recorded rolls what a law says: counts, order, dice beside each other, and one verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dicesim.accumulation import Record
from dicesim.dependence import (
    IndependenceTest,
    class_weights,
    contingency_test,
    evenest_cut,
    repeats_test,
    runs_test,
)
from dicesim.errors import ParameterError
from dicesim.evidence import e_value, log_e_value, mean_e_value
from dicesim.outcome_tests import holm_adjusted, holm_level
from dicesim.picture import draw_tally
from dicesim.pmf import PMF
from dicesim.recorded_tests import JointTest, Margin
from dicesim.result import versions
from dicesim.tally import Integers, Tally
from dicesim.validation import Check, Verdict, goodness_of_fit
from dicesim.verdicts import say_level

if TYPE_CHECKING:  # an extra
    from matplotlib.axes import Axes

SCHEMA: Final = "dicesim.check/1"
# Tests that a verdict names one by one.
_NAMED: Final = 3


@dataclass(frozen=True, repr=False)
class RecordedCheck:
    """What recorded rolls say about a law.

    Parameters
    ----------
    against : str
        The law of each column, in canonical notation.
    n : int
        Number of rows.
    ordered : bool
        Whether the order of the rolls is known.
    columns : tuple of Margin
    total : Margin or None
        Total of each row; of one column that column, and None where its law could not be had.
    independence : tuple of IndependenceTest
    tests : tuple of JointTest
        All tests that the verdict rests on.
    alpha : float
        Probability of an alarm if all is as the law says, for all tests together.
    verdict : {"consistent", "inconclusive", "deviates", "suspiciously good"}
    explanation : str
        The verdict in a sentence.
    log_e_value : float
        Logarithm of the mean of the columns' e-values; no part of the verdict.
    notes : tuple of str
        What is to be kept in mind.

    Examples
    --------
    >>> import dicesim
    >>> recorded = dicesim.check([1, 6, 6, 2, 6, 6, 6, 6], "1d6")
    >>> recorded
    <RecordedCheck 1d6: 8 rolls, deviates>
    >>> recorded.alarm, recorded.total.name, len(recorded.tests)
    (True, 'column 1', 4)
    """

    against: str
    n: int
    ordered: bool
    columns: tuple[Margin, ...]
    total: Margin | None
    independence: tuple[IndependenceTest, ...]
    tests: tuple[JointTest, ...]
    alpha: float
    verdict: Verdict
    explanation: str
    log_e_value: float
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<RecordedCheck {self.against}: {self.n:,} rolls, {self.verdict}>"

    def __str__(self) -> str:
        return f"{self.verdict}: {self.explanation}"

    @property
    def alarm(self) -> bool:
        """Whether the rolls deviate, or fit suspiciously well."""
        return self.verdict in ("deviates", "suspiciously good")

    @property
    def check(self) -> Check | None:
        """Goodness of fit of the totals."""
        return self.total.check if self.total else None

    def to_dict(self) -> dict[str, Any]:
        """Return the form that library and command line share.

        Returns
        -------
        dict
        """
        return {
            "schema": SCHEMA,
            "against": self.against,
            "n": self.n,
            "ordered": self.ordered,
            "alpha": self.alpha,
            "outcomes": self.total.outcomes if self.total else None,
            "check": self.check.to_dict() if self.check else None,
            "columns": [column.to_dict() for column in self.columns],
            "tests": [test.to_dict() for test in self.tests],
            "e_value": e_value(self.log_e_value),
            "log_e_value": self.log_e_value,
            "verdict": self.verdict,
            "explanation": self.explanation,
            "notes": list(self.notes),
            "versions": versions(),
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares of the rolls as bars, with 95 % intervals, and the law as marks.

        Those of the total of each row, where there are several columns.

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
            matplotlib, the extra ``plot``, is not installed, or the total has no law.

        Examples
        --------
        >>> import dicesim
        >>> len(dicesim.check([1, 2, 2, 6, 4], "1d6").plot().patches)
        6
        """
        if self.total is None:
            raise ParameterError(
                "plot: the total of these columns has no law to be held against; check one column",
                parameter="plot",
            )
        of = self.against if len(self.columns) == 1 else f"{len(self.columns)} x {self.against}"
        return draw_tally(
            self.total.tally,
            self.total.pmf,
            ax=ax,
            law=of,
            title=f"{self.n:,} rolls, {self.verdict}",
            ylabel="share of rolls",
        )

    def to_json(self) -> str:
        """`to_dict` as JSON text; figures that are not defined are null.

        Returns
        -------
        str

        Examples
        --------
        >>> import dicesim, json
        >>> json.loads(dicesim.check([1, 6, 6], "1d6").to_json())["schema"]
        'dicesim.check/1'
        """
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)


def judge(
    record: Record, pmf: PMF, total: PMF | None, against: str, alpha: float, note: str = ""
) -> RecordedCheck:
    """Test a record in every way that it allows, and come to a verdict.

    Holm's method keeps the probability of any alarm below `alpha`, if all is as the law says.

    Parameters
    ----------
    record : Record
        With one row at least.
    pmf, total : PMF
        Law of each column and of the total of a row.
    against : str
        Notation of the law of each column.
    alpha : float
        Alarm level.
    note : str, optional
        Why there is no law of the total.
    """
    laws = _laws(record, pmf, total)
    independence = _independence(record, pmf)
    fits = [goodness_of_fit(tally, law, alpha).p_value for _, law, tally in laws]
    p_values = [*fits, *(test.p_value for test in independence)]
    adjusted = holm_adjusted(p_values)
    level = holm_level(p_values, adjusted, alpha)
    margins = [
        Margin(name, law, tally, goodness_of_fit(tally, law, level, rolls="recorded"))
        for name, law, tally in laws
    ]
    sources: list[Margin | IndependenceTest] = [*margins, *independence]
    tests = tuple(
        JointTest(_label(source, len(record.names)), source, p_value, holm_p)
        for source, p_value, holm_p in zip(sources, p_values, adjusted, strict=True)
    )
    verdict, explanation = _verdict(tests, alpha)
    columns = tuple(margins[: len(record.names)])
    return RecordedCheck(
        against,
        record.n,
        record.ordered,
        columns,
        margins[-1] if len(margins) != len(columns) or len(columns) == 1 else None,
        tuple(independence),
        tests,
        alpha,
        verdict,
        explanation,
        evidence(record, pmf),
        _notes(tests, alpha, note),
    )


def evidence(record: Record, pmf: PMF) -> float:
    """Logarithm of the mean of the columns' e-values, as the rolls stand."""
    return mean_e_value(
        log_e_value(dict(zip(pmf.outcomes, column.counts.tolist(), strict=True)), pmf)
        for column in record.columns
    )


def _laws(record: Record, pmf: PMF, total: PMF | None) -> list[tuple[str, PMF, Tally]]:
    laws = [
        (name, pmf, _tally(pmf, column.counts))
        for name, column in zip(record.names, record.columns, strict=True)
    ]
    if total is not None and record.totals is not None:
        laws.append(("total", total, _tally(total, record.totals)))
    return laws


def _tally(pmf: PMF, counts: Integers) -> Tally:
    return Tally.of(dict(zip(pmf.outcomes, counts.tolist(), strict=True)))


def _independence(record: Record, pmf: PMF) -> list[IndependenceTest]:
    weights = class_weights(pmf, record.class_of)
    cut = evenest_cut(weights)
    tests = []
    for name, column in zip(record.names, record.columns, strict=True):
        if not record.ordered:
            break
        kinds = column.class_counts().tolist()
        same = int(column.neighbours[:cut, :cut].sum() + column.neighbours[cut:, cut:].sum())
        tests += [
            repeats_test(column.counts.tolist(), column.repeats, name),
            runs_test([sum(kinds[:cut]), sum(kinds[cut:])], same, name),
            contingency_test("lag-1 table", column.neighbours, weights, (name,)),
        ]
    for (i, j), table in record.pairs.items():
        names = (record.names[i], record.names[j])
        tests.append(contingency_test("two columns", table, weights, names))
    return tests


def _label(source: Margin | IndependenceTest, columns: int) -> str:
    if isinstance(source, Margin):
        if columns == 1 or source.name == "total":
            return "counts" if columns == 1 else "total"
        return f"counts of {source.name}"
    if source.kind == "two columns":
        return " against ".join(source.columns)
    return source.kind if columns == 1 else f"{source.kind} of {source.columns[0]}"


def _verdict(tests: Sequence[JointTest], alpha: float) -> tuple[Verdict, str]:
    alarms = _alarms(tests, alpha)
    fits = [(test.label, test.source.check) for test in tests if isinstance(test.source, Margin)]
    if alarms:
        parts = [_say(test) for test in alarms[:_NAMED]]
        if len(alarms) > _NAMED:
            parts.append(f"and {len(alarms) - _NAMED} tests more")
        return "deviates", "; ".join(parts)
    for label, check in fits:
        if check.verdict == "suspiciously good":
            return check.verdict, f"{label}: {check.explanation}"
    # Dice decide whether there is enough to go by; totals have more outcomes and need more rolls.
    _, first = fits[0]
    return first.verdict, first.explanation


def _alarms(tests: Sequence[JointTest], alpha: float) -> list[JointTest]:
    alarms = [test for test in tests if test.holm_p is not None and test.holm_p < alpha]
    return sorted(alarms, key=lambda test: (test.holm_p, test.p_value))


def _say(test: JointTest) -> str:
    if isinstance(test.source, Margin):
        label = "" if test.label == "counts" else f"{test.label}: "
        found = test.source.check.explanation
        level = say_level(test.source.check.alpha)
        # Where there are several tests, the level of one of them means nothing to a reader.
        if test.holm_p != test.p_value and found.startswith(level):
            found = f"Holm p = {test.holm_p:.3g}; {found.removeprefix(level)}"
        return f"{label}{found}"
    source = test.source
    if source.observed is not None:
        return (
            f"{test.label}: {source.observed:,} where {source.expected:,.1f} are expected in "
            f"random order, Holm p = {test.holm_p:.3g}"
        )
    return (
        f"{test.label}: not independent, V = {source.effect_size:.2g}, Holm p = {test.holm_p:.3g}"
    )


def _notes(tests: Sequence[JointTest], alpha: float, note: str) -> tuple[str, ...]:
    notes = [note] if note else []
    kinds = {
        test.source.kind
        for test in _alarms(tests, alpha)
        if isinstance(test.source, IndependenceTest)
    }
    if kinds - {"two columns"}:
        notes.append(
            "rolls depend on those before them; the p-values and e-values of the counts take them "
            "as independent, and so do not hold"
        )
    if "two columns" in kinds:
        notes.append("dice depend on each other; the test of the total takes them as independent")
    return tuple(notes)
