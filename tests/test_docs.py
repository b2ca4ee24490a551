"""What the documents show is what happens."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import CommandLine

ROOT = Path(__file__).resolve().parents[1]
SESSION = re.compile(r"^```console\n\$ dicesim ([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SESSIONS = [
    (path.name, command, output)
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md")))
    for command, output in SESSION.findall(path.read_text(encoding="utf-8"))
]


def without_times(text: str) -> str:
    """Leave out what differs from run to run: seconds and rate."""
    return re.sub(r"; \S+ s, [\d.,]+( million| billion)? trials/s", "", text)


@pytest.mark.parametrize(("page", "command", "output"), SESSIONS)
def test_sessions_are_real(
    page: str, command: str, output: str, command_line: CommandLine, tmp_path: Path
) -> None:
    """Every session that a page shows prints just that, where the sources are."""
    shutil.copytree(ROOT / "dicesim" / "data", tmp_path / "dicesim" / "data")
    done = command_line(*shlex.split(command))
    assert without_times(done.stdout + done.stderr) == without_times(output), page
