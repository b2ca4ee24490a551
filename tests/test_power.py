"""Planning a check: rolls, bias and power."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

import dicesim
from tests.conftest import CommandLine


def test_the_rolls_that_show_a_bias() -> None:
    """The number is the least whose power reaches 80 %, and the bias comes back from it."""
    found = dicesim.power("1d20", bias=0.05)
    assert (found.found, found.outcome, found.dof, found.alpha) == ("n", 1, 19, 0.01)
    assert found.power >= 0.8
    less = dicesim.power("1d20", bias=0.05, n=found.n - 1)
    assert less.found == "power"
    assert less.power < 0.8
    back = dicesim.power("1d20", n=found.n)
    assert (back.found, back.power) == ("bias", 0.8)
    assert back.bias == pytest.approx(0.05, rel=1e-4)


def test_known_power() -> None:
    """A die whose 6 is off by 5 %, 20,000 times at .05."""
    for bias in (0.05, -0.05):
        found = dicesim.power("d6", bias=bias, n=20_000, alpha=0.05)
        assert found.power == pytest.approx(0.6774, abs=1e-4)
    assert found.effect_size == pytest.approx(0.05 / math.sqrt(5))
    assert dicesim.power("2d6", bias=0.01, n=10**15).power == 1


def test_it_is_the_power_of_the_check() -> None:
    """What power finds detectable is what a check of as many rolls says."""
    for text, n in (("2d6", 10_000), ("10d10", 5_000), ("4d6kh3", 60), ("d6", 50)):
        check = dicesim.run(text, n, rng=1, alpha=0.01).check
        assert check is not None
        assert check.detectable_bias == pytest.approx(dicesim.power(text, n=n).bias)


def test_the_form_of_the_answer() -> None:
    """Plain values that JSON keeps."""
    document = json.loads(json.dumps(dicesim.power("2d6", n=1000, power=0.9).to_dict()))
    assert list(document) == [
        "schema", "expression", "outcome", "probability", "n", "bias", "power", "alpha", "dof",
        "effect_size", "found",
    ]  # fmt: skip
    assert (document["schema"], document["expression"]) == ("dicesim.power/1", "2d6")
    assert (document["n"], document["power"], document["outcome"]) == (1000, 0.9, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "bias: give a bias, a number of rolls"),
        ({"bias": 0}, "bias: 0 cannot be"),
        ({"bias": math.nan}, "bias: nan cannot be"),
        ({"bias": "5%"}, "bias: '5%' cannot be"),
        ({"bias": 20.0}, "write a share from -1 to 19 other than 0"),
        ({"bias": -1.5}, "write a share from -1"),
        ({"n": 0}, "n: 0 is too small"),
        ({"n": 10, "alpha": 0.7}, "alpha: 0.7 is no number between 1e-300 and 0.5"),
        ({"n": 10, "power": 0.001}, "power: 0.001 is no number between 0.01 and 1"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    """Each with what to write instead."""
    with pytest.raises(dicesim.ParameterError) as caught:
        dicesim.power("d20", **options)
    assert message in str(caught.value)
    with pytest.raises(dicesim.ParameterError, match="only one possible outcome"):
        dicesim.power("3", n=10)


def test_the_command(command_line: CommandLine) -> None:
    """Rolls for a bias, bias of rolls, and power, in words and as JSON."""
    done = command_line("power", "1d20", "--bias", "5%")
    assert done.returncode == 0
    assert "210,120 rolls would show a bias of 1 by +5.0 % of its share" in done.stdout
    assert "80.0%" in done.stdout
    assert "alarm below p = 0.01 (a run has 1e-06)" in " ".join(done.stdout.split())
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    done = command_line("power", "d6", "--n", "1e3", "--power", "0.9", "--json")
    assert json.loads(done.stdout) == dicesim.power("d6", n=1000, power=0.9).to_dict()
    done = command_line("power", "d6", "--n", "20000", "--bias=-5%", "--alpha", ".05")
    assert "by -5.0 %" in done.stdout
    assert "67.7%" in done.stdout
    assert "no bias of 1, however large" in command_line("power", "d20", "--n", "1").stdout


@pytest.mark.parametrize("bias", ["5", "half", "5%%", "1e400", "", "nan"])
def test_a_share_that_can_be_misread_is_refused(command_line: CommandLine, bias: str) -> None:
    """Exit 2, and what to write."""
    done = command_line("power", "1d20", "--bias", bias)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"dicesim: --bias: {bias!r} is not a share; write it as 5% or 0.05\n"
