"""Laws that are written down: read from files, and held against what a model comes to."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import dicesim
from dicesim import PMF, Limits, ParameterError, Roller, read_pmf
from dicesim.tally import Integers
from tests import storing
from tests.conftest import CRAPS, CommandLine

saving_at_once = storing.saving_at_once
COIN = PMF({0: 1, 1: 1})
CRAPS_LAW = PMF({1: 244, 0: 251})


def best(dice: Roller) -> Integers:
    """The best of two dice."""
    higher: Integers = dice.roll("d6", count=2).max(axis=0)
    return higher


def run(expect: Any, **options: Any) -> dicesim.Result:
    """A run whose exact law is that of 2d6kh1."""
    return dicesim.run(best, 50_000, rng=4, expect=expect, **options)


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("0,1/2\n1,1/2\n", COIN),
        ("outcome,probability\n1,0.5\n0,.5\n\n", COIN),
        ("0,7\n1,7", COIN),
        ("0, 5e-1\r\n1, 5E-1\r\n", COIN),
        ("\ufeffprobability,outcome\n0.25,-3\n0.75,+4\n", PMF({-3: 1, 4: 3})),
        ("outcome,probability,exact\n1,0.3333,1/3\n2,0.6667,2/3\n", PMF({1: 1, 2: 2})),
        ("0,0\n1,1/3\n2,2/3", PMF({1: 1, 2: 2})),
        ('{"0": "1/2", "1": 0.5}', COIN),
        ('{"0": 3, "1": 3}', COIN),
        ('[{"outcome": 0, "probability": 0.5}, {"outcome": 1, "exact": "1/2"}]', COIN),
        ('{"outcomes": {"0": 1, "1": 1}}', COIN),
    ],
)
def test_a_law_is_read(tmp_path: Path, text: str, law: PMF) -> None:
    """As fractions, decimals or weights, from CSV or JSON."""
    file = tmp_path / "law"
    file.write_text(text, encoding="utf-8")
    assert read_pmf(file) == law


@pytest.mark.parametrize("rule", ["2d6", "4d6kh3", "3d6!", "(d6)*0+1-d2"])
@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_what_exact_prints_is_read(
    tmp_path: Path, command_line: CommandLine, rule: str, form: str
) -> None:
    """And is the same law, to every digit."""
    file = tmp_path / "law.txt"
    file.write_text(command_line("exact", rule, form).stdout)
    assert read_pmf(file) == dicesim.exact(rule)


def test_probabilities_too_long_to_print_are_read_as_decimals(tmp_path: Path) -> None:
    """Where `exact` has no fractions, what is printed adds up to 1 but for rounding."""
    law = dicesim.exact("200d6")
    assert law.exact(700) is None
    for name, text in (("law.csv", law.to_csv()), ("law.json", json.dumps(law.to_dict()))):
        file = tmp_path / name
        file.write_text(text)
        assert float(read_pmf(file)[700]) == pytest.approx(float(law[700]), rel=1e-12)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no outcome is possible"),
        ("0,0\n", "no outcome is possible"),
        ("0,1/2\n1,1/3\n", "add up to 0.8333333333; let them add up to 1"),
        ("0,0.5\n1,0.500001\n", "add up to 1.000001"),
        ("0,1/2\n0,1/2\n", "line 2: 0 is there already"),
        ("0,1/2\n1.5,1/2\n", "line 2: '1.5' is no outcome"),
        ("99999999999999999999,1", "is no outcome"),
        ("0,1/0\n", "line 1: '1/0' is no probability; write it as 1/36 or 0.125"),
        ("0,-1\n", "line 1: '-1' is no probability"),
        ("0,nan\n", "'nan' is no probability"),
        ("0,1e9999\n", "'1e9999' is no probability"),
        (f"0,{'9' * 300}\n", "is no probability"),
        ("0\n", "line 1: '' is no probability"),
        ("x\n", "line 1: 'x' is no outcome"),
        ("{", "is no JSON"),
        ("[1, 2]", "has no outcomes; write an object such as"),
        ('{"outcomes": 3}', "has no outcomes"),
        ('{"0": null, "1": 1}', "outcome number 1: '' is no probability"),
        ('{"0": [1]}', "is no probability"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_what_is_no_law_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """In one line, with the place and what to write instead (L5)."""
    file = tmp_path / "law.csv"
    file.write_text(text)
    with pytest.raises(ParameterError, match=re.escape(reason)) as caught:
        read_pmf(file)
    assert str(caught.value).startswith("expect: law.csv: ")
    assert "\n" not in str(caught.value)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """No file, no text, and too many outcomes."""
    (tmp_path / "long.csv").write_text("1" * 200_000)
    with pytest.raises(ParameterError, match=r"long\.csv: is no table: field larger"):
        read_pmf(tmp_path / "long.csv")
    with pytest.raises(ParameterError, match=r"nothing\.csv: cannot be read: No such file"):
        read_pmf(tmp_path / "nothing.csv")
    file = tmp_path / "law.csv"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ParameterError, match="cannot be read: it is no text"):
        read_pmf(file)
    file.write_text("0,1\n1,1\n2,1\n")
    with pytest.raises(dicesim.LimitError, match="the expected law has 3 outcomes"):
        read_pmf(file, limits=Limits(outcomes=2))


def test_a_model_is_held_against_it() -> None:
    """The right law is consistent, another one deviates, and so does an impossible outcome.

    The first is a false alarm in a million seeds.
    """
    right = run(dicesim.exact("2d6kh1"))
    assert right.check is not None
    assert right.check.verdict == "consistent"
    for wrong in (dicesim.exact("d6"), dicesim.exact("d5"), PMF({1: 1, 6: 1})):
        check = run(wrong).check
        assert check is not None
        assert check.verdict == "deviates"
    assert right.counts == dicesim.run(best, 50_000, rng=4).counts


def test_the_output_says_so() -> None:
    """A law that was handed in is not called exact."""
    result = run(dicesim.exact("2d6kh1"), of=6)
    document = result.to_dict()
    assert document["law"] == "expected"
    assert document["outcomes"][5]["exact"] == "11/36"
    assert document["probability"]["expected"] == pytest.approx(11 / 36)
    text = dicesim.format_run(result)
    assert "checked against the law that was expected, as it was handed in" in text
    assert ", expected 4.472222; sd" in text.replace("\n  ", " ")
    assert "exact" not in text
    plain = dicesim.run("2d6", 1000, rng=1)
    assert plain.to_dict()["law"] == "exact"
    assert "handed in" not in dicesim.format_run(plain)


def test_an_expression_without_an_exact_law_may_have_one() -> None:
    """Nothing else could be compared against."""
    limits = Limits(table_bytes=1)
    result = dicesim.run("2d6", 20_000, rng=1, limits=limits, expect=dicesim.exact("2d6"))
    assert result.law == "expected"
    assert result.check is not None
    assert result.check.verdict == "consistent"


@pytest.mark.parametrize(
    ("expect", "reason"),
    [
        ({0: 1, 1: 1}, "is no law; write dicesim.exact"),
        ("law.csv", "'law.csv' is no law; write dicesim.exact"),
        (PMF({7: 1}), "one outcome, 7, leaves nothing to check"),
    ],
)
def test_what_cannot_be_expected_is_refused(expect: Any, reason: str) -> None:
    """It has to be a PMF, with two outcomes that can be told apart."""
    with pytest.raises(ParameterError, match=reason):
        run(expect)


def test_an_exact_law_has_no_rival() -> None:
    """An expression with an exact distribution is checked against that."""
    with pytest.raises(ParameterError, match="expect: 2d6 has an exact distribution"):
        dicesim.run("2d6", 100, expect=COIN)


def test_it_is_kept_with_the_run(tmp_path: Path) -> None:
    """A run that is resumed is held against the same law, however long its weights are."""
    path = tmp_path / "runs.db"
    law = PMF({1: 1, **{x: 10**5000 + x for x in range(2, 7)}})
    options: dict[str, Any] = {"n": 5_000, "rng": 1, "batch_size": 1_000, "expect": law}
    part = dicesim.run(best, checkpoint=path, **options, **storing.stop_at(2_000))
    assert not part.complete
    whole = dicesim.resume(path)
    assert (whole.pmf, whole.law) == (law, "expected")
    assert whole.tally == dicesim.run(best, **options).tally


def test_the_command_line(tmp_path: Path, command_line: CommandLine) -> None:
    """`--expect FILE`, and `--strict` where it deviates."""
    (tmp_path / "craps.py").write_text(CRAPS)
    (tmp_path / "law.csv").write_text("outcome,probability\n1,244/495\n0,251/495\n")
    (tmp_path / "coin.json").write_text('{"0": 1, "1": 1}')
    options = ("run", "--model", "craps.py:play", "--seed", "5", "--n", "3e5", "--strict")
    done = command_line(*options, "--expect", "law.csv", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert (document["law"], document["check"]["verdict"]) == ("expected", "consistent")
    assert Fraction(document["outcomes"][1]["exact"]) == CRAPS_LAW[1]
    wrong = command_line(*options, "--expect", "coin.json")
    assert wrong.returncode == 1
    assert "deviates" in wrong.stdout
    refused = command_line("run", "2d6", "--expect", "law.csv")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("dicesim: --expect: 2d6 has an exact distribution")
    missing = command_line(*options, "--expect", "no.csv")
    assert missing.returncode == 2
    assert (
        missing.stderr == "dicesim: --expect: no.csv: cannot be read: No such file or directory\n"
    )
