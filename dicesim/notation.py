"""Notation: text to expression.

The grammar, binding from loose to tight; letter case does not matter, and white space separates
tokens but never stands inside one. Tokens are ``dice`` with its count and sides, each selection,
clamp and limit with its number, a reroll or failure with its number, and each operator::

    notation   = { name , "=" , total , ";" } , total ;
    total      = sum , [ comparison , sum ] ;
    sum        = product , { ( "+" | "-" ) , product } ;
    product    = unary , { ( "*" | "//" ) , unary } ;
    unary      = [ "-" ] , ( atom | unary ) ;
    atom       = number | name | pool | group | function | "(" , total , ")" ;

    pool       = ( dice | "(" , total , ")" , die ) , { modifier } , [ count ] ;
    dice       = [ number ] , die ;
    die        = "d" , ( number | "%" | "f" | "{" , faces , { "," , faces } , "}" ) ;
    faces      = integer , [ ".." , integer ] , [ ":" , number ] ;
    group      = "{" , total , "," , total , { "," , total } , "}" , { selection } , [ count ] ;

    modifier   = selection | "adv" | "dis" | explosion | reroll | clamp ;
    selection  = ( "kh" | "kl" | "k" | "dh" | "dl" ) , [ number ] ;
    explosion  = ( "!" | "!!" | "!p" ) , [ condition ] , [ "max=" , number ] ;
    reroll     = ( "r" | "ro" ) , ( integer | condition ) ;
    clamp      = ( "mi" | "ma" ) , integer ;
    count      = condition , [ "f" , ( integer | condition ) ] ;
    condition  = comparison , integer ;
    comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" ;

    function   = ( "max" | "min" ) , "(" , total , "," , total , { "," , total } , ")"
               | ( "abs" | "sign" ) , "(" , total , ")"
               | "if" , "(" , total , "," , total , "," , total , ")"
               | dicefunction , "(" , ( pool | name ) , ")" ;
    dicefunction = "distinct" | "largest_set" | "pairs" | "straight" ;
    name       = ( letter | "_" ) , { letter | digit | "_" } ;
    integer    = [ "-" ] , number ;
    number     = digit , { digit } ;
    digit      = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" ;
"""

from __future__ import annotations

import difflib
import re
from typing import Final, NamedTuple, cast

from dicesim.arithmetic import Negate, Product, Quotient, Sum, can_be_zero
from dicesim.condition import COMPARISONS
from dicesim.dice import Dice
from dicesim.errors import NotationError, ParameterError
from dicesim.expression import Constant, Expression
from dicesim.pool_notation import PoolReader
from dicesim.reading import LONGEST_READING, OPERATORS, Operand
from dicesim.tokens import MAX_LENGTH, MODIFIERS, Token, refusal
from dicesim.totals import (
    DICE_FUNCTIONS,
    FUNCTIONS,
    Comparison,
    Conditional,
    DiceFunction,
    Function,
    FunctionName,
    Let,
    Name,
    dice_of,
)
from dicesim.wording import unparse

_RESERVED: Final = frozenset([*FUNCTIONS, *DICE_FUNCTIONS, "if"])
_LIKE_DICE: Final = re.compile(
    r"d|d[0-9f].*|(kh|kl|k|dh|dl|ro|r|f|mi|ma)[0-9]*|adv|dis", re.IGNORECASE
)
_MAX_NAMES: Final = 100
# Shorter texts stay below the greatest length in canonical notation, in which d% is 1d100.
_MAY_BE_LONG: Final = 1000


class _Arguments(NamedTuple):
    """How many arguments a function takes, in numbers and in words, and an example."""

    least: int
    most: int
    wanted: str
    example: str


_ONE_ARGUMENT: Final = _Arguments(1, 1, "one argument", "5d6")
_SEVERAL: Final = _Arguments(2, 10_000, "two or more arguments", "2d6, 7")
_ARGUMENTS: Final = {
    "max": _SEVERAL,
    "min": _SEVERAL,
    "if": _Arguments(3, 3, "three arguments", "1d20>=15, 2d8, 0"),
}
_ATOM: Final = "dice, a number, a name or ("


def parse(text: str) -> Expression:
    """Read notation such as ``4d6kh3+1d8+2``.

    Parameters
    ----------
    text : str
        At most 10,000 characters, nested at most 100 deep.

    Returns
    -------
    Expression
        The tree; ``parse(unparse(tree)) == tree``.

    Raises
    ------
    NotationError
        With position, what was found, what was expected, and a hint.

    Examples
    --------
    >>> parse("2d6")
    Dice(count=2, die=Die.fair(6), modifiers=())
    >>> parse("d20 - 1").bounds
    (0, 19)
    """
    tree = _Parser(text).notation()
    if len(text) > _MAY_BE_LONG and len(written := unparse(tree)) > MAX_LENGTH:
        found = f"{len(written):,} characters when it is written out"
        raise refusal(text, Token("end", "", 0), f"at most {MAX_LENGTH:,} characters", "", found)
    return tree


