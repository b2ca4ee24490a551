"""The commands."""

from __future__ import annotations

import os
import re
import shlex
import sys
from contextlib import suppress
from typing import Annotated, Any

import typer

import dicesim

from . import terminal
from .checking import check
from .comparing import compare
from .measuring import bench, power
from .numbers import limits_from, optional, target, whole_number
from .options import (
    All,
    Csv,
    Expression,
    Json,
    Limit,
    Plot,
    Quiet,
    Scheduler,
    Seed,
    StartMethod,
    Strict,
    Trace,
    Workers,
    one_of,
)
from .results import Form, carry_through, json_text, plot_file, save_picture
from .serving import serve
from .stored import resume, runs

# From some version on typer carries its own copy of click; this is the usage error of either.
_UsageError: Any = typer.BadParameter.__base__

_MODEL = re.compile(r".+\.py(:\w+)?")
_DICE = re.compile(r"[dD][0-9%F{]")

app = typer.Typer(
    help="Roll dice by Monte Carlo, very many and very fast, and check them against exact odds.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    expression: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPRESSION",
            help="Dice, such as 2d6 or '4d6kh3+d8', in quotes.  [default: 2d6]",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:NAME",
            help="Roll a rule written in Python, in place of an expression: a function in a file.",
        ),
    ] = None,
    n: Annotated[
        str | None,
        typer.Option(
            "--n",
            "-n",
            metavar="N",
            help="Number of trials: 1000000, 1_000_000 or 1e6.  [default: 1e6; with --until-se or "
            "--until-ci at most 1e9]",
        ),
    ] = None,
    until_se: Annotated[
        str | None,
        typer.Option(metavar="E", help="Roll until the standard error is no larger than E."),
    ] = None,
    until_ci: Annotated[
        str | None,
        typer.Option(metavar="E", help="Roll until the 95 % interval is ± E or narrower."),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            metavar="COMPARISON",
            help="Print how probable it is, as in '>= 9'; what is rolled for is this probability.  "
            "[default: the mean]",
        ),
    ] = None,
    seed: Seed = None,
    method: Annotated[
        dicesim.Method, typer.Option(help="Roll every die, or draw counts from the exact odds.")
    ] = "roll",
    executor: Annotated[dicesim.ExecutorName, typer.Option(help="What runs the batches.")] = "auto",
    workers: Workers = None,
    start_method: StartMethod = None,
    scheduler: Scheduler = None,
    aggregation: Annotated[
        dicesim.Aggregation, typer.Option(help="How totals are counted.")
    ] = "bincount",
    batch_size: Annotated[
        str | None,
        typer.Option(metavar="B", help="Trials in a batch; like the seed, it decides the counts."),
    ] = None,
    bit_generator: Annotated[
        dicesim.BitGeneratorName, typer.Option(help="Where random numbers come from.")
    ] = "SFC64",
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
    show_all: All = False,
    trace: Trace = False,
    strict: Strict = False,
    alpha: Annotated[
        float, typer.Option(metavar="A", help="p-value below which the check raises the alarm.")
    ] = 1e-6,
    expect: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Check a model against this law: CSV or JSON of outcomes and probabilities, such "
            "as dicesim exact --csv prints.",
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Keep the run in this file, for dicesim resume to go on with."
        ),
    ] = None,
    plot: Plot = None,
    limit: Limit = None,
) -> None:
    """Roll an expression or a model many times and check the counts."""
    form = Form(as_json, as_csv, quiet, show_all)

    def roll_all(notes: terminal.Notes, interrupt: terminal.Interrupt) -> dicesim.Result:
        limits = limits_from(limit or [])
        return dicesim.run(
            _rule(expression, model),
            optional("--n", n),
            rng=optional("--seed", seed),
            method=method,
            executor=executor,
            workers=optional("--workers", workers),
            start_method=start_method,
            scheduler=scheduler,
            aggregation=aggregation,
            batch_size=optional("--batch-size", batch_size),
            bit_generator=bit_generator,
            until_se=target("--until-se", until_se, of),
            until_ci=target("--until-ci", until_ci, of),
            of=of,
            alpha=alpha,
            progress=notes.progress,
            trace=notes.trace if trace else None,
            cancel=interrupt,
            expect=None if expect is None else dicesim.read_pmf(expect, limits=limits),
            checkpoint=checkpoint,
            limits=limits,
        )

    carry_through(roll_all, form, strict=strict, checkpoint=checkpoint, plot=plot)


