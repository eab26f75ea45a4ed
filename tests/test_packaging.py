"""pyproject.toml declares what the code imports, and the installed packages carry types."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {"app", "worker", "models", "benchmarks"}
# benchmarks/peers installs the first two into environments of their own; uvicorn[standard] brings
# uvloop on the systems that have it.
EXCEPT = {"bentoml", "litserve", "uvloop"}


def normalised(name: str) -> str:
    """The name of a distribution as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    """The distributions that the project requires, with those of the extras."""
    requirements = list(PROJECT["dependencies"])
    for extra in extras:
        requirements += PROJECT["optional-dependencies"][extra]
    names = {normalised(Requirement(requirement).name) for requirement in requirements}
    if "moggy" in names:  # an extra that brings the extra `train`
        names |= declared("train")
    return names


def imported_packages(part: str) -> Iterator[tuple[str, Path]]:
    """Every top-level package that a file of `part` imports, except Python's own and ours."""
    local = {path.stem for path in (ROOT / "tests").rglob("*.py")} if part == "tests" else set()
    for path in (ROOT / part).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]
            else:
                continue
            for module in modules:
                package = module.partition(".")[0]
                if package not in OURS | local | set(sys.stdlib_module_names):
                    yield package, path


@pytest.mark.parametrize(
    ("part", "extras"),
    [
        ("app", ()),
        ("worker", ("train", "parquet")),
        ("models", ("train", "fid")),
        ("benchmarks", ("train", "test")),  # one of them opens a browser
        ("tests", ("test",)),
    ],
)
def test_every_package_that_is_imported_is_declared(part: str, extras: tuple[str, ...]) -> None:
    names = declared(*extras)
    distributions = packages_distributions()
    undeclared = {
        f"{package} ({path.relative_to(ROOT)})"
        for package, path in imported_packages(part)
        if package not in EXCEPT
        # Where an optional package is not installed, its own name stands for its distribution.
        and not names & {normalised(name) for name in distributions.get(package, [package])}
    }
    assert undeclared == set()


@pytest.mark.parametrize("extra", ["fid", "test"])
def test_what_needs_torch_takes_the_version_that_trainings_take(extra: str) -> None:
    assert "moggy[train]" in PROJECT["optional-dependencies"][extra]
    assert "torch==2.13.0" in PROJECT["optional-dependencies"]["train"]
    assert "torch" not in declared()


@pytest.mark.parametrize("package", ["app", "worker", "models"])
def test_the_packages_say_that_they_are_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "py.typed" in data["package-data"][package]
