"""The command that sets two rules side by side."""

from __future__ import annotations

from typing import Annotated

import typer

import dicesim

from . import terminal
from .numbers import limits_from, whole_number
from .options import All, Csv, Json, Limit, Plot, Seed, one_of
from .results import plot_file


def compare(
    a: Annotated[
        str | None, typer.Argument(metavar="A", help="The first rule, such as 4d6kh3.")
    ] = None,
    b: Annotated[
        str | None, typer.Argument(metavar="B", help="The second rule, such as '3d6+2'.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE.py:NAME",
            help="A rule written in Python, in place of A or B; may be given twice.",
        ),
    ] = None,
    n: Annotated[
        str, typer.Option("--n", "-n", metavar="N", help="Trials of a rule that has no exact odds.")
    ] = "1000000",
    seed: Seed = None,
    as_json: Json = False,
    as_csv: Csv = False,
    show_all: All = False,
    plot: Plot = None,
    limit: Limit = None,
) -> None:
    """Set two rules side by side: which one wins, and how often."""
    one_of(as_json=as_json, as_csv=as_csv)
    picture = plot_file(plot)
    with terminal.Interrupt() as interrupt:
        notes = terminal.Notes(interrupt)
        try:
            with terminal.only_answers():
                first, second = _two(a, b, model or [])
                compared = dicesim.compare(
                    first,
                    second,
                    whole_number("--n", n),
                    rng=None if seed is None else whole_number("--seed", seed),
                    progress=notes.progress,
                    cancel=interrupt,
                    limits=limits_from(limit or []),
                )
        except dicesim.ExecutionError as error:
            if not interrupt.is_set():
                raise
            terminal.show_error(error)
            raise typer.Exit(130) from error
        finally:
            notes.end()
        for letter, side in (("A", compared.a), ("B", compared.b)):
            for note in side.notes:
                notes.line(f"note: {letter}: {note}")
        interrupt.hold()  # what is printed is printed to its end
        _print(compared, as_json, as_csv, show_all)
        if picture is not None:
            picture.save(compared.plot())
        raise typer.Exit(130 if interrupt.is_set() else 0)


def _two(a: str | None, b: str | None, models: list[str]) -> tuple[str | dicesim.Model, ...]:
    """Return both rules, those in notation first."""
    notations = [notation for notation in (a, b) if notation is not None]
    if len(notations) + len(models) != 2:
        number = len(notations) + len(models)
        raise dicesim.ParameterError(
            f"{number or 'no'} rule{'s' * (number != 1)} cannot be compared; write two, as "
            "notation or with --model FILE.py:NAME",
            parameter="rules",
        )
    return (*notations, *map(dicesim.Model.load, models))


def _print(compared: dicesim.RuleComparison, as_json: bool, as_csv: bool, show_all: bool) -> None:
    if as_json:
        typer.echo(compared.to_json())
    elif as_csv:
        typer.echo(compared.to_csv(), nl=False)
    else:
        typer.echo(
            dicesim.format_comparison(
                compared,
                width=terminal.width(),
                ascii_only=terminal.ascii_only(),
                show_all=show_all,
            )
        )
