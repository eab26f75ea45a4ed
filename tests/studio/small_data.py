"""What the tests of the studio put into a service: a few pictures, a small model, short jobs."""

import io
from typing import Any

import httpx2
import numpy as np
from bundle_files import bundle
from PIL import Image
from running_service import Service, wait_until

IMAGES = 64
ENDED = ("succeeded", "failed", "cancelled")


def client(service: Service) -> httpx2.Client:
    return httpx2.Client(base_url=service.url, timeout=60)


def add_dataset(api: httpx2.Client, name: str) -> None:
    """A dataset of blurred noise, of 28×28 grey pictures."""
    noise = np.random.default_rng(0).integers(0, 256, (IMAGES, 4, 4)).astype(np.uint8)
    files = []
    for index, pixels in enumerate(noise):
        file = io.BytesIO()
        Image.fromarray(pixels).resize((28, 28), Image.Resampling.BICUBIC).save(file, "PNG")
        files.append(("files", (f"{index}.png", file.getvalue())))
    post(api, "/v1/datasets", data={"name": name, "size": "28"}, files=files)
    wait_until(api, f"/v1/datasets/{name}", lambda dataset: dataset["status"] == "ready")


def add_model(api: httpx2.Client, name: str) -> None:
    """A tiny model with scores, imported from a bundle."""
    job = post(api, "/v1/models", data={"name": name}, files={"file": ("tiny.zip", bundle())})
    wait_until_ended(api, job["id"])


def queue_training(api: httpx2.Client, dataset: str, model: str, **fields: Any) -> str:
    """A training of a tiny network; its id."""
    body = {
        "dataset": dataset,
        "model": model,
        "preset": "mlp",
        "images": 10_000_000,
        "overrides": {"width": 8, "checkpoint_every_images": 640},
    }
    return str(post(api, "/v1/jobs", json=body | fields)["id"])


def post(api: httpx2.Client, path: str, **request: Any) -> dict[str, Any]:
    response = api.post(path, **request)
    assert response.status_code in (200, 202), response.text
    body: dict[str, Any] = response.json()
    return body


def wait_until_ended(api: httpx2.Client, job: str) -> dict[str, Any]:
    return wait_until(api, f"/v1/jobs/{job}", lambda body: body["status"] in ENDED)


def status_of(api: httpx2.Client, job: str) -> str:
    return str(api.get(f"/v1/jobs/{job}").json()["status"])
