"""A flood of requests to an open address does not stop the service from accepting jobs."""

import asyncio
import socket
import time
from collections.abc import Iterator

import httpx2
import pytest
from running_api import Running, running_api
from studio_pages import SCRIPT_PATH, pages

from app.domain.settings import Settings
from app.routes.middleware.security import METRICS, OPEN_PATHS

CLIENTS = 60
FLOOD_SECONDS = 1.0
ANSWER_SECONDS = 15.0  # for calls that take milliseconds on an idle machine


@pytest.fixture(scope="module")
def silent_broker() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, silent_broker: str) -> Iterator[Running]:
    """The API without a worker, with a broker that never answers."""
    folder = tmp_path_factory.mktemp("flood")
    settings = Settings(home=folder / "home", redis_url=silent_broker)
    with pages(folder / "pages"), running_api(folder, settings) as running:
        yield running


@pytest.mark.parametrize("path", sorted(OPEN_PATHS | {METRICS, SCRIPT_PATH}))
def test_a_job_is_accepted_after_a_flood_of_an_open_address(api: Running, path: str) -> None:
    answers = asyncio.run(flood(api.url + path))
    assert answers >= CLIENTS  # each had one at least
    body = {"dataset": "noise", "model": f"after{path.replace('/', '-')}", "preset": "mlp"}
    started = time.monotonic()
    answer = httpx2.post(f"{api.url}/v1/jobs", json=body, timeout=60)
    assert answer.status_code == 202
    assert httpx2.get(f"{api.url}/v1/jobs", timeout=60).status_code == 200
    assert httpx2.get(f"{api.url}/healthz", timeout=60).json() == {"status": "ok"}
    assert time.monotonic() - started < ANSWER_SECONDS


async def flood(url: str) -> int:
    """Send requests from CLIENTS clients for FLOOD_SECONDS; return the number of responses."""
    answers = 0
    give_up = time.monotonic() + FLOOD_SECONDS
    limits = httpx2.Limits(max_connections=CLIENTS)
    async with httpx2.AsyncClient(timeout=60, limits=limits) as client:

        async def ask() -> None:
            nonlocal answers
            while True:
                await client.get(url)
                answers += 1
                if time.monotonic() > give_up:
                    return

        await asyncio.gather(*(ask() for _ in range(CLIENTS)))
    return answers
