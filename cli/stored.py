"""The commands for runs that are kept in a file."""

from __future__ import annotations

from typing import Annotated

import typer

import dicesim

from . import terminal
from .numbers import limits_from, optional
from .options import (
    All,
    Csv,
    Json,
    Limit,
    Plot,
    Quiet,
    Scheduler,
    StartMethod,
    Strict,
    Trace,
    Workers,
)
from .results import Form, carry_through, json_text

File = Annotated[str, typer.Argument(metavar="FILE", help="As given to dicesim run --checkpoint.")]


def resume(
    file: File,
    executor: Annotated[
        dicesim.ExecutorName | None,
        typer.Option(help="What runs the batches.  [default: as it was begun]"),
    ] = None,
    workers: Workers = None,
    start_method: StartMethod = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
    show_all: All = False,
    trace: Trace = False,
    strict: Strict = False,
    plot: Plot = None,
    limit: Limit = None,
) -> None:
    """Go on with a run that was begun with --checkpoint."""

    def go_on(notes: terminal.Notes, interrupt: terminal.Interrupt) -> dicesim.Result:
        return dicesim.resume(
            file,
            executor=executor,
            workers=optional("--workers", workers),
            start_method=start_method,
            scheduler=scheduler,
            progress=notes.progress,
            trace=notes.trace if trace else None,
            cancel=interrupt,
            limits=limits_from(limit or []),
        )

    form = Form(as_json, as_csv, quiet, show_all)
    carry_through(go_on, form, strict=strict, checkpoint=file, plot=plot)


def runs(file: File, as_json: Json = False) -> None:
    """List the runs that a file holds."""
    stored = dicesim.stored_runs(file)
    if as_json:
        terminal.answer(
            json_text({"schema": "dicesim.runs/1", "runs": [run.to_dict() for run in stored]})
        )
    else:
        terminal.answer(dicesim.format_runs(stored, width=terminal.width()))