def as_expression(expression: str | Expression) -> Expression:
    """Return an expression as it is, and read notation.

    Raises
    ------
    NotationError
        The notation cannot be read.
    ParameterError
        A name in the expression is not defined.
    """
    if not isinstance(expression, Expression):
        return parse(expression)
    if expression.free_names:
        names = ", ".join(sorted(expression.free_names))
        raise ParameterError(
            f"expression: {names} is not defined; put it into a Let", parameter="expression"
        )
    return expression


class _Parser(PoolReader):
    """Precedence climbing over the tokens."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._names: dict[str, Name] = {}

    def notation(self) -> Expression:
        """Read the whole text."""
        definitions = []
        while self._at_definition():
            definitions.append(self._definition())
        body = self._total()
        if self._peek.kind != "end":
            raise self._refusal(self._peek, OPERATORS, self._hint_after(self._peek))
        return Let(tuple(definitions), body.node) if definitions else body.node

    def _at_definition(self) -> bool:
        """Tell whether a name follows, or one die, which can be meant as one."""
        token = self._peek
        named = token.kind == "word" or token.text.lower().startswith("d")
        return named and self._tokens[self._next + 1].kind == "="

    def _definition(self) -> tuple[str, Expression]:
        token = self._take()
        name = token.text.lower()
        if name in _RESERVED or _LIKE_DICE.fullmatch(name):
            kind = "a function" if name in _RESERVED else "dice or a modifier"
            hint = f"{name} is {kind}; choose another name, or write == to compare"
            raise self._refusal(token, "a name of your own", hint)
        if name in self._names:
            hint = f"{name} is already defined; choose another name"
            raise self._refusal(token, "a new name", hint)
        if len(self._names) == _MAX_NAMES:
            raise self._refusal(token, f"at most {_MAX_NAMES} names")
        self._take()
        value = self._total()
        self._expect(";", "; and what is made of it", f"write {name} after a semicolon")
        self._names[name] = Name.of(name, value.node)
        return name, value.node

    def _total(self) -> Operand:
        left = self._sum()
        sign = self._took(*COMPARISONS)
        if sign is None:
            return left
        if left.count_at is not None:
            raise self._chain_refusal(left.start, sign)
        right = self._sum()
        second = self._took(*COMPARISONS) or self._comparison_at(right.count_at)
        if second is not None:
            raise self._chain_refusal(left.start, second)
        return self._operand(Comparison(left.node, sign.kind, right.node), left.start)

    def _sum(self) -> Operand:
        operands = [self._product()]
        nodes = [operands[0].node]
        while sign := self._took("+", "-"):
            operand = self._product()
            operands.append(operand)
            nodes.append(operand.node if sign.kind == "+" else _negated(operand.node))
        if len(nodes) == 1:
            return operands[0]
        return self._build(operands[0].start, operands, lambda: Sum(tuple(nodes)))

    def _product(self) -> Operand:
        start = self._peek.position
        operands = [self._unary()]
        quotients = 0
        while sign := self._took("*", "//"):
            if sign.kind == "//":
                self._enter(sign)
                quotients += 1
                operands = [self._quotient(self._multiplied(start, operands))]
            else:
                operands.append(self._unary())
        self._depth -= quotients
        return self._multiplied(start, operands)

    def _multiplied(self, start: int, operands: list[Operand]) -> Operand:
        if len(operands) == 1:
            return operands[0]
        factors = tuple(operand.node for operand in operands)
        return self._build(start, operands, lambda: Product(factors))

    def _quotient(self, dividend: Operand) -> Operand:
        divisor = self._unary()
        both = [dividend, divisor]
        self._check_counts(dividend.start, both)
        if can_be_zero(divisor.node):
            low, high = divisor.node.bounds
            hint = f"this one lies from {low} to {high}; write max(1, ...) around it"
            whole = self._span(divisor.start, divisor.end)
            raise self._refusal(whole, "a divisor that is never 0", hint if low < high else "")
        return self._build(dividend.start, both, lambda: Quotient(dividend.node, divisor.node))

    def _unary(self) -> Operand:
        sign = self._took("-")
        if sign is None:
            return self._atom()
        self._enter(sign)
        operand = self._unary()
        self._depth -= 1
        return self._build(sign.position, [operand], lambda: _negated(operand.node))

    def _atom(self) -> Operand:
        token = self._take()
        match token.kind:
            case "dice" | "faces":
                return self._pool(token.position, None, token)
            case "number":
                return self._operand(Constant(self._number(token)), token.position)
            case "word":
                return self._word(token)
            case "{":
                return self._group(token)
            case "(":
                return self._parenthesised(token)
            case "sideless":
                raise self._sideless_refusal(token)
        raise self._refusal(token, _ATOM, self._hint_before(token))

    def _parenthesised(self, token: Token) -> Operand:
        self._enter(token)
        inside = self._total()
        self._close(")", token, "an operator")
        following = self._peek
        if following.kind in ("dice", "faces", "sideless") and following.text[0] in "dD":
            die = self._take()
            if die.kind == "sideless":
                raise self._sideless_refusal(die)
            return self._pool(token.position, inside.node, die)
        if following.kind in MODIFIERS:
            raise self._modifier_refusal(following, inside)
        return self._operand(inside.node, token.position)

    def _word(self, token: Token) -> Operand:
        name = token.text.lower()
        if name in _RESERVED:
            return self._function(token, name)
        if name not in self._names:
            raise self._name_refusal(token, name)
        if self._peek.kind in MODIFIERS:
            hint = f"write modifiers where {name} is defined, behind its dice"
            raise self._refusal(self._peek, OPERATORS, hint)
        return self._operand(self._names[name], token.position)

    def _function(self, token: Token, name: str) -> Operand:
        arguments = self._arguments(token)
        nodes = tuple(argument.node for argument in arguments)
        if name == "if":
            self._check_condition(arguments[0])
            node: Expression = Conditional(*nodes)
        elif name in DICE_FUNCTIONS:
            self._check_dice(name, arguments[0])
            node = DiceFunction(name, cast("Dice | Name", nodes[0]))
        else:
            node = Function(cast(FunctionName, name), nodes)
        return self._operand(node, token.position)

    def _arguments(self, token: Token) -> list[Operand]:
        """Read as many arguments as a function takes."""
        opening = self._took("(")
        if opening is None:
            raise self._refusal(self._peek, "(", f"{token.text} is a function")
        self._enter(opening)
        arguments = [self._total()]
        while self._took(","):
            arguments.append(self._total())
        closing = self._close(")", opening, "an operator, a comma")
        form = _ARGUMENTS.get(token.text.lower(), _ONE_ARGUMENT)
        if not form.least <= len(arguments) <= form.most:
            raise self._refusal(closing, form.wanted, f"as in {token.text}({form.example})")
        return arguments

    def _check_condition(self, operand: Operand) -> None:
        low, high = operand.node.bounds
        if low >= 0 and high <= 1:
            return
        whole = self._span(operand.start, operand.end)
        hint = f"compare it, as in ({whole.text})>=1"
        if operand.count_at is not None:
            readings = [*self._compared(operand), f"({whole.text})>=1"]
            hint = f"write {' or '.join(readings)}"
        raise self._refusal(whole, "a condition that is 1 or 0", hint)

    def _check_dice(self, name: str, operand: Operand) -> None:
        if isinstance(operand.node, Dice | Name) and dice_of(operand.node) is not None:
            return
        whole = self._span(operand.start, operand.end)
        hint = f"write {name}(5d6), or the name of such a pool"
        raise self._refusal(whole, "a pool of dice that is not counted", hint)

    def _comparison_at(self, position: int | None) -> Token | None:
        """Token of the comparison of a count that has been read."""
        return next((token for token in self._tokens if token.position == position), None)

    def _chain_refusal(self, start: int, second: Token) -> NotationError:
        first = self._text[start : second.position].rstrip()
        number = self._tokens[self._tokens.index(second) + 1]
        hint = "where both have to hold, write names, as in x = 2d6; (5<=x)*(x<=9)"
        if number.kind == "number" and len(first) <= LONGEST_READING:
            hint += f"; to compare the 1 or 0, ({first}){second.text}{number.text}"
        return self._refusal(second, "one comparison at most", hint)

    def _modifier_refusal(self, token: Token, inside: Operand) -> NotationError:
        hint = "modifiers follow their dice, as in 4d6kh3"
        dice = self._span(inside.start, inside.end).text
        plain = isinstance(inside.node, Dice) and not (inside.node.counting or dice.startswith("("))
        if plain and token.kind in ("select", "explode", "reroll", "clamp"):
            hint = f"a total has no dice; write {dice}{token.text} without parentheses"
        return self._refusal(token, OPERATORS, hint)

    def _name_refusal(self, token: Token, name: str) -> NotationError:
        near = difflib.get_close_matches(name, [*self._names, *_RESERVED], n=1)
        if _LIKE_DICE.fullmatch(name):
            hint = "modifiers follow their dice, as in 4d6kh3"
        elif near:
            hint = f"did you mean {near[0]}?"
        elif self._peek.kind == "(":
            functions = ", ".join(sorted(_RESERVED))
            hint = f"the functions are {functions}; 3d6//2 rounds down, (3d6+1)//2 up"
        elif self._peek.kind in ("dice", "faces"):
            hint = "leave it out"
        else:
            hint = f"define it first, as in {name[:20]} = 1d20; {name[:20]}+1"
        return self._refusal(token, _ATOM, hint)


def _negated(node: Expression) -> Expression:
    return Constant(-node.value) if isinstance(node, Constant) else Negate(node)
