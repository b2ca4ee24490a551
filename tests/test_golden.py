"""Counts that must never change by accident.

``python tests/test_golden.py`` writes them anew, for when a change of the streams is meant.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dicesim

GOLDEN = Path(__file__).with_name("golden_counts.json")
CASES: list[dict[str, Any]] = [
    {"expression": "2d6", "n": 100_000, "rng": 42},
    {"expression": "2d6", "n": 100_000, "rng": 2**100},
    {"expression": "2d6", "n": 100_000, "rng": 42, "batch_size": 1000},
    {"expression": "d20-1", "n": 50_000, "rng": 1},
    {"expression": "d%", "n": 50_000, "rng": 2},
    {"expression": "3d6+1d8+2", "n": 100_000, "rng": 3},
    {"expression": "100d6", "n": 2_000, "rng": 4},
    {"expression": "(2d6+1)*(1d4-2)", "n": 50_000, "rng": 5},
    {"expression": "d300+d70000*100000", "n": 20, "rng": 6},
    {"expression": "0d6-5", "n": 10, "rng": 7},
    {"expression": "3d6", "n": 50_000, "rng": 8, "bit_generator": "PCG64DXSM"},
    {"expression": "3d6", "n": 50_000, "rng": 8, "bit_generator": "Philox"},
    {"expression": "3d6", "n": 50_000, "rng": 8, "bit_generator": "MT19937"},
    {"expression": "2d6", "n": 10**15, "rng": 9, "method": "multinomial"},
    {"expression": "10d10", "n": 10**6, "rng": 10, "method": "multinomial"},
    {"expression": "4d6kh3", "n": 100_000, "rng": 11},
    {"expression": "10d10! max=4 >=8", "n": 50_000, "rng": 12},
    {"expression": "6d{1..5:3, 6:5}r1!!", "n": 20_000, "rng": 13},
    {"expression": "(1d20)d20dl2", "n": 20_000, "rng": 14},
    {"expression": "a = 8d8! max=3; b = {2d6, d8}kh1; largest_set(a)*10+b", "n": 20_000, "rng": 15},
]


def counts(case: dict[str, Any], **options: Any) -> dict[str, int]:
    """Counts of a case, as JSON keeps them."""
    limits = dicesim.Limits(outcomes=10**8)
    result = dicesim.run(**case, **options, limits=limits)
    return {str(outcome): count for outcome, count in result.counts.items()}


@pytest.mark.parametrize("index", range(len(CASES)))
def test_counts_are_those_of_the_first_day(index: int) -> None:
    """One seed has the same counts on every machine and in every version, until that is meant."""
    golden = json.loads(GOLDEN.read_text())
    case = CASES[index]
    recorded = golden["cases"][index]
    assert recorded["case"] == case
    message = f"recorded with NumPy {golden['numpy']}, run with {np.__version__}"
    assert counts(case, executor="serial") == recorded["counts"], message
    assert counts(case, executor="threads", workers=2) == recorded["counts"], message


if __name__ == "__main__":
    cases = [{"case": case, "counts": counts(case)} for case in CASES]
    GOLDEN.write_text(json.dumps({"numpy": np.__version__, "cases": cases}, indent=1) + "\n")
