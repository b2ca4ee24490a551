"""What a run may cost, checked before the first roll."""

from __future__ import annotations

from dataclasses import dataclass, fields

from dicesim.errors import LimitError, ParameterError


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings that refuse runaway work, each raised by naming it.

    Parameters
    ----------
    price : int
        Dice rolled in one trial, on average.
    work : int
        Dice rolled in one run: price × trials.
    outcomes : int
        Different totals that an expression, or a part of one, may have.
    table_bytes : int
        Memory of the exact weights of a distribution, in bytes.
    workers : int
        Worker processes or threads.
    batch_size : int
        Trials in one batch, and totals in one array.
    batches : int
        Batches in one run, where their size is named.
    rolls : int
        Dice that are kept with their faces.
    worker_wait : int
        Seconds that a cluster may be without any worker.

    Raises
    ------
    ParameterError
        A limit is not a positive whole number.

    Examples
    --------
    >>> Limits(workers=4).workers
    4
    >>> Limits().check("price", 3, "a trial rolls {} dice")
    """

    price: int = 100_000
    work: int = 10**13
    outcomes: int = 2**20
    table_bytes: int = 2**28
    workers: int = 256
    batch_size: int = 2**26
    batches: int = 2**20
    rolls: int = 100_000
    worker_wait: int = 30

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ParameterError(
                    f"limits: {field.name} is {value!r}; write a whole number of at least 1",
                    parameter="limits",
                )

    def raised_to(self, other: Limits) -> Limits:
        """Return the higher of each two limits.

        Parameters
        ----------
        other : Limits
            Ceilings that may be higher.

        Returns
        -------
        Limits

        Examples
        --------
        >>> Limits(workers=4).raised_to(Limits(workers=2, work=10**15)).work
        1000000000000000
        """
        names = [field.name for field in fields(self)]
        return Limits(**{name: max(getattr(self, name), getattr(other, name)) for name in names})

    def check(self, name: str, value: int, sentence: str, instead: str = "") -> None:
        """Refuse a `value` beyond the limit called `name`.

        Parameters
        ----------
        name : str
            Name of a field of `Limits`.
        value : int
            What the work would need.
        sentence : str
            What would happen, with ``{}`` where the value belongs.
        instead : str, optional
            What else the user could do, as the start of a sentence that goes on "raise it …".

        Raises
        ------
        LimitError
            The value is beyond the limit.

        Examples
        --------
        >>> Limits().check("workers", 2, "{} workers would be started")
        """
        limit = getattr(self, name)
        if value <= limit:
            return
        raise LimitError(
            f"{sentence.format(f'{value:,}')}, beyond the limit of {limit:,}; {instead}"
            f"raise it with --limit {name}=N or Limits({name}=N)",
            limit=name,
        )
