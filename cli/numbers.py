"""Numbers as people write them."""

from __future__ import annotations

import re
from decimal import Decimal

import dicesim

_LONGEST = 80
_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9][0-9_]*(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_SHARE = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_POSITIVE = re.compile(r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)


def whole_number(option: str, text: str) -> int:
    """Read ``1000000``, ``1,000,000``, ``1_000_000`` or ``1e6``.

    Raises
    ------
    ParameterError
        The text is no whole number.
    """
    digits = text.replace(",", "") if _GROUPED.fullmatch(text) else text
    if len(text) <= _LONGEST and _NUMBER.fullmatch(digits):
        value = Decimal(digits)
        if value == value.to_integral_value():
            return int(value)
    shown = text if len(text) <= _LONGEST else f"{text[:20]}..."
    raise dicesim.ParameterError(
        f"{option}: {shown!r} is not a whole number; write it as 1000000, 1_000_000 or 1e6",
        parameter=option,
    )


def optional(option: str, text: str | None) -> int | None:
    """Read a whole number, where there is one."""
    return None if text is None else whole_number(option, text)


def share(option: str, text: str) -> float:
    """Read ``5%`` or ``0.05``.

    Raises
    ------
    ParameterError
        The text is no share, or could be meant as a percentage.
    """
    digits = text.removesuffix("%").strip()
    if len(text) <= _LONGEST and _SHARE.fullmatch(digits):
        value = float(digits)
        if text.endswith("%"):
            return value / 100
        if abs(value) < 2:
            return value
    shown = text if len(text) <= _LONGEST else f"{text[:20]}..."
    raise dicesim.ParameterError(
        f"{option}: {shown!r} is not a share; write it as 5% or 0.05", parameter=option
    )


def positive(option: str, text: str | None) -> float | None:
    """Read a number above 0, such as ``0.001``, ``1e-3`` or ``0.1%``, where there is one.

    Raises
    ------
    ParameterError
        The text is no such number.
    """
    if text is None:
        return None
    digits = text.removesuffix("%").strip()
    if len(text) <= _LONGEST and _POSITIVE.fullmatch(digits):
        value = float(digits) / (100 if text.endswith("%") else 1)
        if 0 < value < float("inf"):
            return value
    shown = text if len(text) <= _LONGEST else f"{text[:20]}..."
    raise dicesim.ParameterError(
        f"{option}: {shown!r} is no number above 0; write it as 0.001, 1e-3 or 0.1%",
        parameter=option,
    )


def target(option: str, text: str | None, of: str | None) -> float | None:
    """Read how small an uncertainty has to be; a percentage is one of a probability.

    Raises
    ------
    ParameterError
        The text is no number above 0, or a percentage where the mean is meant.
    """
    if text is not None and of is None and text.endswith("%"):
        raise dicesim.ParameterError(
            f"{option}: {text!r} cannot be meant of the mean, which is no share; write how far off "
            "it may be, as in 0.01, or name a probability with --of",
            parameter=option,
        )
    return positive(option, text)


def limits_from(settings: list[str]) -> dicesim.Limits:
    """Read limits from texts such as ``work=1e15``.

    Raises
    ------
    ParameterError
        There is no such limit, or its value is no whole number.
    """
    names = list(dicesim.Limits.__annotations__)
    values = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator or name not in names:
            raise dicesim.ParameterError(
                f"--limit: cannot read {setting!r}; write NAME=N with a name out of "
                f"{', '.join(names)}",
                parameter="limits",
            )
        values[name] = whole_number(f"--limit {name}", value)
    return dicesim.Limits(**values)
