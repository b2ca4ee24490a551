"""The shape of the house: imports run one way, names are what they say, the wheel is whole."""

from __future__ import annotations

import ast
import importlib
import inspect
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import dicesim

ROOT = Path(__file__).resolve().parents[1]
# Each module imports only from those before it.
ORDER = [
    "_version",
    "caching",
    "errors",
    "files",
    "documents",
    "choices",
    "limits",
    "condition",
    "drawing",
    "plotting",
    "quantiles",
    "kronecker",
    "law",
    "pmf",
    "tally",
    "chi_square",
    "cells",
    "effect_size",
    "outcome_tests",
    "estimates",
    "picture",
    "faces",
    "arguments",
    "precision",
    "pmf_files",
    "modifiers",
    "expression",
    "dice",
    "arithmetic",
    "totals",
    "wording",
    "tokens",
    "reading",
    "pool_notation",
    "notation",
    "die_law",
    "selection",
    "joint",
    "pool_law",
    "distribution",
    "words",
    "digits",
    "packing",
    "rolled",
    "evaluation",
    "tables",
    "sampling",
    "roller",
    "guard",
    "references",
    "model",
    "pairing",
    "plan",
    "rolling",
    "execution",
    "shared",
    "workers",
    "futures",
    "distributed",
    "processes",
    "pool",
    "executors",
    "monte_carlo",
    "small_samples",
    "verdicts",
    "validation",
    "power_analysis",
    "findings",
    "layout",
    "report",
    "power_report",
    "result",
    "loading",
    "measurement",
    "database",
    "store",
    "checkpoints",
    "store_report",
    "running",
    "simulation",
    "odds",
    "compared_side",
    "comparison",
    "comparing",
    "textbook",
    "timing",
    "timing_report",
    "comparison_report",
    "dependence",
    "evidence",
    "recording",
    "one_die",
    "accumulation",
    "recorded_tests",
    "recorded",
    "checking",
    "watching",
    "recorded_report",
]
# The same of the service's modules, among themselves.
SERVICE = [
    "settings",
    "problems",
    "refusals",
    "bodies",
    "rolls",
    "jobs",
    "schemas",
    "worker",
    "turns",
    "crew",
    "desk",
    "feed",
    "engine",
    "events",
    "metrics",
    "security",
    "connections",
    "simulations",
    "openapi",
    "app",
    "server",
]
PUBLIC = sorted(set(dicesim.__all__) - {"__version__"})


def imports(path: Path) -> set[str]:
    """Modules that a file imports, anywhere in it, in full."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_every_module_has_its_place() -> None:
    """The order names every module of the library, and no other."""
    modules = {path.stem for path in (ROOT / "dicesim").glob("*.py")}
    assert modules == {*ORDER, "__init__"}


@pytest.mark.parametrize("module", ORDER)
def test_imports_run_one_way(module: str) -> None:
    """No module imports one that comes after it, or itself, or the package's lazy names."""
    before = set(ORDER[: ORDER.index(module)])
    for name in imports(ROOT / "dicesim" / f"{module}.py"):
        first, *rest = name.split(".")
        if first == "dicesim":
            assert rest, f"{module} imports the package itself"
            assert rest[0] in before, f"{module} imports {rest[0]}"
        assert first != "dicesim_cli"


def test_no_property_has_a_lock() -> None:
    """Forked workers would inherit it held, so that of `functools` is imported by none but one."""
    for module in set(ORDER) - {"caching"}:
        assert "functools.cached_property" not in imports(ROOT / "dicesim" / f"{module}.py"), module


def test_the_modules_of_the_service_import_one_way() -> None:
    """Each of them only those before it; and nothing but a command knows the service."""
    folder = ROOT / "dicesim" / "service"
    assert {path.stem for path in folder.glob("*.py")} == {*SERVICE, "__init__"}
    for place, module in enumerate(SERVICE):
        tree = ast.parse((folder / f"{module}.py").read_text(encoding="utf-8"))
        near = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
        named = {
            name for node in near for name in ([node.module] if node.module else
            [alias.name for alias in node.names])
        }  # fmt: skip
        assert named <= set(SERVICE[:place]), module
    for path in (ROOT / "dicesim").glob("*.py"):
        assert not {name for name in imports(path) if name.startswith("dicesim.service")}, path


FACES = sorted([*(ROOT / "cli").glob("*.py"), *(ROOT / "dicesim" / "service").glob("*.py")])


@pytest.mark.parametrize("path", FACES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_faces_use_public_names_only(path: Path) -> None:
    """A face knows dicesim as any other user does; one command knows another face."""
    inside = {name for name in imports(path) if name.startswith("dicesim.")}
    if path.name == "serving.py":
        inside = {name for name in inside if not name.startswith("dicesim.service.")}
    assert not inside
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Attribute(value=ast.Name(id="dicesim"), attr=name):
                assert name in dicesim.__all__


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_there_and_documented(name: str) -> None:
    """Each public name resolves, twice, to the same documented thing; none equals a module's."""
    assert name not in ORDER
    value = getattr(dicesim, name)
    assert getattr(dicesim, name) is value
    assert name in dir(dicesim)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)
        assert value.__module__.startswith("dicesim.")


