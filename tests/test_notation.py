"""Notation: what is read, what is refused and how, what is written."""
# ruff: noqa: E501  (each refusal on a line of its own)

from __future__ import annotations

import pytest

from dicesim import (
    Clamp,
    Comparison,
    Condition,
    Conditional,
    Constant,
    Count,
    Dice,
    DiceFunction,
    Die,
    Drop,
    Explode,
    Function,
    Group,
    Keep,
    Let,
    Name,
    Negate,
    NotationError,
    ParameterError,
    Product,
    Quotient,
    Reroll,
    Sum,
    caveats,
    describe,
    exact,
    parse,
    unparse,
)

D6, D8, D20 = Dice(1, 6), Dice(1, 8), Dice(1, 20)
KH3 = Keep("highest", 3)


def at(text: str) -> Condition:
    """A condition."""
    return Condition.parse(text)


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
        ("7//2*3", Product((Quotient(Constant(7), Constant(2)), Constant(3)))),
        ("2*d6//-4", Quotient(Product((Constant(2), D6)), Constant(-4))),
        ("-d6//4", Quotient(Negate(D6), Constant(4))),
        ("4dF", Dice(4, Die([(-1, 1)]))),
        ("dfkh1", Dice(1, Die([(-1, 1)]), [Keep("highest", 1)])),
        ("d{1,1,2,3}", Dice(1, Die([(1, 1, 2), (2, 3)]))),
        ("2d{0..9}", Dice(2, Die([(0, 9)]))),
        ("d{1..5:3, 6:5}", Dice(1, Die([(1, 5, 3), (6, 6, 5)]))),
        ("d{-3..-1, -2}", Dice(1, Die([(-3, -3), (-2, -2, 2), (-1, -1)]))),
        ("d{1..6:2}", D6),
        ("(1d6)d6", Dice(D6, 6)),
        ("(d6) D{2,4}kh1", Dice(D6, Die([(2, 2), (4, 4)]), [Keep("highest", 1)])),
        ("4d6kh3", Dice(4, 6, [KH3])),
        ("4d6 K3", Dice(4, 6, [KH3])),
        ("4d6kh", Dice(4, 6, [Keep("highest", 1)])),
        ("4d6kl2dh1", Dice(4, 6, [Keep("lowest", 2), Drop("highest", 1)])),
        ("4d6dl", Dice(4, 6, [Drop("lowest", 1)])),
        ("d20ADV", Dice(2, 20, [Keep("highest", 1)])),
        ("d20dis+3", Sum((Dice(2, 20, [Keep("lowest", 1)]), Constant(3)))),
        ("d6!", Dice(1, 6, [Explode(at("6"))])),
        ("d{2,5}!!", Dice(1, Die([(2, 2), (5, 5)]), [Explode(at("5"), "compound")])),
        ("3d10!>=9 max=5 kh2", Dice(3, 10, [Explode(at(">=9"), limit=5), Keep("highest", 2)])),
        ("d6!P<3", Dice(1, 6, [Explode(at("<3"), "penetrate")])),
        ("d6!==5", Dice(1, 6, [Explode(at("5"))])),
        ("d6! !=5", Dice(1, 6, [Explode(at("!=5"))])),
        ("d6!!!=5", Dice(1, 6, [Explode(at("!=5"), "compound")])),
        ("5d6!=5", Dice(5, 6, [Count(at("!=5"))])),
        ("d6r1", Dice(1, 6, [Reroll(at("1"))])),
        ("d6r<=2ro6", Dice(1, 6, [Reroll(at("<=2")), Reroll(at("6"), once=True)])),
        ("dFr-1", Dice(1, Die([(-1, 1)]), [Reroll(at("-1"))])),
        ("d6mi2ma4", Dice(1, 6, [Clamp("least", 2), Clamp("most", 4)])),
        ("10d10>=8", Dice(10, 10, [Count(at(">=8"))])),
        ("5d10>=6f1", Dice(5, 10, [Count(at(">=6"), at("1"))])),
        ("5d10>=6f<=2", Dice(5, 10, [Count(at(">=6"), at("<=2"))])),
        ("10d10!>=8", Dice(10, 10, [Explode(at(">=8"))])),
        ("10d10!>=9>=8", Dice(10, 10, [Explode(at(">=9")), Count(at(">=8"))])),
        ("10d10! max=4 >=8", Dice(10, 10, [Explode(at("10"), limit=4), Count(at(">=8"))])),
        ("4d6r1>=5", Dice(4, 6, [Reroll(at("1")), Count(at(">=5"))])),
        ("(2d6)>=9", Comparison(Dice(2, 6), ">=", Constant(9))),
        ("d20+5>=15", Comparison(Sum((D20, Constant(5))), ">=", Constant(15))),
        ("(d20)<d6+1", Comparison(D20, "<", Sum((D6, Constant(1))))),
        ("(2d6>=5)>=1", Comparison(Dice(2, 6, [Count(at(">=5"))]), ">=", Constant(1))),
        ("{2d6, d8}kh1", Group((Dice(2, 6), D8), (Keep("highest", 1),))),
        ("{d6+1, d8}>=3", Group((Sum((D6, Constant(1))), D8), (Count(at(">=3")),))),
        ("max(d6, 3, d8)", Function("max", (D6, Constant(3), D8))),
        ("ABS(d6-7)", Function("abs", (Sum((D6, Constant(-7))),))),
        ("if(d20>=15, d8, 0)", Conditional(Dice(1, 20, [Count(at(">=15"))]), D8, Constant(0))),
        ("distinct(4d6kh3)", DiceFunction("distinct", Dice(4, 6, [KH3]))),
        ("A = d20; a*a", Let((("a", D20),), Product((Name.of("a", D20),) * 2))),
        (
            "kept = 4d6kh3; pairs(KEPT)",
            Let(
                (("kept", Dice(4, 6, [KH3])),),
                DiceFunction("pairs", Name.of("kept", Dice(4, 6, [KH3]))),
            ),
        ),
    ],
)
def test_reads(text: str, tree: object) -> None:
    """Notation becomes the tree that its binding demands."""
    assert parse(text) == tree


