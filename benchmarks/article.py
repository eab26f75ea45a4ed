"""The run of the NumPy article through a running service: 3,000 cats, 250 epochs.

Start `make up` in one terminal and `python -m benchmarks.article` in another. Prints the duration
and the memory, and writes the images that the README shows.
"""

import argparse
import io
import os
import time
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image

from benchmarks.harness import machine
from benchmarks.harness.machine import ROOT, SHARED_DATA

PROCESSES = {
    "up": "moggy up",
    "API": "app.main:create_app",
    "worker": "worker.tasks",
    "trainer": "models.train",
    "Valkey": "valkey-server",
}
JOB_POLL_SECONDS = 5.0


def main() -> None:
    arguments = parse_arguments()
    with httpx2.Client(base_url=arguments.url, timeout=120) as client:
        ensure_dataset(client, SHARED_DATA / "cats-3000.zip")
        job = start(client, arguments.images)
        peaks = follow(client, job)
        if client.get(f"/v1/jobs/{job}").json()["status"] != "succeeded":
            raise SystemExit(f"job {job} did not succeed")
        report(client.get(f"/v1/jobs/{job}").json(), peaks)
        arguments.out.mkdir(parents=True, exist_ok=True)
        save_samples(client, job, arguments)
        save_morph(client, arguments)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default=os.environ.get("MOGGY_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--images", type=int, default=750_000)
    parser.add_argument("--epochs", type=int, nargs="*", default=[0, 50, 250])
    parser.add_argument("--morph", type=int, nargs="+", default=[10, 48], help="seeds")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "gallery")
    return parser.parse_args()


def ensure_dataset(client: httpx2.Client, archive: Path) -> None:
    if client.get("/v1/datasets/cats").status_code == 404:
        with archive.open("rb") as file:
            answer = client.post("/v1/datasets", data={"name": "cats"}, files={"files": file})
        answer.raise_for_status()
    while (dataset := client.get("/v1/datasets/cats").json())["status"] == "ingesting":
        time.sleep(0.2)
    print(f"dataset: {dataset['status']}, {dataset['images']} images of {dataset['shape']}")


def start(client: httpx2.Client, images: int) -> str:
    request = {"dataset": "cats", "model": "cats", "preset": "dcgan", "images": images}
    answer = client.post("/v1/jobs", json=request)
    answer.raise_for_status()
    job: str = answer.json()["id"]
    return job


def follow(client: httpx2.Client, job_id: str) -> dict[str, int]:
    """Print the progress until the job ends; return the peak memory of each process in bytes."""
    peaks: dict[str, int] = {}
    while True:
        job = client.get(f"/v1/jobs/{job_id}").json()
        for name, size in memory_by_process().items():
            peaks[name] = max(size, peaks.get(name, 0))
        progress = job["progress"]
        print(
            f"{job['status']} {progress['images_seen']}/{progress['images_total']} "
            f"{progress['images_per_second'] or 0:.0f} images/s",
            flush=True,
        )
        if job["status"] in ("succeeded", "failed", "cancelled"):
            return peaks
        time.sleep(JOB_POLL_SECONDS)


def memory_by_process() -> dict[str, int]:
    """Resident bytes of each process of the service, from /proc."""
    sizes: dict[str, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            pages = int((folder / "statm").read_text().split()[1])
        except OSError:  # the process has ended
            continue
        for name, mark in PROCESSES.items():
            if mark in command:
                sizes[name] = max(sizes.get(name, 0), pages * os.sysconf("SC_PAGE_SIZE"))
    return sizes


def report(job: dict[str, Any], peaks: dict[str, int]) -> None:
    print(f"machine: {machine.describe()}")
    print(f"status: {job['status']}, from {job['started_at']} to {job['finished_at']}")
    for name, size in peaks.items():
        print(f"peak memory, {name}: {size / 2**20:.0f} MiB")


def save_samples(client: httpx2.Client, job: str, arguments: argparse.Namespace) -> None:
    """Save the sample grids after each of `--epochs`, small enough for a README."""
    images = client.get("/v1/datasets/cats").json()["images"]
    grids = client.get(f"/v1/jobs/{job}/samples").json()["items"]
    stored = [grid["images_seen"] for grid in grids]
    for epochs in arguments.epochs:
        nearest = min(stored, key=lambda images_seen: abs(images_seen - epochs * images))
        grid = client.get(f"/v1/jobs/{job}/samples/{nearest}.png")
        with Image.open(io.BytesIO(grid.content)) as image:
            image.save(arguments.out / f"cats-{epochs}-epochs.webp", quality=85)


def save_morph(client: httpx2.Client, arguments: argparse.Namespace) -> None:
    """Save an animation from one cat to another and back."""
    keyframes = [{"seed": seed} for seed in arguments.morph]
    request = {"keyframes": keyframes, "frames": 60, "easing": "smooth", "loop": True}
    morph = client.post("/v1/models/cats/interpolations", json=request)
    morph.raise_for_status()
    (arguments.out / "morph.webp").write_bytes(morph.content)


if __name__ == "__main__":
    main()
