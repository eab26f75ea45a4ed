"""The Dockerfile and the compose files, by the linters of their kind."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(sys.executable).parent
COMPOSE_LINTER = "dclint@3.1.0"


def stages() -> dict[str, str]:
    """The steps of each stage of the Dockerfile, by its name."""
    text = (ROOT / "Dockerfile").read_text()
    return dict(
        re.findall(r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM |\Z)", text, re.DOTALL | re.MULTILINE)
    )


def test_the_dockerfile_is_clean_under_hadolint() -> None:
    lint = subprocess.run(
        [BIN / "hadolint", "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True
    )
    assert (lint.stdout, lint.returncode) == ("", 0)


def test_the_compose_files_are_clean_under_dclint() -> None:
    files = [ROOT / "docker-compose.yml", ROOT / "docker-compose.gpu.yml"]
    lint = subprocess.run(
        [BIN / "npx", "--yes", COMPOSE_LINTER, "--max-warnings", "0", *files],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_the_image_and_the_project_take_the_same_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = [line for line in project["optional-dependencies"]["train"] if line.startswith("torch")]
    assert pins == ["torch==2.13.0"]
    assert f'"$TORCH_INDEX_URL"}} {pins[0]}' in stages()["worker"]


def test_no_package_index_is_named() -> None:
    for name in ("Dockerfile", "docker-compose.yml", "docker-compose.gpu.yml", "pyproject.toml"):
        addresses = re.findall(r"\S+://[^/\s'\"]*", (ROOT / name).read_text())
        ours = ("postgresql+psycopg://moggy:", "redis://:", "http://127.0.0.1:")
        assert [url for url in addresses if not any(prefix in url for prefix in ours)] == [], name


def test_the_gpu_file_gives_the_worker_its_gpus_and_changes_nothing_else() -> None:
    override = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())
    assert list(override["services"]) == ["worker"]
    (device,) = override["services"]["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", "all", ["gpu"])


def locked(name: str) -> dict[str, str]:
    """The version of each package in a lock."""
    lines = (ROOT / name).read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_the_locks_have_a_version_that_the_project_allows_of_all_that_an_image_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    both, worker = locked("requirements.lock"), locked("requirements-worker.lock")
    assert both.keys() & worker.keys() == set()
    extras = project["optional-dependencies"]
    for lines, versions in (
        (project["dependencies"], both),
        (extras["train"] + extras["parquet"], both | worker),
    ):
        for line in lines:
            needed = Requirement(line)
            assert needed.specifier.contains(versions[canonicalize_name(needed.name)]), line


def test_the_api_image_installs_neither_torch_nor_what_only_workers_import() -> None:
    assert {"torch", "onnx", "pyarrow"} & locked("requirements.lock").keys() == set()
    steps = stages()
    for stage in ("base", "wheel", "api"):
        assert "torch" not in steps[stage]
        assert "requirements-worker.lock" not in steps[stage]
    for variable in ("TORCH_INDEX_URL", "OMP_WAIT_POLICY"):
        assert variable not in steps["base"] + steps["api"]


def test_a_change_of_the_code_reinstalls_no_dependency() -> None:
    """The sources reach an image as a wheel, in a layer above those of the dependencies."""
    steps = stages()
    assert "COPY app app" in steps["wheel"]
    for stage in ("base", "api", "worker"):
        assert "COPY app" not in steps[stage]
    worker = steps["worker"]
    assert worker.index("torch==") < worker.index("requirements-worker.lock")
    assert worker.index("requirements-worker.lock") < worker.index("COPY --from=wheel")
    assert "# syntax" not in (ROOT / "Dockerfile").read_text()  # it would need a registry
