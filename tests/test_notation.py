"""Notation: what is read, what is refused and how, what is written."""

from __future__ import annotations

import pytest

from dicesim import Constant, Dice, Negate, NotationError, Product, Sum, describe, parse, unparse

D6, D20 = Dice(1, 6), Dice(1, 20)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("2d6", Dice(2, 6)),
        ("d20", D20),
        ("D%", Dice(1, 100)),
        ("0d6", Dice(0, 6)),
        ("007", Constant(7)),
        (" 3d6 + 1d8\t+2 ", Sum((Dice(3, 6), Dice(1, 8), Constant(2)))),
        ("d20-1", Sum((D20, Constant(-1)))),
        ("d20-d6", Sum((D20, Negate(D6)))),
        ("-d6*2", Product((Negate(D6), Constant(2)))),
        ("d6+d6*d20", Sum((D6, Product((D6, D20))))),
        ("(d6+d6)*d20", Product((Sum((D6, D6)), D20))),
        ("(d6+d6)+d20", Sum((Sum((D6, D6)), D20))),
        ("d6 - -d20", Sum((D6, Negate(Negate(D20))))),
        ("9223372036854775807", Constant(2**63 - 1)),
    ],
)
def test_reads(text: str, tree: object) -> None:
    """Notation becomes the tree that its binding demands."""
    assert parse(text) == tree


REFUSED = [
    # text, position, found, part of expected, part of hint
    ("", 0, "the end", "dice", "2d6"),
    ("  ", 2, "the end", "dice", "2d6"),
    ("2d6x3", 0, "'2d6x3'", "dice, a number or (", "write *"),
    ("d6 d6", 3, "'d6'", "+, -, * or the end", "between them"),
    ("4d6kh3", 0, "'4d6kh3'", "dice, a number or (", "no modifiers"),
    ("2d6!", 3, "'!'", "+, -, * or the end", "no modifiers"),
    ("4dF", 0, "'4dF'", "dice, a number or (", "no Fudge dice"),
    ("+d6", 0, "'+'", "dice, a number or (", "leave the + out"),
    ("2(d6)", 1, "'('", "+, -, * or the end", "write *"),
    ("1,000", 1, "','", "+, -, * or the end", "without commas"),
    ("2w6", 0, "'2w6'", "dice, a number or (", "write d for a die"),
    ("3 d 6", 2, "'d'", "+, -, * or the end", "without spaces"),
    ("2^3", 1, "'^'", "+, -, * or the end", "product"),
    ("2d6 3", 4, "'3'", "+, -, * or the end", ""),
    ("2 d6", 2, "'d6'", "+, -, * or the end", "write 2d6 without the space"),
    ("4d", 2, "the end", "number of sides", "4d6"),
    ("1 + 4d + 2", 6, "' '", "number of sides", "4d6"),
    ("d", 1, "the end", "number of sides", "d6"),
    ("2d(6)", 2, "'('", "number of sides", "2d6"),
    ("d0", 0, "'d0'", "at least one side", "d6"),
    ("3d0", 0, "'3d0'", "at least one side", "3d6"),
    ("2d6+", 4, "the end", "dice, a number or (", ""),
    ("*3", 0, "'*'", "dice, a number or (", ""),
    ("2d6+*3", 4, "'*'", "dice, a number or (", ""),
    ("()", 1, "')'", "dice, a number or (", ""),
    ("(2d6", 4, "the end", ")", "character 1 is still open"),
    ("2d6)", 3, "')'", "the end", "no parenthesis is open"),
    ("2d6/2", 3, "'/'", "", "no division"),
    ("2d6//2", 3, "'//'", "", "no division"),
    ("2.5", 1, "'.'", "+, -, * or the end", "without a fraction"),
    ("2d6\u00d72", 3, "'\u00d7'", "", "write *"),
    ("2d6 \u2212 1", 4, "'\u2212'", "", "write -"),
    ("\uff12d6", 0, "'\uff12d6'", "", "digits 0 to 9"),
    ("2d\u0666", 2, "'\u0666'", "number of sides", "2d6"),
    ("kh3", 0, "'kh3'", "dice, a number or (", "no modifiers"),
    ("foo", 0, "'foo'", "", ""),
    ("2d6; rm", 3, "';'", "", ""),
    ("9223372036854775808", 0, "'9223372036854775808'", "2**63 - 1", ""),
    ("d9223372036854775808", 0, "'d9223372036854775808'", "2**63 - 1", ""),
    ("2*9223372036854775807", 0, "'2*9223372036854775807'", "2**63 - 1", "smaller"),
    ("1+(5d9223372036854775807)", 3, "'5d9223372036854775807'", "2**63 - 1", "smaller"),
    ("9" * 5000 + "d6", 0, None, "2**63 - 1", ""),
    ("(" * 101 + "1" + ")" * 101, 100, "'('", "at most 100 levels", ""),
    ("-" * 10_000, 100, "'-'", "at most 100 levels", ""),
    ("(" * 10_001, 10_000, "10,001 characters", "at most 10,000 characters", ""),
]


@pytest.mark.parametrize(
    ("text", "position", "found", "expected", "hint"),
    REFUSED,
    ids=[repr(r[0])[:30] for r in REFUSED],
)
def test_refuses(text: str, position: int, found: str | None, expected: str, hint: str) -> None:
    """A refusal says where, what was found, what was expected, and what to write instead."""
    with pytest.raises(NotationError) as caught:
        parse(text)
    error = caught.value
    assert error.position == position
    assert error.found == found or found is None
    assert expected in error.expected
    assert hint in error.hint
    assert error.text == text
    assert "\n" not in str(error)
    assert len(str(error)) < 250
    assert error.found in str(error)
    assert error.hint in str(error)


def test_depth_is_counted_not_length() -> None:
    """A long flat sum is read, and written and read again."""
    text = "+".join(["d6"] * 3000)
    tree = parse(text)
    assert isinstance(tree, Sum)
    assert len(tree.terms) == 3000
    nested = parse("(" * 100 + "d6" + ")" * 100)
    assert nested == D6


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("d20", "1d20"),
        ("D%", "1d100"),
        ("3d6 + 1d8 + 2", "3d6+1d8+2"),
        ("2-d6", "2-1d6"),
        ("(2d6+1)*3", "(2d6+1)*3"),
        ("2*(d6*d8)", "2*(1d6*1d8)"),
        ("-(d6+1)", "-(1d6+1)"),
        ("--d6", "--1d6"),
        ("1-(d6-2)", "1-(1d6-2)"),
        ("3*-2", "3*-2"),
        ("- 5", "-5"),
    ],
)
def test_writes_canonically(text: str, canonical: str) -> None:
    """One tree has one notation."""
    assert unparse(parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2d6", "two d6, sum"),
        ("d20", "one d20"),
        ("d20-1", "one d20 minus 1"),
        ("13d6+1d8+2", "13 d6 plus one d8 plus 2"),
        ("(2d6+1)*3-d4", "(two d6 plus 1) times 3 minus one d4"),
        ("-d6", "minus one d6"),
    ],
)
def test_describes(text: str, words: str) -> None:
    """What was understood is said in words."""
    assert describe(parse(text)) == words
