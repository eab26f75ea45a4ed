"""Makes the pictures of docs/latent-tools.md from a running service.

`python -m examples.latent_tools FOLDER`. The service at MOGGY_URL serves the starter model, `cats`.
The time of each call is printed. The sheet of projections is made by `benchmarks.projection`, which
says how.
"""

import argparse
import io
import os
import time
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image, ImageSequence

MODEL = "/v1/models/cats"
WAIT_SECONDS = 600  # for an index
FOUND = 36
MIN_QUALITY = 50
FIRST_SEED = 500_000  # of the images that are drawn at random
LOOP = ["white", "ginger", "tabby", "black", "grey", "tuxedo"]
CORNERS = ["white", "tabby", "black", "ginger"]
DIRECTIONS = ["white", "ginger"]
SCALE = 2
FRAME_MILLISECONDS = 50


class Service:
    """The HTTP API, with the time of each call."""

    def __init__(self) -> None:
        url = os.environ.get("MOGGY_URL", "http://127.0.0.1:8000")
        self._client = httpx2.Client(base_url=url, timeout=120)

    def call(self, title: str, method: str, path: str, **arguments: Any) -> httpx2.Response:
        """Send a request, wait while the service asks for it, and print how long it took."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            began = time.perf_counter()
            response = self._client.request(method, path, **arguments)
            if response.status_code != 503 or time.monotonic() > deadline:
                break
            time.sleep(int(response.headers.get("Retry-After", "1")))
        if response.is_error:
            raise SystemExit(f"{title}: {response.text}")
        if title:
            print(f"{title}: {(time.perf_counter() - began) * 1000:,.0f} ms")
        return response

    def picture(self, title: str, path: str, **body: Any) -> Image.Image:
        """The picture in the answer to a POST."""
        return opened(self.call(title, "POST", f"{MODEL}/{path}", json=body))


def opened(response: httpx2.Response) -> Image.Image:
    return Image.open(io.BytesIO(response.content))


def save(folder: Path, name: str, picture: Image.Image) -> None:
    """Save a still picture as a small WebP."""
    picture.convert("RGB").save(folder / f"{name}.webp", quality=80, method=6)


def save_animation(folder: Path, name: str, response: httpx2.Response) -> None:
    """Save an animation as a small WebP, which the service sends without loss."""
    animation = opened(response)
    frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(animation)]
    first, *others = frames
    first.save(
        folder / f"{name}.webp",
        save_all=True,
        append_images=others,
        quality=70,
        method=6,
        loop=0,
        duration=FRAME_MILLISECONDS,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    service = Service()
    service.call("", "POST", f"{MODEL}/search", json={"color": "#ffffff"})  # builds the index
    query = {"color": "#f2f2f2", "k": FOUND, "min_quality": MIN_QUALITY}
    found = service.call("search by colour", "POST", f"{MODEL}/search", json=query).json()
    seeds = [item["seed"] for item in found["items"]]
    sheet = service.picture("grid of 36", "images", seeds=seeds, format="grid")
    save(folder, "white-cats", sheet)

    drawn = {"count": 16, "seed": FIRST_SEED, "format": "grid", "columns": 16}
    for title, least in (("random", 0), ("good", MIN_QUALITY)):
        sheet = service.picture(f"16 {title} images", "images", **drawn, min_quality=least)
        save(folder, f"{title}-cats", sheet)

    path = {"keyframes": [{"name": "white"}, {"name": "tabby"}], "easing": "even"}
    strip = service.picture("strip of 8", "interpolations", **path, frames=8, format="strip")
    save(folder, "white-to-tabby-strip", strip)
    url = f"{MODEL}/interpolations/white..tabby.webp?easing=even&scale={SCALE}&frames=40"
    morph = service.call("white..tabby.webp, 40 frames", "GET", url)
    save_animation(folder, "white-to-tabby", morph)

    keyframes = [{"name": name} for name in LOOP]
    closed = {"method": "spline", "loop": True, "easing": "even", "frames": 72}
    loop = service.call(
        "loop of six, 72 frames",
        "POST",
        f"{MODEL}/interpolations",
        json={"keyframes": keyframes, **closed, "scale": SCALE},
    )
    save_animation(folder, "loop", loop)

    corners = [{"name": name} for name in CORNERS]
    save(folder, "pad", service.picture("pad of 7×7", "blend", corners=corners, sheet=7))
    for name in DIRECTIONS:
        strip_url = f"{MODEL}/directions/{name}/strip.png"
        strip = opened(service.call(f"strip of {name}", "GET", strip_url))
        save(folder, f"direction-{name}", strip)


if __name__ == "__main__":
    main()
