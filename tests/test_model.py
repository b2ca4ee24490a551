"""Rules in Python are rolled like expressions: same question, same counts, and clear refusals."""

from __future__ import annotations

import importlib
import pickle
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import dicesim
from dicesim import ExecutionError, Limits, Model, ParameterError, Roller
from dicesim.references import Function
from dicesim.tally import Integers
from tests.conftest import CRAPS

SHIFTED = """
from __future__ import annotations
import pickle
from dataclasses import dataclass

@dataclass(frozen=True)
class Shift:
    by: int

def play(dice):
    return dice.roll("2d6") + pickle.loads(pickle.dumps(Shift(1))).by
"""


def best_of_three(dice: Roller) -> Integers:
    """The best of three dice."""
    best: Integers = dice.roll("d6", count=3).max(axis=0)
    return best


def roller(size: int = 1000, **limits: int) -> Roller:
    """Dice with a fixed seed."""
    return Roller(np.random.default_rng(1), size, Limits(**limits))


def test_rolls_have_a_total_for_each_trial() -> None:
    """With a count, a row for each roll; where not rolled, 0."""
    dice = roller()
    assert dice.roll("2d6").shape == (1000,)
    assert dice.roll("2d6").dtype == np.int64
    assert dice.roll("d6", count=1).shape == (1, 1000)
    first = dice.roll("d6")
    for where in (first > 3, np.array([first > 3, first > 5])):
        again = dice.roll("d6", count=2, where=where)
        assert again.shape == (2, 1000)
        assert np.array_equal(again > 0, np.broadcast_to(where, (2, 1000)))


def test_other_sizes() -> None:
    """So many trials as are named, in place of all."""
    dice = roller()
    assert dice.roll("d6", size=7).shape == (7,)
    assert dice.roll("d6", count=2, size=7, where=np.arange(7) > 3).shape == (2, 7)
    assert dice.roll("d6", size=0).shape == (0,)


@pytest.mark.parametrize("text", ["d6", "2d6", "4d6kh3", "d{200, 255}", "d6!", "d300-300"])
def test_a_shorter_type_has_the_same_totals(text: str) -> None:
    """Only the room for each is another."""
    low, high = dicesim.parse(text).bounds
    where = np.arange(1000) % 2 == 0
    for kind in (np.uint8, np.int16, np.int32):
        if low < np.iinfo(kind).min or np.iinfo(kind).max < high:
            with pytest.raises(ParameterError, match=f"whole numbers from {low} to {high}"):
                roller().roll(text, dtype=kind)
            continue
        for options in ({}, {"count": 3}, {"count": 3, "where": where}):
            rolled = roller().roll(text, dtype=kind, **options)
            assert rolled.dtype == kind
            assert np.array_equal(rolled, roller().roll(text, **options))


def test_what_is_not_rolled_takes_no_random_numbers() -> None:
    """The trials that roll get the numbers that they would get alone."""
    where = np.arange(1000) % 3 == 0
    some = roller().roll("3d8", where=where)
    assert np.array_equal(some[where], roller(int(where.sum())).roll("3d8"))
    nothing = roller()
    assert not nothing.roll("3d8", where=np.zeros(1000, bool)).any()
    assert np.array_equal(nothing.roll("3d8"), roller().roll("3d8"))


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda dice: dice.roll("2d6", count=0), "count: 0 is too small"),
        (lambda dice: dice.roll("2d6", size=-1), "size: -1 is too small"),
        (lambda dice: dice.roll("2d6", where=np.ones(9, bool), size=8), "array of shape .8,"),
        (lambda dice: dice.roll("2d6", count=2.5), "count: 2.5 is not a whole number"),
        (lambda dice: dice.roll("2d6", where=[True] * 9), r"boolean array of shape \(9,\)"),
        (lambda dice: dice.roll("2d6", where=np.ones(9)), "where: float64"),
        (lambda dice: dice.roll("2d6", where=np.ones(8, bool)), r"where: bool \(8,\) is no"),
        (lambda dice: dice.roll(6), "notation: 6 is no notation"),
        (lambda dice: dice.roll("d6", dtype=float), "dtype: .* whole numbers from 1 to 6"),
        (lambda dice: dice.roll("d6", dtype="die"), "dtype: die is no type"),
        (lambda dice: dice.roll("2d6kh9"), "expected at most 2 to keep"),
        (lambda dice: dice.roll("101d6"), "one trial would roll 101 dice"),
        (lambda dice: dice.roll("d6", count=12), "108 totals would be rolled at once"),
    ],
)
def test_bad_rolls_are_refused(call: Function, reason: str) -> None:
    """In one line, with what to write instead; limits hold for models too."""
    with pytest.raises(dicesim.DicesimError, match=reason):
        call(roller(9, price=100, batch_size=100))


