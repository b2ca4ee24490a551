"""Draw the pictures that the pages show: ``python .ci/pictures.py``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import dicesim

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
PICTURES: dict[str, Callable[[], Axes]] = {
    "run.svg": lambda: dicesim.run("4d6kh3", n=5_000, rng=42).plot(),
    "compare.svg": lambda: dicesim.compare("2d6", "1d12").plot(),
}


def draw(folder: Path = FOLDER) -> None:
    """Draw all of them; the same versions draw the same files."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "dicesim", "svg.fonttype": "none"}):
        for name, picture in PICTURES.items():
            dicesim.PlotFile(folder / name).save(picture())


if __name__ == "__main__":
    draw()
