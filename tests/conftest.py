"""What several test files share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Statistical tests are sound for any seed, up to the false-alarm rate that each one states; this
# variable runs them with other seeds than the fixed one.
SEED = int(os.environ.get("DICESIM_TEST_SEED", "20091"))

# A model as a user writes it.
CRAPS = '''
"""Craps."""
import numpy as np


def play(dice):
    """Pay 1 if the pass line wins."""
    first = dice.roll("2d6")
    won = (first == 7) | (first == 11)
    going = ~won & ~np.isin(first, [2, 3, 12])
    while going.any():
        point = dice.roll("2d6", where=going)
        won |= going & (point == first)
        going &= (point != first) & (point != 7)
    return won


number = 7
'''
# About half of what the grammar gives is refused, exact laws take their time, and so do others on
# the same machine.
CHECKS = [HealthCheck.filter_too_much, HealthCheck.too_slow]
settings.register_profile("dicesim", deadline=None, derandomize=True, suppress_health_check=CHECKS)
settings.load_profile("dicesim")

CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def seed() -> int:
    """The seed of the statistical tests."""
    return SEED


@pytest.fixture(scope="session")
def dicesim_script() -> str:
    """Path of the installed entry point."""
    found = shutil.which("dicesim", path=sysconfig.get_path("scripts"))
    assert found, "dicesim is not installed in this environment"
    return found


@pytest.fixture
def command_line(dicesim_script: str, tmp_path: Path) -> CommandLine:
    """Run the installed command without a terminal."""

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [dicesim_script, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
            cwd=tmp_path,
            env={**os.environ, **environment},
        )

    return call


@pytest.fixture
def craps(tmp_path: Path) -> Path:
    """A file with a model."""
    file = tmp_path / "craps.py"
    file.write_text(CRAPS)
    return file
