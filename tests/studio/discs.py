"""A service that trains on discs of three colours, and the trainings that the tests start in it."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from PIL import Image
from playwright.sync_api import Browser
from running_service import Service, wait_until

from .browser import Visitor

COLOURS = {"red": (200, 60, 50), "green": (60, 180, 80), "blue": (60, 80, 200)}
PICTURES_PER_COLOUR = 12
START_MS = 240_000  # for the start of a trainer on a busy machine
OVERRIDES = {"width": 8, "sample_grid": 2, "sample_every_images": 32, "batch_size": 8}
SMALL = "".join(f"&set={name}:{value}" for name, value in OVERRIDES.items())


def pictures() -> Iterator[tuple[str, bytes]]:
    """Discs of three colours, a folder each, at different places."""
    for name, colour in COLOURS.items():
        for number in range(PICTURES_PER_COLOUR):
            picture = Image.new("RGB", (32, 32), (235, 230, 220))
            left, top = 2 + number % 4 * 4, 2 + number // 4 * 4
            picture.paste(colour, (left, top, left + 14, top + 14))
            buffer = io.BytesIO()
            picture.save(buffer, "png")
            yield f"{name}/{number}.png", buffer.getvalue()


def archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, picture in pictures():
            file.writestr(name, picture)
        file.writestr("red/notes.txt", "no picture")
        file.writestr("red/broken.png", b"\x89PNG\r\n\x1a\n no picture either")
        file.writestr("red/cut.png", picture[: len(picture) * 2 // 3])
    return path


def folder(path: Path) -> Path:
    for name, picture in pictures():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture)
    return path


@contextmanager
def open_trainer(browser: Browser, home: Path) -> Iterator[Visitor]:
    """The visitor of a service without a model."""
    with Service(home, starter="none", state_every_seconds=1) as service:
        service.wait_until_ready()
        yield Visitor(browser, service.url)


def add_discs(visitor: Visitor, path: Path) -> str:
    """A dataset of an archive that is written to `path`."""
    archive(path)
    with httpx2.Client(base_url=visitor.url) as client:
        client.post(
            "/v1/datasets",
            data={"name": "discs", "size": "32"},
            files={"files": (path.name, path.read_bytes())},
        )
        wait_until(client, "/v1/datasets/discs", lambda view: view["status"] == "ready")
    return "discs"


def start_training(visitor: Visitor, model: str, images: int, **fields: object) -> str:
    """A training of a tiny network on the discs; its id."""
    body = {"dataset": "discs", "model": model, "images": images, "overrides": OVERRIDES} | fields
    answer = httpx2.post(f"{visitor.url}/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def wait_until_trained(visitor: Visitor, job: str) -> None:
    with httpx2.Client(base_url=visitor.url) as client:
        wait_until(client, f"/v1/jobs/{job}", lambda view: view["status"] == "succeeded", 300)
