"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

import dicesim

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
All = Annotated[bool, typer.Option("--all", help="Show each outcome, however many there are.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print lines of outcome and count.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print the outcomes as CSV.")]
Workers = Annotated[
    str | None,
    typer.Option(metavar="W", help="Number of workers.  [default: one for each processor]"),
]
StartMethod = Annotated[
    dicesim.StartMethod | None, typer.Option(help="How worker processes are started.")
]
Trace = Annotated[bool, typer.Option("--trace", help="Tell on stderr where each batch was rolled.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with 1 if the check raises the alarm.")
]


def one_of(**forms: bool) -> None:
    """Refuse options that exclude each other.

    Raises
    ------
    ParameterError
        More than one is set.
    """
    if sum(forms.values()) > 1:
        options = " and ".join(f"--{name.removeprefix('as_')}" for name in forms if forms[name])
        raise dicesim.ParameterError(
            f"{options} exclude each other; choose one", parameter="format"
        )
