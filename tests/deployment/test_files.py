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
    pins = [line for line in project["dependencies"] if line.startswith("torch")]
    assert pins == ["torch==2.13.0"]
    assert f'"$TORCH_INDEX_URL"}} {pins[0]}' in (ROOT / "Dockerfile").read_text()


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


def test_the_lock_has_a_version_that_the_project_allows_of_all_that_it_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    locked = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert "torch" in locked
    for line in [*project["dependencies"], *project["optional-dependencies"]["parquet"]]:
        needed = Requirement(line)
        assert needed.specifier.contains(locked[canonicalize_name(needed.name)]), line


def test_sources_are_copied_after_what_takes_long_to_install() -> None:
    steps = (ROOT / "Dockerfile").read_text()
    assert steps.index("torch==") < steps.index("requirements.lock") < steps.index("COPY app")
    assert "# syntax" not in steps  # it would need a registry