# text, offset, what is expected there, what to write instead
REFUSED = [
    ("", 0, "dice, a number, a name or (", "write notation such as 2d6"),
    ("  ", 2, "dice, a number, a name or (", "write notation such as 2d6"),
    ("4d6kh5", 3, "at most 4 to keep", "the pool has 4 dice at this point"),
    ("d0", 0, "at least one side", "write d6 for dice with six sides"),
    ("3d0", 0, "at least one side", "write 3d6 for dice with six sides"),
    ("2d6/2", 3, "an operator or the end", "write // for a quotient rounded down"),
    ("2d6>=9", 3, "a condition that some die can meet", "dice show 1 to 6, so the count would always be 0; write (2d6)>=9 to compare the total"),
    ("5+1d20>=15", 2, "parentheses around the count, or around what is compared", "write 5+(1d20>=15) or (5+1d20)>=15"),
    ("1d20>=15+5", 0, "parentheses around the count, or around what is compared", "write (1d20>=15)+5 or (1d20)>=15+5"),
    ("2*3d6>=5", 2, "parentheses around the count, or around what is compared", "write 2*(3d6>=5) or (2*3d6)>=5"),
    ("-1d6>=3", 1, "parentheses around the count, or around what is compared", "write -(1d6>=3) or (-1d6)>=3"),
    ("if(2d6>=5,1,2)", 3, "a condition that is 1 or 0", "write (2d6)>=5 or (2d6>=5)>=1"),
    ("if(2d6,1,2)", 3, "a condition that is 1 or 0", "compare it, as in (2d6)>=1"),
    ("2d20adv", 4, "an operator or the end", "adv stands straight behind one die, as in d20adv, which is 2d20kh1"),
    ("d20r1adv", 5, "an operator or the end", "adv stands straight behind one die, as in d20adv, which is 2d20kh1"),
    ("4d", 2, "the number of sides", "write 4d6 for dice with six sides, 4d% for percentile dice"),
    ("1 + 4d + 2", 6, "the number of sides", "write 4d6 for dice with six sides, 4d% for percentile dice"),
    ("d", 1, "the number of sides", "write d6 for dice with six sides, d% for percentile dice"),
    ("d{}", 2, "a face, which is a whole number", "write the faces, as in d{1,1,2,3} or d{0..9}"),
    ("d{1,}", 4, "a face, which is a whole number", "write the faces, as in d{1,1,2,3} or d{0..9}"),
    ("d{5..1}", 2, "a range that runs upwards", "write 1..5"),
    ("d{1:0}", 4, "a weight of at least 1", "leave the face out"),
    ("d{1.5}", 3, ", or }", "totals are whole numbers, without a fraction"),
    ("d{6:", 4, "a weight, which is a whole number", ""),
    ("kh3", 0, "dice, a number, a name or (", "modifiers follow their dice, as in 4d6kh3"),
    ("1d6!>=1", 3, "a condition that some face does not meet", "it would explode without end"),
    ("d1!", 2, "a condition that some face does not meet", "it would explode without end"),
    ("d6r>=1", 2, "a condition that some face does not meet", "it would roll again without end; ro rolls again once"),
    ("d6r<=6", 2, "a condition that some face does not meet", "it would roll again without end; ro rolls again once"),
    ("a+1", 0, "dice, a number, a name or (", "define it first, as in a = 1d20; a+1"),
    ("a = 1d6", 7, "; and what is made of it", "write a after a semicolon"),
    ("a = 1d6; a = 2; a", 9, "a new name", "a is already defined; choose another name"),
    ("max = 3; max", 0, "a name of your own", "max is a function; choose another name, or write == to compare"),
    ("kh3 = 4; 1", 0, "a name of your own", "kh3 is dice or a modifier; choose another name, or write == to compare"),
    ("d6 = 4", 0, "a name of your own", "d6 is dice or a modifier; choose another name, or write == to compare"),
    ("a = 1d6; akh1", 9, "dice, a number, a name or (", "define it first, as in akh1 = 1d20; akh1+1"),
    ("a = 1d6; a kh1", 11, "an operator or the end", "write modifiers where a is defined, behind its dice"),
    ("a=2d6; a!", 8, "an operator or the end", "write modifiers where a is defined, behind its dice"),
    ("(2d6)kh1", 5, "an operator or the end", "a total has no dice; write 2d6kh1 without parentheses"),
    ("4d6d1", 3, "an operator or the end", "write (4d6)d1 for a rolled number of dice, 4d6dl1 or 4d6dh1 to drop dice"),
    ("d6d6", 2, "an operator or the end", "write (d6)d6 for a rolled number of dice"),
    ("1d(2d6)", 2, "the number of sides", "the number of sides cannot be rolled; write 1d6 for dice with six sides, 1d% for percentile dice"),
    ("2d(6)", 2, "the number of sides", "the number of sides cannot be rolled; write 2d6 for dice with six sides, 2d% for percentile dice"),
    ("{d6}", 3, "a comma and another part", "write d6 without braces"),
    ("{d6,d8", 6, "an operator, a comma or }", "the { at character 1 is still open"),
    ("{d6,d8}!", 7, "kh, kl, dh, dl or a comparison", "modify the dice inside the braces"),
    ("{d6,d8}r1", 7, "kh, kl, dh, dl or a comparison", "modify the dice inside the braces"),
    ("{d6,d8}kh3", 7, "at most 2 to keep", "the pool has 2 dice at this point"),
    ("d6)", 2, "an operator or the end", "no parenthesis is open"),
    ("(2d6", 4, "an operator or )", "the ( at character 1 is still open"),
    ("()", 1, "dice, a number, a name or (", ""),
    ("2d6+", 4, "dice, a number, a name or (", ""),
    ("*3", 0, "dice, a number, a name or (", ""),
    ("2d6+*3", 4, "dice, a number, a name or (", ""),
    ("\uff12d6", 0, "dice, a number, a name or (", "write numbers with the digits 0 to 9, and everything else in ASCII"),
    ("2d\u0666", 2, "the number of sides", "write 2d6 for dice with six sides, 2d% for percentile dice"),
    ("2d6=7", 3, "an operator or the end", "write == to compare"),
    ("2d6=>7", 3, "an operator or the end", "write >=, <= or !="),
    ("2d6<>7", 3, "an operator or the end", "write >=, <= or !="),
    ("2d6 + 1d8 >= 10", 10, "a condition that some die can meet", "dice show 1 to 8, so the count would always be 0; write (2d6 + 1d8)>= 10 to compare the total"),
    ("2d6>=9>=1", 3, "a condition that some die can meet", "dice show 1 to 6, so the count would always be 0; write (2d6)>=9 to compare the total"),
    ("(2d6)>=9>=1", 8, "one comparison at most", "where both have to hold, write names, as in x = 2d6; (5<=x)*(x<=9); to compare the 1 or 0, ((2d6)>=9)>=1"),
    ("(2d6)>=2d6>=3", 10, "one comparison at most", "where both have to hold, write names, as in x = 2d6; (5<=x)*(x<=9); to compare the 1 or 0, ((2d6)>=2d6)>=3"),
    ("1d6>=1d8", 5, "a whole number, since a comparison straight after dice counts them", "write (1d6)>=1d8 to compare totals"),
    ("2d6kh0", 3, "at least 1 die to keep", "leave it out to keep all dice"),
    ("2d6dl2", 3, "at most 1 to drop", "the pool has 2 dice at this point"),
    ("1d6dl1", 3, "more dice than 1 to drop from", "the pool has 1 die at this point"),
    ("d6!!!", 4, "one explosion in each pool", "leave one of them out"),
    ("d6!!p", 4, "an operator or the end", "choose one of !, !! and !p"),
    ("d6!6", 3, "a comparison", "write ! ==6"),
    ("d6!max=0", 2, "a limit of at least 1 extra die", "write max=1 or more"),
    ("d6max=3", 2, "an operator or the end", "max= stands behind !, as in 4d6! max=5"),
    ("d6r", 3, "a number or a comparison", "write r1 or r<=2, say"),
    ("d6ro", 4, "a number or a comparison", "write ro1 or ro<=2, say"),
    ("d6r7", 2, "a condition that some die can meet", "dice show 1 to 6, so no die would be rolled again"),
    ("d6mi", 2, "an operator or the end", "write mi2 or ma4, say"),
    ("d6f1", 2, "an operator or the end", "failures follow a count, as in 5d10>=6f1; straight behind ! or r, a comparison is its condition"),
    ("5d6>=5f7", 3, "a condition that some die can meet", "dice show 1 to 6, so there would be no failures"),
    ("5d6>=5kh2", 6, "an operator or the end", "a count comes after all other modifiers"),
    ("5d6 kh 3", 7, "an operator or the end", "write kh3 without the space"),
    ("10//0", 4, "a divisor that is never 0", ""),
    ("10//(d6-d6)", 4, "a divisor that is never 0", "this one lies from -5 to 5; write max(1, ...) around it"),
    ("6//(1d6-1)", 3, "a divisor that is never 0", "this one lies from 0 to 5; write max(1, ...) around it"),
    ("(d6-3)d6", 0, "a number of dice that is never negative", "this one lies from -2 to 3; write max(0, ...) around it"),
    ("max(2d6)", 7, "two or more arguments", "as in max(2d6, 7)"),
    ("abs(1,2)", 7, "one argument", "as in abs(5d6)"),
    ("if(1,2)", 6, "three arguments", "as in if(1d20>=15, 2d8, 0)"),
    ("foo(3)", 0, "dice, a number, a name or (", "the functions are abs, distinct, if, largest_set, max, min, pairs, sign, straight; 3d6//2 rounds down, (3d6+1)//2 up"),
    ("maxx(1,2)", 0, "dice, a number, a name or (", "did you mean max?"),
    ("distinct(2d6+1)", 9, "a pool of dice that is not counted", "write distinct(5d6), or the name of such a pool"),
    ("distinct(5d6>=5)", 9, "a pool of dice that is not counted", "write distinct(5d6), or the name of such a pool"),
    ("distinct(7)", 9, "a pool of dice that is not counted", "write distinct(5d6), or the name of such a pool"),
    ("max 3", 4, "(", "max is a function"),
    ("2d6x3", 3, "an operator or the end", "write * for a product"),
    ("d6 d6", 3, "an operator or the end", "write +, - or * between them"),
    ("2 d6", 2, "an operator or the end", "write 2d6 without the space"),
    ("3 d 6", 2, "an operator or the end", "write dice without spaces, as in 3d6"),
    ("2(d6)", 1, "an operator or the end", "write * for a product"),
    ("1,000", 1, "an operator or the end", "write numbers without commas, and one expression"),
    ("2^3", 1, "an operator or the end", "write a product, as in 2*2*2"),
    ("2w6", 1, "an operator or the end", "write d for a die, as in 2d6"),
    ("2.5", 1, "an operator or the end", "totals are whole numbers, without a fraction"),
    ("1e6", 1, "an operator or the end", "write ! to explode, and numbers in full"),
    ("2d6 and 3", 4, "an operator or the end", "multiply two comparisons where both have to hold, as in (a>=5)*(b>=5)"),
    ("a==1; b", 0, "dice, a number, a name or (", "define it first, as in a = 1d20; a+1"),
    ("9223372036854775808", 0, "numbers up to 9223372036854775807 (2**63 - 1)", ""),
    ("d9223372036854775808", 0, "numbers up to 9223372036854775807 (2**63 - 1)", ""),
    ("2*9223372036854775807", 0, "totals up to 9223372036854775807 (2**63 - 1)", "write smaller numbers"),
    ("4d6s", 3, "an operator or the end", "dice cannot be sorted"),
    ("4d6cs>5", 3, "an operator or the end", "a comparison counts successes, as in 10d10>=8"),
    ("4d6e6", 3, "an operator or the end", "write ! to explode, and numbers in full"),
    ("4d6min2", 3, "an operator or the end", "mi2 lets no die show less than 2, ma4 none more than 4"),
    ("4dF!>=-1", 3, "a condition that some face does not meet", "it would explode without end"),
    ("4d6! max = 3", 5, "an operator or the end", "write max=5 behind !, without spaces"),
    ("2d6 \u2265 9", 4, "an operator or the end", "write >= or <="),
    ("d6&&d6", 2, "an operator or the end", "multiply two comparisons where both have to hold, as in (a>=5)*(b>=5)"),
    ("d%%", 2, "an operator or the end", ""),
    ("1d20>=15f", 9, "a number or a comparison", "write f1 or f<=2, say"),
    ("if(1d20>=15;2;3)", 11, "an operator, a comma or )", "the ( at character 3 is still open"),
    ("10d10>=8 >=2", 9, "one comparison at most", "where both have to hold, write names, as in x = 2d6; (5<=x)*(x<=9); to compare the 1 or 0, (10d10>=8)>=2"),
    ("4d6keep3", 3, "an operator or the end", "write kh3 to keep the highest three"),
    ("ad6", 0, "dice, a number, a name or (", "define it first, as in ad6 = 1d20; ad6+1"),
    ("2d6;", 3, "an operator or the end", ""),
    ("roll 2d6", 0, "dice, a number, a name or (", "leave it out"),
    ("output d{1,2}", 0, "dice, a number, a name or (", "leave it out"),
    ("4d6x", 3, "an operator or the end", "write ! to explode, or * for a product"),
    ("d6!o", 3, "an operator or the end", "write ! to explode, or * for a product"),
    ("1d6[fire]", 3, "an operator or the end", "leave labels out; faces stand in braces, as in d{1..6}"),
    ("2d6+@str", 4, "dice, a number, a name or (", "write the number itself"),
    ("6#4d6kh3", 1, "an operator or the end", "write one rule alone; each is rolled as often as you ask"),
    ("1d20+5 vs 15", 7, "an operator or the end", "write >= to compare a total, as in (1d20+5)>=15"),
    ("d6mi9>=10", 5, "a condition that some die can meet", "dice show 9, so the count would always be 0; write (d6mi9)>=10 to compare the total"),
    ("5d6>=8", 3, "a condition that some die can meet", "dice show 1 to 6, so the count would always be 0; write (5d6)>=8 to compare the total"),
    ("4d6!!>=7", 3, "a condition that some die can meet", "dice show 1 to 6, so the dice would never explode"),
    ("3d6kh1kh2", 6, "at most 1 to keep", "the pool has 1 die at this point"),
    ("3d6>=5 + 2d8>=7", 0, "parentheses around the count", "write (3d6>=5) + (2d8>=7)"),
    ("d=2d6; d*d", 0, "a name of your own", "d is dice or a modifier; choose another name, or write == to compare"),
    ("d6 > = 3", 5, "a whole number, since a comparison straight after dice counts them", "write == to compare"),
    ("3d6h2", 3, "an operator or the end", "write kh2 to keep the highest two, dl1 to drop the lowest"),
    ("5d10>=6f-1", 4, "a condition that some die can meet", "dice show 1 to 10, so there would be no failures"),
    ("4d6keep3", 3, "an operator or the end", "write kh3 to keep the highest three"),
    ("4d6drop1", 3, "an operator or the end", "write dl1 to drop the lowest"),
    ("d6!<>6", 3, "an operator or the end", "write >=, <= or !="),
    ("d{0..3}mi", 7, "an operator or the end", "write mi2 or ma4, say"),
    ("a=d6; (a)kh1", 9, "an operator or the end", "modifiers follow their dice, as in 4d6kh3"),
    ("pairs(p)", 6, "dice, a number, a name or (", "define it first, as in p = 1d20; p+1"),
    ("if(5d6>=5f1,1,0)", 3, "a condition that is 1 or 0", "write (5d6>=5f1)>=1"),
    ("5+1d20>=15f1", 2, "parentheses around the count", "write 5+(1d20>=15f1)"),
    ("(2d6>=5)kh1", 8, "an operator or the end", "modifiers follow their dice, as in 4d6kh3"),
    ("(2d6)adv", 5, "an operator or the end", "modifiers follow their dice, as in 4d6kh3"),
    ("2d6>=(3)", 5, "a whole number, since a comparison straight after dice counts them", "write (2d6)>=(3) to compare totals"),
    ("5d6>6", 3, "a condition that some die can meet", "dice show 1 to 6, so the count would always be 0; write (5d6)>6 to compare the total"),
    ("2d{1,10}==5", 8, "a condition that some die can meet", "dice show 1 to 10, so the count would always be 0; write (2d{1,10})==5 to compare the total"),
    ("d6//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2//2", 302, "at most 100 levels", "remove parentheses that do nothing"),
    ("d6r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1r1", 102, "at most 50 modifiers", ""),
    ("df=1; 1", 0, "a name of your own", "df is dice or a modifier; choose another name, or write == to compare"),
    ("12//d6>=5", 4, "parentheses around the count, or around what is compared", "write 12//(d6>=5) or (12//d6)>=5"),
    ("3d6!>=5dis", 7, "an operator or the end", "dis stands straight behind one die, as in d20dis, which is 2d20kl1"),
    ("9" * 5000 + "d6", 0, "numbers up to 9223372036854775807 (2**63 - 1)", ""),
    ("(" * 200 + "1" + ")" * 200, 100, "at most 100 levels", "remove parentheses that do nothing"),
    ("(" * 10_000, 100, "at most 100 levels", "remove parentheses that do nothing"),
    ("-" * 10_000, 100, "at most 100 levels", "remove parentheses that do nothing"),
    ("(" * 10_001, 10_000, "at most 10,000 characters", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "position", "expected", "hint"), REFUSED, ids=[repr(r[0])[:30] for r in REFUSED]
)
def test_refuses(text: str, position: int, expected: str, hint: str) -> None:
    """A refusal says where, what was found, what was expected, and what to write instead."""
    with pytest.raises(NotationError) as caught:
        parse(text)
    error = caught.value
    assert (error.position, error.expected, error.hint) == (position, expected, hint)
    assert error.text == text
    assert error.found in ("the end", "10,001 characters", repr(_shown(text, error)))
    where = f"character {position + 1}: " * (position < len(text) and len(text) <= 10_000)
    message = f"{where}found {error.found}, expected {expected}"
    assert str(error) == (f"{message}; {hint}" if hint else message)
    assert len(str(error)) < 250


