"""A reader of tokens: what every part of the parser needs, and the refusals that are shared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from dicesim.dice import Dice, Group
from dicesim.errors import NotationError, ParameterError
from dicesim.expression import Expression
from dicesim.faces import INT64_MAX
from dicesim.tokens import MODIFIERS, Token, hint_for, refusal, tokenize

MAX_DEPTH: Final = 100

OPERATORS: Final = "an operator or the end"
# Readings that take more room are not written out.
LONGEST_READING: Final = 100


class Operand(NamedTuple):
    """A part that has been read, where it stands, and where its bare count begins, if any."""

    node: Expression
    start: int
    end: int
    count_at: int | None = None


class Reader:
    """The tokens of a notation, and how far they have been read."""

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

    @property
    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += token.kind != "end"
        return token

    def _took(self, *kinds: str) -> Token | None:
        return self._take() if self._tokens[self._next].kind in kinds else None

    def _expect(self, kind: str, expected: str, hint: str = "") -> Token:
        if self._peek.kind != kind:
            raise self._refusal(self._peek, expected, self._hint_after(self._peek) or hint)
        return self._take()

    def _close(self, kind: str, opening: Token, expected: str) -> Token:
        """Take what closes a parenthesis, a brace or a function."""
        hint = f"the {opening.text} at character {opening.position + 1} is still open"
        token = self._expect(kind, f"{expected} or {kind}", hint)
        self._depth -= 1
        return token

    @property
    def _end(self) -> int:
        """Offset just past what has been read."""
        return self._tokens[self._next - 1].end

    def _span(self, start: int, end: int | None = None) -> Token:
        """Text between offsets, up to the last token that was taken, as one token."""
        return Token("span", self._text[start : self._end if end is None else end], start)

    def _operand(self, node: Expression, start: int, count_at: int | None = None) -> Operand:
        return Operand(node, start, self._end, count_at)

    def _enter(self, token: Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._refusal(
                token, f"at most {MAX_DEPTH} levels", "remove parentheses that do nothing"
            )

    def _number(self, token: Token, digits: str | None = None) -> int:
        significant = (token.text if digits is None else digits).lstrip("0") or "0"
        if len(significant) > len(str(INT64_MAX)) + 1 or abs(int(significant)) > INT64_MAX:
            raise self._refusal(token, f"numbers up to {INT64_MAX} (2**63 - 1)")
        return int(significant)

    def _integer(self, what: str) -> int:
        sign = -1 if self._took("-") else 1
        return sign * self._number(self._expect("number", what))

    def _build(
        self,
        start: int,
        operands: list[Operand],
        node: Callable[[], Expression],
        count_at: int | None = None,
    ) -> Operand:
        """Build a node from operands, none of which may be a bare count."""
        self._check_counts(start, operands)
        try:
            return self._operand(node(), start, count_at)
        except ParameterError as error:
            limit = f"totals up to {INT64_MAX} (2**63 - 1)"
            raise self._refusal(self._span(start), limit, "write smaller numbers") from error

    def _check_counts(self, start: int, operands: list[Operand]) -> None:
        counts = [operand for operand in operands if operand.count_at is not None]
        if counts:
            raise self._bare_count_refusal(start, counts)

    def _bare_count_refusal(self, start: int, counts: list[Operand]) -> NotationError:
        """Show both readings of a count beside arithmetic, or that of several counts."""
        reading, place = "", start
        for operand in counts:
            count = self._span(operand.start, operand.end)
            reading += f"{self._text[place : count.position]}({count.text})"
            place = count.end
        readings = [reading + self._text[place : self._end]]
        expected = "parentheses around the count"
        compared = self._compared(counts[0]._replace(start=start, end=self._end))
        if len(counts) == 1 and compared:
            readings += compared
            expected += ", or around what is compared"
        hint = " or ".join(readings)
        hint = hint if len(hint) <= LONGEST_READING else "parentheses"
        first = self._span(counts[0].start, counts[0].end)
        return self._refusal(first, expected, f"write {hint}")

    def _operand_text(self, first: Token) -> str:
        """Text from a token on, up to where an operand can end for good."""
        depth = 0
        for token in self._tokens[self._tokens.index(first) :]:
            depth += (token.kind in ("(", "{")) - (token.kind in (")", "}"))
            if depth < 0 or token.kind == "end" or (not depth and token.kind in (",", ";")):
                return self._text[first.position : token.position].rstrip()
        return ""

    def _compared(self, count: Operand) -> list[str]:
        """Write a count as the comparison of a total, if it can be read so."""
        match count.node:
            case Dice() | Group() if count.node.counting and count.node.counting.failure:
                return []
        compared = self._text[count.start : count.count_at].rstrip()
        return [f"({compared}){self._text[count.count_at : count.end]}"]

    def _sideless_refusal(self, token: Token) -> NotationError:
        following = Token("stray", self._text[token.end : token.end + 1], token.end)
        hint = f"write {token.text}6 for dice with six sides, {token.text}% for percentile dice"
        if following.text == "(":
            hint = f"the number of sides cannot be rolled; {hint}"
        return self._refusal(following, "the number of sides", hint)

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
        if token.kind in MODIFIERS:
            return "modifiers follow their dice, as in 4d6kh3"
        if token.kind in ("dice", "faces") and previous.kind == "number":
            return f"write {previous.text}{token.text} without the space"
        if token.kind in ("dice", "faces", "number", "word"):
            return "write +, - or * between them"
        if token.kind == "sideless":
            return "write dice without spaces, as in 3d6"
        return hint_for(token)

    def _refusal(self, token: Token, expected: str, hint: str = "") -> NotationError:
        return refusal(self._text, token, expected, hint)
