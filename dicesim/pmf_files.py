"""Laws that a user writes down: outcomes and their probabilities, read from CSV or JSON."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from dicesim.errors import ParameterError
from dicesim.faces import INT64_MAX
from dicesim.limits import Limits
from dicesim.pmf import MAX_DIGITS, PMF

# Probabilities that were rounded need not add up to 1 exactly.
_TOLERANCE: Final = Fraction(1, 10**9)
_LONGEST: Final = 2 * MAX_DIGITS + 1
_OUTCOME: Final = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_WEIGHT: Final = re.compile(r"[0-9]+", re.ASCII)
_PROBABILITY: Final = re.compile(
    r"[0-9]+(/0*[1-9][0-9]*)?|([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII
)
_HEADS: Final = ("outcome", "probability")

# Where it stands, the outcome, and its probability.
Row = tuple[str, str, str]


def read_pmf(path: str | os.PathLike[str], *, limits: Limits | None = None) -> PMF:
    """Read a law from a file, as `run` expects of a model with ``expect``.

    The file is CSV with lines of outcome and probability, or JSON with an object of them, or what
    ``dicesim exact`` prints with ``--csv`` or ``--json``. A probability is written ``1/36`` or
    ``0.125``; if all are whole numbers, they are weights.

    Parameters
    ----------
    path : str or path-like
    limits : Limits, optional

    Returns
    -------
    PMF

    Raises
    ------
    ParameterError
        The file cannot be read; the message has the line.
    LimitError
        It has too many outcomes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     print("0,1/2", "1,1/3", "2,1/6", sep=chr(10), file=file, flush=True)
    ...     read_pmf(file.name)
    PMF({0: 3, 1: 2, 2: 1})
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise _refusal(file, f"cannot be read: {reason}") from error
    try:
        rows = list(_json_rows(file, text) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text))
    except csv.Error as error:
        raise _refusal(file, f"is no table: {error}; write an outcome a line") from error
    (limits or Limits()).check("outcomes", len(rows), "the expected law has {} outcomes")
    return _law(file, rows)


def _refusal(file: Path, reason: str) -> ParameterError:
    return ParameterError(f"expect: {file.name}: {reason}", parameter="expect")


def _csv_rows(text: str) -> Iterator[Row]:
    reader = csv.reader(text.splitlines())
    columns = {"outcome": 0, "probability": 1}
    for row in reader:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if reader.line_num == 1 and "outcome" in cells:
            columns = {name: place for place, name in enumerate(cells)}
            continue
        found = {name: cells[place] for name, place in columns.items() if place < len(cells)}
        yield (f"line {reader.line_num}", *_fields(found))


def _json_rows(file: Path, text: str) -> Iterator[Row]:
    try:
        # Numbers stay as they are written.
        document = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise _refusal(file, f"is no JSON: {error}") from error
    if isinstance(document, dict) and "outcomes" in document:
        document = document["outcomes"]
    if isinstance(document, dict):
        document = [dict(zip(_HEADS, pair, strict=True)) for pair in document.items()]
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise _refusal(file, 'has no outcomes; write an object such as {"0": "5/6", "1": "1/6"}')
    for number, row in enumerate(document, start=1):
        yield (f"outcome number {number}", *_fields(row))


def _fields(row: dict[str, Any]) -> tuple[str, str]:
    """Take the outcome, and its probability, the exact one if there is one."""
    probability = row.get("exact") or row.get("probability")
    outcome = row.get("outcome")
    return (
        "" if outcome is None else str(outcome),
        "" if probability is None else str(probability),
    )


def _law(file: Path, rows: Iterable[Row]) -> PMF:
    shares: dict[int, Fraction] = {}
    weights = True
    for place, outcome, probability in rows:
        x, share = _outcome(file, place, outcome), _share(file, place, probability)
        if x in shares:
            raise _refusal(file, f"{place}: {x} is there already; write each outcome once")
        shares[x] = share
        weights &= _WEIGHT.fullmatch(probability) is not None
    total = sum(shares.values())
    if not total:
        raise _refusal(file, "no outcome is possible; write lines such as 7,1/6")
    if not weights and abs(total - 1) > _TOLERANCE:
        raise _refusal(
            file,
            f"the probabilities add up to {float(total):.10g}; let them add up to 1, or write "
            "whole numbers, which are weights",
        )
    common = math.lcm(*(share.denominator for share in shares.values()))
    return PMF({x: int(share * common) for x, share in shares.items()})


def _outcome(file: Path, place: str, text: str) -> int:
    if _OUTCOME.fullmatch(text) and abs(int(text)) <= INT64_MAX:
        return int(text)
    raise _refusal(file, f"{place}: {text[:40]!r} is no outcome; write a whole number")


def _share(file: Path, place: str, text: str) -> Fraction:
    if len(text) <= _LONGEST and _PROBABILITY.fullmatch(text):
        return Fraction(text)
    raise _refusal(
        file,
        f"{place}: {text[:40]!r} is no probability; write it as 1/36 or 0.125, or write whole "
        "numbers as weights",
    )


def pmf_to_hexadecimal(pmf: PMF) -> dict[str, str]:
    """Write a law as text; Python writes no decimals of more than some thousand digits.

    Examples
    --------
    >>> pmf_to_hexadecimal(PMF({0: 1, 1: 255}))
    {'0': '1', '1': 'ff'}
    """
    return {
        str(outcome): f"{weight:x}"
        for outcome, weight in zip(pmf.outcomes, pmf.weights, strict=True)
    }


def pmf_from_hexadecimal(weights: Mapping[str, str]) -> PMF:
    """Read what `pmf_to_hexadecimal` wrote."""
    return PMF({int(outcome): int(weight, 16) for outcome, weight in weights.items()})