def _shown(text: str, error: NotationError) -> str:
    span = text[error.position : error.position + error.length]
    return span if len(span) <= 40 else f"{span[:37]}..."


def test_what_a_refusal_says_to_write_can_be_read() -> None:
    """Where two readings are shown, both are notation, and they differ."""
    for text in ("5+1d20>=15", "1d20>=15+5", "2*3d6>=5", "-1d6>=3", "if(2d6>=5,1,2)"):
        with pytest.raises(NotationError) as caught:
            parse(text)
        first, second = caught.value.hint.removeprefix("write ").split(" or ")
        assert exact(first) != exact(second)


def test_nodes_refuse_what_the_parser_refuses() -> None:
    """Trees that are built by hand are checked just so."""
    for build in (
        lambda: Dice(4, 6, [Keep("highest", 5)]),
        lambda: Dice(-1, 6),
        lambda: Dice(Sum((D6, Constant(-3))), 6),
        lambda: Dice(1, 6, [Explode(at(">=1"))]),
        lambda: Dice(1, 6, [Reroll(at("<=6"))]),
        lambda: Dice(2, 6, [Count(at(">=5")), Keep("highest", 1)]),
        lambda: Dice(1, 2**62, [Explode(at("1"), "compound"), Clamp("most", 3)]),
        lambda: Die([]),
        lambda: Die([(5, 1)]),
        lambda: Die([(1, 2, 2**62), (3, 3, 1)]),
        lambda: Group((D6,)),
        lambda: Group((D6, D8), (Reroll(at("1")),)),
        lambda: Quotient(D6, Sum((D6, Constant(-1)))),
        lambda: Conditional(D6, D6, D6),
        lambda: Comparison(D6, "=", D8),
        lambda: Function("max", (D6,)),
        lambda: DiceFunction("pairs", Dice(2, 6, [Count(at("6"))])),
        lambda: Let((("a", D6), ("a", D8)), D6),
        lambda: Let((("a", D6),), Name("a", 1, 8, (1, 1))),
        lambda: Negate(Constant(3)),
        lambda: Sum((D6, 3)),  # type: ignore[arg-type]
        lambda: Sum((Let((("a", D6),), Name.of("a", D6)), D6)),
        lambda: Dice(1, 6, [Reroll(at("1"))] * 51),
        lambda: exact(Name("a", 1, 6)),
    ):
        with pytest.raises(ParameterError):
            build()


