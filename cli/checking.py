"""The command that checks recorded rolls."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import Annotated

import typer

import dicesim

from . import terminal
from .numbers import limits_from
from .options import All, Json, Limit, Plot, Quiet, one_of
from .results import plot_file, save_picture


def check(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="Rolls, one a line, or a table; - is standard input."),
    ],
    against: Annotated[
        str, typer.Option(metavar="EXPRESSION", help="The law of each column, such as 1d6.")
    ],
    column: Annotated[
        str | None, typer.Option(metavar="NAME|NUMBER", help="Check this column alone.")
    ] = None,
    counts: Annotated[
        bool, typer.Option("--counts", help="The last column says how often each row came.")
    ] = False,
    one_die: Annotated[
        bool, typer.Option("--one-die", help="All numbers are rolls of one die, line after line.")
    ] = False,
    alpha: Annotated[
        float, typer.Option(metavar="A", help="Probability of an alarm if all is as it should be.")
    ] = 0.01,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again and again while the file grows.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    show_all: All = False,
    plot: Plot = None,
    limit: Limit = None,
) -> None:
    """Check recorded rolls against a law."""
    one_of(as_json=as_json, quiet=quiet)
    one_of(one_die=one_die, counts=counts)
    one_of(one_die=one_die, column=column is not None)
    limits = limits_from(limit or [])
    if watch:
        one_of(watch=True, quiet=quiet)
        one_of(watch=True, counts=counts)
        one_of(watch=True, plot=plot is not None)
        looks = partial(
            dicesim.watch,
            file,
            against,
            column=column,
            one_die=one_die,
            alpha=alpha,
            limits=limits,
        )
        _watch(looks, as_json)
        return
    picture = plot_file(plot)
    result = dicesim.check_file(
        file, against, column=column, counts=counts, one_die=one_die, alpha=alpha, limits=limits
    )
    if not one_die and len(result.columns) > 1 and result.columns[0].name == "column 1":
        terminal.say(
            f"note: read as {len(result.columns)} dice, a column each; if all are rolls of one "
            "die, add --one-die"
        )
    if as_json:
        terminal.answer(result.to_json())
    elif quiet:
        rows = result.total.outcomes if result.total else []
        terminal.answer("".join(f"{row['outcome']} {row['count']}\n" for row in rows), nl=False)
    else:
        terminal.answer(
            dicesim.format_check(
                result,
                width=terminal.width(),
                ascii_only=terminal.ascii_only(),
                show_all=show_all,
            )
        )
    if picture is not None:
        save_picture(picture, result.plot())
    raise typer.Exit(1 if result.alarm else 0)


def _watch(watch: Callable[..., Generator[dicesim.Look, None, None]], as_json: bool) -> None:
    """Look until the alarm is raised, the input ends or Ctrl-C is pressed; then say what was seen.

    Raises
    ------
    RecordError
        There was nothing to see.
    """
    notes, last = terminal.Notes(), None
    with terminal.Interrupt() as interrupt:
        interrupt.hold()
        with closing(watch(stop=interrupt.is_set)) as looks:
            for look in looks:
                last = look
                notes.status(dicesim.format_look(look))
                if look.alarm:
                    break
        notes.end()
        if last is None and not interrupt.is_set():
            raise dicesim.RecordError("nothing was rolled; write a roll at least, one a line")
        if last is not None:
            shown = json.dumps(last.to_dict()) if as_json else dicesim.format_look(last)
            typer.echo(shown)
        code = 130 if interrupt.is_set() else 0
        raise typer.Exit(1 if last is not None and last.alarm else code)
