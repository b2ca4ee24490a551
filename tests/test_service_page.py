"""The page, in a real Chromium, with a real service behind it."""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dicesim

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("httpx")
playwright = pytest.importorskip("playwright.sync_api")

from tests.serving import LONG, Server, served, wait_for  # noqa: E402

# A busy machine answers late.
playwright.expect.set_options(timeout=30_000)
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason="there is no Chromium: apt-get install chromium"
)
# It has nothing to do with the network but for the page.
QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
]
NARROW = {"width": 360, "height": 740}
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service."""
    with served(tmp_path_factory.mktemp("service") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window."""
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Open]:
    """Opens the page at an address; at the end no script may have complained."""
    contexts: list[Any] = []
    errors: list[str] = []

    def go(address: str = "/", **options: Any) -> Any:
        context = browser.new_context(**{"reduced_motion": "reduce", **options})
        contexts.append(context)
        opened = context.new_page()
        opened.set_default_timeout(30_000)
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.goto(server.url + address)
        return opened

    yield go
    for context in contexts:
        context.close()
    assert errors == []


def text(page: Any, selector: str) -> str:
    """What an element says, with plain spaces."""
    return " ".join(str(page.inner_text(selector)).split())


def held_back(page: Any, path: str) -> list[Any]:
    """Keep back the next request of a path; it is in the list once it was made."""
    held: list[Any] = []
    page.route(f"**{path}", lambda route: held.append(route), times=1)
    return held


def heights(page: Any, selector: str) -> list[float]:
    """How high the bars stand, as shares of the plot."""
    transforms = page.eval_on_selector_all(selector, "all => all.map(one => one.style.transform)")
    return [float(re.findall(r"\((.*)\)", shown)[0]) for shown in transforms]


def test_a_rule_shows_its_odds_while_it_is_typed(page: Open) -> None:
    """In words, in figures, and as columns."""
    opened = page()
    opened.fill("#expression", "2d6")
    playwright.expect(opened.locator("#understood")).to_have_text("two d6, sum")
    assert text(opened, "#figures").startswith("mean 7 standard deviation 2.4152")
    exact = [float(row["probability"]) for row in dicesim.exact("2d6").to_dict()["outcomes"]]
    drawn = heights(opened, "#chart .ghost")
    assert [x / max(drawn) for x in drawn] == pytest.approx(
        [x / max(exact) for x in exact], rel=1e-4
    )
    opened.check("input[value=least]")
    assert heights(opened, "#chart .ghost") == pytest.approx(
        [1 - sum(exact[:i]) for i in range(11)], rel=1e-4
    )
    opened.click("summary")
    assert text(opened, "#odds tbody tr:nth-child(6)") == "7 16.67 % 1/6 58.33 % 58.33 %"


def test_an_error_is_underlined(page: Open) -> None:
    """At its place, with what to write instead; and the input is marked for screen readers."""
    opened = page("/?e=5+%2B+1d20%3E%3D15")
    opened.wait_for_selector(".mirror .wrong", state="attached")
    assert opened.inner_text("#view-roll .mirror .wrong") == "1d20>=15"
    assert "write 5 + (1d20>=15)" in text(opened, "#understood")
    assert opened.get_attribute("#expression", "aria-invalid") == "true"
    assert opened.get_attribute("#understood", "aria-live") == "polite"
    assert opened.is_disabled("#go")
    opened.fill("#expression", "5 + (1d20>=15)")
    playwright.expect(opened.locator("#go")).to_be_enabled()
    assert opened.get_attribute("#expression", "aria-invalid") is None


def troubled(page: Any, path: str, *told: dict[str, Any] | None) -> list[dict[str, Any] | None]:
    """Answer a question with a problem, or not at all, for as long as the list begins with that."""
    trouble = list(told)

    def handle(route: Any) -> None:
        if not trouble:
            route.continue_()
        elif trouble[0] is None:
            route.abort()
        else:
            media_type = "application/problem+json"
            route.fulfill(status=trouble[0]["status"], content_type=media_type, json=trouble[0])

    page.route(f"**{path}", handle)
    return trouble


