"""Results as data: rows for tables, files that come back, and forms that are written down."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dicesim
from dicesim import PMF, Result, StoreError, Tally

RESULT = dicesim.run("2d6", 10_000, rng=42)


def stopped() -> Result:
    """A run that was cancelled after its first task."""

    class Cancel:
        rolled = 0

        def is_set(self) -> bool:
            return self.rolled > 0

    cancel = Cancel()

    def note(progress: dicesim.Progress) -> None:
        cancel.rolled = progress.done

    return dicesim.run("d6", 4 * 2**16, rng=1, batch_size=2**16, cancel=cancel, progress=note)


def kinds() -> dict[str, Result]:
    """Results of every kind."""
    return {
        "plain": RESULT,
        "partial": stopped(),
        "precise": dicesim.run("2d6", until_ci=0.02, of=">= 9", rng=3),
        "no law": dicesim.run("1000d1000", 500, rng=1),
        "expected": dicesim.run(lambda dice: dice.roll("d2"), 500, rng=1, expect=PMF({1: 1, 2: 1})),
        "multinomial": dicesim.run("100d100", 10**12, rng=2**100, method="multinomial"),
        "one outcome": dicesim.run("3", 10, rng=1),
        "one trial": dicesim.run("d6", 1, rng=1),
        "nothing": replace(RESULT, tally=Tally.of({})),
        "deviates": replace(RESULT, tally=Tally.of({2: 5, 99: 7})),
        "workers": dicesim.run("d6", 2**18, rng=1, executor="threads", workers=2),
    }


RESULTS = kinds()
OF_ANY_KIND = pytest.mark.parametrize("result", RESULTS.values(), ids=list(RESULTS))


@OF_ANY_KIND
def test_a_result_comes_back_from_its_file(result: Result, tmp_path: Path) -> None:
    """Equal in every field, with the same figures and the same table."""
    file = tmp_path / "result.json"
    result.save(file)
    again = dicesim.load(str(file))
    if result.model is not None:  # that of a lambda has no function any more
        assert again.model is not None
        assert again.model.name == result.model.name
        again = replace(again, plan=result.plan)
    assert again == result
    assert again.to_dict() == result.to_dict()
    assert str(again) == str(result)
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_model_in_a_file_comes_back_and_rolls(craps: Path, tmp_path: Path) -> None:
    """It is found again by its reference."""
    model = dicesim.Model.load(f"{craps}:play")
    result = dicesim.run(model, 1000, rng=7)
    result.save(tmp_path / "craps.json")
    again = dicesim.load(tmp_path / "craps.json")
    assert again == result
    assert again.model is not None
    assert dicesim.run(again.model, 1000, rng=again.seed).counts == result.counts


def changed(text: str, **fields: Any) -> str:
    """The document with other values at its top."""
    return json.dumps({**json.loads(text), **fields})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[: len(text) // 2], "is damaged or was changed by hand"),
        (lambda text: text.replace("10000", "20000", 1), "is damaged or was changed by hand"),
        (lambda text: text.replace("[2, ", "[3, ", 1), "is damaged or was changed by hand"),
        (lambda text: changed(text, content=[]), "is damaged or was changed by hand"),
        (lambda text: changed(text, digest=None), "is damaged or was changed by hand"),
        (lambda text: changed(text, form="dicesim.result/2"), "has the form 2, and this dicesim"),
        (lambda text: changed(text, form="dicesim.run/1"), "holds no saved result"),
        (lambda text: changed(text, form=7), "holds no saved result"),
        (lambda _: RESULT.to_json(), "holds no saved result"),
        (lambda _: "", "holds no saved result"),
        (lambda _: "[" * 10**5, "holds no saved result"),
        (lambda _: "\udcff", "holds no saved result"),
    ],
)
def test_files_that_are_not_ours_are_refused(change: Any, said: str, tmp_path: Path) -> None:
    """Damaged, foreign and newer ones, each in one line that names the file."""
    file = tmp_path / "result.json"
    RESULT.save(file)
    text = change(json.dumps(json.loads(file.read_text())))
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(StoreError, match=said) as caught:
        dicesim.load(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_any_byte_that_is_lost_or_changed_is_found(tmp_path: Path) -> None:
    """Whatever happens to the file, another result never comes out of it."""
    file = tmp_path / "result.json"
    RESULT.save(file)
    whole = file.read_bytes()
    for place in range(0, len(whole), 7):
        for wrong in (whole[:place], whole[:place] + b"7" + whole[place + 1 :]):
            file.write_bytes(wrong)
            with contextlib.suppress(StoreError):
                assert dicesim.load(file) == RESULT


def test_a_sealed_file_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    """Even where somebody took the trouble to compute the digest."""
    from dicesim.documents import read_document, write_document

    file = tmp_path / "result.json"
    RESULT.save(file)
    content = read_document(file, "dicesim.result/1")
    wrong: list[dict[str, Any]] = [
        {"plan": {}},
        {"counts": 5},
        {"counts": [[2, -1]]},
        {"unknown": 1},
    ]
    for part in wrong:
        write_document(file, "dicesim.result/1", copy.deepcopy(content) | part)
        with pytest.raises(StoreError, match="is damaged"):
            dicesim.load(file)


def test_files_that_cannot_be_are_refused(tmp_path: Path) -> None:
    """None to read, none to write."""
    with pytest.raises(StoreError, match="cannot be read: No such file"):
        dicesim.load(tmp_path / "none.json")
    with pytest.raises(StoreError, match="cannot be read: Is a directory"):
        dicesim.load(tmp_path)
    with pytest.raises(StoreError, match="cannot be written: No such file"):
        RESULT.save(tmp_path / "nowhere" / "result.json")
    with pytest.raises(StoreError, match="cannot be written: it is a folder"):
        RESULT.save(tmp_path)
    for act in (dicesim.load, RESULT.save):
        with pytest.raises(StoreError, match="null"):
            act("a\0.json")


def test_an_old_file_stays_where_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is half-written, and nothing lies beside it."""
    file = tmp_path / "result.json"
    RESULT.save(file)

    def fill(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill)
    with pytest.raises(dicesim.ExecutionError, match="No space left"):
        dicesim.run("d6", 10).save(file)
    assert dicesim.load(file) == RESULT
    assert list(tmp_path.iterdir()) == [file]


