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
               | ( "distinct" | "largest_set" | "pairs" | "straight" ) , "(" , ( pool | name ) , ")" ;
    name       = ( letter | "_" ) , { letter | digit | "_" } ;
    integer    = [ "-" ] , number ;
    number     = digit , { digit } ;
    digit      = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" ;
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn, cast

from dicesim.condition import COMPARISONS, Condition
from dicesim.dice import Dice, Group
from dicesim.errors import ParameterError
from dicesim.expression import Expression
from dicesim.faces import INT64_MAX, Die
from dicesim.modifiers import (
    EXPLOSION_LIMIT,
    Clamp,
    Count,
    Drop,
    End,
    Explode,
    ExplosionKind,
    Keep,
    Modifier,
    Reroll,
    Stage,
)
from dicesim.tokens import Token, hint_for, refuse, tokenize
from dicesim.totals import (
    DICE_FUNCTIONS,
    FUNCTIONS,
    Comparison,
    Conditional,
    Constant,
    DiceFunction,
    DiceFunctionName,
    Function,
    FunctionName,
    Let,
    Name,
    Negate,
    Product,
    Quotient,
    Sum,
    can_be_zero,
    dice_of,
)

MAX_DEPTH: Final = 100

_EXPLOSIONS: Final[dict[str, ExplosionKind]] = {"!": "explode", "!!": "compound", "!p": "penetrate"}
_RESERVED: Final = frozenset([*FUNCTIONS, *DICE_FUNCTIONS, "if"])
_LIKE_DICE: Final = re.compile(
    r"d|d[0-9f].*|(kh|kl|k|dh|dl|ro|r|f|mi|ma)[0-9]*|adv|dis", re.IGNORECASE
)
_MODIFIERS: Final = frozenset(
    ["select", "advantage", "explode", "limit", "reroll", "clamp", "failure"]
)
_OPERATORS: Final = "an operator or the end"
# Readings longer than this are not written out.
_LONGEST_READING: Final = 60


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
    return _Parser(text).notation()


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


class _Operand(NamedTuple):
    """A part that has been read, where it stands, and where its count begins if it ends in one."""

    node: Expression
    start: int
    end: int
    count_at: int | None = None