def test_a_rule_without_quick_odds_is_rolled(page: Open) -> None:
    """It is no error that the odds would take too long."""
    opened = page()
    playwright.expect(opened.locator("#understood")).to_contain_text("four d6")
    slow = {"type": "/problems#too-slow", "status": 503, "detail": "it took more than 5 s"}
    troubled(opened, "/v1/exact", slow)
    opened.fill("#expression", "3d6")
    playwright.expect(opened.locator("#understood")).to_contain_text("no exact odds")
    assert opened.get_attribute("#expression", "aria-invalid") is None
    assert text(opened, "#figures") == ""
    opened.fill("#n", "100000")
    opened.click("#go")
    playwright.expect(opened.locator("#verdict")).to_contain_text("Mean 10.")
    assert len(heights(opened, "#chart .bar")) == 16
    opened.click("summary")
    assert text(opened, "#odds thead") == "outcome rolled share"
    assert opened.is_hidden("#view-roll .keys .exact")


def test_odds_are_asked_for_again(page: Open) -> None:
    """Where the service was busy or away; what is rolled meanwhile stays."""
    opened = page()
    playwright.expect(opened.locator("#understood")).to_contain_text("four d6")
    busy = {"type": "/problems#busy", "status": 429, "detail": "too many ask at once"}
    trouble = troubled(opened, "/v1/exact", busy)
    opened.fill("#expression", "3d6")
    playwright.expect(opened.locator("#understood")).to_contain_text("The service is busy")
    playwright.expect(opened.locator("#go")).to_be_enabled()
    assert opened.get_attribute("#expression", "aria-invalid") is None
    opened.click("#go")
    playwright.expect(opened.locator("#verdict")).to_contain_text("Mean 10.")
    trouble[:] = [None]
    playwright.expect(opened.locator("#understood")).to_contain_text("cannot be reached")
    trouble.clear()
    playwright.expect(opened.locator("#understood")).to_have_text("three d6, sum")
    assert text(opened, "#figures").startswith("mean 10.5")
    assert "Mean 10." in text(opened, "#verdict")


def test_a_million_rolls(page: Open, server: Server) -> None:
    """Columns rise to what was rolled, a verdict is read out, and the link replays it all."""
    opened = page()
    opened.fill("#expression", "2d6")
    opened.fill("#seed", "42")
    playwright.expect(opened.locator("#understood")).to_have_text("two d6, sum")
    opened.click("#go")
    playwright.expect(opened.locator("#verdict strong")).to_have_text("Consistent")
    assert opened.get_attribute("#verdict", "role") == "status"
    counts = dicesim.run("2d6", 10**6, rng=42).counts
    drawn = heights(opened, "#chart .bar")
    tallest = max(counts.values())
    expected = [count / tallest for count in counts.values()]
    assert [x / max(drawn) for x in drawn] == pytest.approx(expected, rel=1e-4)
    assert opened.url == f"{server.url}/?e=2d6&n=1000000&seed=42#roll"
    verdict = text(opened, "#verdict")
    again = page(opened.url.removeprefix(server.url))
    playwright.expect(again.locator("#verdict strong")).to_have_text("Consistent")
    assert text(again, "#verdict") == verdict


def test_enter_right_after_typing(page: Open, server: Server) -> None:
    """Rolls what was typed, and keeps it when the odds come in."""
    opened = page()
    playwright.expect(opened.locator("#understood")).to_contain_text("four d6")
    opened.fill("#seed", "1")
    opened.fill("#expression", "3d6")
    opened.keyboard.press("Enter")
    playwright.expect(opened.locator("#understood")).to_have_text("three d6, sum")
    playwright.expect(opened.locator("#verdict")).to_contain_text("exactly 10.5")
    assert len(heights(opened, "#chart .bar")) == 16
    assert opened.url == f"{server.url}/?e=3d6&n=1000000&seed=1#roll"


