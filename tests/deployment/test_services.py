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

import httpx2
import psycopg
import pytest
from real_images import every_nth
from running_service import wait_until
from servers import free_port

from app.domain.jobs import new_id

from .compose_file import ComposeFile

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
KEY = secrets.token_hex(8)
START_SECONDS = 60


class Composition:
    """The services of docker-compose.yml with the servers' addresses put in."""

    def __init__(
        self, home: Path, postgres_url: str, valkey_url: str, variables: dict[str, str]
    ) -> None:
        self._home = home
        password = re.search(r":([^:@]+)@", valkey_url)
        assert password is not None
        secrets_given = {
            "MOGGY_API_KEYS": KEY,
            "POSTGRES_PASSWORD": "unused-by-trust",
            "VALKEY_PASSWORD": password[1],
        }
        self._file = ComposeFile(secrets_given | variables)
        self._addresses = {
            "postgres:5432/moggy": postgres_url.partition("@")[2],
            "valkey:6379": valkey_url.partition("@")[2].removesuffix("/0"),
        }
        self.port = free_port()

    def start(self, name: str) -> subprocess.Popen[bytes]:
        environment = {
            key: self._here(value) for key, value in self._file.environment(name).items()
        }
        environment |= {"PATH": os.environ["PATH"], "MOGGY_HOME": str(self._home)}
        command = [part.replace("8000", str(self.port)) for part in self._file.command(name)]
        program = shutil.which(command[0], path=str(BIN))
        assert program is not None, command
        with (self._home / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [program, *command[1:]], env=environment, cwd=self._home, stdout=log, stderr=log
            )

    def _here(self, value: str) -> str:
        for theirs, ours in self._addresses.items():
            value = value.replace(theirs, ours)
        return value


@pytest.fixture(params=["volume", "bucket"])
def composition(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str, valkey_url: str
) -> Iterator[tuple[Composition, httpx2.Client]]:
    """All services, with objects in the volume or in a bucket."""
    variables: dict[str, str] = {}
    if request.param == "bucket":
        variables = request.getfixturevalue("s3_environment")
        variables = variables | {
            "MOGGY_STORAGE_URL": f"s3://moggy/{new_id()}",
            "AWS_SESSION_TOKEN": "",
        }
    name = f"moggy_{new_id()}"
    with psycopg.connect(
        postgres_url.replace("+psycopg", "") + "/postgres", autocommit=True
    ) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    composition = Composition(tmp_path, f"{postgres_url}/{name}", valkey_url, variables)
    assert composition.start("migrate").wait(START_SECONDS) == 0
    started = [composition.start(name) for name in ("api", "worker", "worker-light")]
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"http://127.0.0.1:{composition.port}"
    with httpx2.Client(base_url=url, headers=headers, timeout=30) as client:
        yield composition, client
    for process in reversed(started):
        process.terminate()
    for process in started:
        process.wait(30)


def test_compose_services_ingest_train_and_generate(
    composition: tuple[Composition, httpx2.Client], shared_data: Path, tmp_path: Path
) -> None:
    _, client = composition
    wait_until(client, "/readyz", lambda body: body["status"] == "ready", START_SECONDS)
    source = every_nth(shared_data / "digits-labelled.zip", 10, tmp_path / "digits.zip")
    with source.open("rb") as file:
        form = {"name": "digits", "size": "28"}
        upload = client.post("/v1/datasets", data=form, files={"files": file})
    assert upload.status_code == 202, upload.text
    ready = wait_until(client, "/v1/datasets/digits", lambda body: body["status"] != "ingesting")
    assert (ready["status"], ready["shape"]) == ("ready", [28, 28, 1])
    request = {"dataset": "digits", "model": "digits", "images": 512, "overrides": {"width": 8}}
    job = client.post("/v1/jobs", json=request).json()
    ended = wait_until(
        client, f"/v1/jobs/{job['id']}", lambda body: body["finished_at"] is not None
    )
    assert (ended["status"], ended["error"]) == ("succeeded", None)
    image = client.get("/v1/models/digits/images/7.png")
    assert image.status_code == 200
    assert image.content.startswith(b"\x89PNG")
    without_key = httpx2.get(str(client.base_url) + "/v1/models", timeout=30)
    assert without_key.status_code == 401
