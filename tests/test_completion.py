"""Completion, as real shells use it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dicesim
from tests.conftest import CommandLine

# Loads the script, puts the words on the line, and prints what the shell would offer.
BASH = """
eval "$(cat completion)"
COMP_WORDS=({words}); COMP_CWORD={last}
_dicesim_completion dicesim
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
# The functions of zsh's own that offer words print them here instead.
ZSH = """
compdef() {{ }}
_arguments() {{ print -l -- "$@" }}
_describe() {{ print -l -- "${{(P@)4:-${{(P@)3:-}}}}" "$@" }}
_files() {{ print files }}
eval "$(cat completion)"
words=({words}); CURRENT={current}
_dicesim_completion
"""


def environment(home: Path, script: str) -> dict[str, str]:
    """Where the command is found, and a home of its own."""
    path = f"{Path(script).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(home), "ZDOTDIR": str(home)}


def offered(shell: str, line: list[str], home: Path, script: str) -> str:
    """What a shell offers for the last word of a line."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    known = environment(home, script)
    shown = subprocess.run(
        [script, "--show-completion", shell],
        capture_output=True, text=True, check=True, timeout=60, env=known | {
            "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"
        },
    )  # fmt: skip
    (home / "completion").write_text(shown.stdout)
    words = " ".join(f"'{word}'" for word in line)
    code = (BASH if shell == "bash" else ZSH).format(
        words=words, last=len(line) - 1, current=len(line)
    )
    rc = ["--norc", "--noprofile"] if shell == "bash" else ["-f"]
    done = subprocess.run(
        [found, *rc, "-c", code],
        capture_output=True, text=True, check=True, timeout=60, env=known, cwd=home,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_shells_complete_commands_options_and_choices(
    shell: str, tmp_path: Path, dicesim_script: str
) -> None:
    """What was begun is gone on with."""
    for line, expected in (
        (["dicesim", "co"], ["compare"]),
        (["dicesim", "run", "--met"], ["--method"]),
        (["dicesim", "run", "--method", ""], list(dicesim.METHODS)),
        (["dicesim", "run", "--executor", "p"], ["process", "pool"]),
    ):
        found = offered(shell, line, tmp_path, dicesim_script)
        assert all(word in found for word in expected), line
        assert "--workers" not in found


@pytest.mark.parametrize(("shell", "rc"), [("bash", ".bashrc"), ("zsh", ".zshrc")])
def test_completion_installs_itself(
    shell: str, rc: str, tmp_path: Path, dicesim_script: str
) -> None:
    """For the shell it is called from, into the user's home; the shell then starts with it."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    known = environment(tmp_path, dicesim_script)
    install = subprocess.run(
        [found, "-c", "dicesim --install-completion; true"],
        capture_output=True, text=True, check=True, timeout=60, env=known, cwd=tmp_path,
    )  # fmt: skip
    assert f"{shell} completion installed" in install.stdout, install.stderr
    assert (tmp_path / rc).exists()
    shown = "complete -p dicesim" if shell == "bash" else "print known: $_comps[dicesim]"
    done = subprocess.run(
        [found, "-i", "-c", shown],
        stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=60, env=known, cwd=tmp_path,
    )  # fmt: skip
    known_as = "-F _dicesim_completion" if shell == "bash" else "known: _dicesim"
    assert known_as in done.stdout, done.stderr


def test_the_module_is_the_command(command_line: CommandLine) -> None:
    """``python -m dicesim_cli`` does what ``dicesim`` does, with the same exit codes."""
    for arguments in (["roll", "2d6", "--seed", "1"], ["--help"], ["run", "2d"]):
        ours = command_line(*arguments)
        done = subprocess.run(
            [sys.executable, "-m", "dicesim_cli", *arguments],
            capture_output=True, encoding="utf-8", check=False, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (
            ours.returncode,
            ours.stdout,
            ours.stderr,
        )