class _Parser:
    """Precedence climbing over the tokens."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise ParameterError(
                f"expression: {text!r} is no text; write notation such as '2d6'",
                parameter="expression",
            )
        self._text = text
        self._tokens = tokenize(text)
        self._next = 0
        self._depth = 0
        self._names: dict[str, Name] = {}

    # The stream of tokens

    @property
    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._peek
        self._next += token.kind != "end"
        return token

    def _took(self, *kinds: str) -> Token | None:
        return self._take() if self._peek.kind in kinds else None

    def _expect(self, kind: str, expected: str, hint: str = "") -> Token:
        if self._peek.kind != kind:
            self._refuse(self._peek, expected, self._hint_after(self._peek) or hint)
        return self._take()

    def _since(self, start: int) -> Token:
        """Everything from an offset up to the last token that was taken, as one token."""
        return Token("node", self._text[start : self._tokens[self._next - 1].end], start)

    def _operand(self, node: Expression, start: int, count_at: int | None = None) -> _Operand:
        return _Operand(node, start, self._tokens[self._next - 1].end, count_at)

    # Expressions, from loose to tight

    def notation(self) -> Expression:
        """Read the whole text."""
        definitions = []
        while self._peek.kind == "word" and self._tokens[self._next + 1].kind == "=":
            definitions.append(self._definition())
        body = self._total()
        if self._peek.kind != "end":
            self._refuse(self._peek, _OPERATORS, self._hint_after(self._peek))
        return Let(tuple(definitions), body.node) if definitions else body.node

    def _definition(self) -> tuple[str, Expression]:
        token = self._take()
        name = token.text.lower()
        self._enter(token)
        if name in _RESERVED or _LIKE_DICE.fullmatch(name):
            kind = "a function" if name in _RESERVED else "dice or a modifier"
            self._refuse(token, "a name of your own", f"{name} is {kind}; choose another name")
        if name in self._names:
            self._refuse(token, "a new name", f"{name} is already defined; choose another name")
        self._take()
        value = self._total()
        self._expect(";", "; and what is made of it", f"write {name} after a semicolon")
        self._names[name] = Name.of(name, value.node)
        return name, value.node

    def _total(self) -> _Operand:
        left = self._sum()
        sign = self._took(*COMPARISONS)
        if sign is None:
            return left
        if left.count_at is not None:
            self._refuse_chain(left, sign)
        right = self._sum()
        if right.count_at is not None or self._peek.kind in COMPARISONS:
            self._refuse_chain(left, sign)
        return self._operand(Comparison(left.node, sign.kind, right.node), left.start)

    def _sum(self) -> _Operand:
        operands = [self._product()]
        nodes = [operands[0].node]
        while sign := self._took("+", "-"):
            operand = self._product()
            operands.append(operand)
            nodes.append(operand.node if sign.kind == "+" else self._negate(sign, operand))
        if len(nodes) == 1:
            return operands[0]
        return self._build(operands[0].start, operands, lambda: Sum(tuple(nodes)))

    def _product(self) -> _Operand:
        start = self._peek.position
        operands = [self._unary()]
        while sign := self._took("*", "//"):
            if sign.kind == "//":
                operands = [self._quotient(start, operands, sign)]
            else:
                operands.append(self._unary())
        return self._multiplied(start, operands)

    def _multiplied(self, start: int, operands: list[_Operand]) -> _Operand:
        if len(operands) == 1:
            return operands[0]
        factors = tuple(operand.node for operand in operands)
        return self._build(start, operands, lambda: Product(factors))

    def _quotient(self, start: int, operands: list[_Operand], sign: Token) -> _Operand:
        dividend = self._multiplied(start, operands)
        divisor = self._unary()
        if can_be_zero(divisor.node):
            low, high = divisor.node.bounds
            text = self._text[divisor.start : divisor.end]
            self._refuse(
                Token("node", text, divisor.start),
                "a divisor that is never 0",
                f"this one lies from {low} to {high}; max(1, ...) around it would do"
                if low < high
                else "",
            )
        both = [dividend, divisor]
        return self._build(start, both, lambda: Quotient(dividend.node, divisor.node))

    def _unary(self) -> _Operand:
        sign = self._took("-")
        if sign is None:
            return self._atom()
        self._enter(sign)
        operand = self._unary()
        self._depth -= 1
        return self._build(sign.position, [operand], lambda: self._negate(sign, operand))

    def _negate(self, sign: Token, operand: _Operand) -> Expression:
        if isinstance(operand.node, Constant):
            return Constant(-operand.node.value)
        return Negate(operand.node)

    def _atom(self) -> _Operand:
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
                self._refuse_sideless(token)
        self._refuse(token, "dice, a number, a name or (", self._hint_before(token))

    def _parenthesised(self, token: Token) -> _Operand:
        self._enter(token)
        inside = self._total()
        self._expect(
            ")", "an operator or )", f"the parenthesis at character {token.position + 1} is open"
        )
        self._depth -= 1
        following = self._peek
        if following.kind in ("dice", "faces", "sideless") and following.text[0] in "dD":
            die = self._take()
            if die.kind == "sideless":
                self._refuse_sideless(die)
            return self._pool(token.position, inside.node, die)
        if following.kind in _MODIFIERS:
            self._refuse_modifier(following, inside)
        return self._operand(inside.node, token.position)

    # Pools

    def _pool(self, start: int, rolled: Expression | None, token: Token) -> _Operand:
        """Read dice from their first token on; `rolled` gives their number if it is not written."""
        digits, _, sides = token.text.lower().partition("d")
        count: int | Expression = self._number(token, digits) if digits else 1
        if rolled is not None:
            count = rolled
            if rolled.bounds[0] < 0:
                self._refuse(
                    Token("node", self._text[start : token.position], start),
                    "a number of dice that is never negative",
                    f"this one lies from {rolled.bounds[0]} to {rolled.bounds[1]}; write max(0, ...)",
                )
        die = self._faces() if token.kind == "faces" else self._die(token, digits, sides)
        modifiers: list[Modifier] = []
        if (advantage := self._took("advantage")) is not None:
            if rolled is not None or count != 1:
                self._refuse_advantage(advantage, start)
            count = 2
            modifiers.append(Keep("highest" if advantage.text.lower() == "adv" else "lowest", 1))
        pool = self._build(start, [], lambda: Dice(count, die, modifiers))
        return self._modified(cast(Dice, pool.node), start)

    def _die(self, token: Token, digits: str, sides: str) -> Die:
        if sides == "f":
            return Die([(-1, 1)])
        faces = 100 if sides == "%" else self._number(token, sides)
        if faces == 0:
            self._refuse(token, "at least one side", f"write {digits}d6 for dice with six sides")
        return Die.fair(faces)

    def _faces(self) -> Die:
        opening = self._take()
        runs = []
        while True:
            runs.append(self._run(opening))
            if self._took(",") is None:
                break
        self._expect("}", ", or }", f"the brace at character {opening.position + 1} is open")
        try:
            return Die(runs)
        except ParameterError:
            whole = self._since(opening.position)
            self._refuse(whole, f"weights that add up to at most {INT64_MAX} (2**63 - 1)")

    def _run(self, opening: Token) -> tuple[int, int, int]:
        start = self._peek
        if start.kind not in ("number", "-"):
            hint = "write the faces, as in d{1,1,2,3} or d{0..9}"
            self._refuse(start, "a face, which is a whole number", hint)
        low = high = self._integer("a face")
        if self._took("..") is not None:
            high = self._integer("the last face of the range")
        if high < low:
            whole = self._since(start.position)
            self._refuse(whole, "a range that runs upwards", f"write {high}..{low}")
        if self._took(":") is None:
            return low, high, 1
        token = self._expect("number", "a weight, which is a whole number")
        weight = self._number(token)
        if weight == 0:
            self._refuse(token, "a weight of at least 1", "leave the face out")
        return low, high, weight

    def _group(self, opening: Token) -> _Operand:
        self._enter(opening)
        parts = [self._total()]
        while self._took(",") is not None:
            parts.append(self._total())
        closing = self._expect(
            "}",
            "an operator, a comma or }",
            f"the brace at character {opening.position + 1} is open",
        )
        self._depth -= 1
        if len(parts) < 2:
            inside = self._text[parts[0].start : parts[0].end]
            self._refuse(closing, "a comma and another part", f"write {inside} without braces")
        nodes = tuple(part.node for part in parts)
        pool = self._build(opening.position, [], lambda: Group(nodes))
        return self._modified(cast(Group, pool.node), opening.position)

    def _modified(self, pool: Dice | Group, start: int) -> _Operand:
        """Read what is done to the dice of a pool, and how they are counted."""
        modifiers = list(pool.modifiers)
        stage = pool.stages[-1]
        while self._peek.kind in _MODIFIERS:
            token = self._peek
            modifier = self._modifier(stage, isinstance(pool, Group), start)
            self._object(self._since(token.position), modifier, stage)
            modifiers.append(modifier)
            stage = modifier.after(stage)
        count_at = None
        if self._peek.kind in COMPARISONS:
            count_at = self._peek.position
            modifiers.append(self._count(stage, start))
        if self._peek.kind in _MODIFIERS:
            self._refuse(self._peek, _OPERATORS, "a count comes after all other modifiers")
        if self._peek.kind in ("dice", "faces", "sideless"):
            self._refuse_second_die(self._peek, start)
        if isinstance(pool, Group):
            node = self._build(start, [], lambda: Group(pool.parts, tuple(modifiers))).node
        else:
            node = self._build(start, [], lambda: Dice(pool.count, pool.die, modifiers)).node
        return self._operand(node, start, count_at)

    def _modifier(self, stage: Stage, in_braces: bool, start: int) -> Modifier:
        token = self._take()
        if in_braces and token.kind != "select":
            self._refuse(
                token, "kh, kl, dh, dl or a comparison", "modify the dice inside the braces"
            )
        match token.kind:
            case "select":
                return self._selection(token)
            case "explode":
                return self._explosion(token, stage)
            case "reroll":
                return self._reroll(token)
            case "clamp":
                bound = self._number(token, token.text[2:])
                return Clamp("least" if token.text[:2].lower() == "mi" else "most", bound)
            case "advantage":
                self._refuse_advantage(token, start)
            case "limit":
                self._refuse(token, _OPERATORS, "max= stands behind !, as in 4d6! max=5")
        self._refuse(token, _OPERATORS, "failures follow a count, as in 5d10>=6f1")

    def _selection(self, token: Token) -> Modifier:
        word, digits = re.findall(r"[a-z]+|[0-9]+", token.text.lower() + " 1")[:2]
        if word == token.text.lower() and self._peek.kind == "number":
            self._refuse(self._peek, _OPERATORS, f"write {word}{self._peek.text} without the space")
        number = self._number(token, digits)
        end: End = "lowest" if word.endswith("l") else "highest"
        return Drop(end, number) if word.startswith("d") else Keep(end, number)

    def _explosion(self, token: Token, stage: Stage) -> Explode:
        condition = self._condition() if self._peek.kind in COMPARISONS else None
        if self._peek.kind == "number":
            number = self._peek.text
            self._refuse(self._peek, "a comparison", f"write {token.text}=={number}")
        limit = self._took("limit")
        if self._peek.kind == "word" and self._peek.text.lower() == "max":
            self._refuse(self._peek, "max= and a number", "write max=5 without spaces")
        return Explode(
            condition or Condition("==", stage.die.high),
            _EXPLOSIONS[token.text.lower()],
            EXPLOSION_LIMIT if limit is None else self._number(limit, limit.text[4:]),
        )

    def _reroll(self, token: Token) -> Reroll:
        once = token.text.lower().startswith("ro")
        digits = token.text.lower().lstrip("ro")
        return Reroll(self._number_or_condition(token, digits), once)

    def _number_or_condition(self, token: Token, digits: str) -> Condition:
        if digits:
            return Condition("==", self._number(token, digits))
        if self._peek.kind not in COMPARISONS:
            word = token.text
            self._refuse(self._peek, "a number or a comparison", f"write {word}1 or {word}<=2, say")
        return self._condition()

    def _condition(self) -> Condition:
        return Condition(self._take().kind, self._integer("a whole number"))

    def _count(self, stage: Stage, start: int) -> Count:
        sign = self._peek
        pool = self._text[start : sign.position].rstrip()
        following = self._tokens[self._next + 1]
        number = self._tokens[self._next + 2] if following.kind == "-" else following
        if number.kind not in ("number", "end", "stray"):
            self._refuse(
                following,
                "a whole number, since a comparison straight after dice counts them",
                f"write ({pool}){sign.text} to compare the total",
            )
        success = self._condition()
        failed = self._took("failure")
        failure = None if failed is None else self._number_or_condition(failed, failed.text[1:])
        count = Count(success, failure)
        objection = count.objection(stage)
        if objection is not None:
            span = self._since(sign.position)
            hint = f"write ({pool}){span.text} to compare the total"
            self._refuse(span, objection.expected, f"{objection.hint}; {hint}")
        return count

    def _object(self, span: Token, modifier: Modifier, stage: Stage) -> None:
        objection = modifier.objection(stage)
        if objection is not None:
            self._refuse(span, objection.expected, objection.hint)

    # Names and functions

    def _word(self, token: Token) -> _Operand:
        name = token.text.lower()
        if name in _RESERVED:
            return self._function(token, name)
        if name not in self._names:
            self._refuse_name(token, name)
        if self._peek.kind in _MODIFIERS:
            self._refuse(
                self._peek, _OPERATORS, f"write modifiers where {name} is defined, behind its dice"
            )
        return self._operand(self._names[name], token.position)

    def _function(self, token: Token, name: str) -> _Operand:
        if name not in DICE_FUNCTIONS:
            arguments = self._arguments(token, {"if": 3, "abs": 1, "sign": 1}.get(name, 0))
        else:
            arguments = self._arguments(token, 1)
        nodes = tuple(argument.node for argument in arguments)
        if name == "if":
            self._check_condition(arguments[0])
            node: Expression = Conditional(*nodes)
        elif name in DICE_FUNCTIONS:
            self._check_dice(name, arguments[0])
            node = DiceFunction(cast(DiceFunctionName, name), cast("Dice | Name", nodes[0]))
        else:
            node = Function(cast(FunctionName, name), nodes)
        return self._operand(node, token.position)

    def _arguments(self, token: Token, number: int) -> list[_Operand]:
        """Read so many arguments, or at least two for 0."""
        self._enter(token)
        self._expect("(", "(", f"{token.text} is a function")
        arguments = [self._total()]
        while self._took(",") is not None:
            arguments.append(self._total())
        closing = self._peek
        self._expect(")", "an operator, a comma or )", f"{token.text} is still open")
        self._depth -= 1
        if len(arguments) != number and (number or len(arguments) < 2):
            wanted = {0: "two or more", 1: "one", 3: "three"}[number]
            form = {
                0: f"{token.text}(2d6, 7)",
                1: f"{token.text}(5d6)",
                3: f"{token.text}(1d20>=15, 2d8, 0)",
            }[number]
            self._refuse(closing, f"{wanted} argument{'s' * (number != 1)}", f"as in {form}")
        return arguments

    def _check_condition(self, operand: _Operand) -> None:
        low, high = operand.node.bounds
        if low >= 0 and high <= 1:
            return
        whole = self._text[operand.start : operand.end]
        hint = f"compare it, as in ({whole})>=1"
        if operand.count_at is not None:
            pool = self._text[operand.start : operand.count_at].rstrip()
            hint = f"write ({pool}){whole[operand.count_at - operand.start :]} or ({whole})>=1"
        self._refuse(Token("node", whole, operand.start), "a condition that is 1 or 0", hint)

    def _check_dice(self, name: str, operand: _Operand) -> None:
        if isinstance(operand.node, Dice | Name) and dice_of(operand.node) is not None:
            return
        whole = Token("node", self._text[operand.start : operand.end], operand.start)
        hint = f"write {name}(5d6), or the name of such a pool"
        self._refuse(whole, "a pool of dice that is not counted", hint)

    # Numbers

    def _number(self, token: Token, digits: str | None = None) -> int:
        significant = (token.text if digits is None else digits).lstrip("0") or "0"
        if len(significant) > len(str(INT64_MAX)) + 1 or abs(int(significant)) > INT64_MAX:
            self._refuse(token, f"numbers up to {INT64_MAX} (2**63 - 1)")
        return int(significant)

    def _integer(self, what: str) -> int:
        sign = -1 if self._took("-") else 1
        return sign * self._number(self._expect("number", what))

    # Building, and refusing

    def _build(
        self, start: int, operands: list[_Operand], node: Callable[[], Expression]
    ) -> _Operand:
        """Build a node from operands, none of which may be a bare count."""
        for operand in operands:
            if operand.count_at is not None:
                self._refuse_bare_count(start, operand)
        try:
            return self._operand(node(), start)
        except ParameterError:
            limit = f"totals up to {INT64_MAX} (2**63 - 1)"
            self._refuse(self._since(start), limit, "write smaller numbers")

    def _enter(self, token: Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(token, f"at most {MAX_DEPTH} levels", "remove parentheses that do nothing")

    def _refuse_bare_count(self, start: int, operand: _Operand) -> NoReturn:
        before, count = self._text[start : operand.start], self._text[operand.start : operand.end]
        after = self._text[operand.end : self._tokens[self._next - 1].end]
        split = cast(int, operand.count_at) - operand.start
        readings = (
            f"{before}({count}){after}",
            f"({before}{count[:split].rstrip()}){count[split:]}{after}",
        )
        short = max(map(len, readings)) <= _LONGEST_READING
        hint = f"write {readings[0]} or {readings[1]}" if short else "write parentheses around it"
        expected = "parentheses around a count, or around what is compared"
        self._refuse(Token("node", count, operand.start), expected, hint)

    def _refuse_chain(self, left: _Operand, sign: Token) -> NoReturn:
        second = self._peek if self._peek.kind in COMPARISONS else sign
        first = self._text[left.start : second.position].rstrip()
        hint = f"write ({first}){second.text}" if len(first) <= _LONGEST_READING else ""
        self._refuse(second, "one comparison", f"{hint} to compare its 1 or 0" if hint else "")

    def _refuse_modifier(self, token: Token, inside: _Operand) -> NoReturn:
        hint = "modifiers follow their dice, as in 4d6kh3"
        if isinstance(inside.node, Dice):
            dice = self._text[inside.start : inside.end]
            hint = f"a total has no dice; write {dice}{token.text} without parentheses"
        self._refuse(token, _OPERATORS, hint)

    def _refuse_advantage(self, token: Token, start: int) -> NoReturn:
        keep = "kh1" if token.text.lower() == "adv" else "kl1"
        self._refuse(
            token,
            _OPERATORS,
            f"{token.text} stands straight behind one die, as in d20{token.text}, which is "
            f"2d20{keep}",
        )

    def _refuse_second_die(self, token: Token, start: int) -> NoReturn:
        before = self._text[start : token.position].rstrip()
        hint = "write +, - or * between them"
        if self._tokens[self._next - 1].end == token.position and token.text[0] in "dD":
            hint = f"write ({before}){token.text} for a rolled number of dice"
            if (number := token.text[1:]).isdigit():
                hint = f"write {before}dl{number} or {before}dh{number} to drop, or " + hint[6:]
        self._refuse(token, _OPERATORS, hint)

    def _refuse_sideless(self, token: Token) -> NoReturn:
        following = Token("stray", self._text[token.end : token.end + 1], token.end)
        hint = f"write {token.text}6 for dice with six sides, {token.text}% for percentile dice"
        if following.text == "(":
            hint = f"the number of sides cannot be rolled; {hint}"
        self._refuse(following, "the number of sides", hint)

    def _refuse_name(self, token: Token, name: str) -> NoReturn:
        near = difflib.get_close_matches(name, [*self._names, *_RESERVED], n=1)
        if _LIKE_DICE.fullmatch(name):
            hint = "modifiers follow their dice, as in 4d6kh3"
        elif self._peek.kind == "(":
            hint = (
                f"did you mean {near[0]}?" if near else f"functions: {', '.join(sorted(_RESERVED))}"
            )
        else:
            hint = hint_for(token) or (f"did you mean {near[0]}?" if near else "")
        example = f"define it first, as in {name[:20]} = 1d20; {name[:20]}+1"
        self._refuse(token, "dice, a number, a name or (", hint or example)

    def _hint_before(self, token: Token) -> str:
        if token.kind == "end" and not self._text.strip():
            return "write notation such as 2d6"
        if token.kind == "+":
            return "leave the + out"
        if token.kind == ")" and self._depth == 0:
            return "there is nothing to close"
        return hint_for(token)

    def _hint_after(self, token: Token) -> str:
        previous = self._tokens[self._tokens.index(token) - 1]
        if token.kind in (")", "}") and self._depth == 0:
            return f"no {'parenthesis' if token.kind == ')' else 'brace'} is open"
        if token.kind in ("(", "{"):
            return "write * for a product"
        if token.kind in _MODIFIERS:
            return "modifiers follow their dice, as in 4d6kh3"
        if token.kind in ("dice", "faces") and previous.kind == "number":
            return f"write {previous.text}{token.text} without the space"
        if token.kind in ("dice", "faces", "number", "word"):
            return "write +, - or * between them"
        if token.kind == "sideless":
            return "write dice without spaces, as in 3d6"
        return hint_for(token)

    def _refuse(self, token: Token, expected: str, hint: str = "") -> NoReturn:
        refuse(self._text, token, expected, hint)
