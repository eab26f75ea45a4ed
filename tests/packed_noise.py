"""A small dataset that a real ingest has packed: pictures of noise in two classes."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from app.domain.database import Database
from app.domain.store import ObjectStore
from app.domain.tables import Dataset
from worker.ingest.ingest import Ingest
from worker.ingest.request import IngestRequest

COUNT = 30


def pack_noise(folder: Path) -> Path:
    """A folder that an ingest made of 30 pictures, 40×28, in two classes."""
    generator = np.random.default_rng(0)
    sources = []
    for number in range(COUNT):
        pixels = generator.integers(0, 255, (28, 40, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        sources.append({"name": f"{number % 2}/{number}.png", "path": f"{folder}/{number}.png"})
    run = {
        "sources": sources,
        "width": 40,
        "height": 28,
        "fit": "crop",
        "channels": "auto",
        "horizontal_flip": None,
        "drop_near_duplicates": False,
        "drop_unclassified": False,
        "code_page": None,
        "levels": "full",
        "limits": {"max_pixels": 10_000, "max_images": 99, "max_unpacked_bytes": 1 << 24},
    }
    (folder / "run.json").write_text(json.dumps(run))
    Ingest(IngestRequest.read(folder / "run.json"), folder / "packed", lambda: None).run()
    return folder / "packed"


def register_noise(packed: Path, store: ObjectStore, database: Database) -> np.ndarray:
    """Make it the ready dataset `noise`; its pictures (N, H, W, C)."""
    described = json.loads((packed / "dataset.json").read_text())
    pictures: np.ndarray = np.load(packed / "images.npy")
    for path in sorted(packed.iterdir()):
        store.move_in(path, f"datasets/d1/1/{path.name}")
    columns = ("images", "shape", "classes", "horizontal_flip", "content_hash", "report")
    with database.write() as session:
        session.add(
            Dataset(
                id="d1",
                name="noise",
                status="ready",
                job="j1",
                request={"size": "40x28"},
                key="datasets/d1/1",
                bytes=1,
                created_at=0.0,
                **{column: described[column] for column in columns},
            )
        )
    return pictures