@app.command()
def exact(
    expression: Expression,
    of: Annotated[
        str | None,
        typer.Option(metavar="COMPARISON", help="Tell a probability too, such as that of '>= 9'."),
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
    show_all: All = False,
    plot: Plot = None,
    limit: Limit = None,
) -> None:
    """Print the exact odds of an expression."""
    one_of(as_json=as_json, as_csv=as_csv)
    one_of(of=of is not None, as_csv=as_csv)
    condition = None if of is None else dicesim.Condition.parse(of, "of")
    picture = plot_file(plot)
    tree = dicesim.parse(expression)
    pmf = _exact(tree, limits_from(limit or []))
    for caveat in dicesim.caveats(tree):
        terminal.say(f"note: {caveat}")
    if as_json:
        document = {"schema": "dicesim.exact/1", "expression": dicesim.unparse(tree)}
        asked = None if condition is None else pmf.probability_of(condition)
        terminal.answer(json_text({**document, "probability": asked, **pmf.to_dict()}))
    elif as_csv:
        terminal.answer(pmf.to_csv(), nl=False)
    else:
        terminal.answer(
            dicesim.format_exact(
                tree,
                pmf,
                of=condition,
                width=terminal.width(),
                ascii_only=terminal.ascii_only(),
                show_all=show_all,
            )
        )
    if picture is not None:
        ax = pmf.plot()
        ax.set_title(f"{dicesim.unparse(tree)}: {ax.get_title()}")
        save_picture(picture, ax)


@app.command()
def roll(
    expression: Expression,
    times: Annotated[str, typer.Option("--times", "-n", metavar="K", help="How many times.")] = "1",
    seed: Seed = None,
    as_json: Json = False,
    limit: Limit = None,
) -> None:
    """Roll an expression once or a few times, and show the dice."""
    number = dicesim.fresh_seed() if seed is None else whole_number("--seed", seed)
    rolls = dicesim.roll_dice(
        expression, whole_number("--times", times), rng=number, limits=limits_from(limit or [])
    )
    if seed is None:
        terminal.say(f"seed {number}")
    if as_json:
        terminal.answer(json_text({"seed": number, "rolls": [one.to_dict() for one in rolls]}))
    else:
        terminal.answer("\n".join(map(dicesim.format_roll, rolls)))


app.command()(bench)
app.command()(power)
app.command()(check)
app.command()(compare)
app.command()(resume)
app.command()(runs)
app.command()(serve)


def _rule(expression: str | None, model: str | None) -> str | dicesim.Model:
    """Return what is to be rolled: an expression, or a model in place of one."""
    if model is None:
        if expression is not None and _MODEL.fullmatch(expression):
            raise dicesim.ParameterError(
                f"expression: {expression!r} is a rule in Python; write --model {expression}",
                parameter="expression",
            )
        return "2d6" if expression is None else expression
    if expression is not None:
        raise dicesim.ParameterError(
            f"model: it is rolled in place of an expression; leave out {expression!r}",
            parameter="model",
        )
    return dicesim.Model.load(model)


def _exact(tree: dicesim.Expression, limits: dicesim.Limits) -> dicesim.PMF:
    try:
        return dicesim.exact(tree, limits=limits)
    except dicesim.ExactUnavailable as error:
        raise dicesim.ExactUnavailable(f"{error}; dicesim run rolls it all the same") from error


def invoke(arguments: list[str]) -> int:
    """Run a command line, and return what to exit with.

    Everything that went wrong ends in one line on stderr.
    """
    try:
        code = app(arguments or ["--help"], prog_name="dicesim", standalone_mode=False)
        sys.stdout.flush()
        return code or 0
    except dicesim.DicesimError as error:
        terminal.show_error(error)
        return error.exit_code
    except _UsageError as error:
        terminal.say(f"dicesim: {error.format_message().rstrip('.')}{_usage_hint(error)}")
        return 2
    except (MemoryError, ImportError) as error:
        # Modules are loaded when they are needed, and where memory is short the system refuses.
        shown = " ".join(str(error).split()) or "no more can be had"
        terminal.say(f"dicesim: memory ran out ({shown}); give it more, or ask for less")
        return 3
    except OSError as error:
        # What is left in the buffer can go nowhere; let nothing complain while Python ends.
        with suppress(OSError):  # not even another file can be opened
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # the reader has seen enough
            return 0
        terminal.say(f"dicesim: the answer could not be written: {error.strerror}")
        return 3


def _usage_hint(error: Any) -> str:
    option = getattr(error, "option_name", "") or ""
    if option.lstrip("-")[:1].isdigit() or option[:2] in ("-d", "-("):
        return "; write -- and then an expression that begins with a minus, after all options"
    message = error.format_message()
    if message.startswith("No such command"):
        return _command_hint(message.split("'")[1])
    if "'--against'" in message:
        return "; write the law of each column, such as --against 1d6"
    if message.startswith("Got unexpected extra argument"):
        if error.ctx and error.ctx.command.name == "compare":
            return (
                "; compare takes two rules, with spaces in quotes: dicesim compare 2d6 '1d10 + 1'"
            )
        return "; put an expression with spaces in quotes: dicesim run '2d6 + 1'"
    return ""


def _command_hint(word: str) -> str:
    """Say what to write in place of a command that is none."""
    every = "dicesim --help tells of every command"
    if not _DICE.search(word):
        return f"; {every}"
    rule = shlex.quote(word)
    return f"; write dicesim run {rule} to roll it, dicesim exact {rule} for its odds; {every}"
