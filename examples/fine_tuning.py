"""Makes the picture of docs/training.md that shows a fine-tuning beside a training from noise.

`python -m examples.fine_tuning DATASET FILE`. The service at MOGGY_URL has the dataset and serves
the starter model, `cats`. Two models of the dataset are trained, with equal networks: one starts
from `cats`, the other one from noise. Each row of the picture shows the same latents of both after
so many images. Both models stay, as DATASET-from-cats and DATASET-from-noise.
"""

import argparse
import io
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image

ROWS = 4  # of the picture: before the training, and after each third
COLUMNS = 8  # latents of each model
SIDE = 64  # of an image, in pixels
GAP = 16  # between both models, in pixels
WIDTH = 48  # of the networks of `cats`
POLL_SECONDS = 2.0


def train(api: httpx2.Client, dataset: str, origin: str, images: int) -> str:
    """Queue a training from `cats` or from noise; return the job's id."""
    every = {"sample_every_images": images // (ROWS - 1)}
    starts: dict[str, dict[str, Any]] = {
        "cats": {"resume_from": "cats", "overrides": every},
        "noise": {"overrides": every | {"width": WIDTH}},
    }
    body = {"dataset": dataset, "model": f"{dataset}-from-{origin}", "images": images}
    answer = api.post("/v1/jobs", json=body | starts[origin])
    if answer.is_error:
        raise SystemExit(answer.text)
    job_id: str = answer.json()["id"]
    return job_id


def wait(api: httpx2.Client, job_id: str) -> dict[str, Any]:
    """The job after its end."""
    while True:
        job: dict[str, Any] = api.get(f"/v1/jobs/{job_id}").raise_for_status().json()
        if job["status"] in ("failed", "cancelled"):
            raise SystemExit(f"job {job_id}: {job['status']}: {job['error']}")
        if job["status"] == "succeeded":
            return job
        time.sleep(POLL_SECONDS)


def rows(api: httpx2.Client, job_id: str) -> list[Image.Image]:
    """The first images of the sample grids of a training, which are equally spaced."""
    samples = api.get(f"/v1/jobs/{job_id}/samples").raise_for_status().json()["items"]
    chosen = [samples[index * (len(samples) - 1) // (ROWS - 1)] for index in range(ROWS)]
    grids = [api.get(sample["url"]).raise_for_status().content for sample in chosen]
    return [
        Image.open(io.BytesIO(grid)).convert("RGB").crop((0, 0, COLUMNS * SIDE, SIDE))
        for grid in grids
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("file", type=Path)
    parser.add_argument("--images", type=int, default=12_000)
    options = parser.parse_args()
    url = os.environ.get("MOGGY_URL", "http://127.0.0.1:8000")
    width = COLUMNS * SIDE
    sheet = Image.new("RGB", (2 * width + GAP, ROWS * SIDE), "white")
    with httpx2.Client(base_url=url, timeout=120) as api:
        for side, origin in enumerate(("cats", "noise")):
            job_id = train(api, options.dataset, origin, options.images)
            job = wait(api, job_id)
            ended, began = (
                datetime.fromisoformat(job[name]) for name in ("finished_at", "started_at")
            )
            print(f"from {origin}: {(ended - began).total_seconds() / 60:.1f} minutes")
            for index, row in enumerate(rows(api, job_id)):
                sheet.paste(row, (side * (width + GAP), index * SIDE))
    sheet.save(options.file, "webp", quality=80, method=6)


if __name__ == "__main__":
    main()
