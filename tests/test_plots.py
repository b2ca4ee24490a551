"""Pictures: what is drawn where, and the files they go into."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import dicesim
from dicesim.outcome_tests import simultaneous_intervals
from dicesim.plotting import Bars
from tests.conftest import CommandLine

RESULT = dicesim.run("2d6", 10_000, rng=42)


def bars(ax: Axes) -> dict[float, float]:
    """Height of each bar by the middle it stands on."""
    return {bar.get_x() + bar.get_width() / 2: bar.get_height() for bar in ax.patches}  # type: ignore[attr-defined]


def lines(ax: Axes) -> dict[str, list[Any]]:
    """Ends of the lines of each kind, by their name in the legend."""
    return {str(kind.get_label()): kind.get_segments() for kind in ax.collections}  # type: ignore[attr-defined]


def test_bars_marks_and_intervals_are_the_figures() -> None:
    """Bars are the observed shares, marks the exact ones, and each interval is that of its bar."""
    ax = RESULT.plot()
    assert bars(ax) == pytest.approx({x: count / 10_000 for x, count in RESULT.counts.items()})
    drawn = lines(ax)
    low, high = simultaneous_intervals(list(RESULT.counts.values()), 10_000, 0.05)
    for i, (outcome, exact) in enumerate(dicesim.exact("2d6").items()):
        left, right = drawn["exact"][i]
        assert left[0] < outcome < right[0]
        assert left[1] == right[1] == pytest.approx(float(exact))
        ends = drawn["95 % intervals, together"][i]
        assert ends.ravel() == pytest.approx([outcome, low[i], outcome, high[i]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("outcome", "share of trials")
    assert ax.get_title() == "2d6: 10,000 trials, seed 42"
    legend = ax.get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["observed", "exact", "95 % intervals, together"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [str(x) for x in range(2, 13)]


def test_kinds_differ_in_print() -> None:
    """Bars, intervals and marks have lightnesses far apart, so that no colour need be seen."""
    ax = RESULT.plot()
    shown = [ax.patches[0].get_facecolor(), *(kind.get_color()[0] for kind in ax.collections)]  # type: ignore[attr-defined]
    grey = sorted(float(np.dot(colors.to_rgb(c), (0.299, 0.587, 0.114))) for c in shown)
    assert np.diff(grey).min() > 0.2


@pytest.mark.parametrize(
    ("text", "number", "xlabel"),
    [
        ("3", 1, "outcome"),
        ("4dF", 9, "outcome"),
        ("-100*(1d6)", 6, "outcome"),
        ("d100", 100, "outcome"),
        ("d121", 41, "outcome, 3 to a bar; the outermost hold the tails too"),
        ("if(d20==20, 1000, d6)", 7, "outcome, not to scale"),
        ("if(d20==20, 10**15, d6)".replace("10**15", "1" + "0" * 15), 7, "outcome, not to scale"),
    ],
)
def test_supports_of_any_shape_have_a_bar_for_each_outcome_or_bin(
    text: str, number: int, xlabel: str
) -> None:
    """Single ones, signed ones, wide ones and sparse ones; all shares add up."""
    for ax in (dicesim.run(text, 500, rng=1).plot(), dicesim.exact(text).plot()):
        assert len(ax.patches) == number
        assert ax.get_xlabel() == xlabel
        assert sum(bars(ax).values()) == pytest.approx(1)
        low, high = ax.get_xlim()
        assert all(low < x < high for x in bars(ax))
        ax.figure.canvas.draw()


def test_thousands_of_outcomes_are_binned_evenly() -> None:
    """Bins stand at equal distances, at their own middle, and hold what they name."""
    pmf = dicesim.exact("100d100")
    drawn = bars(pmf.plot())
    assert 30 < len(drawn) <= 60
    assert len(set(np.diff(list(drawn)))) == 1
    assert sum(x * share for x, share in drawn.items()) == pytest.approx(pmf.mean, rel=1e-3)
    blind = dicesim.run("1000d1000", 1000, rng=1).plot()
    assert 10 < len(blind.patches) <= 60
    assert "exact" not in lines(blind)


def test_a_model_has_no_marks() -> None:
    """Nobody knows what should have come."""
    ax = dicesim.run(lambda dice: dice.roll("2d6") // 3, 1000, rng=1).plot()
    assert list(lines(ax)) == ["95 % intervals, together"]


def test_nothing_rolled_is_drawn_too() -> None:
    """A run that was stopped at once has only its law, or nothing."""
    empty = replace(RESULT, tally=dicesim.Tally.of({}))
    assert list(lines(empty.plot())) == ["exact"]
    assert not replace(empty, pmf=None).plot().patches


def test_outcomes_beyond_floating_point_are_told_apart() -> None:
    """Their labels are cut where nobody would read on."""
    place = Bars.of([10**20, 10**20 + 1, 10**400], [1, 1, 1])
    assert place.centers == [0, 1, 2]
    assert place.labels[0] == "10000000000…"
    many = range(10**30, 10**30 + 500)
    assert len(set(Bars.of(many, [1] * 500).centers)) == len(Bars.of(many, [1] * 500).places)


def test_axes_that_are_handed_in_are_drawn_into() -> None:
    """And come back."""
    axes = Figure().subplots(2)
    assert RESULT.plot(axes[0]) is axes[0]
    assert dicesim.exact("2d6").plot(ax=axes[1]) is axes[1]
    assert [len(ax.patches) for ax in axes] == [11, 11]


def test_drawing_leaves_the_rest_of_matplotlib_alone() -> None:
    """No window, no list of open figures, no setting changed."""
    code = (
        "import sys, matplotlib as m, dicesim\n"
        "def settings(): return {k: m.rcParams[k] for k in m.rcParams if k != 'backend'}\n"
        "before = settings()\n"
        "dicesim.run('2d6', 100, rng=1).plot()\n"
        "assert 'matplotlib.pyplot' not in sys.modules; assert settings() == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_two_rules_are_drawn_as_bars_and_marks() -> None:
    """A is the bars, B the marks across them."""
    ax = dicesim.compare("2d6", "1d12").plot()
    assert bars(ax)[7] == pytest.approx(1 / 6)
    assert [ends[0][1] for ends in lines(ax)["B: 1d12"]] == pytest.approx([1 / 12] * 12)
    assert ax.get_title().startswith("A is higher on average, by 0.5")


def test_recorded_rolls_are_drawn() -> None:
    """One column by itself, the total of several, and a refusal where that has no law."""
    ax = dicesim.check([1, 2, 2, 6, 4], "1d6").plot()
    assert bars(ax) == pytest.approx({1: 0.2, 2: 0.4, 3: 0, 4: 0.2, 5: 0, 6: 0.2})
    rows = dicesim.check([[1, 2], [3, 4], [6, 6]], "1d6")
    assert len(rows.plot().patches) == 11
    with pytest.raises(dicesim.ParameterError, match="check one column"):
        replace(rows, total=None).plot()


def magic(file: Path) -> bytes:
    """How a file begins."""
    return file.read_bytes()[:4]


def test_every_command_draws(command_line: CommandLine, tmp_path: Path) -> None:
    """Into each kind of file, whole, beside the answer that it prints anyway."""
    (tmp_path / "rolls.txt").write_text("1\n2\n6\n")
    for file, arguments in {
        "run.png": ["run", "2d6", "--n", "1000", "--seed", "1"],
        "exact.PDF": ["exact", "4d6kh3"],
        "compare.svg": ["compare", "2d6", "1d12"],
        "check.svg": ["check", "rolls.txt", "--against", "1d6"],
    }.items():
        done = command_line(*arguments, "--plot", file)
        assert (done.returncode, done.stderr) == (0, "")
        plain = command_line(*arguments)
        assert done.stdout.splitlines()[:-1] == plain.stdout.splitlines()[:-1]
    assert magic(tmp_path / "run.png") == b"\x89PNG"
    assert magic(tmp_path / "exact.PDF") == b"%PDF"
    for name in ("compare.svg", "check.svg"):
        root = ElementTree.parse(tmp_path / name).getroot()  # what this very program wrote
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        groups = {group.get("id", "") for group in root.iter("{http://www.w3.org/2000/svg}g")}
        assert len([name for name in groups if name.startswith("patch_")]) > 6
        assert "LineCollection_1" in groups
    assert len(list(tmp_path.iterdir())) == 5
    mask = (tmp_path / "rolls.txt").stat().st_mode
    assert (tmp_path / "run.png").stat().st_mode == mask


def test_a_finished_run_is_drawn_on_resuming(command_line: CommandLine, tmp_path: Path) -> None:
    """So that a picture may be had of what was rolled before."""
    command_line("run", "2d6", "--n", "1000", "--checkpoint", "runs.db")
    assert command_line("resume", "runs.db", "--plot", "late.png").returncode == 0
    assert magic(tmp_path / "late.png") == b"\x89PNG"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("a.jpg", "--plot: a.jpg does not end in .png, .svg or .pdf; name a file that does"),
        ("png", "--plot: png does not end in"),
        ("nowhere/a.png", "cannot be written: No such file or directory; name another file"),
        ("folder.png", "cannot be written: it is a folder; name another file"),
        ("a\0.png", "cannot be written"),
    ],
)
def test_a_picture_that_cannot_be_is_refused_before_the_first_roll(
    command_line: CommandLine, tmp_path: Path, file: str, said: str
) -> None:
    """In one line, with nothing printed and nothing left behind."""
    (tmp_path / "folder.png").mkdir()
    if "\0" in file:  # no shell passes it
        with pytest.raises(dicesim.ParameterError, match=said):
            dicesim.PlotFile(file)
        return
    done = command_line("run", "2d6", "--n", "1e12", "--method", "multinomial", "--plot", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_no_half_of_a_picture_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk is full the old file is what it was, and nothing lies beside it."""
    file = tmp_path / "dice.png"
    file.write_text("old")

    def fill(_figure: Figure, draft: Path, **_: Any) -> None:
        draft.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fill)
    with pytest.raises(dicesim.ExecutionError, match="could not be written: No space left"):
        dicesim.PlotFile(file).save(RESULT.plot())
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_without_matplotlib_one_line_says_what_to_install(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From Python and from the command line, and nothing else needs it."""
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "matplotlib.py").write_text("raise ImportError('no such module')\n")
    done = command_line("run", "--n", "9", "--plot", "a.png", PYTHONPATH=str(tmp_path / "lacking"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "dicesim: --plot: pictures need matplotlib, which is not installed; "
        "write: pip install 'dicesim[plot]'\n"
    )
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(dicesim.ParameterError, match=r"pip install 'dicesim\[plot\]'"):
        RESULT.plot()


# Presses Ctrl-C while the picture is written.
PRESSED = """
import os, signal, sys
from matplotlib.figure import Figure
from dicesim_cli.__main__ import main
write = Figure.savefig
def pressed(figure, draft, **options):
    os.kill(os.getpid(), signal.SIGINT)
    write(figure, draft, **options)
Figure.savefig = pressed
sys.argv = {arguments}
main()
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["exact", "2d6"],
        ["compare", "2d6", "1d12"],
        ["check", "rolls.txt", "--against", "1d6"],
        ["run", "2d6", "--n", "10"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_ctrl_c_leaves_no_half_of_a_picture(arguments: list[str], tmp_path: Path) -> None:
    """What is begun is written to its end."""
    (tmp_path / "rolls.txt").write_text("1\n2\n6\n")
    code = PRESSED.format(arguments=["dicesim", *arguments, "--plot", "a.pdf"])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (130, b"")
    assert {path.name for path in tmp_path.iterdir()} == {"rolls.txt", "a.pdf"}
    assert (tmp_path / "a.pdf").read_bytes().rstrip().endswith(b"%%EOF")