FRAMES: dict[str, Any] = {
    "pandas": lambda rows: pd.DataFrame(rows).to_dict("list"),
    "polars": lambda rows: pl.DataFrame(rows).to_dict(as_series=False),
    "pyarrow": lambda rows: pa.Table.from_pylist(rows).to_pydict(),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=list(FRAMES))
@OF_ANY_KIND
def test_tables_take_the_rows_as_they_are(result: Result, frame: Any) -> None:
    """With all columns, in order, and the same figures."""
    columns = frame(result.rows())
    assert columns.get("count", []) == [row["count"] for row in result.outcomes]
    assert columns.get("outcome", []) == result.support
    if result.outcomes:
        assert list(columns) == list(result.outcomes[0])
        assert columns["observed"] == [row["observed"] for row in result.outcomes]


@pytest.mark.parametrize("frame", FRAMES.values(), ids=list(FRAMES))
def test_tables_take_laws_with_numbers_of_any_size(frame: Any) -> None:
    """Whole numbers beyond 64 bits come as text, since no table holds them."""
    columns = frame(dicesim.exact("4d6kh3").rows())
    assert columns["outcome"] == list(range(3, 19))
    assert columns["exact"][-1] == "7/432"
    huge = frame(PMF({5: 1, 2**70: 1, -(3**99): 2}).rows())
    assert huge["outcome"] == [str(-(3**99)), "5", str(2**70)]
    assert huge["probability"] == [0.5, 0.25, 0.25]
    assert frame(dicesim.exact("100d100").rows())["exact"] == [None] * 9901


def test_text_forms_are_short_or_the_table() -> None:
    """A result prints as its table; what a prompt shows is one short line."""
    assert str(RESULT) == dicesim.format_run(RESULT)
    shown = {name: repr(result) for name, result in RESULTS.items()}
    assert shown["plain"] == "<Result 2d6: 10,000 trials, seed 42, consistent>"
    assert shown["partial"].startswith("<Result 1d6: 65,536 of 262,144 trials, seed 1")
    assert "no check" in shown["one outcome"]
    check, recorded = RESULT.check, dicesim.check([1, 2, 6], "1d6")
    compared = dicesim.compare("2d6", "1d12")
    assert repr(check) == "<Check consistent: chi-square 14.37 on 10 dof, p = 0.157>"
    assert str(check).startswith("consistent: a bias of 7 above")
    assert repr(recorded) == "<RecordedCheck 1d6: 3 rolls, inconclusive>"
    assert str(recorded).startswith("inconclusive: ")
    assert repr(compared).startswith("<RuleComparison 2d6, 1d12: A is higher on average, by 0.5")
    assert str(compared) == compared.summary
    for value in (*shown.values(), repr(dicesim.exact("100d100")), repr(RESULT.tally)):
        assert len(value) < 200
        assert "\n" not in value


class Tags(HTMLParser):
    """Tags that are opened, and those that are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.words: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what begins, and how."""
        self.opened.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what begins and ends at once."""
        self.attributes |= {name for name, _ in attrs}
        self.words.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note what ends."""
        self.closed.append(tag)

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.words.append(data)


def test_notebooks_see_pictures_without_scripts() -> None:
    """Results, laws and comparisons show a picture that names itself, and text in its colour."""
    named = dicesim.Model(
        "<script>alert(1)</script>", None, None, "<img src=x onerror=alert(1)>", lambda _: 0
    )
    plan = replace(RESULT.plan, rule=named)
    shown = [*RESULTS.values(), replace(RESULT, plan=plan), dicesim.exact("100d100"), PMF({5: 1})]
    for value in shown:
        page = Tags(value._repr_html_())  # type: ignore[attr-defined]
        assert sorted(page.opened) == sorted(page.closed)
        assert page.opened.count("title") == page.opened.count("svg") == 1
        assert set(page.opened) == {"div", "p", "svg", "title", "text"} - (
            set() if "text" in page.opened else {"text"}
        )
        assert "role" in page.attributes
        assert not [name for name in page.attributes if name.startswith("on")]
    assert "alert(1)" in replace(RESULT, plan=plan)._repr_html_()
    assert 'fill="currentColor"' in RESULT._repr_html_()


def test_results_keep_their_equality_and_hash_in_pickles() -> None:
    """As before they were printed or drawn."""
    for name, result in RESULTS.items():
        if name != "expected":  # a lambda goes nowhere
            assert pickle.loads(pickle.dumps(result)) == result
