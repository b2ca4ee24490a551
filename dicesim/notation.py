"""Notation: text to expression, expression to text, expression to words.

The grammar, binding from loose to tight; letter case does not matter, and white space separates
tokens but never stands inside one::

    expression = sum ;
    sum        = product , { ( "+" | "-" ) , product } ;
    product    = unary , { "*" , unary } ;
    unary      = [ "-" ] , ( atom | unary ) ;
    atom       = dice | number | "(" , expression , ")" ;
    dice       = [ number ] , "d" , ( number | "%" ) ;      (* one token *)
    number     = digit , { digit } ;                        (* one token *)
    digit      = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" ;
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from dicesim.errors import NotationError, ParameterError
from dicesim.expression import INT64_MAX, Constant, Dice, Expression, Negate, Product, Sum

MAX_LENGTH: Final = 10_000
MAX_DEPTH: Final = 100

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<dice>[0-9]*d(?:[0-9]+|%))
      | (?P<number>[0-9]+)
      | (?P<symbol>[-+*()])""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_STRAY = re.compile(r"[dD](?![a-z])|\w+|//|.", re.DOTALL)
_HINTS: Final[dict[str, str]] = {
    "/": "totals are whole numbers, and there is no division",
    "//": "totals are whole numbers, and there is no division",
    "×": "write * for a product",
    "−": "write - for a difference",
    "–": "write - for a difference",
}
_WORDS: Final = (
    *("no", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def parse(text: str) -> Expression:
    """Read notation such as ``3d6+1d8+2``.

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
    Dice(count=2, sides=6)
    >>> parse("d20 - 1")
    Sum(terms=(Dice(count=1, sides=20), Constant(value=-1)))
    """
    return _Parser(text).expression()


def as_expression(expression: str | Expression) -> Expression:
    """Return an expression as it is, and read notation."""
    return expression if isinstance(expression, Expression) else parse(expression)


class _Parser:
    """Precedence climbing over the tokens, which remember where they stand."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise ParameterError(
                f"expression: {text!r} is no text; write notation such as '2d6'",
                parameter="expression",
            )
        self._text = text
        if len(text) > MAX_LENGTH:
            self._refuse(
                _Token("end", "", MAX_LENGTH),
                f"at most {MAX_LENGTH:,} characters",
                found=f"{len(text):,} characters",
            )
        self._tokens = self._lex()
        self._next = 0
        self._depth = 0

    def expression(self) -> Expression:
        """Read the whole text."""
        tree = self._sum()
        token = self._peek
        if token.kind != "end":
            self._refuse(token, "+, -, * or the end", self._hint_after(token))
        return tree

    def _lex(self) -> list[_Token]:
        tokens = []
        position = 0
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None or match.lastgroup is None:
                self._refuse_stray(position)
            if match.lastgroup != "space":
                kind = match[0] if match.lastgroup == "symbol" else match.lastgroup
                tokens.append(_Token(kind, match[0].lower(), position))
            position = match.end()
        tokens.append(_Token("end", "", len(self._text)))
        return tokens

    def _refuse_stray(self, position: int) -> NoReturn:
        match = _STRAY.match(self._text, position)
        stray = match[0] if match else self._text[position]
        if stray in ("d", "D"):
            die = re.split("[^0-9]", self._text[:position])[-1] + "d"
            self._refuse(
                _Token("stray", self._text[position + 1 : position + 2], position + 1),
                "the number of sides",
                f"write {die}6 for dice with six sides, {die}% for percentile dice",
            )
        hint = _HINTS.get(stray, "")
        if stray[0].isnumeric() and not stray[0].isascii():
            hint = "write numbers with the digits 0 to 9"
        self._refuse(
            _Token("stray", stray, position), "dice, a number, +, -, * or parentheses", hint
        )

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek
        self._next += 1
        return token

    def _sum(self) -> Expression:
        start = self._peek
        terms = [self._product()]
        while self._peek.kind in ("+", "-"):
            sign = self._take()
            term = self._product()
            terms.append(term if sign.kind == "+" else self._negate(sign, term))
        return terms[0] if len(terms) == 1 else self._build(start, lambda: Sum(tuple(terms)))

    def _product(self) -> Expression:
        start = self._peek
        factors = [self._unary()]
        while self._peek.kind == "*":
            self._take()
            factors.append(self._unary())
        return (
            factors[0] if len(factors) == 1 else self._build(start, lambda: Product(tuple(factors)))
        )

    def _unary(self) -> Expression:
        if self._peek.kind != "-":
            return self._atom()
        sign = self._take()
        self._enter(sign)
        operand = self._unary()
        self._depth -= 1
        return self._negate(sign, operand)

    def _atom(self) -> Expression:
        token = self._take()
        if token.kind == "dice":
            return self._dice(token)
        if token.kind == "number":
            return Constant(self._number(token, token.text))
        if token.kind != "(":
            self._refuse(token, "dice, a number or (", self._hint_before(token))
        self._enter(token)
        inside = self._sum()
        closing = self._take()
        if closing.kind != ")":
            hint = f"the parenthesis at character {token.position + 1} is still open"
            self._refuse(closing, "+, -, * or )", self._hint_after(closing) or hint)
        self._depth -= 1
        return inside

    def _dice(self, token: _Token) -> Expression:
        count, sides = token.text.split("d")
        number = 1 if count == "" else self._number(token, count)
        faces = 100 if sides == "%" else self._number(token, sides)
        if faces == 0:
            self._refuse(token, "at least one side", f"write {count}d6 for dice with six sides")
        return self._build(token, lambda: Dice(number, faces))

    def _number(self, token: _Token, digits: str) -> int:
        significant = digits.lstrip("0") or "0"
        if len(significant) > len(str(INT64_MAX)) or int(significant) > INT64_MAX:
            self._refuse(token, f"numbers up to {INT64_MAX} (2**63 - 1)")
        return int(significant)

    def _negate(self, sign: _Token, operand: Expression) -> Expression:
        if isinstance(operand, Constant):
            return Constant(-operand.value)
        return self._build(sign, lambda: Negate(operand))

    def _build(self, start: _Token, node: Callable[[], Expression]) -> Expression:
        try:
            return node()
        except ParameterError:
            end = self._tokens[self._next - 1]
            text = self._text[start.position : end.position + len(end.text)]
            self._refuse(
                _Token("node", text, start.position),
                f"totals up to {INT64_MAX} (2**63 - 1)",
                "write smaller numbers",
            )

    def _enter(self, token: _Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(token, f"at most {MAX_DEPTH} levels", "remove parentheses that do nothing")

    def _hint_before(self, token: _Token) -> str:
        if token.kind == "end" and not self._text.strip():
            return "write notation such as 2d6"
        return "there is nothing to close" if token.kind == ")" and self._depth == 0 else ""

    def _hint_after(self, token: _Token) -> str:
        if token.kind == ")":
            return "no parenthesis is open"
        previous = self._tokens[self._tokens.index(token) - 1]
        if token.kind == "dice" and previous.kind == "number":
            return f"write {previous.text}{token.text} without the space"
        return ""

    def _refuse(self, token: _Token, expected: str, hint: str = "", found: str = "") -> NoReturn:
        shown = token.text if len(token.text) <= 40 else token.text[:37] + "..."
        found = found or (repr(shown) if shown else "the end")
        where = f"character {token.position + 1}: " if token.text else ""
        message = f"{where}found {found}, expected {expected}"
        raise NotationError(
            f"{message}; {hint}" if hint else message,
            text=self._text,
            position=token.position,
            length=max(1, len(token.text)),
            found=found,
            expected=expected,
            hint=hint,
        )


def unparse(expression: Expression) -> str:
    """Write an expression in its canonical notation.

    Examples
    --------
    >>> unparse(parse(" D20 +  2 * (d% - 1)"))
    '1d20+2*(1d100-1)'
    """
    match expression:
        case Constant(value):
            return str(value)
        case Dice(count, sides):
            return f"{count}d{sides}"
        case Negate(operand):
            return f"-{_enclosed(operand, Sum, Product)}"
        case Sum(terms):
            first, *rest = terms
            return _enclosed(first, Sum) + "".join(map(_signed, rest))
        case Product(factors):
            return "*".join(_enclosed(factor, Sum, Product) for factor in factors)


def _signed(term: Expression) -> str:
    match term:
        case Constant(value) if value < 0:
            return str(value)
        case Negate(operand):
            return f"-{_enclosed(operand, Sum)}"
        case _:
            return f"+{_enclosed(term, Sum)}"


def _enclosed(expression: Expression, *kinds: type) -> str:
    text = unparse(expression)
    return f"({text})" if isinstance(expression, kinds) else text


def describe(expression: Expression) -> str:
    """Say in words what an expression rolls.

    Examples
    --------
    >>> describe(parse("2d6"))
    'two d6, sum'
    >>> describe(parse("3d6+1d8-2"))
    'three d6 plus one d8 minus 2'
    """
    words = _in_words(expression)
    return f"{words}, sum" if isinstance(expression, Dice) and expression.count > 1 else words


def _in_words(expression: Expression) -> str:
    match expression:
        case Constant(value):
            return f"{value:,}"
        case Dice(count, sides):
            return f"{_WORDS[count] if count < len(_WORDS) else f'{count:,}'} d{sides}"
        case Negate(operand):
            return f"minus {_grouped(operand)}"
        case Sum(terms):
            first, *rest = terms
            return _grouped(first) + "".join(map(_signed_words, rest))
        case Product(factors):
            return " times ".join(map(_grouped, factors))


def _signed_words(term: Expression) -> str:
    match term:
        case Constant(value) if value < 0:
            return f" minus {-value:,}"
        case Negate(operand):
            return f" minus {_grouped(operand)}"
        case _:
            return f" plus {_grouped(term)}"


def _grouped(expression: Expression) -> str:
    words = _in_words(expression)
    return f"({words})" if isinstance(expression, Sum) else words
