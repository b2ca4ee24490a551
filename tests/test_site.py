"""The documentation builds as a site, without network, and its notebook runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dicesim

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as it is built, with warnings as errors."""
    pytest.importorskip("mkdocs_jupyter")
    pytest.importorskip("mkdocstrings_handlers.python")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=280,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_in_the_site(site: Path) -> None:
    """A page that the navigation forgets would be found by nobody."""
    pages = {path.stem for path in [*DOCS.glob("*.md"), *DOCS.glob("*.ipynb")]} - {"index"}
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    assert {Path(name).stem for name in re.findall(r"\S+\.(?:md|ipynb)", navigation)} == {
        *pages,
        "index",
    }
    assert all((site / page / "index.html").exists() for page in pages)


def test_the_reference_has_every_public_name(site: Path) -> None:
    """Each with its docstring."""
    text = (site / "reference" / "index.html").read_text(encoding="utf-8")
    names = set(dicesim.__all__) - {"__version__"}
    assert {name for name in names if f'id="dicesim.{name}"' not in text} == set()
    assert 'id="dicesim.Result.interval"' in text  # from the class that it extends


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """Neither fonts nor scripts: the site reads the same without network."""
    loads = re.compile(r"<(?:script|img|iframe)[^>]*\ssrc=\"?(https?:)?//|@import url\(.?https?:")
    links = re.compile(r"<link[^>]*rel=\"?stylesheet[^>]*href=\"?(https?:)?//")
    for page in site.glob("*/index.html"):
        text = page.read_text(encoding="utf-8")
        assert not links.search(text), page
        assert {found[0] for found in loads.finditer(text)} == set(), page


@pytest.fixture(scope="module")
def notebook() -> Any:
    """The notebook, executed anew."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = nbformat.read(DOCS / "exercise.ipynb", as_version=4)
    nbclient.NotebookClient(book, timeout=240, kernel_name="python3").execute()
    return book


def printed(book: Any) -> str:
    """Return all that its cells print."""
    outputs = [output for cell in book.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output["output_type"] == "error"]
    return "".join(output.get("text", "") for output in outputs)


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.filterwarnings("ignore")  # those of others, in their own clean-up
def test_the_notebook_does_what_it_says(notebook: Any) -> None:
    """Whatever it shows that does not depend on the machine is the same each time."""
    text = printed(notebook)
    assert "the same with another number of workers: True" in text
    assert "all the same: True" in text
    assert "16 ways, 1 answer" in text
    assert text.count("consistent") == 3
    assert text.count(", deviates") == 1
    copies = re.findall(r"^\[[\d, ]+\]$", text, re.MULTILINE)
    assert (len(copies), len(set(copies))) == (4, 1)


def test_the_notebook_comes_with_what_it_printed() -> None:
    """A reader without Python sees the figures, too."""
    nbformat = pytest.importorskip("nbformat")
    book = nbformat.read(DOCS / "exercise.ipynb", as_version=4)
    measured = re.findall(r"rolls in [\d.]+ s: [\d,]+ a second", printed(book))
    assert len(measured) == 9
    assert not re.search(r"/(home|root|tmp|Users)/", nbformat.writes(book))