@pytest.mark.parametrize("number", ["10.000", "10,5", "1.000.000", "10.5", "ten", ""])
def test_numbers_that_can_be_misread_are_refused(page: Open, number: str) -> None:
    """Where a point parts thousands, 10.000 is no ten."""
    opened = page()
    playwright.expect(opened.locator("#understood")).to_contain_text("four d6")
    opened.fill("#n", number)
    opened.click("#go")
    playwright.expect(opened.locator("#verdict")).to_contain_text("Write ten thousand as 10,000")
    playwright.expect(opened.locator("#go")).to_be_visible()


@pytest.mark.parametrize("number", ["10,000", "1e4", "1.0E4", "10 000", "10'000", "10_000"])
def test_numbers_are_written_in_many_ways(page: Open, number: str) -> None:
    """All of these are ten thousand."""
    opened = page()
    opened.fill("#n", number)
    opened.click("#go")
    playwright.expect(opened.locator("#running")).to_contain_text("10,000 rolls in")


def test_a_long_run_is_watched_and_stopped(page: Open, server: Server) -> None:
    """Counts, rate and chi-square go on; Stop keeps what was rolled."""
    opened = page("/?e=20d6kh3&n=500000000&seed=1")
    running = opened.locator("#running")
    playwright.expect(running).to_have_text(re.compile(r"chi-square [\d.]+ on \d+ dof"))
    first = text(opened, "#running")
    playwright.expect(running).not_to_have_text(first)
    opened.click("#stop")
    playwright.expect(opened.locator("#verdict strong")).to_be_visible()
    assert "of 500,000,000 rolls in" in text(opened, "#running")
    idle = 'dicesim_jobs{state="running"} 0.0'
    wait_for(lambda: idle in server.client.get("/metrics").text)


def test_another_rule_stops_the_run(page: Open, server: Server) -> None:
    """Nothing rolls on that nobody looks at."""
    opened = page("/?e=20d6kh3&n=500000000&seed=1")
    playwright.expect(opened.locator("#running")).to_have_text(re.compile("chi-square"))
    opened.click("[data-rule='4dF']")
    playwright.expect(opened.locator("#understood")).to_have_text(re.compile("four Fudge|4dF|dF"))
    idle = 'dicesim_jobs{state="running"} 0.0'
    wait_for(lambda: idle in server.client.get("/metrics").text)
    assert text(opened, "#verdict") == ""
    playwright.expect(opened.locator("#stop")).to_be_hidden()
    playwright.expect(opened.locator("#progress")).to_be_hidden()
    assert opened.url == f"{server.url}/?e=4dF#roll"
    opened.fill("#n", "1000")
    opened.click("#go")
    playwright.expect(opened.locator("#verdict")).to_contain_text("exactly 0")


def test_a_run_that_waits_says_so(page: Open, server: Server) -> None:
    """While the service rolls something else."""
    other = server.post(**LONG)
    opened = page("/?e=2d6&n=1000&seed=1")
    playwright.expect(opened.locator("#running")).to_contain_text("Waiting for the first rolls")
    server.client.delete(other["links"]["self"])
    playwright.expect(opened.locator("#running")).to_contain_text("1,000 rolls in")


def test_a_run_is_stopped_by_keys(page: Open) -> None:
    """Stop takes the place of Roll, and has the focus that Roll had; then back."""
    opened = page()
    opened.fill("#expression", "20d6kh3")
    opened.fill("#n", "500000000")
    opened.focus("#go")
    opened.keyboard.press("Enter")
    playwright.expect(opened.locator("#running")).to_have_text(re.compile("chi-square"))
    playwright.expect(opened.locator("#stop")).to_be_focused()
    opened.keyboard.press("Enter")
    playwright.expect(opened.locator("#verdict strong")).to_be_visible()
    playwright.expect(opened.locator("#go")).to_be_focused()


