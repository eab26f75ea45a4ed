"""Pictures of every kind, and an ingest of whatever files a test makes."""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from worker.ingest.ingest import Ingest
from worker.ingest.pack import Packed
from worker.ingest.request import IngestRequest

MIB = 1 << 20


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(seed: int, size: tuple[int, int] = (32, 32), mode: str = "RGB") -> Image.Image:
    """A picture like no other."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = random.Random(seed).randbytes(size[0] * size[1] * channels)
    return Image.frombytes(mode, size, pixels)


@pytest.fixture
def png() -> Callable[[int], bytes]:
    """The PNG of picture number n, 32 × 32 and coloured."""
    return lambda seed: encode(noise(seed))


class Outcome:
    """The result of an ingest."""

    def __init__(self, packed: Packed, report: dict[str, Any], folder: Path) -> None:
        self.packed = packed
        self.report = report
        self.folder = folder
        self.images: np.ndarray = np.load(folder / "images.npy", mmap_mode="r")

    @property
    def reasons(self) -> dict[str, str]:
        return {file["file"]: file["reason"] for file in self.report["rejected"]}


def write_run(
    folder: Path,
    sources: list[Path],
    *,
    size: int | tuple[int, int] = 32,
    fit: str = "crop",
    channels: str = "auto",
    horizontal_flip: bool | None = None,
    drop_near_duplicates: bool = False,
    drop_unclassified: bool = False,
    code_page: str | None = None,
    levels: str = "full",
    **limits: int,
) -> Path:
    """A run folder that asks for these sources; `size` is a side, or (width, height)."""
    width, height = size if isinstance(size, tuple) else (size, size)
    folder.mkdir(parents=True, exist_ok=True)
    run = {
        "sources": [{"name": path.name, "path": str(path)} for path in sources],
        "width": width,
        "height": height,
        "fit": fit,
        "channels": channels,
        "horizontal_flip": horizontal_flip,
        "drop_near_duplicates": drop_near_duplicates,
        "drop_unclassified": drop_unclassified,
        "code_page": code_page,
        "levels": levels,
        "limits": {"max_pixels": 4 * MIB, "max_images": 1000, "max_unpacked_bytes": 256 * MIB}
        | limits,
    }
    (folder / "run.json").write_text(json.dumps(run))
    return folder


@pytest.fixture
def run_dir(tmp_path: Path) -> Callable[..., Path]:
    """Makes tmp_path/run as `write_run` does."""
    return lambda sources, **options: write_run(tmp_path / "run", sources, **options)


@pytest.fixture
def ingest(run_dir: Callable[..., Path]) -> Callable[..., Outcome]:
    """Runs the ingest of some files in this process."""

    def run(sources: list[Path], **options: Any) -> Outcome:
        folder = run_dir(sources, **options)
        request = IngestRequest.read(folder / "run.json")
        running = Ingest(request, folder / "packed", lambda: None)
        packed = running.run()
        report = running.progress.report.to_json()
        counted = report["accepted"] + report["duplicates"] + report["rejected_count"]
        assert report["received"] == counted
        return Outcome(packed, report, folder / "packed")

    return run
