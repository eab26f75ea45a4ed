"""Compose's own commands and environment, run against a real Valkey and PostgreSQL on loopback.

No Docker engine is needed: what the containers would run is run here as plain processes.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
import yaml
from service import until
from services import free_port

from app.domain.jobs import new_id

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(sys.executable).parent
KEY = secrets.token_hex(8)
START_SECONDS = 60


def interpolate(text: str, variables: dict[str, str]) -> str:
    """`${NAME}`, `${NAME:-default}` and `${NAME:?error}` as compose reads them."""

    def value(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(":-")
        name = name.partition(":?")[0]
        if name in variables:
            return variables[name]
        assert ":-" in match[1], f"{name} is not set"
        return default

    return re.sub(r"\$\{([^}]+)\}", value, text).replace("$$", "$")


class Composition:
    """The services of docker-compose.yml with the two servers' addresses put in."""

    def __init__(self, home: Path, postgres_url: str, valkey_url: str) -> None:
        self._services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())[
            "services"
        ]
        self._home = home
        password = re.search(r":([^:@]+)@", valkey_url)
        assert password is not None
        self._variables = {
            "MOGGY_API_KEYS": KEY,
            "POSTGRES_PASSWORD": "unused-by-trust",
            "VALKEY_PASSWORD": password[1],
        }
        self._addresses = {
            "postgres:5432/moggy": postgres_url.partition("@")[2],
            "valkey:6379": valkey_url.partition("@")[2].removesuffix("/0"),
        }
        self.port = free_port()

    def start(self, name: str) -> subprocess.Popen[bytes]:
        service = self._services[name]
        environment = {
            key: self._here(interpolate(str(value), self._variables))
            for key, value in service["environment"].items()
        }
        command = [str(part).replace("8000", str(self.port)) for part in service["command"]]
        program = shutil.which(command[0], path=str(BIN))
        assert program is not None, command
        with (self._home / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [program, *command[1:]],
                env={"PATH": os.environ["PATH"], "MOGGY_HOME": str(self._home)} | environment,
                cwd=self._home,
                stdout=log,
                stderr=log,
            )

    def _here(self, value: str) -> str:
        for theirs, ours in self._addresses.items():
            value = value.replace(theirs, ours)
        return value


@pytest.fixture
def composition(
    tmp_path: Path, postgres_url: str, valkey_url: str
) -> Iterator[tuple[Composition, httpx2.Client]]:
    name = f"moggy_{new_id()}"
    with psycopg.connect(
        postgres_url.replace("+psycopg", "") + "/postgres", autocommit=True
    ) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
    composition = Composition(tmp_path, f"{postgres_url}/{name}", valkey_url)
    assert composition.start("migrate").wait(START_SECONDS) == 0
    started = [composition.start(one) for one in ("api", "worker", "worker-light")]
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"http://127.0.0.1:{composition.port}"
    with httpx2.Client(base_url=url, headers=headers, timeout=30) as client:
        yield composition, client
    for process in reversed(started):
        process.terminate()
    for process in started:
        process.wait(30)


def test_compose_services_ingest_train_and_generate(
    composition: tuple[Composition, httpx2.Client], shared_data: Path
) -> None:
    _, client = composition
    until(client, "/readyz", lambda body: body["status"] == "ready", START_SECONDS)
    with (shared_data / "digits-labelled.zip").open("rb") as file:
        form = {"name": "digits", "size": "28"}
        upload = client.post("/v1/datasets", data=form, files={"files": file})
    assert upload.status_code == 202, upload.text
    ready = until(client, "/v1/datasets/digits", lambda body: body["status"] != "ingesting")
    assert (ready["status"], ready["shape"]) == ("ready", [28, 28, 1])
    request = {"dataset": "digits", "model": "digits", "images": 2048, "overrides": {"width": 8}}
    job = client.post("/v1/jobs", json=request).json()
    ended = until(client, f"/v1/jobs/{job['id']}", lambda body: body["finished_at"] is not None)
    assert (ended["status"], ended["error"]) == ("succeeded", None)
    image = client.get("/v1/models/digits/images/7.png")
    assert image.status_code == 200
    assert image.content.startswith(b"\x89PNG")
    without_key = httpx2.get(str(client.base_url) + "/v1/models", timeout=30)
    assert without_key.status_code == 401