def test_two_rules(page: Open) -> None:
    """The summary, the shares and both laws."""
    opened = page("/?a=2d6&b=1d12#compare")
    summary = dicesim.compare("2d6", "1d12").summary
    playwright.expect(opened.locator("#compared")).to_have_text(f"{summary}.")
    assert text(opened, "#shares") == "A wins 50.00 % tie 8.33 % B wins 41.67 %"
    assert len(heights(opened, "#compare-chart .bar.b")) == 12
    opened.fill("#b", "1d12+")
    opened.click("#form-compare .primary")
    playwright.expect(opened.locator("#compared")).to_contain_text("cannot be read")
    assert opened.get_attribute("#b", "aria-invalid") == "true"


def test_an_older_comparison_comes_too_late(page: Open) -> None:
    """Only the newest question is answered, however long the one before takes."""
    opened = page("/#compare")
    playwright.expect(opened.locator("#compared")).to_contain_text("A is higher")
    held_back(opened, "/v1/compare")
    opened.fill("#a", "4d6")
    with opened.expect_request("**/v1/compare"):
        opened.click("#form-compare .primary")
    opened.fill("#a", "3d6")
    with opened.expect_event("requestfailed", lambda request: request.url.endswith("/v1/compare")):
        opened.click("#form-compare .primary")
    playwright.expect(opened.locator("#compared")).to_contain_text("by 4;")


def test_my_dice_pasted(page: Open) -> None:
    """Rolls in any layout have a verdict; what is no roll is named."""
    opened = page("/#check")
    rolls = [1, 2, 3, 4, 5, 6, 6, 6, 1, 6, 6, 6] * 10
    opened.fill("#data", ", ".join(map(str, rolls)))
    opened.click("#form-check .primary")
    verdict = dicesim.check(rolls, "1d6")
    playwright.expect(opened.locator("#checked strong")).to_have_text(verdict.verdict.capitalize())
    opened.fill("#data", "1 2 7")
    opened.click("#form-check .primary")
    playwright.expect(opened.locator("#checked")).to_contain_text("Roll 3: 7 cannot come up")
    opened.fill("#data", "1 2 six")
    opened.click("#form-check .primary")
    playwright.expect(opened.locator("#checked")).to_contain_text("Roll 3, “six”")


def test_the_address_holds_all_views(page: Open, server: Server) -> None:
    """From one view to another and back nothing is lost, not even when the page is loaded anew."""
    opened = page()
    opened.fill("#expression", "2d6")
    opened.fill("#n", "1000")
    opened.fill("#seed", "1")
    opened.click("#go")
    playwright.expect(opened.locator("#verdict strong")).to_be_visible()
    verdict = text(opened, "#verdict")
    opened.click("nav [href='#compare']")
    opened.fill("#a", "3d6")
    opened.click("#form-compare .primary")
    playwright.expect(opened.locator("#compared")).to_contain_text("by 4;")
    assert opened.url == f"{server.url}/?e=2d6&n=1000&seed=1&a=3d6&b=1d12#compare"
    opened.reload()
    playwright.expect(opened.locator("#compared")).to_contain_text("by 4;")
    assert opened.input_value("#a") == "3d6"
    opened.click("nav [href='#roll']")
    playwright.expect(opened.locator("#verdict strong")).to_be_visible()
    assert text(opened, "#verdict") == verdict
    assert opened.url == f"{server.url}/?e=2d6&n=1000&seed=1&a=3d6&b=1d12#roll"


