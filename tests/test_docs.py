"""What the documents show is what happens."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
from pathlib import Path

import pytest

import dicesim
from tests.conftest import CommandLine

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```console\n(\$ dicesim .*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ dicesim ([^\n]*)\n", re.MULTILINE)
LISTING = re.compile(r"^```python\n(?!>>>)(.*?)^```", re.MULTILINE | re.DOTALL)
SESSIONS = [
    (path.name, block)
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md")))
    for block in BLOCK.findall(path.read_text(encoding="utf-8"))
]


def without_times(text: str) -> str:
    """Leave out what differs from run to run: seconds and rate, and when a run was begun."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "", text)
    return re.sub(r"; \S+ s, [\d.,]+( million| billion)? trials/s", "", text)


@pytest.mark.parametrize(("page", "block"), SESSIONS)
def test_sessions_are_real(
    page: str, block: str, command_line: CommandLine, tmp_path: Path
) -> None:
    """Every session that a page shows prints just that, where the sources are."""
    for folder in ("dicesim/data", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    _, *parts = COMMAND.split(block)
    for command, output in zip(parts[::2], parts[1::2], strict=True):
        done = command_line(*shlex.split(command))
        assert without_times(done.stdout + done.stderr) == without_times(output), (page, command)


NAMED = re.compile(r"`(?:(test_\w+\.py)::)?(test_\w+)`")


PROMISES = ["clusters.md", "faults.md", "limits.md", "service.md"]


@pytest.mark.parametrize("page", PROMISES)
def test_tests_that_are_named_exist(page: str) -> None:
    """A page that names the test of a promise names one that there is."""
    path = ROOT / "docs" / page
    if not path.exists():
        pytest.skip("there is no such page")
    file, found = "", 0
    for named_file, name in NAMED.findall(path.read_text(encoding="utf-8")):
        file = named_file or file
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), name
        found += 1
    assert found > 3


def test_listings_are_those_of_the_examples() -> None:
    """Code that a page shows stands in a file that is tested."""
    files = [path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.py")]
    listings = LISTING.findall((ROOT / "docs" / "models.md").read_text(encoding="utf-8"))
    assert len(listings) == 2
    for listing in listings:
        assert any(listing in text for text in files), listing


PICTURE = re.compile(r"!\[([^\]]+)\]\((\S+)\)")


def test_pictures_are_shown_drawn_and_described(tmp_path: Path) -> None:
    """Each that a page shows lies there, the script draws it, and words stand in for it."""
    shown = {
        (page.parent / path).relative_to(ROOT).as_posix()
        for page in (ROOT / "docs").glob("*.md")
        for words, path in PICTURE.findall(page.read_text(encoding="utf-8"))
        if len(words) > 20
    }
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/pictures").iterdir()}
    runpy.run_path(str(ROOT / ".ci" / "pictures.py"))["draw"](tmp_path)
    drawn = {f"docs/pictures/{path.name}" for path in tmp_path.iterdir()}
    assert shown == there == drawn


def test_the_citation_names_this_version() -> None:
    """And the changelog has a place for what comes."""
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {dicesim.__version__}\n" in citation
    assert "## " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
