"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

import dicesim

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
All = Annotated[bool, typer.Option("--all", help="Show each outcome, however many there are.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print the outcomes as CSV.")]
Expression = Annotated[
    str, typer.Argument(metavar="EXPRESSION", help="Dice, such as 2d6 or '4d6kh3+d8', in quotes.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print lines of outcome and count.")]
Workers = Annotated[
    str | None,
    typer.Option(metavar="W", help="Number of workers.  [default: one for each processor]"),
]
StartMethod = Annotated[
    dicesim.StartMethod | None, typer.Option(help="How worker processes are started.")
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Scheduler of the executor dask.  [default: one is started here, with its workers]",
    ),
]
Trace = Annotated[bool, typer.Option("--trace", help="Tell on stderr where each batch was rolled.")]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Exit with 1 if the check raises the alarm, or a precision is not reached.",
    ),
]
Seed = Annotated[str | None, typer.Option(metavar="S", help="Replay: the seed of an earlier call.")]
Plot = Annotated[
    str | None,
    typer.Option("--plot", metavar="FILE", help="Draw a picture into a .png, .svg or .pdf file."),
]
Limit = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=N",
        help="Raise a limit: price (dice a trial), work (dice in all), outcomes, table_bytes, "
        "workers, batch_size, batches, rolls (dice shown) or worker_wait (seconds without any); "
        "may be repeated.",
    ),
]


def _flag(parameter: str) -> str:
    return f"--{parameter.removeprefix('as_').replace('_', '-')}"


def one_of(**forms: bool) -> None:
    """Refuse options that exclude each other.

    Raises
    ------
    ParameterError
        More than one is set.
    """
    if sum(forms.values()) > 1:
        options = " and ".join(_flag(name) for name in forms if forms[name])
        raise dicesim.ParameterError(
            f"{options} exclude each other; choose one", parameter="format"
        )
