"""The commands that measure: this machine, and what a check of rolls can find."""

from __future__ import annotations

from typing import Annotated

import typer

import dicesim

from . import terminal
from .numbers import limits_from, optional, share
from .options import Expression, Json, Limit, Seed, StartMethod, Workers
from .results import json_text


def bench(
    expression: Expression = "2d6",
    n: Annotated[
        str | None,
        typer.Option(
            "--n",
            "-n",
            metavar="N",
            help="Trials of each run.  [default: what one process rolls in a quarter of a second]",
        ),
    ] = None,
    seed: Seed = None,
    workers: Workers = None,
    start_method: StartMethod = None,
    as_json: Json = False,
    limit: Limit = None,
) -> None:
    """Time every executor and aggregation on this machine."""
    notes = terminal.Notes()
    with terminal.Interrupt() as interrupt:
        interrupt.hold()
        try:
            measured = dicesim.benchmark(
                expression,
                optional("--n", n),
                rng=optional("--seed", seed),
                workers=optional("--workers", workers),
                start_method=start_method,
                progress=lambda way: notes.status(f"measuring {way}"),
                cancel=interrupt,
                limits=limits_from(limit or []),
            )
        finally:
            notes.end()
        if as_json:
            typer.echo(json_text(measured.to_dict()))
        else:
            typer.echo(dicesim.format_benchmark(measured, width=terminal.width()))
        raise typer.Exit(130 if interrupt.is_set() else int(not measured.same_counts))


def power(
    expression: Expression,
    bias: Annotated[
        str | None,
        typer.Option(metavar="B", help="Bias of the likeliest outcome: 5%, 0.05 or -5%."),
    ] = None,
    n: Annotated[
        str | None, typer.Option("--n", "-n", metavar="N", help="Number of rolls.")
    ] = None,
    alpha: Annotated[
        float,
        typer.Option(metavar="A", help="p-value below which a check of rolls raises the alarm."),
    ] = 0.01,
    power: Annotated[
        str, typer.Option(metavar="P", help="Probability to find the bias: 80% or 0.8.")
    ] = "80%",
    as_json: Json = False,
    limit: Limit = None,
) -> None:
    """Tell how many rolls a bias takes to show, or the reverse."""
    analysis = dicesim.power(
        expression,
        bias=None if bias is None else share("--bias", bias),
        n=optional("--n", n),
        alpha=alpha,
        power=share("--power", power),
        limits=limits_from(limit or []),
    )
    if as_json:
        terminal.answer(json_text(analysis.to_dict()))
    else:
        terminal.answer(dicesim.format_power(analysis, width=terminal.width()))
