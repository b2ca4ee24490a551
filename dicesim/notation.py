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
      | (?P<dice>[0-9]*d(?:[0-9]+|%))(?![0-9a-z])
      | (?P<sideless>[0-9]*d)(?![0-9a-z])
      | (?P<number>[0-9]+)(?![a-z])
      | (?P<symbol>[-+*()])
      | (?P<stray>\w+|//|.)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_HINTS: Final = (
    (r"//?", "totals are whole numbers, and there is no division"),
    (r"\.", "totals are whole numbers, without a fraction"),
    (r",", "write one expression, and numbers without commas"),
    (r"x|[0-9]*d[0-9]+x[0-9]*|x[0-9]+", "write * for a product"),
    (r"\^", "write a product, as in 2*2*2"),
    ("[\u00d7\u00b7]", "write * for a product"),
    ("[\u2212\u2013]", "write - for a difference"),
    (r"[0-9]*[wt][0-9]+", "write d for a die, as in 2d6"),
    (
        r"!|[0-9]*d[0-9]+[a-z]\w*|(k|d)[hl]?[0-9]*|adv|dis",
        "this version has no modifiers of dice",
    ),
    (r"[0-9]*df", "this version has no Fudge dice"),
    (r"[^\x00-\x7f].*", "write numbers with the digits 0 to 9, and everything else in ASCII"),
)
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
        for match in _TOKEN.finditer(self._text):
            kind = str(match.lastgroup)
            if kind != "space":
                kind = match[0] if kind == "symbol" else kind
                tokens.append(_Token(kind, match[0], match.start()))
        tokens.append(_Token("end", "", len(self._text)))
        return tokens

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
        if token.kind == "sideless":
            self._refuse_sideless(token)
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
        count, sides = token.text.lower().split("d")
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

    def _refuse_sideless(self, token: _Token) -> NoReturn:
        end = token.position + len(token.text)
        self._refuse(
            _Token("stray", self._text[end : end + 1], end),
            "the number of sides",
            f"write {token.text}6 for dice with six sides, {token.text}% for percentile dice",
        )

    def _hint_before(self, token: _Token) -> str:
        if token.kind == "end" and not self._text.strip():
            return "write notation such as 2d6"
        if token.kind == "+":
            return "leave the + out"
        if token.kind == ")" and self._depth == 0:
            return "there is nothing to close"
        return self._hint_for(token)

    def _hint_after(self, token: _Token) -> str:
        if token.kind == ")":
            return "no parenthesis is open"
        if token.kind == "(":
            return "write * for a product"
        previous = self._tokens[self._tokens.index(token) - 1]
        if token.kind == "dice" and previous.kind == "number":
            return f"write {previous.text}{token.text} without the space"
        if token.kind in ("dice", "number") and previous.kind in ("dice", "number", ")"):
            return "write +, - or * between them"
        if token.kind == "sideless":
            return "write dice without spaces, as in 3d6"
        return self._hint_for(token)

    @staticmethod
    def _hint_for(token: _Token) -> str:
        matches = (hint for form, hint in _HINTS if re.fullmatch(form, token.text, re.IGNORECASE))
        return next(matches, "")

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
