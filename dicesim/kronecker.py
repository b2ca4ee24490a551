"""Kronecker substitution: a polynomial as one large integer, a slot of bytes for each exponent.

Where the slots are so wide that no coefficient of a result overflows its own, sums, products and
powers of the integers are those of the polynomials.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final

# Machine words, by their bytes: slots of these widths are cut all at once.
_WORDS: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}


def slot_width(bits: int) -> int:
    """Bytes of a slot for coefficients of so many bits: a machine word where one is enough.

    Examples
    --------
    >>> slot_width(7), slot_width(17), slot_width(65)
    (1, 4, 9)
    """
    width = (bits + 7) // 8
    return 1 << (width - 1).bit_length() if width <= max(_WORDS) else width


def pack(weights: Mapping[int, int], low: int, width: int) -> int:
    """Pack coefficients by exponent, where `low` is the exponent of the first slot.

    Examples
    --------
    >>> hex(pack({3: 1, 5: 7}, low=3, width=1))
    '0x70001'
    """
    raw = bytearray(width * (max(weights) - low + 1))
    for exponent, weight in weights.items():
        start = (exponent - low) * width
        raw[start : start + width] = weight.to_bytes(width, "little")
    return int.from_bytes(raw, "little")


def unpack(packed: int, low: int, width: int) -> dict[int, int]:
    """Unpack coefficients that are not 0, by exponent, where `low` is that of the first slot.

    Examples
    --------
    >>> unpack(0x70001, low=3, width=1)
    {3: 1, 5: 7}
    """
    slots = -(-packed.bit_length() // (8 * width))
    raw = packed.to_bytes(slots * width, "little")
    if width in _WORDS:
        weights: Iterable[int] = struct.unpack(f"<{slots}{_WORDS[width]}", raw)
    else:
        pieces = (raw[start : start + width] for start in range(0, len(raw), width))
        weights = (int.from_bytes(piece, "little") for piece in pieces)
    return {exponent: weight for exponent, weight in enumerate(weights, start=low) if weight}
