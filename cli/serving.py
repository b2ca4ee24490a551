"""The command that serves the page and the API."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import dicesim

from . import terminal
from .numbers import whole_number
from .options import Workers

if TYPE_CHECKING:
    from dicesim.service.settings import Settings

_EXTRA = ("fastapi", "uvicorn", "starlette", "pydantic", "prometheus_client")


def serve(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere.")
    ] = "127.0.0.1",
    port: Annotated[str, typer.Option(metavar="P", help="0 takes any that is free.")] = "8000",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where simulations are kept.  [default: $XDG_STATE_HOME/dicesim, or "
            "~/.local/state/dicesim]",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File with a token that callers of the API have to send.  [default: the "
            "environment variable DICESIM_TOKEN, if it is set]",
        ),
    ] = None,
    workers: Workers = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve a page for players, and an API, on this machine."""
    try:
        from dicesim.service import server, settings
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise dicesim.ParameterError(
            f"serve: {error.name} is not installed; pip install 'dicesim[service]'",
            parameter="service",
        ) from error
    told = settings.Settings(
        host=host,
        port=_port(port),
        data=settings.default_data() if data is None else data.absolute(),
        token=_token(token_file),
        workers=settings.processors() if workers is None else _workers(workers),
    )
    raise typer.Exit(server.serve(told, lambda address: _announce(address, told, open_page)))


def _announce(address: str, settings: Settings, open_page: bool) -> None:
    typer.echo(
        f"dicesim serve: {address} ({settings.workers} workers, data in {settings.data}); "
        "Ctrl-C ends it"
    )
    if not settings.local and settings.token is None:
        terminal.say("note: others can reach it, and need no token; see --token-file")
    if open_page:
        typer.launch(address)


def _port(text: str) -> int:
    number = 0 if text == "0" else whole_number("--port", text)
    if number >= 2**16:
        raise dicesim.ParameterError(
            f"--port: {number} is no port; write a number below 65536", parameter="--port"
        )
    return number


def _workers(text: str) -> int:
    number = whole_number("--workers", text)
    if number < 1:
        raise dicesim.ParameterError(
            f"--workers: {number} is too few; write 1 or more", parameter="--workers"
        )
    dicesim.Limits().check("workers", number, "{} workers")
    return number


def _token(file: Path | None) -> str | None:
    """Read the token; an empty one would let everybody in.

    Raises
    ------
    ParameterError
        There is none in the file, or none that a header could hold.
    """
    try:
        token = os.environ.get("DICESIM_TOKEN") if file is None else file.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise dicesim.ParameterError(
            f"--token-file: {file}: {reason}; name a file with a token", parameter="--token-file"
        ) from error
    if token is None:
        return None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise dicesim.ParameterError(
            "--token-file: that is no token; write letters and digits, and no space",
            parameter="--token-file",
        )
    return token
