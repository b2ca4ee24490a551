"""Everything that dicesim raises on purpose.

::

    DicesimError
    ├── NotationError      (ValueError)    the text of an expression cannot be read
    ├── ParameterError     (ValueError)    an argument or option cannot be used
    ├── RecordError        (ValueError)    recorded rolls cannot be read, or are not of this law
    ├── StoreError         (ValueError)    a file of stored runs cannot be used
    ├── LimitError         (ValueError)    work refused before the first roll
    ├── ExactUnavailable   (ValueError)    no exact distribution within the limits
    └── ExecutionError     (RuntimeError)  the run could not finish

Each message is one line that says what was wrong, where, and what to write instead. ``exit_code``
is what the command line exits with.
"""

from __future__ import annotations

from typing import Any, ClassVar


class DicesimError(Exception):
    """The root of all errors raised by dicesim."""

    exit_code: ClassVar[int] = 2


class NotationError(DicesimError, ValueError):
    """The text of an expression cannot be read.

    Parameters
    ----------
    message : str
        The whole message, in one line.
    text : str
        The notation as it was given.
    position : int
        Offset of the first character in question, from 0; ``len(text)`` is the end.
    length : int
        Number of characters in question, at least 1.
    found, expected, hint : str
        What stands there, what could stand there, and what to write instead; empty where
        there is nothing to say.

    Examples
    --------
    >>> import dicesim
    >>> try:
    ...     dicesim.parse("2d6 + foo")
    ... except NotationError as error:
    ...     print(error.position, error.found)
    6 'foo'
    """

    def __init__(
        self,
        message: str,
        *,
        text: str = "",
        position: int = 0,
        length: int = 1,
        found: str = "",
        expected: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.text = text
        self.position = position
        self.length = length
        self.found = found
        self.expected = expected
        self.hint = hint


class ParameterError(DicesimError, ValueError):
    """An argument or option cannot be used.

    Parameters
    ----------
    message : str
        The whole message, in one line.
    parameter : str
        Name of the argument, as in the signature of the function.

    Examples
    --------
    >>> import dicesim
    >>> try:
    ...     dicesim.run("2d6", n=-1)
    ... except ParameterError as error:
    ...     print(error.parameter)
    n
    """

    def __init__(self, message: str, *, parameter: str = "") -> None:
        super().__init__(message)
        self.parameter = parameter


class RecordError(DicesimError, ValueError):
    """Recorded rolls cannot be read, or cannot come from the law they are held against.

    Parameters
    ----------
    message : str
        The whole message, in one line.
    line : int or None
        Line of the text, or number of the roll, from 1.

    Examples
    --------
    >>> import dicesim
    >>> try:
    ...     dicesim.check([1, 2, 7], "1d6")
    ... except RecordError as error:
    ...     print(error.line)
    3
    """

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class StoreError(DicesimError, ValueError):
    """A file of stored runs cannot be used: it is foreign, damaged, or in another's hand."""


class LimitError(DicesimError, ValueError):
    """Work is refused before the first roll, because it lies beyond a limit.

    Parameters
    ----------
    message : str
        The whole message, in one line.
    limit : str
        Name of the field of `Limits` that refuses.

    Examples
    --------
    >>> import dicesim
    >>> try:
    ...     dicesim.run("999999999d6")
    ... except LimitError as error:
    ...     print(error.limit)
    price
    """

    def __init__(self, message: str, *, limit: str = "") -> None:
        super().__init__(message)
        self.limit = limit


class ExactUnavailable(DicesimError, ValueError):  # noqa: N818  (it names a state, not a fault)
    """There is no exact distribution of this expression within the limits."""


class ExecutionError(DicesimError, RuntimeError):
    """The run could not finish.

    Parameters
    ----------
    message : str
        The whole message, in one line.
    partial : Result or None
        What was finished, with ``complete`` false.

    Examples
    --------
    >>> import dicesim
    >>> try:
    ...     dicesim.run(lambda dice: dice.roll("d6") / 2, n=10)
    ... except ExecutionError as error:
    ...     print(error.exit_code, error.partial.n)
    3 0
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, partial: Any = None) -> None:
        super().__init__(message)
        self.partial = partial
