"""The runs of a store as a table for terminals; returned, never printed."""

from __future__ import annotations

from collections.abc import Sequence

from dicesim.store import StoredRun

_HEADS = ("run", "begun (UTC)", "trials", "done", "seed")


def format_runs(runs: Sequence[StoredRun], *, width: int = 80) -> str:
    """Lay out the runs that a store holds as a table, a line for each.

    Parameters
    ----------
    runs : sequence of StoredRun
    width : int, optional
        Columns of the terminal; what does not fit of an expression is left out.

    Returns
    -------
    str

    Examples
    --------
    >>> print(format_runs([]))
    no runs
    """
    if not runs:
        return "no runs"
    rows = [_HEADS, *map(_row, runs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row, text in zip(rows, ["expression", *map(_expression, runs)], strict=True):
        cells = "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True))
        room = max(width - len(cells) - 2, len("expression"))
        lines.append(f"{cells}  {text if len(text) <= room else text[: room - 3] + '...'}")
    return "\n".join(lines)


def _row(run: StoredRun) -> tuple[str, ...]:
    needed = run.plan.needed(run.tally)
    # Rounded down, so that only what is complete says so.
    done = 100 * run.tally.total // needed if run.tally.total else 0
    begun = f"{run.begun:%Y-%m-%d %H:%M:%S}"
    return str(run.number), begun, f"{needed:,}", f"{done}%", str(run.plan.seed)


def _expression(run: StoredRun) -> str:
    return run.plan.label