def test_the_address_holds_pasted_rolls(page: Open, server: Server) -> None:
    """And the law that they were held against; but rolls without end it does not hold."""
    opened = page("/#check")
    opened.fill("#data", "1, 2, 3, 4\n8 7 6 5")
    opened.fill("#against", "1d8")
    opened.click("#form-check .primary")
    playwright.expect(opened.locator("#checked")).to_contain_text("8 rolls held against 1d8")
    address = f"{server.url}/?against=1d8&data=1+2+3+4+8+7+6+5&layout=rolls#check"
    assert opened.url == address
    opened.reload()
    playwright.expect(opened.locator("#checked")).to_contain_text("8 rolls held against 1d8")
    assert opened.input_value("#data") == "1 2 3 4 8 7 6 5"
    opened.fill("#data", "1 2 3 " * 1000)
    opened.click("#form-check .primary")
    playwright.expect(opened.locator("#checked")).to_contain_text("3,000 rolls")
    assert opened.url == f"{server.url}/?against=1d8#check"


def test_a_link_is_of_one_view(page: Open, server: Server) -> None:
    """Who shares a rule does not share their rolls."""
    wanted = ["clipboard-read", "clipboard-write"]
    opened = page("/?e=2d6&against=1d8&data=1+2+3#roll", permissions=wanted)
    playwright.expect(opened.locator("#understood")).to_have_text("two d6, sum")
    opened.evaluate("window.setTimeout = () => 0")  # it says so for a while only
    opened.click("#copy")
    playwright.expect(opened.locator("#copy")).to_have_text("Copied")
    copied = opened.evaluate("navigator.clipboard.readText()")
    assert copied == f"{server.url}/?e=2d6#roll"


def test_my_dice_from_a_file(page: Open, tmp_path: Path) -> None:
    """A table of counts is seen to be one."""
    file = tmp_path / "rolls.csv"
    file.write_text("face,count\n1,3246\n2,3449\n3,2897\n4,2841\n5,3635\n6,3932\n")
    opened = page("/#check")
    opened.set_input_files("#file", str(file))
    playwright.expect(opened.locator("input[value=counts]")).to_be_checked()
    opened.click("#form-check .primary")
    playwright.expect(opened.locator("#checked strong")).to_have_text("Deviates")
    assert "20,000 rolls held against 1d6" in text(opened, "#checked")


def test_keys_alone(page: Open) -> None:
    """Everything is reached by Tab, Enter rolls, and arrows walk the columns."""
    opened = page()
    playwright.expect(opened.locator("#understood")).to_contain_text("four d6")
    reached = []
    for _ in range(30):
        opened.keyboard.press("Tab")
        reached.append(
            opened.evaluate(
                "document.activeElement.id || document.activeElement.getAttribute('role')"
            )
        )
    wanted = ["expression", "slider", "n", "seed", "go", "copy"]
    assert [name for name in dict.fromkeys(reached) if name in wanted] == wanted
    opened.focus("[role=slider]")
    opened.keyboard.press("Home")
    assert opened.get_attribute("[role=slider]", "aria-valuetext") == "3: exact 0.0772\u00a0%"
    opened.focus("#n")
    opened.keyboard.press("Enter")
    playwright.expect(opened.locator("#verdict strong")).to_be_visible()


def test_the_skip_link_stays_in_the_view(page: Open, server: Server) -> None:
    """It leads past the navigation, and nowhere else."""
    opened = page("/?a=3d6&b=1d12#compare")
    playwright.expect(opened.locator("#compared")).to_contain_text("by 4;")
    opened.focus(".skip")
    opened.keyboard.press("Enter")
    playwright.expect(opened.locator("main")).to_be_focused()
    opened.wait_for_url(f"{server.url}/?a=3d6&b=1d12#compare")
    assert opened.is_visible("#compared")
    opened.keyboard.press("Tab")
    playwright.expect(opened.locator("#a")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("view", "shown"),
    [
        ("/?e=100d100&n=10000&seed=1", "#verdict strong"),
        ("/?a=2d6&b=1d12#compare", "#compared p"),
        ("/#check", "#data"),
    ],
)
def test_a_phone(page: Open, tmp_path: Path, view: str, shown: str, scheme: str) -> None:
    """At 360 pixels nothing sticks out, and the picture is dark where that is wanted."""
    opened = page(view, viewport=NARROW, color_scheme=scheme)
    opened.wait_for_selector(shown)
    assert opened.evaluate("document.documentElement.scrollWidth") == 360
    background = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, re.findall(r"\d+", background))) > 384
    assert light == (scheme == "light")
    picture = tmp_path / "page.png"
    opened.screenshot(path=str(picture))
    assert struct.unpack(">II", picture.read_bytes()[16:24]) == (360, 740)


