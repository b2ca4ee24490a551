"""Random notation, rule for rule as in the grammar at the head of `dicesim.notation`.

What the parser refuses besides (a count that no die can meet, a reroll without end) is left to it:
`notations` gives what it reads.
"""

from __future__ import annotations

from hypothesis import strategies as st

from dicesim import Expression, NotationError, parse

COMPARISONS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
SMALL = st.integers(1, 4)
Draw = st.DrawFn


@st.composite
def dice(draw: Draw) -> str:
    """A die with perhaps a number before it, and at most six faces."""
    number = draw(st.sampled_from(["", "", "0", "1", "2", "3"]))
    faces = draw(
        st.sampled_from(
            ["4", "6", "2", "f", "1", "%", "{1,1,2}", "{0..3}", "{-2,5:2}", "{1..3:2,7}", "{3}"]
        )
    )
    return f"{number}d{faces}"


@st.composite
def condition(draw: Draw) -> str:
    """A comparison with a small number."""
    return f"{draw(COMPARISONS)}{draw(st.integers(-1, 6))}"


@st.composite
def selection(draw: Draw) -> str:
    """Keep or drop."""
    number = draw(st.sampled_from(["", "1", "2"]))
    return draw(st.sampled_from(["kh", "kl", "k", "dh", "dl"])) + number


@st.composite
def modifier(draw: Draw) -> str:
    """Anything that can stand behind dice."""
    kind = draw(st.sampled_from(["select", "explode", "reroll", "clamp"]))
    if kind == "select":
        return draw(selection())
    if kind == "explode":
        tested = draw(st.just("") | condition())
        return f"{draw(st.sampled_from(['!', '!!', '!p']))} {tested} max={draw(SMALL)} "
    if kind == "reroll":
        tested = draw(SMALL.map(str) | condition())
        return draw(st.sampled_from(["r", "ro"])) + tested
    return draw(st.sampled_from(["mi", "ma"])) + str(draw(st.integers(-1, 7)))


@st.composite
def counted(draw: Draw) -> str:
    """Nothing, or a count with perhaps failures."""
    if draw(st.integers(0, 3)):
        return ""
    failed = draw(st.sampled_from(["", "f1", "f<=2"]))
    return draw(condition()) + failed


@st.composite
def pool(draw: Draw, names: tuple[str, ...] = ()) -> str:
    """Dice with modifiers; their number is rolled at times."""
    rolled = draw(st.integers(0, 7)) == 0
    text = draw(dice())
    if rolled:
        number = draw(st.sampled_from(["1d2", "d3", "d2-1", *names]))
        text = f"({number})d{text.partition('d')[2]}"
    return text + "".join(draw(st.lists(modifier(), max_size=3)))


@st.composite
def group(draw: Draw, names: tuple[str, ...], depth: int) -> str:
    """Unlike parts."""
    parts = draw(st.lists(total(names, depth - 1), min_size=2, max_size=3))
    done = draw(st.lists(selection(), max_size=2))
    return f"{{{', '.join(parts)}}}{''.join(done)}{draw(counted())}"


@st.composite
def function(draw: Draw, names: tuple[str, ...], depth: int) -> str:
    """A function of totals, or of dice."""
    name = draw(st.sampled_from(["max", "min", "abs", "sign", "if", "dice"]))
    if name == "dice":
        name = draw(st.sampled_from(["distinct", "largest_set", "pairs", "straight"]))
        return f"{name}({draw(pool() if not names else pool() | st.sampled_from(names))})"
    number = {"abs": 1, "sign": 1, "if": 2}.get(name, 2)
    arguments = [draw(total(names, depth - 1)) for _ in range(number)]
    if name == "if":
        arguments.insert(0, draw(comparison(names, depth - 1)))
    return f"{name}({', '.join(arguments)})"


@st.composite
def atom(draw: Draw, names: tuple[str, ...], depth: int) -> str:
    """The tightest binding."""
    kinds = ["pool", "pool", "number", *(["name"] * 2 if names else [])]
    kind = draw(st.sampled_from([*kinds, *(["group", "function", "nested"] if depth else [])]))
    match kind:
        case "pool":
            return draw(pool(names))
        case "number":
            return str(draw(st.integers(0, 5)))
        case "name":
            return draw(st.sampled_from(names))
        case "group":
            return draw(group(names, depth))
        case "function":
            return draw(function(names, depth))
    return f"({draw(total(names, depth - 1))})"


@st.composite
def comparison(draw: Draw, names: tuple[str, ...], depth: int) -> str:
    """A comparison of two totals."""
    return f"({draw(atom(names, depth))}){draw(COMPARISONS)}{draw(st.integers(0, 8))}"


@st.composite
def total(draw: Draw, names: tuple[str, ...] = (), depth: int = 2) -> str:
    """Operations on atoms, a count, or a comparison."""
    kind = draw(st.sampled_from(["operation"] * 4 + ["count", "comparison"]))
    if kind == "count":
        return draw(pool(names)) + draw(condition()) + draw(st.sampled_from(["", "f1", "f<=2"]))
    if kind == "comparison":
        return draw(comparison(names, depth))
    text = draw(st.sampled_from(["", "", "-"])) + draw(atom(names, depth))
    for _ in range(draw(st.integers(0, 1))):
        sign = draw(st.sampled_from(["+", "-", "*", "//"]))
        other = draw(st.integers(1, 3).map(str) if sign == "//" else atom(names, depth))
        text += f"{sign}{other}"
    return text


@st.composite
def notation(draw: Draw) -> str:
    """Definitions, and what is made of them."""
    names: tuple[str, ...] = ()
    text = ""
    for name in ("a", "b_2")[: draw(st.integers(0, 2))]:
        text += f"{name} = {draw(pool(names) | total(names, 1))}; "
        names += (name,)
    return text + draw(total(names))


def _read(text: str) -> Expression | None:
    try:
        return parse(text)
    except NotationError:
        return None


notations = notation().filter(lambda text: _read(text) is not None)
trees = notations.map(parse)
