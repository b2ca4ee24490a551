"""The command that sets two rules side by side."""

from __future__ import annotations

from typing import Annotated

import typer

import dicesim

from . import terminal
from .numbers import limits_from, whole_number
from .options import All, Csv, Json, Limit, Seed, one_of


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="The first rule, such as 4d6kh3.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The second rule, such as '3d6+2'.")],
    n: Annotated[
        str, typer.Option("--n", metavar="N", help="Trials of a rule that has no exact odds.")
    ] = "1000000",
    seed: Seed = None,
    as_json: Json = False,
    as_csv: Csv = False,
    show_all: All = False,
    limit: Limit = None,
) -> None:
    """Set two rules side by side: which is higher, and how often it wins."""
    one_of(as_json=as_json, as_csv=as_csv)
    with terminal.Interrupt() as interrupt:
        notes = terminal.Notes(interrupt)
        try:
            compared = dicesim.compare(
                a,
                b,
                whole_number("--n", n),
                rng=None if seed is None else whole_number("--seed", seed),
                progress=notes.progress,
                cancel=interrupt,
                limits=limits_from(limit or []),
            )
        finally:
            notes.end()
        for letter, side in (("A", compared.a), ("B", compared.b)):
            for note in side.notes:
                notes.line(f"note: {letter}: {note}")
        _print(compared, as_json, as_csv, show_all)
        raise typer.Exit(130 if interrupt.is_set() else 0)


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