def test_a_file_is_loaded(craps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its path, however that is written; a copy in another process finds the same."""
    model = Model.load(f"{craps}:play")
    assert (model.name, model.label) == ("play", "craps.py:play")
    assert model.reference == f"{craps}:play"
    assert model.summary == "Pay 1 if the pass line wins"
    monkeypatch.chdir(craps.parent)
    assert Model.load("craps.py:play") == model
    copied = pickle.loads(pickle.dumps(model))
    assert copied == model
    assert hash(copied) == hash(model)
    assert np.array_equal(copied.totals(roller()), model.totals(roller()))
    assert list(craps.parent.iterdir()) == [craps]


def test_a_file_imports_what_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is read or later, but nothing that has the name of what is installed."""
    (tmp_path / "house_rules.py").write_text("BONUS = 3")
    (tmp_path / "random.py").write_text("raise RuntimeError('not this one')")
    (tmp_path / "own.py").write_text(
        "import random\n"
        "def play(dice):\n    import house_rules\n    return dice.roll('2d6') + house_rules.BONUS"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "house_rules", raising=False)
    model = Model.load(f"{tmp_path / 'own.py'}:play")
    assert model.totals(roller(3)).tolist() == roller(3).roll("2d6 + 3").tolist()


def test_what_a_file_defines_is_found_in_its_module(tmp_path: Path) -> None:
    """Dataclasses look there for types, pickle for classes, and we for its other functions."""
    file = tmp_path / "shifted.py"
    file.write_text(SHIFTED)
    model = Model.load(f"{file}:play")
    assert model.totals(roller(3)).tolist() == roller(3).roll("2d6 + 1").tolist()
    assert Model.of(model.ready()) == model


def test_functions_know_where_they_are_found() -> None:
    """Those at the top of a module do; lambdas and inner functions do not, and stay here."""

    def inner(dice: Roller) -> Integers:
        return dice.roll("2d6")

    model = Model.of(best_of_three)
    assert model.reference == f"{__name__}:best_of_three"
    assert Model.load(model.reference) == model
    assert pickle.loads(pickle.dumps(model)) == model
    for function, name in ((inner, "inner"), (lambda dice: dice.roll("2d6"), "<lambda>")):
        alone = Model.of(function)
        assert (alone.reference, alone.name) == (None, name)
        assert alone == Model.of(function)
        assert alone != Model.of(lambda dice: dice.roll("2d6"))
        with pytest.raises(ParameterError, match="define it with def at the top of a file"):
            pickle.dumps(alone)


@pytest.mark.parametrize(
    ("source", "name", "reason"),
    [
        (None, "play", "there is no file .*craps.py; write the file and the name"),
        (CRAPS, "pay", "craps.py has no function pay; write one of its functions: play"),
        (CRAPS, "number", "number in craps.py is no function but int"),
        ("import nothing_at_all", "play", "craps.py line 1: ModuleNotFoundError: No module"),
        ("\n\ndef play(dice:\n", "play", "craps.py line 3: SyntaxError: '\\(' was never closed"),
        ("def f():\n    1 / 0\nf()\n", "play", "craps.py line 2: ZeroDivisionError: division"),
        ("raise SystemExit(3)", "play", "craps.py line 1: SystemExit: 3, as it was imported"),
        ("x = 1\0", "play", "craps.py: .*null bytes"),
        ("", "play", "craps.py has no function play; it has none"),
    ],
)
def test_what_cannot_be_loaded_is_refused(
    tmp_path: Path, source: str | None, name: str, reason: str
) -> None:
    """In one line, with file and line."""
    file = tmp_path / "craps.py"
    if source is not None:
        file.write_text(source)
    with pytest.raises(ParameterError, match=reason) as caught:
        Model.load(f"{file}:{name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reference", ["", "craps.py", ":play", "craps.py:", "no_such_module:f"])
def test_bad_references_are_refused(reference: str) -> None:
    """A reference is a file or module, and a name."""
    with pytest.raises(ParameterError, match=r"craps\.py:play|No module named"):
        Model.load(reference)


def test_a_changed_file_is_another_model(craps: Path) -> None:
    """A copy that comes to be loaded after the change is refused."""
    content = pickle.dumps(Model.load(f"{craps}:play"))
    craps.write_text(CRAPS + "\n")
    from dicesim import references

    references.load_function.cache_clear()
    with pytest.raises(ParameterError, match="has changed since the run was begun"):
        pickle.loads(content).ready()
    craps.unlink()
    with pytest.raises(ParameterError, match="there is no file"):
        pickle.loads(content).ready()


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda dice: dice.roll("2d6") / 2, "returned float64; return whole numbers or booleans"),
        (lambda dice: dice.roll("2d6")[1:], r"returned an array of shape \(999,\)"),
        (lambda dice: dice.roll("2d6", count=2), r"shape \(2, 1000\); there are 1000 trials"),
        (lambda dice: dice.roll("2d6").tolist(), "returned list; return an array"),
        (lambda _: None, "returned NoneType"),
        (lambda dice: np.ma.masked_equal(dice.roll("d6"), 6), "a masked array; return a number"),
        (lambda dice: np.full(dice.size, 2**63, np.uint64), "beyond 2\\*\\*63 - 1"),
        (lambda dice: dice.roll("2d6")[1000], "IndexError: index 1000 is out of bounds"),
        (lambda dice: dice.roll("2x6"), "notation '2x6': character 2"),
        (lambda: 0, "TypeError: .* takes 0 positional arguments"),
        (lambda _: exec("raise SystemExit"), "SystemExit"),
    ],
)
def test_a_failing_model_is_told_with_its_line(function: Function, reason: str) -> None:
    """Whatever it raised or returned, the message names its own file and line."""
    line = function.__code__.co_firstlineno
    with pytest.raises(ExecutionError, match=reason) as caught:
        Model.of(function).totals(roller())
    assert str(caught.value).startswith(f"model <lambda>, test_model.py line {line}: ")


