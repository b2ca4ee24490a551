"""How a run is carried through and its result printed, whatever command began it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import typer

import dicesim

from . import terminal
from .options import one_of

if TYPE_CHECKING:  # an extra
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Form:
    """In what form a result is printed."""

    as_json: bool = False
    as_csv: bool = False
    quiet: bool = False
    show_all: bool = False

    def __post_init__(self) -> None:
        one_of(as_json=self.as_json, as_csv=self.as_csv, quiet=self.quiet)

    def show(self, result: dicesim.Result) -> None:
        """Print a result."""
        if self.as_json:
            typer.echo(json_text(result.to_dict()))
        elif self.as_csv:
            typer.echo(result.to_csv(), nl=False)
        elif self.quiet:
            typer.echo("".join(f"{x} {count}\n" for x, count in result.counts.items()), nl=False)
        else:
            typer.echo(
                dicesim.format_run(
                    result,
                    width=terminal.width(),
                    ascii_only=terminal.ascii_only(),
                    show_all=self.show_all,
                )
            )


def carry_through(
    roll: Callable[[terminal.Notes, terminal.Interrupt], dicesim.Result],
    form: Form,
    *,
    strict: bool = False,
    checkpoint: str | None = None,
    plot: str | None = None,
) -> NoReturn:
    """Roll, print what came of it, and exit with the code that says how it went."""
    file = plot_file(plot)
    with terminal.Interrupt() as interrupt:
        notes = terminal.Notes(interrupt)
        result, failure = _result_of(lambda: roll(notes, interrupt), notes)
        if result.n or failure is None:  # an error tells all there is to tell of nothing
            form.show(result)
        if file is not None:
            file.save(result.plot())
        if checkpoint is not None and not result.complete:
            terminal.say(f"note: to go on with it: dicesim resume {shlex.quote(checkpoint)}")
        code = int(_imprecise(result, form, notes) and strict)
        if failure is not None:
            terminal.show_error(failure)
            code = failure.exit_code
        elif strict and not code:
            code = _strict_code(result, notes)
        raise typer.Exit(130 if interrupt.is_set() else code)


def plot_file(path: str | None) -> dicesim.PlotFile | None:
    """Return where a picture goes, if one is wanted; it is refused here if it cannot be written."""
    return None if path is None else dicesim.PlotFile(path)


def save_picture(file: dicesim.PlotFile, ax: Axes) -> None:
    """Write a picture to its end; after it, Ctrl-C meanwhile ends the program.

    Raises
    ------
    typer.Exit
        Ctrl-C was pressed.
    """
    with terminal.Interrupt() as interrupt:
        interrupt.hold()
        file.save(ax)
        if interrupt.is_set():
            raise typer.Exit(130)


def json_text(value: object) -> str:
    """Write a value as JSON."""
    return json.dumps(value, indent=2, allow_nan=False)


def _result_of(
    roll_all: Callable[[], dicesim.Result], notes: terminal.Notes
) -> tuple[dicesim.Result, dicesim.ExecutionError | None]:
    """Return the result, or what was finished of it and why no more."""
    failure = None
    try:
        with terminal.only_answers():
            result = roll_all()
    except dicesim.ExecutionError as error:
        if error.partial is None:
            raise
        result, failure = error.partial, error
    finally:
        notes.end()
    for note in result.notes:
        notes.line(f"note: {note}")
    return result, failure


def _imprecise(result: dicesim.Result, form: Form, notes: terminal.Notes) -> bool:
    """Tell whether a precision was not reached, and say so where the form does not."""
    imprecise = result.complete and result.plan.until is not None and not result.precision_reached
    if imprecise and (form.as_csv or form.quiet):
        notes.line(f"note: {result.n:,} trials, the most allowed, did not reach the precision")
    return imprecise


def _strict_code(result: dicesim.Result, notes: terminal.Notes) -> int:
    if result.check is None:
        notes.line(f"note: --strict had nothing to hold: {result.check_unavailable}")
        return 0
    return 1 if result.check.alarm else 0
