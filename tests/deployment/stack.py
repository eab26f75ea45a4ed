"""The compose file in a Docker engine: commands to it, and what its services answer."""

import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = os.environ["MOGGY_API_KEYS"]
HEADERS = {"Authorization": f"Bearer {KEY}"}
Done = subprocess.CompletedProcess[str]
TRAINING = {"preset": "dcgan", "overrides": {"width": 8, "latent_dim": 16}}


def note(text: str) -> None:
    """Tell whoever watches a figure that was measured."""
    sys.stderr.write(f"\n{text}\n")


def docker(*arguments: str, check: bool = True, **options: Any) -> Done:
    """A docker command; by the script that ENGINE names, where it names one."""
    engine = os.environ.get("ENGINE")
    command = [engine, "docker"] if engine else ["docker"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, **options)
    assert done.returncode == 0 or not check, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done


def compose(*arguments: str, check: bool = True, **options: Any) -> Done:
    return docker("compose", "--project-directory", str(ROOT), *arguments, check=check, **options)


def containers(service: str | None = None) -> list[dict[str, Any]]:
    """The output of `docker inspect` for one service, or for all, stopped containers included."""
    ids = compose("ps", "--all", "--quiet", *([service] if service else [])).stdout.split()
    found: list[dict[str, Any]] = json.loads(docker("inspect", *ids).stdout) if ids else []
    return found


def addresses() -> list[str]:
    """Where the replicas of the API answer."""
    ports = [
        container["NetworkSettings"]["Ports"]["8000/tcp"][0]["HostPort"]
        for container in containers("api")
        if container["State"]["Running"]
    ]
    return [f"http://127.0.0.1:{port}" for port in sorted(ports)]


def client(address: str | None = None) -> httpx2.Client:
    return httpx2.Client(base_url=address or addresses()[0], headers=HEADERS, timeout=60)


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 300) -> Any:
    """The first true answer of the condition; a client that is refused counts as false."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = condition()
        except (httpx2.TransportError, IndexError, KeyError) as error:
            answer, what = None, f"{what.partition(' [')[0]} [{error!r}]"
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.3)


def start(*arguments: str, **variables: str) -> None:
    compose("up", "--detach", *arguments, env=os.environ | variables)
    wait_for("ready", lambda: all(is_ready(address) for address in addresses()))


def is_ready(address: str) -> bool:
    return httpx2.get(f"{address}/readyz", timeout=10).status_code == 200


def pictures(count: int = 300) -> bytes:
    """A zip of coloured squares and noise in two folders, all different."""
    random = np.random.default_rng(0)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number in range(count):
            pixels = random.integers(0, 80, (32, 32, 3), np.uint8)
            pixels[8:24, 8:24, number % 2] += np.uint8(150)
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "png")
            archive.writestr(f"{('red', 'green')[number % 2]}/{number}.png", file.getvalue())
    return data.getvalue()


def upload(api: httpx2.Client, name: str, data: bytes) -> None:
    form = {"name": name, "size": "32"}
    answer = api.post("/v1/datasets", data=form, files={"files": ("pictures.zip", data)})
    assert answer.status_code == 202, answer.text


def train(api: httpx2.Client, dataset: str, model: str, images: int) -> str:
    asked = {"dataset": dataset, "model": model, "images": images, **TRAINING}
    answer = api.post("/v1/jobs", json=asked)
    assert answer.status_code == 202, answer.text
    job: str = answer.json()["id"]
    return job


def job_of(api: httpx2.Client, job: str) -> dict[str, Any]:
    answer = api.get(f"/v1/jobs/{job}")
    return answer.json() if answer.status_code == 200 else {}


def checkpoints(api: httpx2.Client, model: str) -> set[str]:
    return {
        checkpoint["id"]
        for checkpoint in api.get(f"/v1/models/{model}/checkpoints").json()["items"]
    }


class Probe:
    """Asks the API for its jobs again and again, and keeps what a client must never be told."""

    def __init__(self) -> None:
        self.answered, self.unavailable = 0, 0
        self.faults: list[str] = []
        self._over = threading.Event()

    def _run(self, address: str) -> None:
        while not self._over.is_set():
            try:
                answer = httpx2.get(f"{address}/v1/jobs", headers=HEADERS, timeout=60)
            except httpx2.TransportError:  # the API itself is away
                time.sleep(0.2)
                continue
            if answer.status_code == 200:
                self.answered += 1
            elif answer.status_code == 503 and answer.headers.get("retry-after"):
                assert answer.headers["content-type"] == "application/problem+json"
                self.unavailable += 1
            else:
                self.faults.append(f"{answer.status_code} {answer.text}")
            time.sleep(0.1)

    @contextmanager
    def running(self, address: str, threads: int = 1) -> Iterator["Probe"]:
        started = [threading.Thread(target=self._run, args=(address,)) for _ in range(threads)]
        for thread in started:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in started:
                thread.join()