def test_back_goes_to_the_view_before(page: Open, server: Server) -> None:
    """And forward again; each view begins at the top."""
    opened = page("/?e=2d6#roll", viewport=NARROW)
    playwright.expect(opened.locator("#understood")).to_have_text("two d6, sum")
    assert opened.evaluate("scrollY") == 0
    opened.click("nav [href='#compare']")
    playwright.expect(opened.locator("#compared")).to_contain_text("A is higher")
    opened.go_back()
    playwright.expect(opened.locator("#expression")).to_be_visible()
    opened.go_forward()
    playwright.expect(opened.locator("#a")).to_be_visible()
    assert opened.url == f"{server.url}/?e=2d6&a=2d6&b=1d12#compare"


def test_who_leaves_takes_the_rolls_along(page: Open, server: Server) -> None:
    """Nobody else waits for what nobody looks at."""
    opened = page("/?e=20d6!kh3#roll")
    opened.fill("#n", "400000000")
    opened.click("#go")
    playwright.expect(opened.locator("#running")).to_contain_text("of 400,000,000 rolls")
    opened.goto("about:blank")

    def ended() -> bool:
        jobs = server.client.get("/v1/simulations?limit=1").json()["simulations"]
        return bool(jobs[0]["state"] == "cancelled")

    wait_for(ended)


def test_a_late_refusal_of_what_was_mended(page: Open) -> None:
    """The rule as it stands now is not to blame, and what is told of the other one is paler."""
    opened = page("/#compare")
    playwright.expect(opened.locator("#compared")).to_contain_text("A is higher")
    opened.fill("#a", "5 + 1d20>=15")
    held = held_back(opened, "/v1/compare")
    with opened.expect_request("**/v1/compare"):
        opened.click("#form-compare .primary")
    opened.fill("#a", "5 + 1d20")
    playwright.expect(opened.locator("#understood-a")).to_have_text("5 plus one d20")
    held.pop().continue_()
    playwright.expect(opened.locator("#compared")).to_contain_text("cannot be read")
    assert opened.get_attribute("#a", "aria-invalid") is None
    playwright.expect(opened.locator("#compared")).to_have_class("verdict problem stale")
    opened.click("#form-compare .primary")
    playwright.expect(opened.locator("#compared")).to_have_class("verdict")


def test_an_answer_that_is_not_wanted_any_more(page: Open) -> None:
    """Rolls that cannot be read are told of, whatever is still said of those before."""
    opened = page("/#check")
    opened.fill("#data", "1 2 3")
    held_back(opened, "/v1/check")
    with opened.expect_request("**/v1/check"):
        opened.click("#form-check .primary")
    opened.fill("#data", "1 2 3 banana")
    with opened.expect_event("requestfailed"):
        opened.click("#form-check .primary")
    playwright.expect(opened.locator("#checked")).to_contain_text("Roll 4, “banana”")
    opened.fill("#data", "1 2 −3")
    opened.click("#form-check .primary")
    playwright.expect(opened.locator("#checked")).to_contain_text("Roll 3: -3 cannot come up")


def test_outcomes_that_a_browser_cannot_hold(page: Open) -> None:
    """Are not shown as others."""
    opened = page("/?e=1d6%2B9007199254740992#roll")
    playwright.expect(opened.locator("#readout")).to_contain_text("cannot be shown here")
    opened.click("summary")
    assert text(opened, "#odds") == ""


