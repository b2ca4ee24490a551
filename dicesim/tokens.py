"""Text to tokens that know where they stand, and the refusal of a token.

What a word means depends on what stands before it: after dice or a number, ``kh3`` and ``r1`` are
modifiers; elsewhere a word is a name or a function. So there are two patterns, and the token before
decides between them.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from dicesim.errors import NotationError

MAX_LENGTH: Final = 10_000

# The kinds of tokens that are modifiers, and those after which a modifier may stand.
MODIFIERS: Final = frozenset(
    {"select", "advantage", "explode", "limit", "reroll", "clamp", "failure"}
)
_OPERANDS: Final = MODIFIERS | {"dice", "number", "word", ")", "}"}
_SYMBOLS = r"(?P<symbol>==|!=|<=|>=|<(?!>)|>|//|\.\.|=(?![<>])|[-+*(){},:;])"
_END = r"(?P<stray>\w+|=[<>]|<>|&&|\|\||\*\*|.)"
_BEFORE: Final = re.compile(
    rf"""(?P<space>\s+)
      | (?P<faces>[0-9]*d)(?=\{{)
      | (?P<dice>[0-9]*d(?:[0-9]+|%|f))
      | (?P<sideless>[0-9]+d(?![hl]|is)|d(?!\w))
      | (?P<number>[0-9]+)
      | (?P<word>[a-z_][a-z0-9_]*)(?!\w)
      | {_SYMBOLS}
      | {_END}""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL | re.ASCII,
)
_AFTER: Final = re.compile(
    rf"""(?P<space>\s+)
      | (?P<select>(?:kh|kl|k(?!eep)|dh|dl)[0-9]*)
      | (?P<advantage>adv|dis)
      | (?P<limit>max=[0-9]+)
      | (?P<clamp>m[ia]-?[0-9]+)
      | (?P<reroll>ro?(?:-?[0-9]+)?)
      | (?P<failure>f(?:-?[0-9]+)?)
      | (?P<explode>!p|!!|!(?===)|!(?!=))
      | (?P<faces>[0-9]*d)(?=\{{)
      | (?P<dice>[0-9]*d(?:[0-9]+|%|f))
      | (?P<sideless>[0-9]*d(?!\w))
      | (?P<number>[0-9]+)
      | {_SYMBOLS}
      | {_END}""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL | re.ASCII,
)
# What people write elsewhere, and what is written here.
_HINTS: Final = (
    (r"/", "write // for a quotient rounded down"),
    (r"\.", "totals are whole numbers, without a fraction"),
    (r",", "write numbers without commas, and one expression"),
    (r"x[0-9]+", "write * for a product"),
    (r"xo?|o", "write ! to explode, or * for a product"),
    (r"\[", "leave labels out; faces stand in braces, as in d{1..6}"),
    (r"@", "write the number itself"),
    (r"#", "write one rule alone; each is rolled as often as you ask"),
    (r"vs?|against|dc", "write >= to compare a total, as in (1d20+5)>=15"),
    (r"\^|\*\*", "write a product, as in 2*2*2"),
    ("[\u00d7\u00b7]", "write * for a product"),
    ("[\u2212\u2013]", "write - for a difference"),
    ("[\u2265\u2264]", "write >= or <="),
    (r"=", "write == to compare"),
    (r"=>|=<|<>", "write >=, <= or !="),
    (r"&&?|and", "multiply two comparisons where both have to hold, as in (a>=5)*(b>=5)"),
    (r"\|\|?|or", "write max of two comparisons where one has to hold, as in max(a>=5, b>=5)"),
    (r"(?:min|max)=?[0-9]+", "mi2 lets no die show less than 2, ma4 none more than 4"),
    (r"[wt][0-9]+", "write d for a die, as in 2d6"),
    (r"cs?.*|t", "a comparison counts successes, as in 10d10>=8"),
    (r"e[0-9]*|!o", "write ! to explode, and numbers in full"),
    (r"[hl][0-9]*", "write kh2 to keep the highest two, dl1 to drop the lowest"),
    (r"s[ad]?|sort.*", "dice cannot be sorted"),
    (r"(dis)?(adv)?antage", "write d20adv or d20dis"),
    (r"p", "choose one of !, !! and !p"),
    (r"max", "write max=5 behind !, without spaces"),
    (r"mi|ma", "write mi2 or ma4, say"),
    (r"keep.*", "write kh3 to keep the highest three"),
    (r"drop.*", "write dl1 to drop the lowest"),
    (r"[^\x00-\x7f].*", "write numbers with the digits 0 to 9, and everything else in ASCII"),
)


class Token(NamedTuple):
    """A piece of the notation: its kind (a symbol is its own kind), its text, its offset."""

    kind: str
    text: str
    position: int

    @property
    def end(self) -> int:
        """Offset just past the token."""
        return self.position + len(self.text)


def tokenize(text: str) -> list[Token]:
    """Cut notation into tokens; the last one is the end.

    Raises
    ------
    NotationError
        The text is too long. What makes no token becomes a stray one, for the parser to refuse.

    Examples
    --------
    >>> [token.text for token in tokenize("4d6kh3 + a")]
    ['4d6', 'kh3', '+', 'a', '']
    """
    if len(text) > MAX_LENGTH:
        found = f"{len(text):,} characters"
        end = Token("end", "", MAX_LENGTH)
        raise refusal(text, end, f"at most {MAX_LENGTH:,} characters", "", found)
    tokens: list[Token] = []
    position = 0
    pattern = _BEFORE
    while match := pattern.match(text, position):  # up to the end: a pattern matches anything
        piece, kind = match[0], str(match.lastgroup)
        if kind != "space":
            kind = piece if kind == "symbol" else kind
            tokens.append(Token(kind, piece, position))
            pattern = _AFTER if kind in _OPERANDS else _BEFORE
        position += len(piece)
    tokens.append(Token("end", "", position))
    return tokens


def hint_for(token: Token) -> str:
    """Say what to write instead of a token that is known from elsewhere, or nothing."""
    matches = (hint for form, hint in _HINTS if re.fullmatch(form, token.text, re.IGNORECASE))
    return next(matches, "")


def refusal(
    text: str, token: Token, expected: str, hint: str = "", found: str = ""
) -> NotationError:
    """Return the error that refuses a token.

    Parameters
    ----------
    text : str
        The whole notation.
    token : Token
        What cannot stand where it stands.
    expected, hint : str
        What could stand there, and what to write instead.
    found : str, optional
        What to call the token, if not by its text.
    """
    # What is quoted may hold line ends, and what a terminal would obey.
    hint = "".join(c if c.isprintable() else "?" for c in " ".join(hint.split()))
    shown = token.text if len(token.text) <= 40 else token.text[:37] + "..."
    found = found or (repr(shown) if shown else "the end")
    where = f"character {token.position + 1}: " if token.text else ""
    message = f"{where}found {found}, expected {expected}"
    return NotationError(
        f"{message}; {hint}" if hint else message,
        text=text,
        position=token.position,
        length=max(1, len(token.text)),
        found=found,
        expected=expected,
        hint=hint,
    )
