"""Expression to canonical notation, and expression to words."""

from __future__ import annotations

from typing import Final

from dicesim.arithmetic import Negate, Product, Quotient, Sum
from dicesim.condition import Condition
from dicesim.dice import Dice, Group
from dicesim.expression import Constant, Expression, unknown, walk
from dicesim.faces import Die, Run
from dicesim.modifiers import (
    EXPLOSION_LIMIT,
    EXPLOSIONS,
    Clamp,
    Count,
    Drop,
    Explode,
    Keep,
    Modifier,
    Reroll,
)
from dicesim.totals import Comparison, Conditional, DiceFunction, Function, Let, Name

# Limits of explosions are told of where they hold with more than this probability.
_LEAST_CUT: Final = 1e-9
_WORDS: Final = (
    *("no", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_COMPARED: Final = {
    "==": "",
    "!=": "other than ",
    "<": "less than ",
    "<=": "at most ",
    ">": "more than ",
    ">=": "at least ",
}
_FUNCTIONS: Final = {
    "max": "the greatest of",
    "min": "the least of",
    "abs": "the absolute value of",
    "sign": "the sign of",
    "distinct": "the number of different faces of",
    "largest_set": "the size of the largest set of equal faces among",
    "pairs": "the number of pairs among",
    "straight": "the length of the longest run of faces among",
}


def unparse(expression: Expression) -> str:
    """Write an expression in its canonical notation.

    Parameters
    ----------
    expression : Expression

    Returns
    -------
    str

    Examples
    --------
    >>> from dicesim.notation import parse
    >>> unparse(parse(" D20adv +  2 * (d% - 1)"))
    '2d20kh1+2*(1d100-1)'
    """
    match expression:
        case Constant(value):
            return str(value)
        case Dice(count, die, modifiers):
            dice = f"{count}" if isinstance(count, int) else f"({unparse(count)})"
            return f"{dice}{_die(die)}{_modifiers(die, modifiers)}"
        case Group(parts, modifiers):
            return f"{{{', '.join(map(unparse, parts))}}}{_modifiers(None, modifiers)}"
        case Function(name, _) | DiceFunction(name, _):
            return f"{name}({_arguments(expression)})"
        case Conditional():
            return f"if({_arguments(expression)})"
        case Name(name):
            return name
        case Let(definitions, body):
            defined = "".join(f"{name} = {unparse(value)}; " for name, value in definitions)
            return f"{defined}{unparse(body)}"
    return _operation(expression)


def _operation(expression: Expression) -> str:
    match expression:
        case Negate(operand):
            return f"-{_enclosed(operand, Sum, Product, Quotient)}"
        case Sum(terms):
            first, *rest = terms
            return _enclosed(first, Sum) + "".join(map(_signed, rest))
        case Product(factors):
            first, *rest = factors
            others = (_enclosed(factor, Sum, Product, Quotient) for factor in rest)
            return "*".join([_enclosed(first, Sum, Product), *others])
        case Quotient(dividend, divisor):
            right = _enclosed(divisor, Sum, Product, Quotient)
            return f"{_enclosed(dividend, Sum)}//{right}"
        case Comparison(left, operator, right):
            text = _enclosed(left)
            text = f"({text})" if _ends_in_pool(left) else text
            return f"{text}{operator}{_enclosed(right)}"
    raise unknown(expression)


def _ends_in_pool(expression: Expression) -> bool:
    """Tell whether a comparison after an operand would count dice."""
    match expression:
        case Dice() | Group():
            return expression.counting is None  # which is in parentheses already
        case Negate(last) | Sum((*_, last)) | Product((*_, last)) | Quotient(_, last):
            return _ends_in_pool(last)
    return False


def _arguments(expression: Expression) -> str:
    return ", ".join(map(unparse, expression.children))


def _signed(term: Expression) -> str:
    match term:
        case Constant(value) if value < 0:
            return str(value)
        case Negate(operand):
            return f"-{_enclosed(operand, Sum)}"
    return f"+{_enclosed(term, Sum)}"


def _enclosed(expression: Expression, *kinds: type) -> str:
    """Write an operand, with parentheses where it is of these kinds, a comparison, or a count."""
    text = unparse(expression)
    bare = isinstance(expression, Dice | Group) and expression.counting is not None
    return f"({text})" if bare or isinstance(expression, (*kinds, Comparison, Let)) else text


def _die(die: Die) -> str:
    if die.is_fair:
        return f"d{die.high}"
    if die == Die([(-1, 1)]):
        return "dF"
    return f"d{{{','.join(map(_run, die.runs))}}}"


def _run(run: Run) -> str:
    low, high, weight = run
    loaded = f":{weight}" if weight > 1 else ""
    if high - low == 1:
        return f"{low}{loaded},{high}{loaded}"
    return f"{low}..{high}{loaded}" if low < high else f"{low}{loaded}"


def _modifiers(die: Die | None, modifiers: tuple[Modifier, ...]) -> str:
    text = ""
    piece = ""
    for modifier, following in zip(modifiers, [*modifiers[1:], None], strict=False):
        text += " " if "max=" in piece else ""
        piece = _modifier(die, modifier, isinstance(following, Count))
        text += piece
    return text


def _modifier(die: Die | None, modifier: Modifier, before_count: bool) -> str:
    match modifier:
        case Keep(end, number):
            return f"k{end[0]}{number}"
        case Drop(end, number):
            return f"d{end[0]}{number}"
        case Reroll(condition, once):
            return f"{'ro' if once else 'r'}{_short(condition)}"
        case Clamp(bound, value):
            return f"{'mi' if bound == 'least' else 'ma'}{value}"
        case Explode(condition, kind, limit):
            sign = EXPLOSIONS[kind]
            if die is None or condition != Condition("==", die.high):
                # "!!=" would be read as "!!" and "=".
                sign += " " if condition.operator == "!=" and kind != "penetrate" else ""
                sign += _long(condition)
            elif before_count:  # without a limit in between, what counts would be the condition
                return f"{sign} max={limit}"
            return sign if limit == EXPLOSION_LIMIT else f"{sign} max={limit}"
        case Count(success, failure):
            return _long(success) + ("" if failure is None else f"f{_short(failure)}")
    raise unknown(modifier)


def _long(condition: Condition) -> str:
    return f"{condition.operator}{condition.value}"


def _short(condition: Condition) -> str:
    return str(condition.value) if condition.operator == "==" else _long(condition)


def describe(expression: Expression) -> str:
    """Say in words what an expression rolls.

    Parameters
    ----------
    expression : Expression

    Returns
    -------
    str

    Examples
    --------
    >>> from dicesim.notation import parse
    >>> describe(parse("4d6kh3"))
    'four d6, keep the highest 3, sum'
    >>> describe(parse("3d6+1d8-2"))
    'three d6 plus one d8 minus 2'
    """
    words = _in_words(expression)
    if isinstance(expression, Dice | Group) and not expression.counting:
        start, last = expression.stages[0], expression.stages[-1]
        return f"{words}, sum" if start.most > 1 and last.most > 1 else words
    return words


def caveats(expression: Expression) -> tuple[str, ...]:
    """Say what may not be what was meant.

    Explosions that their limit cuts short in more than 1 in 10**9 trials, and counts of all dice.

    Parameters
    ----------
    expression : Expression

    Returns
    -------
    tuple[str, ...]

    Examples
    --------
    >>> from dicesim.notation import parse
    >>> caveats(parse("1d6!>=2"))
    ('a limit cuts explosions short in up to 2.17 % of trials; max= sets it',)
    >>> caveats(parse("1d6!"))
    ()
    """
    found = []
    if expression.cut > _LEAST_CUT:
        share = min(expression.cut, 1.0)
        found.append(
            f"a limit cuts explosions short in up to {share * 100:.3g} % of trials; max= sets it"
        )
    found += [
        f"every die of {unparse(part)} counts, whatever it shows; to compare the total, write "
        "parentheses around the dice"
        for part in walk(expression)
        if isinstance(part, Dice | Group) and part.counts_all
    ]
    return tuple(found)


def _in_words(expression: Expression) -> str:
    match expression:
        case Constant(value):
            return f"{value:,}"
        case Dice(1, die, (Count(success, None),)):
            return f"whether one {_die(die)} is {_compared(success)}"
        case Dice(count, die, modifiers):
            if isinstance(count, int):
                dice = f"{_number(count)} {_die(die)}"
            else:
                dice = f"as many {_die(die)} as the total of {_grouped(count)}"
            return ", ".join([dice, *map(_done, modifiers)])
        case Group(parts, modifiers):
            return ", ".join([f"a pool of {_listed(parts)}", *map(_done, modifiers)])
        case Function(name, arguments):
            return f"{_FUNCTIONS[name]} {_listed(arguments)}"
        case DiceFunction(name, pool):
            return f"{_FUNCTIONS[name]} {_grouped(pool)}"
        case Name(name):
            return name
        case Let(definitions, body):
            known = "; ".join(f"{name} is {_in_words(value)}" for name, value in definitions)
            return f"where {known}: {_in_words(body)}"
    return _operation_in_words(expression)


def _operation_in_words(expression: Expression) -> str:
    match expression:
        case Negate(operand):
            return f"minus {_grouped(operand)}"
        case Sum(terms):
            first, *rest = terms
            return _term(first) + "".join(map(_signed_words, rest))
        case Product(factors):
            return " times ".join(map(_grouped, factors))
        case Quotient(dividend, divisor):
            return f"{_grouped(dividend)} divided by {_grouped(divisor)}, rounded down"
        case Comparison(left, operator, right):
            relation = f"is {_COMPARED[operator]}" if operator != "==" else "equals "
            pool = "the total of " if isinstance(left, Dice | Group) else ""
            return f"whether {pool}{_grouped(left)} {relation}{_grouped(right)}"
        case Conditional(condition, then, otherwise):
            test = _in_words(condition).removeprefix("whether ")
            return f"if {test}: {_grouped(then)}; else {_grouped(otherwise)}"
    raise unknown(expression)


def _number(count: int) -> str:
    return _WORDS[count] if count < len(_WORDS) else f"{count:,}"


def _listed(parts: tuple[Expression, ...]) -> str:
    *front, last = map(_grouped, parts)
    return f"{', '.join(front)} and {last}" if front else last


def _signed_words(term: Expression) -> str:
    match term:
        case Constant(value) if value < 0:
            return f" minus {-value:,}"
        case Negate(operand):
            return f" minus {_term(operand)}"
    return f" plus {_term(term)}"


def _term(expression: Expression) -> str:
    """Say a term of a sum, in which products and signs need no parentheses."""
    bare = isinstance(expression, Product | Negate)
    return _in_words(expression) if bare else _grouped(expression)


def _grouped(expression: Expression) -> str:
    """Say an operand, in parentheses unless it is plain."""
    match expression:
        case Constant() | Name() | Dice(int(), _, ()):
            return _in_words(expression)
    return f"({_in_words(expression)})"


def _done(modifier: Modifier) -> str:
    """Say what a modifier does."""
    match modifier:
        case Keep(end, number):
            return f"keep the {end}" + (f" {number:,}" if number > 1 else "")
        case Drop(end, number):
            return f"drop the {end}" + (f" {number:,}" if number > 1 else "")
        case Reroll(condition, once):
            return f"reroll {_compared(condition)}" + (" once" if once else "")
        case Clamp(bound, value):
            return f"each at {bound} {value}"
        case Explode(condition, kind, limit):
            verb = {"explode": "explode", "compound": "explode and add up"}.get(kind, kind)
            limited = "" if limit == EXPLOSION_LIMIT else f", {_number(limit)} extra at most"
            return f"{verb} on {_compared(condition)}{limited}"
        case Count(success, failure):
            less = "" if failure is None else f" less those of {_compared(failure)}"
            return f"count dice of {_compared(success)}{less}"
    raise unknown(modifier)


def _compared(condition: Condition) -> str:
    return f"{_COMPARED[condition.operator]}{condition.value}"
