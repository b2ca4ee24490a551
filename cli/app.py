"""The commands."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Any

import typer

import dicesim

from . import terminal
from .numbers import limits_from, whole_number

# From some version on typer carries its own copy of click; this is the usage error of either.
_UsageError: Any = typer.BadParameter.__base__

app = typer.Typer(
    help="Roll dice by Monte Carlo, very many and very fast, and check them against exact odds.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Expression = Annotated[
    str, typer.Argument(metavar="EXPRESSION", help="Dice, such as 2d6 or 3d6+1d8-2.")
]
Seed = Annotated[str | None, typer.Option(metavar="S", help="Replay: a seed printed before.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print the outcomes as CSV.")]
All = Annotated[bool, typer.Option("--all", help="Show each outcome, however many there are.")]
Limit = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=N", help="Raise a limit, such as work=1e15; may be repeated."),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dicesim {dicesim.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


@app.command()
def run(
    expression: Expression = "2d6",
    n: Annotated[
        str, typer.Option("--n", metavar="N", help="Number of trials: 1000000, 1_000_000 or 1e6.")
    ] = "1000000",
    seed: Seed = None,
    method: Annotated[
        dicesim.Method, typer.Option(help="Roll every die, or draw counts from the exact odds.")
    ] = "roll",
    executor: Annotated[dicesim.ExecutorName, typer.Option(help="What runs the batches.")] = "auto",
    workers: Annotated[
        str | None,
        typer.Option(metavar="W", help="Number of workers; one a processor if left out."),
    ] = None,
    start_method: Annotated[
        dicesim.StartMethod | None, typer.Option(help="How worker processes are started.")
    ] = None,
    aggregation: Annotated[
        dicesim.Aggregation, typer.Option(help="How totals are counted.")
    ] = "bincount",
    batch_size: Annotated[str | None, typer.Option(metavar="B", help="Trials in a batch.")] = None,
    bit_generator: Annotated[
        dicesim.BitGeneratorName, typer.Option(help="Where random numbers come from.")
    ] = "SFC64",
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print lines of outcome and count.")
    ] = False,
    show_all: All = False,
    trace: Annotated[
        bool, typer.Option("--trace", help="Tell on stderr where each batch was rolled.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if the check raises the alarm.")
    ] = False,
    alpha: Annotated[
        float, typer.Option(metavar="A", help="p-value below which the check raises the alarm.")
    ] = 1e-6,
    limit: Limit = None,
) -> None:
    """Roll an expression many times and check the counts."""
    _one_of(as_json=as_json, as_csv=as_csv, quiet=quiet)
    notes = terminal.Notes()
    with terminal.Interrupt() as interrupt:
        code, failure = 0, None
        try:
            result = dicesim.run(
                expression,
                whole_number("--n", n),
                rng=_optional("--seed", seed),
                method=method,
                executor=executor,
                workers=_optional("--workers", workers),
                start_method=start_method,
                aggregation=aggregation,
                batch_size=_optional("--batch-size", batch_size),
                bit_generator=bit_generator,
                alpha=alpha,
                progress=notes.progress,
                trace=notes.trace if trace else None,
                cancel=interrupt,
                limits=limits_from(limit or []),
            )
        except dicesim.ExecutionError as error:
            if error.partial is None:
                raise
            result, failure, code = error.partial, error, error.exit_code
        finally:
            notes.end()
        for note in result.notes:
            notes.line(f"note: {note}")
        _print_result(result, as_json, as_csv, quiet, show_all)
        if failure is not None:
            terminal.show_error(failure)
        elif strict and result.check and result.check.alarm:
            code = 1
        raise typer.Exit(130 if interrupt.is_set() else code)


@app.command()
def exact(
    expression: Expression,
    as_json: Json = False,
    as_csv: Csv = False,
    show_all: All = False,
    limit: Limit = None,
) -> None:
    """Print the exact odds of an expression."""
    _one_of(as_json=as_json, as_csv=as_csv)
    tree = dicesim.parse(expression)
    pmf = dicesim.exact(tree, limits=limits_from(limit or []))
    if as_json:
        _print_json({"expression": dicesim.unparse(tree), **pmf.to_dict()})
    elif as_csv:
        typer.echo(pmf.to_csv(), nl=False)
    else:
        typer.echo(
            dicesim.format_exact(
                tree,
                pmf,
                width=terminal.width(),
                ascii_only=terminal.ascii_only(),
                show_all=show_all,
            )
        )


@app.command()
def roll(
    expression: Expression,
    times: Annotated[str, typer.Option(metavar="K", help="How many times.")] = "1",
    seed: Seed = None,
    as_json: Json = False,
    limit: Limit = None,
) -> None:
    """Roll an expression once or a few times, and show the dice."""
    rolls = dicesim.roll_dice(
        expression,
        whole_number("--times", times),
        rng=_optional("--seed", seed),
        limits=limits_from(limit or []),
    )
    if as_json:
        _print_json([one.to_dict() for one in rolls])
    else:
        typer.echo("\n".join(map(dicesim.format_roll, rolls)))


def _optional(option: str, text: str | None) -> int | None:
    return None if text is None else whole_number(option, text)


def _one_of(**forms: bool) -> None:
    if sum(forms.values()) > 1:
        options = " and ".join(f"--{name.removeprefix('as_')}" for name in forms if forms[name])
        raise dicesim.ParameterError(
            f"{options} exclude each other; choose one", parameter="format"
        )


def _print_result(
    result: dicesim.Result, as_json: bool, as_csv: bool, quiet: bool, show_all: bool
) -> None:
    if as_json:
        _print_json(result.to_dict())
    elif as_csv:
        typer.echo(result.to_csv(), nl=False)
    elif quiet:
        typer.echo("".join(f"{x} {count}\n" for x, count in result.counts.items()), nl=False)
    else:
        typer.echo(
            dicesim.format_run(
                result,
                width=terminal.width(),
                ascii_only=terminal.ascii_only(),
                show_all=show_all,
            )
        )


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def invoke(arguments: list[str]) -> int:
    """Run a command line, and return what to exit with.

    Everything that the user got wrong ends in one line on stderr.
    """
    try:
        code = app(arguments or ["--help"], prog_name="dicesim", standalone_mode=False)
        sys.stdout.flush()
        return code or 0
    except dicesim.DicesimError as error:
        terminal.show_error(error)
        return error.exit_code
    except _UsageError as error:
        return _refuse_usage(error)
    except BrokenPipeError:
        # The reader has seen enough; let nothing complain while the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _refuse_usage(error: Any) -> int:
    message = error.format_message()
    hint = ""
    option = getattr(error, "option_name", "") or ""
    if option.lstrip("-")[:1].isdigit() or option[:2] in ("-d", "-("):
        hint = "; write -- before an expression that begins with a minus"
    typer.echo(f"dicesim: {message.rstrip('.')}{hint}", err=True)
    return 2
