"""Recorded rolls are read whatever shape they have, or refused in one clear line."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

import dicesim
from dicesim.one_die import OneDieReader
from dicesim.recording import RollReader


def rows(text: bytes, column: str | None = None, counts: bool = False) -> list[list[int]]:
    """Every row, and after it its count where it has one."""
    reader = RollReader(column, counts)
    found = []
    for block in reader.feed(text, last=True):
        numbers = block.rows.tolist()
        if block.counts is not None:
            numbers = [[*row, n] for row, n in zip(numbers, block.counts.tolist(), strict=True)]
        found += numbers
    return found


@pytest.mark.parametrize(
    "text",
    [
        b"3\n5\n-1\n",
        b"3\n5\n-1",
        b"3\r\n5\r\n-1\r\n",
        b"3\r5\r-1",
        b"\xef\xbb\xbf3\n5\n-1\n",
        b"total\n3\n5\n-1\n",
        b"\xef\xbb\xbftotal\r\n3\r\n5\r\n-1\r\n",
        b"# by hand\n\n3\n# here I rested\n5\n\n-1\n\n",
        b" 3\n+5 \n-1\n",
        b'"3"\n"5"\n"-1"\n',
    ],
)
def test_one_total_a_line(text: bytes) -> None:
    """With a header or without, whatever ends the lines, and with remarks."""
    assert rows(text) == [[3], [5], [-1]]


@pytest.mark.parametrize(
    "text",
    [
        b"3,5\n-1,6\n",
        b"3;5\n-1;6\n",
        b"3\t5\n-1\t6\n",
        b"3 5\n-1 6\n",
        b"3   5\n -1  6\n",
        b"3, 5\n-1, 6\n",
        b"red,white\n3,5\n-1,6\n",
        b'"red","white"\n"3","5"\n-1,6\n',
    ],
)
def test_a_column_for_each_die(text: bytes) -> None:
    """Set apart by commas, semicolons, tabs or spaces."""
    assert rows(text) == [[3, 5], [-1, 6]]
    assert rows(text, "2") == [[5], [6]]
    assert rows(text, "1") == [[3], [-1]]


def test_a_column_by_its_name() -> None:
    """Whatever stands in the others."""
    text = b'when,who,roll\n2024-01-01,"Ann, of course",3\nlater,Bob,5\n'
    assert rows(text, "roll") == rows(text, "3") == [[3], [5]]
    assert rows(b"when,roll\na,3\nb,5\nc,6\n", "roll") == [[3], [5], [6]]
    assert rows(b"a;1\nb;2\n", "2") == [[1], [2]]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (b"face,count\n1,10\n2,0\n3,5\n", False),
        (b"outcome,COUNT,observed\n1,10,0.6\n2,0,0\n3,5,0.3\n", False),
        (b"Face;Frequency\n1;10\n2;0\n3;5\n", False),
        (b"1: 10\n2: 0\n3: 5\n", True),
        (b"1,10\n2,0\n3,5\n", True),
        (b"1 10\n2 0\n3 5\n", True),
        (b"face,often\n1,10\n2,0\n3,5\n", True),
    ],
)
def test_counts(text: bytes, counts: bool) -> None:
    """Told by a header, or by the user; zeros say nothing more than their absence."""
    assert rows(text, None, counts) == [[1, 10], [3, 5]]


@pytest.mark.parametrize(
    "text",
    [
        b"3 5 -1\n6\n",
        b"3,5,-1\n6",
        b"rolls\r\n3, 5, -1,\r\n6\r\n",
        b"my d20\n3;5\t-1: 6\n",
        b"# at Ann's\n3 5\n\n-1 6\n# and no more\n",
    ],
)
def test_one_die(text: bytes) -> None:
    """However many of its rolls stand in a line, and whatever stands between them."""
    reader = OneDieReader()
    found = np.concatenate([block.rows for block in reader.feed(text, last=True)])
    assert found.tolist() == [[3], [5], [-1], [6]]
    assert len(reader.names) == 1


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from(" ,\n")), min_size=1), st.booleans())
def test_one_die_in_any_lines_is_one_die(rolls: list[tuple[int, str]], slow: bool) -> None:
    """Lines are of no matter, but an error names the one that it is in."""
    text = "".join(f"{roll}{mark}" for roll, mark in rolls) + "\n" + "#" * slow
    one_a_line = "".join(f"{roll}\n" for roll, _ in rolls)
    (block,) = OneDieReader().feed(text.encode(), last=True)
    assert block.rows.tolist() == rows(one_a_line.encode())
    lines = [i for i, line in enumerate(text.split("\n"), 1) for _ in re.findall("[0-9]", line)]
    assert list(block.places) == lines


def test_what_one_die_excludes() -> None:
    """There are no columns and no counts then; what is no roll is refused by its line."""
    file = io.BytesIO(b"1 2 3\n4 7\n")
    with pytest.raises(dicesim.RecordError, match="line 2: 7 cannot come up with 1d6; write"):
        dicesim.check_file(file, "1d6", one_die=True)
    with pytest.raises(dicesim.RecordError, match="line 2: 'x' is no whole number"):
        dicesim.check_file(io.BytesIO(b"1\n2 x"), "1d6", one_die=True)
    for options, other in (({"counts": True}, "counts"), ({"column": 1}, "column")):
        with pytest.raises(dicesim.ParameterError, match=f"leave out either this or {other}"):
            dicesim.check_file(file, "1d6", one_die=True, **options)


def test_a_table_of_two_dice() -> None:
    """Counts of pairs, and of one die out of them."""
    text = b"red,white,count\n1,1,3\n1,2,4\n2,1,5\n"
    assert rows(text) == [[1, 1, 3], [1, 2, 4], [2, 1, 5]]
    assert rows(text, "red") == [[1, 3], [1, 4], [2, 5]]


BAD = [
    (b"3\nsix\n", "line 2: 'six' is no whole number; write"),
    (b"3\n5\n3.5\n", "line 3: '3.5' is no whole number"),
    (b"roll\n# pause\n\n3\nx\n", "line 5: 'x' is no whole number"),
    (b"1,2\n3\n", "line 2: 1 column where line 1 has 2"),
    (b"1,2\n3,4,5\n", "line 2: 3 columns where line 1 has 2"),
    (b"1,2\n3,\n", "line 2: a field is empty"),
    (b"1,2\n,3\n4,5\n", "line 2: a field is empty"),
    (b"1\n7\n", "line 2: 7 cannot come up with 1d6"),
    (b"1\n0\n", "line 2: 0 cannot come up with 1d6"),
    (b"a,b\n1,2\n1,7\n", "line 3: 7 cannot come up with 1d6, which is the law of each of the 2"),
    (
        b"nr,roll\n1,4\n2,4\n3,1\n4,6\n5,6\n6,2\n",
        "nr numbers the rows, from 1 to 6; write --column",
    ),
    (b"1: 6\n2: 5\n3: 7\n", "line 3: 7 cannot come up with 1d6, which is the law of each"),
    (b"face,count\n1,0.25\n", "line 2: '0.25' is a proportion, no count; write how often"),
    (b"face,count\n1,16%\n", "line 2: '16%' is a proportion"),
    (b"face,count\n1,-3\n", "line 2: the count -3 is negative"),
    (b"face,count\n1,x\n", "line 2: 'x' is no whole number"),
    (b"face,count\n1,3\n1,4\n", "line 3: 1 stands in line 2 too"),
    (b"face,count\n8,3\n", "line 2: 8 cannot come up with 1d6"),
    (b"count\n8\n", "line 1: no face beside the count"),
    (b"face,count\n1,9223372036854775808\n", "too large a number"),
    (b"1\n99999999999999999999999\n", "line 2: '99999999999999999999...' is too large"),
    (b"", "nothing was rolled"),
    (b"\n\n", "nothing was rolled"),
    (b"roll\n", "nothing was rolled"),
    (b"face,count\n1,0\n", "nothing was rolled"),
    (b"1\n\x00\n", "line 2: has NUL bytes; write plain text in UTF-8"),
    ("1\n2\n".encode("utf-16"), "line 1: has NUL bytes"),
    (b"1\n\xff\n", "line 2: '\ufffd' is no whole number"),
    (b"1" * 100_000, "line 1: longer than a line of rolls can be"),
    (b"1\n" + b"x" * 3_000_000, "line 2: longer than a line of rolls can be"),
    (b"1," * 70 + b"1\n", "line 1: 71 columns, beyond 64; write one roll a line"),
    (b"1\n--2\n", "line 2: '--2' is no whole number"),
    (b"1\n-\n", "line 2: '-' is no whole number"),
    (b"1\n2-3\n", "line 2: '2-3' is no whole number"),
    (b"1,two\n", "line 1: 'two' is no whole number"),
    (b"1_0\n", "nothing was rolled"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[repr(row[0][:30]) for row in BAD])
def test_what_cannot_be_read_gets_a_clear_line(text: bytes, message: str) -> None:
    """What is wrong, in which line, and what to write instead (L5)."""
    with pytest.raises(dicesim.RecordError) as caught:
        dicesim.check_file(io.BytesIO(text), "1d6")
    assert message in str(caught.value)
    assert "; write " in str(caught.value)
    assert "\n" not in str(caught.value)
    if message.startswith("line "):
        assert caught.value.line == int(message.split(":")[0].removeprefix("line "))


def test_a_column_that_is_not_there() -> None:
    """The error names those that are."""
    for column in ("blue", "3", "0", ""):
        with pytest.raises(dicesim.ParameterError, match="'red', 'white'"):
            dicesim.check_file(io.BytesIO(b"red,white\n1,2\n"), "1d6", column=column)


def test_a_line_far_into_a_file_is_found() -> None:
    """Pieces do not lose the number of a line."""
    text = b"3\n" * 1_500_000 + b"9\n" + b"3\n" * 10
    with pytest.raises(dicesim.RecordError, match="line 1500001: 9 cannot come up"):
        dicesim.check_file(io.BytesIO(text), "1d6")
    with pytest.raises(dicesim.RecordError, match="line 1500001: 'x'"):
        dicesim.check_file(io.BytesIO(text.replace(b"9", b"x")), "1d6")


@given(st.binary(max_size=200), st.sampled_from([None, "1", "2", "a"]), st.booleans())
def test_any_bytes_are_read_or_refused(text: bytes, column: str | None, counts: bool) -> None:
    """Nothing but a DicesimError comes of whatever a file may hold."""
    try:
        dicesim.check_file(io.BytesIO(text), "d{-9..9}", column=column, counts=counts)
    except dicesim.DicesimError as error:
        assert str(error).isprintable()


LIKELY = st.text(st.sampled_from('0123456789-+.,;\t \n\r"#a%'), max_size=60)


@given(LIKELY, st.sampled_from([None, "1", "2", "a"]), st.booleans())
def test_nearly_rolls_are_read_or_refused(text: str, column: str | None, counts: bool) -> None:
    """The same of text that looks like rolls."""
    test_any_bytes_are_read_or_refused.hypothesis.inner_test(text.encode(), column, counts)  # type: ignore[attr-defined]


@given(LIKELY, st.lists(st.integers(0, 60), max_size=4))
def test_where_a_text_is_cut_does_not_matter(text: str, cuts: list[int]) -> None:
    """Pieces of any size give the same rows, or the same error."""

    def read(pieces: list[bytes]) -> list[list[int]] | str:
        reader, found = RollReader(), []
        try:
            for piece in pieces:
                for block in reader.feed(piece):
                    found += block.rows.tolist()
            for block in reader.feed(b"", last=True):
                found += block.rows.tolist()
        except dicesim.DicesimError as error:
            return str(error)
        return found

    raw = text.replace("\r", "").encode()
    places = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    whole = read([raw])
    parts = read([raw[i:j] for i, j in pairwise(places)])
    assert parts == whole


@given(st.lists(st.tuples(st.integers(-999, 10**12), st.integers(-9, 9)), min_size=1))
def test_the_fast_way_and_the_slow_one_agree(pairs: list[tuple[int, int]]) -> None:
    """Numbers come through as they were written."""
    text = "".join(f"{x},{y}\n" for x, y in pairs).encode()
    assert rows(text) == rows(text + b"#") == [list(pair) for pair in pairs]


MEMORY = """
import resource, sys
import dicesim
result = dicesim.check_file(sys.argv[1], "1d6")
print(result.n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is counted in other units")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Forty times as many rolls take no more memory (L4)."""
    peaks = []
    for n in (10**6, 4 * 10**7):
        file = tmp_path / f"{n}.txt"
        piece = (np.random.default_rng(n).integers(1, 7, 10**6) + 48).astype(np.uint8)
        lines = np.stack((piece, np.full_like(piece, 10)), axis=1).tobytes()
        with file.open("wb") as stream:
            for _ in range(n // 10**6):
                stream.write(lines)
        command = [sys.executable, "-c", MEMORY, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
        rolls, peak = map(int, done.stdout.split())
        assert rolls == n
        peaks.append(peak)
    assert peaks[1] <= 1.2 * peaks[0]


@pytest.mark.parametrize("zeros", [1, 20, 5_000])
def test_zeros_before_a_number_say_nothing(zeros: int) -> None:
    """However many there are, a signed number is read beside them."""
    assert rows(b"2\n-" + b"0" * zeros + b"3\n+" + b"0" * zeros + b"\n") == [[2], [-3], [0]]


@pytest.mark.parametrize("mark", [b",", b", "])
def test_comments_are_no_rolls_in_a_column_either(mark: bytes) -> None:
    """Whether or not a line can be read the fast way."""
    lines = [b"name", b"face"], *([b"ann", b"%d" % face] for face in (1, 2, 3)), [b"#void", b"6"]
    text = b"\n".join(mark.join(line) for line in lines) + b"\n"
    assert rows(text, column="face") == [[1], [2], [3]]
