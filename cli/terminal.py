"""What goes where: the answer to stdout, everything else to stderr."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from types import FrameType, TracebackType
from typing import Final

import typer

import dicesim

_QUIET_SECONDS: Final = 0.5
_REDRAW_SECONDS: Final = 0.1
_WIDEST: Final = 120
# What the command line calls otherwise; an expression is no option.
_OPTIONS: Final = {"rng": "seed", "limits": "limit", "expression": ""}


def width() -> int:
    """Columns to fill: those of the terminal, or 80 where there is none."""
    if not sys.stdout.isatty():
        return 80
    return min(_columns(), _WIDEST)


def ascii_only() -> bool:
    """Whether stdout takes no characters beyond ASCII, or the user's locale wants none."""
    if os.environ.get("LC_ALL") in ("C", "POSIX"):
        return True
    try:
        "█▏┃╋±".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return True
    return False


def answer(text: str, *, nl: bool = True) -> None:
    """Print an answer to its end; after it, Ctrl-C meanwhile ends the program.

    Raises
    ------
    typer.Exit
        Ctrl-C was pressed.
    """
    with Interrupt() as interrupt:
        interrupt.hold()
        typer.echo(text, nl=nl)
        if interrupt.is_set():
            raise typer.Exit(130)


@contextmanager
def only_answers() -> Iterator[None]:
    """Send what a model prints to stderr, from here and from workers."""
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of them is closed
        with redirect_stdout(sys.stderr):
            yield
        return
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def say(text: str) -> None:
    """Print lines on stderr; if nobody can hear them, that is no reason to lose the answer."""
    with suppress(OSError):
        # What was typed may hold what a terminal would obey.
        typer.echo("".join(c if c.isprintable() or c == "\n" else "?" for c in text), err=True)


def _as_options(error: dicesim.DicesimError) -> str:
    """Call an argument what the command line calls it."""
    text = str(error)
    if isinstance(error, dicesim.ParameterError) and text.startswith(f"{error.parameter}: "):
        option = _OPTIONS.get(error.parameter, error.parameter.replace("_", "-"))
        if not option:
            return text
        return f"--{option.lstrip('-')}{text[len(error.parameter) :]}"
    return text


def _columns() -> int:
    return shutil.get_terminal_size((80, 24)).columns


def show_error(error: dicesim.DicesimError) -> None:
    """Print an error as one line; one in the notation also with its place underlined."""
    text = f"dicesim: {_as_options(error)}"
    say(textwrap.fill(text, _columns(), subsequent_indent="  ") if sys.stderr.isatty() else text)
    if isinstance(error, dicesim.NotationError) and error.text.strip():
        window = slice(max(0, error.position - 40), error.position + 30)
        shown = "".join(c if c.isprintable() else " " for c in error.text[window])
        marks = min(error.length, max(1, len(shown) - (error.position - window.start)))
        say(f"  {shown}\n  {' ' * (error.position - window.start)}{'^' * marks}")


class Notes:
    """Lines on stderr: a progress line that is drawn again and again, and traces between.

    Whoever writes takes the lock, so that a line is always whole.
    """

    def __init__(self, interrupt: Interrupt | None = None) -> None:
        self._interrupt = interrupt
        self._lock = threading.Lock()
        self._stream = sys.stderr
        self._drawn = 0
        self._last = 0.0

    def progress(self, progress: dicesim.Progress) -> None:
        """Draw how far the run is, on a terminal, once it has taken half a second."""
        if self._interrupt is not None:
            self._interrupt.hold()  # there is something to stop now
        elapsed = progress.elapsed_seconds
        if elapsed < _QUIET_SECONDS or elapsed < self._last + _REDRAW_SECONDS:
            return
        if not self._stream.isatty():
            return
        self._last = elapsed
        rate = progress.done / elapsed
        text = f"{progress.done / progress.requested:4.0%}  {progress.done:,} trials"
        if rate:
            left = (progress.requested - progress.done) / rate
            text += f"  {dicesim.format_rate(rate)}  {_duration(left)} left"
        self._draw(text)

    def status(self, text: str) -> None:
        """Draw a line that the next one takes away, on a terminal."""
        if self._stream.isatty():
            self._draw(text)

    def trace(self, record: dicesim.BatchRecord) -> None:
        """Print where a batch was rolled."""
        thread = f" thread {record.thread}" if record.thread != record.process else ""
        self.line(
            f"batch {record.index}: {record.size:,} trials, module {record.module}, "
            f"parent {record.parent}, process {record.process}{thread}"
        )

    def line(self, text: str) -> None:
        """Print a whole line."""
        with self._lock, suppress(OSError):
            self._clear()
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def end(self) -> None:
        """Take the progress line away."""
        with self._lock, suppress(OSError):
            self._clear()
            self._stream.flush()

    def _draw(self, text: str) -> None:
        with self._lock, suppress(OSError):
            self._clear()
            self._drawn = min(len(text), _columns() - 1)  # a line that wraps could not be cleared
            self._stream.write(text[: self._drawn])
            self._stream.flush()

    def _clear(self) -> None:
        if self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._drawn = 0


class Interrupt:
    """Ctrl-C as a request, from the moment on that there is something to stop.

    Before `hold` it ends the program. After it, the first Ctrl-C asks a run to stop, and the second
    one ends the program. A context manager, and what `dicesim.run` asks whether to cancel.
    """

    def __init__(self) -> None:
        self._count = 0
        self._held = False
        self._breakable = False

    def is_set(self) -> bool:
        """Whether Ctrl-C was pressed."""
        return self._count > 0

    def hold(self) -> None:
        """Begin to take Ctrl-C as a request."""
        self._held = True

    @contextmanager
    def breaking(self) -> Iterator[None]:
        """Have the first Ctrl-C break off what is done meanwhile."""
        self._breakable = True
        try:
            yield
        finally:
            self._breakable = False

    def __enter__(self) -> Interrupt:
        self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.is_set() and isinstance(error, BrokenPipeError):
            os._exit(130)  # Ctrl-C has ended the reader of our pipe, too
        signal.signal(signal.SIGINT, self._previous)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count > 1 or not self._held:
            os._exit(130)
        if self._breakable:
            raise KeyboardInterrupt


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02} min"
