"""Whatever comes in, what comes out is an answer or one clear line."""

from __future__ import annotations

import itertools
import random
from typing import get_args

import pytest

from tests.conftest import CommandLine
from tests.fuzzing import Driver, Kind, cases, fault_of_answer, notation_corpus, pasted, some_arguments

KINDS = get_args(Kind)


def storm(kind: Kind, seed: int, number: int) -> None:
    """Feed so many cases; a failure names the case, ready to paste."""
    with Driver(kind) as driver:
        for case in cases(kind, seed, number):
            fault = driver.fault(case)
            assert not fault, f"\n{pasted(kind, case)}\n{fault}"


@pytest.mark.parametrize("kind", KINDS)
def test_some_input(kind: Kind, seed: int) -> None:
    """Nothing but an answer or one clear line."""
    storm(kind, seed, 700)