def test_the_line_is_the_innermost_of_the_file(tmp_path: Path) -> None:
    """An error in a library is told with the line that called it."""
    file = tmp_path / "deep.py"
    file.write_text(
        "def help(dice):\n    dice.roll(\n        'x')\ndef play(dice):\n    help(dice)\n"
    )
    with pytest.raises(ExecutionError, match=r"model play, deep\.py line 2: notation 'x'"):
        Model.load(f"{file}:play").totals(roller())


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint64])
def test_booleans_and_small_integers_become_int64(dtype: type) -> None:
    """Whatever integers a model returns."""
    outcomes = Model.of(lambda dice: (dice.roll("d6") > 3).astype(dtype)).totals(roller())
    assert outcomes.dtype == np.int64
    assert set(outcomes.tolist()) == {0, 1}


def test_lines_of_partial_and_callable_models() -> None:
    """Whatever leads to the code, its line is named."""

    def times(dice: Roller, k: int) -> Integers:
        return dice.roll("d6") // (k - k)

    class Game:
        def __call__(self, dice: Roller) -> Integers:
            return dice.roll("d6", count=-1)

    for model, name in ((Model.of(partial(times, k=2)), "times"), (Model.of(Game()), "Game")):
        assert model.name == name
        with pytest.raises(ExecutionError, match=rf"model {name}, test_model\.py line \d+: "):
            model.totals(roller())


def test_a_function_that_reads_otherwise_by_now_stays_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process would import what the file has become."""
    file = tmp_path / "edited_rule.py"
    file.write_text("def play(dice):\n    return dice.roll('d6')\n")
    monkeypatch.syspath_prepend(tmp_path)
    play = importlib.import_module("edited_rule").play
    assert Model.of(play).reference == "edited_rule:play"
    file.write_text("def play(dice):\n    return dice.roll('d6') + 100\n")
    assert Model.of(play).reference is None
    file.write_text("def play(dice:\n")
    assert Model.of(play).reference is None
