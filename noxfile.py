"""Sessions on every supported interpreter, with the oldest and the newest numpy and scipy.

``nox -l`` lists them; ``nox -s tests`` runs those whose interpreter is there.
"""

from __future__ import annotations

from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint"]
nox.options.error_on_missing_interpreters = False

PYTHONS = ["3.11", "3.12", "3.13"]
# The first versions that have wheels for the interpreter, and are not below the bounds; later ones
# of pyarrow refuse numpy 1.
OLDEST = {
    "3.11": ["numpy==1.26.0", "scipy==1.12.0", "pyarrow==14.0.1"],
    "3.12": ["numpy==1.26.0", "scipy==1.12.0", "pyarrow==14.0.1"],
    "3.13": ["numpy==2.1.0", "scipy==1.14.1"],
}


@nox.session(python=PYTHONS)
@nox.parametrize("versions", ["oldest", "newest"])
def tests(session: nox.Session, versions: str) -> None:
    """Run the tests, or those that are named after ``--``."""
    pins = OLDEST[str(session.python)] if versions == "oldest" else []
    session.install("-e", ".[test]", *pins)
    session.run("pytest", *session.posargs)


@nox.session(python=PYTHONS[0])
def lint(session: nox.Session) -> None:
    """Run every check that needs no run."""
    session.install("-e", ".[test]")
    environment = {"VIRTUAL_ENV": session.virtualenv.location}
    session.run(".ci/lint", external=True, env=environment)


@nox.session(python=PYTHONS[0])
def package(session: nox.Session) -> None:
    """Build source and wheel, install the wheel, and run the tests that the source has."""
    session.install("build")
    out = str(Path(session.create_tmp()).resolve())
    session.run("python", "-m", "build", "--outdir", out)
    session.chdir(out)
    (wheel,) = _newest(out, "*.whl")
    (source,) = _newest(out, "*.tar.gz")
    session.install(f"{wheel}[test]")
    session.run("dicesim", "run", "--n", "1000000")
    session.run("tar", "-xzf", source, external=True)
    session.chdir(source.removesuffix(".tar.gz"))
    session.run("pytest", *session.posargs)


def _newest(folder: str, pattern: str) -> list[str]:
    """Return the file of this kind that was made last."""
    made = sorted(Path(folder).glob(pattern), key=lambda path: path.stat().st_mtime)
    return [str(path) for path in made[-1:]]