def test_what_is_read_can_be_read_again() -> None:
    """A text that is longer in canonical notation than any may be is refused at once."""
    with pytest.raises(NotationError, match="found 18,000 characters when it is written out"):
        parse("-d%" * 3_000)


def test_depth_is_counted_not_length() -> None:
    """A long flat sum is read, and written and read again; so are many names, but not too many."""
    text = "+".join(["d6"] * 2500)
    tree = parse(text)
    assert isinstance(tree, Sum)
    assert len(tree.terms) == 2500
    assert parse(unparse(tree)) == tree
    nested = parse("(" * 100 + "d6" + ")" * 100)
    assert nested == D6
    names = "".join(f"n{i} = d6; " for i in range(100))
    assert exact(f"{names}n99") == exact("d6")
    with pytest.raises(NotationError, match="at most 100 names"):
        parse(f"{names}last = 2; last")


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
        ("8//(2*d4)", "8//(2*1d4)"),
        ("(8//2)//2*3", "8//2//2*3"),
        ("2*(7//2)", "2*(7//2)"),
        ("d{6,5,4,4,1..2}", "1d{1,2,4:2,5,6}"),
        ("3d{1,0,-1}", "3dF"),
        ("d20adv", "2d20kh1"),
        ("4d6 k3 mi2 r==1 ro < 3", "4d6kh3mi2r1ro<3"),
        ("10d10! max=20 >=8", "10d10! max=20 >=8"),
        ("10d10!!==10>=8", "10d10!! max=20 >=8"),
        ("3d10!>=9 max=5 kh2", "3d10!>=9 max=5 kh2"),
        ("d6! !=5", "1d6! !=5"),
        ("5d10>=6f==1", "5d10>=6f1"),
        ("(2d6)>=9", "(2d6)>=9"),
        ("((2d6)>=9)+1", "((2d6)>=9)+1"),
        ("-(2d6>=5)", "-(2d6>=5)"),
        ("(2d6>=5)==(3d6>=5)", "(2d6>=5)==(3d6>=5)"),
        ("{ d6,d8 }kh", "{1d6, 1d8}kh1"),
        ("IF(d20>=15,2d8,0)", "if(1d20>=15, 2d8, 0)"),
        ("a=d20;b=a+1;a*b", "a = 1d20; b = a+1; a*b"),
        ("a_1=d3;(a_1)D6", "a_1 = 1d3; (a_1)d6"),
    ],
)
def test_writes_canonically(text: str, canonical: str) -> None:
    """One tree has one notation."""
    assert unparse(parse(text)) == canonical
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2d6", "two d6, sum"),
        ("d20", "one d20"),
        ("d20-1", "one d20 minus 1"),
        ("13d6+1d8+2", "13 d6 plus one d8 plus 2"),
        ("(2d6+1)*3-d4", "(two d6 plus 1) times 3 minus one d4"),
        ("-d6", "minus one d6"),
        ("4d6kh3", "four d6, keep the highest 3, sum"),
        ("d20adv", "two d20, keep the highest"),
        ("4d6dl1mi2", "four d6, drop the lowest, each at least 2, sum"),
        ("9d9! max=4 >=8", "nine d9, explode on 9, four extra at most, count dice of at least 8"),
        ("5d10>=6f1", "five d10, count dice of at least 6 less those of 1"),
        ("3d6r1ro<3", "three d6, reroll 1, reroll less than 3 once, sum"),
        ("(2d6)>=9", "whether the total of two d6 is at least 9"),
        ("{2d6, d8}kh1", "a pool of two d6 and one d8, keep the highest"),
        ("a = d20; max(a, 2)", "where a is one d20: the greatest of a and 2"),
        ("(1d6)d6//2", "(as many d6 as the total of one d6) divided by 2, rounded down"),
        ("5//(2*d6)", "5 divided by (2 times one d6), rounded down"),
        ("-(2*d6)+d8", "minus (2 times one d6) plus one d8"),
        ("if(1d20>=15, 2d8, 0)", "if one d20 is at least 15: two d8; else 0"),
        ("straight(5d6)", "the length of the longest run of faces among five d6"),
    ],
)
def test_describes(text: str, words: str) -> None:
    """What was understood is said in words."""
    assert describe(parse(text)) == words


def test_caveats() -> None:
    """What may not be what was meant is told: limits that matter, counts of all dice."""
    assert caveats(parse("10d6!+4d6kh3")) == ()
    (cut,) = caveats(parse("1d6!>=2"))
    assert "up to 2.17 %" in cut
    (cut,) = caveats(parse("5d6!>=2 max=1"))
    assert "up to 100 %" in cut
    for text in ("2d6<=9", "1+(2d6!=7)", "3d6mi5>=5", "{d6, d8}>=1"):
        (count,) = caveats(parse(text))
        assert "counts, whatever it shows" in count