def test_type_checkers_see_the_same_names() -> None:
    """What is declared for type checkers is what resolves at run time, from the same modules."""
    tree = ast.parse((ROOT / "dicesim" / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {
        (alias.name, str(node.module))
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = vars(dicesim)["_HOME"]
    assert declared == {(name, f"dicesim.{module}") for name, module in homes.items()}


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'rolll'"):
        dicesim.rolll  # type: ignore[attr-defined]  # noqa: B018


# Runs the command, and prints something as the interpreter ends.
COMMAND = """
import atexit, gc, os, sys
from dicesim_cli.__main__ import main
begun = gc.get_stats()[0]["collections"]
atexit.register(lambda: print({shown}))
sys.argv = {arguments}
main()
"""


def last_words(code: str) -> list[str]:
    """The words of the last line that a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()[-1].split()


def modules_after(code: str) -> set[str]:
    """Modules that are loaded after a fresh interpreter ran some code."""
    return set(last_words(f"{code}\nimport sys; print(*sys.modules)"))


def after_command(shown: str, *arguments: str) -> list[str]:
    """What some expressions are worth in a fresh interpreter that ran the command."""
    return last_words(COMMAND.format(shown=shown, arguments=["dicesim", *arguments]))


def test_importing_costs_nothing() -> None:
    """``import dicesim`` loads neither numpy nor scipy."""
    assert not {"numpy", "scipy"} & modules_after("import dicesim")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["check", "--help"],
        ["compare", "--help"],
        ["serve", "--help"],
        ["complete"],
    ],
    ids=" ".join,
)
def test_help_loads_no_numpy(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Help and completion come before anything heavy."""
    if arguments == ["complete"]:
        monkeypatch.setenv("_DICESIM_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "dicesim run --me")
        monkeypatch.setenv("COMP_CWORD", "2")
    loaded = set(after_command("*sys.modules", *arguments))
    assert "typer" in loaded
    assert not {"numpy", "scipy", "multiprocessing", "pydantic", "rich", "fastapi"} & loaded


def test_a_run_loads_no_heavy_module() -> None:
    """Start-up is guarded by what is imported, not by the clock."""
    loaded = set(after_command("*sys.modules", "run"))
    assert "scipy.special" in loaded
    assert not {"scipy.stats", "matplotlib", "dask", "fastapi", "pydantic", "rich"} & loaded
    assert not {"pandas", "polars", "pyarrow", "jsonschema", "dicesim.service"} & loaded
    assert not {"multiprocessing", "dicesim.futures", "dicesim.workers"} & loaded


def test_a_run_looks_for_no_garbage() -> None:
    """Neither while modules load, nor when all ends."""
    shown = "gc.get_stats()[0]['collections'] - begun, gc.get_freeze_count()"
    collections, frozen = map(int, after_command(shown, "run"))
    assert collections < 5
    assert frozen > 10_000


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted as Linux shows them")
def test_a_run_starts_no_thread_for_linear_algebra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the user asked for some."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert after_command("len(os.listdir('/proc/self/task'))", "run") == ["1"]
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert after_command("os.environ['OPENBLAS_NUM_THREADS']", "run") == ["2"]


def test_workers_load_no_scipy() -> None:
    """A worker that is spawned imports only what it needs to roll."""
    loaded = modules_after("import dicesim.processes, dicesim.pool")
    assert "numpy" in loaded
    assert "scipy" not in loaded


def test_readme_commands_are_those_of_ci() -> None:
    """CI calls the README's own commands, and there are two."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [line for line in readme.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert commands[0].endswith("dicesim run --n 1000000")
    assert commands[1].endswith("pytest")
    assert "README.md" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel that a copy of this tree builds, without what earlier builds left behind."""
    target, tree = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("tree")
    for folder in ("dicesim", "cli"):
        shutil.copytree(ROOT / folder, tree / folder)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, tree)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, tree],
        check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    (built,) = target.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_has_all_files_of_the_tree(wheel: zipfile.ZipFile) -> None:
    """Nothing of the packages is forgotten, and nothing else comes along."""
    expected = {
        (package + path.relative_to(ROOT / folder).as_posix())
        for folder, package in (("dicesim", "dicesim/"), ("cli", "dicesim_cli/"))
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == expected
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
    for name in ("data/wolf.csv", "data/run.schema.json", "service/page/index.html"):
        assert f"dicesim/{name}" in packed


def test_the_source_distribution_has_the_data(tmp_path: Path) -> None:
    """The published dice and the tests come with the sources."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for folder in ("dicesim", "cli", "tests", "docs", "examples"):
        shutil.copytree(ROOT / folder, tree / folder)
    for file in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "CHANGELOG.md"):
        shutil.copy(ROOT / file, tree)
    subprocess.run(
        [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, tree],
        check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    (built,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    data = {path.relative_to(ROOT).as_posix() for path in (ROOT / "dicesim/data").iterdir()}
    assert len(data) == 7
    assert data <= names
    assert {"tests/test_recorded.py", "examples/craps.py"} <= names


def test_every_module_imports_alone() -> None:
    """Each module can be the first that is imported."""
    for module in ORDER:
        importlib.import_module(f"dicesim.{module}")


def test_a_check_loads_no_heavy_module() -> None:
    """Recorded rolls need `scipy.special` alone."""
    file = str(ROOT / "dicesim" / "data" / "labby_2009.csv")
    loaded = set(
        after_command("*sys.modules", "check", file, "--against", "1d6", "--alpha", "1e-5")
    )
    assert "scipy.special" in loaded
    assert not {"scipy.stats", "matplotlib", "pydantic", "rich", "multiprocessing"} & loaded


def test_an_exact_comparison_loads_no_scipy() -> None:
    """Only estimates have intervals."""
    loaded = set(after_command("*sys.modules", "compare", "2d6", "1d12"))
    assert "dicesim.odds" in loaded
    assert not {"scipy", "multiprocessing", "pydantic", "rich"} & loaded
