"""Notation of pools: dice, what is done to them, and how they are counted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Final

from dicesim.condition import COMPARISONS, Condition
from dicesim.dice import Dice, Group, dice_stage, group_stage
from dicesim.errors import NotationError, ParameterError
from dicesim.expression import Expression
from dicesim.faces import INT64_MAX, Die
from dicesim.modifiers import (
    EXPLOSION_LIMIT,
    EXPLOSIONS,
    MAX_MODIFIERS,
    Clamp,
    Count,
    Drop,
    End,
    Explode,
    Keep,
    Modifier,
    Reroll,
    Stage,
)
from dicesim.reading import OPERATORS, Operand, Reader
from dicesim.tokens import MODIFIERS, Token, hint_for

_EXPLOSIONS: Final = {sign: kind for kind, sign in EXPLOSIONS.items()}


class PoolReader(Reader):
    """Reads pools; their parts and rolled numbers of dice are totals."""

    @abstractmethod
    def _total(self) -> Operand:
        """Read a total."""

    def _pool(self, start: int, rolled: Expression | None, token: Token) -> Operand:
        """Read dice from their first token on; `rolled` gives their number if it is not written."""
        digits, _, sides = token.text.lower().partition("d")
        count = rolled or (self._number(token, digits) if digits else 1)
        if rolled is not None and rolled.bounds[0] < 0:
            low, high = rolled.bounds
            raise self._refusal(
                self._span(start, token.position),
                "a number of dice that is never negative",
                f"this one lies from {low} to {high}; write max(0, ...) around it",
            )
        die = self._faces() if token.kind == "faces" else self._die(token, digits, sides)
        modifiers: list[Modifier] = []
        advantage = self._took("advantage")
        if advantage is not None:
            if count != 1:
                raise self._advantage_refusal(advantage)
            count = 2
            modifiers.append(Keep("highest" if advantage.text.lower() == "adv" else "lowest"))
        stage = dice_stage(count, die)
        for modifier in modifiers:
            stage = modifier.after(stage)
        return self._modified(start, stage, modifiers, lambda: Dice(count, die, modifiers))

    def _die(self, token: Token, digits: str, sides: str) -> Die:
        if sides == "f":
            return Die([(-1, 1)])
        faces = 100 if sides == "%" else self._number(token, sides)
        if faces == 0:
            hint = f"write {digits}d6 for dice with six sides"
            raise self._refusal(token, "at least one side", hint)
        return Die.fair(faces)

    def _faces(self) -> Die:
        opening = self._take()
        self._enter(opening)
        runs = [self._run()]
        while self._took(","):
            runs.append(self._run())
        self._close("}", opening, ",")
        try:
            return Die(runs)
        except ParameterError as error:
            expected = f"weights that add up to at most {INT64_MAX} (2**63 - 1)"
            raise self._refusal(self._span(opening.position), expected) from error

    def _run(self) -> tuple[int, int, int]:
        start = self._peek
        if start.kind not in ("number", "-"):
            hint = "write the faces, as in d{1,1,2,3} or d{0..9}"
            raise self._refusal(start, "a face, which is a whole number", hint)
        low = high = self._integer("a face")
        if self._peek.kind == "-":
            raise self._refusal(self._peek, "..", f"write a range with two dots, as in {low}..9")
        if self._took("..") is not None:
            high = self._integer("the last face of the range")
        if high < low:
            whole = self._span(start.position)
            raise self._refusal(whole, "a range that runs upwards", f"write {high}..{low}")
        if self._took(":") is None:
            return low, high, 1
        token = self._expect("number", "a weight, which is a whole number")
        weight = self._number(token)
        if weight == 0:
            raise self._refusal(token, "a weight of at least 1", "leave the face out")
        return low, high, weight

    def _group(self, opening: Token) -> Operand:
        self._enter(opening)
        parts = [self._total()]
        while self._took(","):
            parts.append(self._total())
        closing = self._close("}", opening, "an operator, a comma")
        if len(parts) < 2:
            inside = self._span(parts[0].start, parts[0].end).text
            hint = f"write {inside} without braces"
            raise self._refusal(closing, "a comma and another part", hint)
        nodes = tuple(part.node for part in parts)
        done: list[Modifier] = []
        try:
            stage = group_stage(nodes)
        except ParameterError as error:
            whole = self._span(opening.position)
            limit = f"totals that lie less than {INT64_MAX} (2**63 - 1) apart"
            raise self._refusal(whole, limit, "write smaller numbers") from error
        return self._modified(opening.position, stage, done, lambda: Group(nodes, tuple(done)))

    def _modified(
        self, start: int, stage: Stage, modifiers: list[Modifier], pool: Callable[[], Expression]
    ) -> Operand:
        """Read what is done to the dice of a pool, and how they are counted, and build it."""
        while self._peek.kind in MODIFIERS:
            token = self._take()
            if self._text[start] == "{" and token.kind != "select":
                hint = "modify the dice inside the braces"
                raise self._refusal(token, "kh, kl, dh, dl or a comparison", hint)
            if len(modifiers) == MAX_MODIFIERS:
                raise self._refusal(token, f"at most {MAX_MODIFIERS} modifiers")
            modifier = self._modifier(token, stage)
            objection = modifier.objection(stage)
            if objection is not None:
                raise self._refusal(self._span(token.position), *objection)
            modifiers.append(modifier)
            stage = modifier.after(stage)
        count_at = None
        if self._peek.kind in COMPARISONS:
            count_at = self._peek.position
            modifiers.append(self._count(stage, start))
        if self._peek.kind in MODIFIERS:
            raise self._refusal(self._peek, OPERATORS, "a count comes after all other modifiers")
        if self._peek.kind in ("dice", "faces", "sideless"):
            raise self._second_die_refusal(self._peek, start, stage)
        return self._build(start, [], pool, count_at)

    def _modifier(self, token: Token, stage: Stage) -> Modifier:
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
                raise self._advantage_refusal(token)
            case "limit":
                raise self._refusal(token, OPERATORS, "max= stands behind !, as in 4d6! max=5")
        hint = "failures follow a count, as in 5d10>=6f1; straight behind ! or r, a comparison is "
        raise self._refusal(token, OPERATORS, f"{hint}its condition")

    def _selection(self, token: Token) -> Modifier:
        word = token.text.lower().rstrip("0123456789")
        digits = token.text[len(word) :]
        if not digits and self._peek.kind == "number":
            hint = f"write {word}{self._peek.text} without the space"
            raise self._refusal(self._peek, OPERATORS, hint)
        number = self._number(token, digits) if digits else 1
        end: End = "lowest" if word.endswith("l") else "highest"
        return Drop(end, number) if word.startswith("d") else Keep(end, number)

    def _explosion(self, token: Token, stage: Stage) -> Explode:
        condition = self._condition() if self._peek.kind in COMPARISONS else None
        if self._peek.kind == "number":
            number = self._peek.text
            raise self._refusal(self._peek, "a comparison", f"write {token.text} =={number}")
        limit = self._took("limit")
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
            hint = f"write {token.text}1 or {token.text}<=2, say"
            raise self._refusal(self._peek, "a number or a comparison", hint)
        return self._condition()

    def _condition(self) -> Condition:
        return Condition(self._take().kind, self._integer("a whole number"))

    def _count(self, stage: Stage, start: int) -> Count:
        sign = self._peek
        pool = self._text[start : sign.position].rstrip()
        following = self._tokens[self._next + 1]
        number = self._tokens[self._next + 2] if following.kind == "-" else following
        if number.kind not in ("number", "end", "stray"):
            hint = f"write ({pool}){sign.text}{self._operand_text(following)} to compare totals"
            hint = hint_for(following) if following.kind == "=" else hint
            expected = "a whole number, since a comparison straight after dice counts them"
            raise self._refusal(following, expected, hint)
        success = self._condition()
        failed = self._took("failure")
        failure = None if failed is None else self._number_or_condition(failed, failed.text[1:])
        count = Count(success, failure)
        objection = count.objection(stage)
        if objection is not None:
            span = self._span(sign.position)
            hint = objection.hint
            if failure is None:
                # What stands before belongs to the total, unless something is open there.
                whole = self._text[: sign.position].strip()
                total = pool if any(mark in whole for mark in "({,;=") else whole
                hint += f"; write ({total}){span.text} to compare the total"
            raise self._refusal(span, objection.expected, hint)
        return count

    def _advantage_refusal(self, token: Token) -> NotationError:
        keep = "kh1" if token.text.lower() == "adv" else "kl1"
        return self._refusal(
            token,
            OPERATORS,
            f"{token.text} stands straight behind one die, as in d20{token.text}, which is "
            f"2d20{keep}",
        )

    def _second_die_refusal(self, token: Token, start: int, stage: Stage) -> NotationError:
        """Show the readings of dice straight behind dice: a rolled number of them, or a drop."""
        before = self._text[start : token.position].rstrip()
        hint = "write +, - or * between them"
        if self._end == token.position and token.text[0] in "dD":
            hint = f"write ({before}){token.text} for a rolled number of dice"
            number = token.text[1:]
            if number.isdecimal() and len(number) < 6 and 0 < int(number) < stage.most:
                hint += f", {before}dl{number} or {before}dh{number} to drop dice"
        return self._refusal(token, OPERATORS, hint)