@pytest.mark.parametrize(
    ("content", "layout", "said"),
    [
        ("roll\r\n3\r\n6\r\n2\r\n", "columns", "3 rolls held against 1d6"),
        ("3\n6\n2\n", "rolls", "3 rolls held against 1d6"),
        ("3 6 2\n1 5\n", "rolls", "5 rolls held against 1d6"),
        ("3,6\n2,1\n", "columns", "2 rolls held against 1d6"),
        ("index;Frequency\n1;10\n2;20\n", "counts", "30 rolls held against 1d6"),
        ("1\n" * 600_000, "rolls", "too large for this page"),
    ],
)
def test_files_of_all_kinds(
    page: Open, tmp_path: Path, content: str, layout: str, said: str
) -> None:
    """What they hold is seen; the choice shows it."""
    file = tmp_path / "rolls.csv"
    file.write_bytes(content.encode())
    opened = page("/#check")
    opened.set_input_files("#file", str(file))
    if "too large" not in said:
        playwright.expect(opened.locator(f"input[value={layout}]")).to_be_checked()
        opened.wait_for_function("document.querySelector('#data').value !== ''")
        opened.click("#form-check .primary")
    playwright.expect(opened.locator("#checked")).to_contain_text(said)


def test_every_control_has_a_name(page: Open) -> None:
    """As screen readers need it."""
    opened = page()
    nameless = opened.evaluate(
        """[...document.querySelectorAll("input, textarea, button")].filter((one) =>
            !(one.labels?.length || one.textContent.trim() || one.getAttribute("aria-label")))
            .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    assert opened.get_attribute("html", "lang") == "en"


def test_a_token_is_asked_for(browser: Any, tmp_path: Path) -> None:
    """The page is open, the API is not; the token is typed once, without a search for where."""
    with served(tmp_path / "data", token="correct-horse") as server:
        context = browser.new_context()
        opened = context.new_page()
        opened.goto(server.url)
        playwright.expect(opened.locator("#token")).to_be_focused()
        opened.keyboard.type("correct-horse")
        opened.keyboard.press("Enter")
        playwright.expect(opened.locator("#understood")).to_contain_text("four d6")
        playwright.expect(opened.locator("#unlock")).to_be_hidden()
        opened.click("#go")
        playwright.expect(opened.locator("#verdict strong")).to_be_visible()
        context.close()


def test_a_token_that_is_none(browser: Any, tmp_path: Path) -> None:
    """What cannot be a token is not kept, a wrong one is told, and the right one opens the view."""
    with served(tmp_path / "data", token="correct-horse") as server:
        context = browser.new_context()
        opened = context.new_page()
        opened.goto(f"{server.url}/#compare")
        playwright.expect(opened.locator("#compared")).to_contain_text("A token is needed")
        refused = opened.locator("#refused")
        for token, why in [("пароль", "plain letters"), ("wrong", "That was not its token")]:
            opened.fill("#token", token)
            opened.keyboard.press("Enter")
            playwright.expect(refused).to_contain_text(why)
            playwright.expect(opened.locator("#token")).to_be_focused()
        assert refused.get_attribute("role") == "alert"
        opened.reload()
        opened.fill("#token", "correct-horse")
        opened.keyboard.press("Enter")
        playwright.expect(opened.locator("#compared")).to_contain_text("A is higher")
        playwright.expect(opened.locator("#unlock")).to_be_hidden()
        context.close()


def test_a_refusal_that_comes_late(browser: Any, tmp_path: Path) -> None:
    """What was asked before the token was typed, and is refused after, is asked again with it."""
    with served(tmp_path / "data", token="correct-horse") as server:
        context = browser.new_context()
        opened = context.new_page()
        held = held_back(opened, "/v1/compare")
        opened.goto(f"{server.url}/#compare")
        opened.fill("#token", "correct-horse")
        opened.keyboard.press("Enter")
        playwright.expect(opened.locator("#unlock")).to_be_hidden()
        held.pop().continue_()
        playwright.expect(opened.locator("#compared")).to_contain_text("A is higher")
        playwright.expect(opened.locator("#unlock")).to_be_hidden()
        context.close()
