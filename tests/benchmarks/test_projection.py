import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import projection
from benchmarks.harness.packed_datasets import pack, random_images
from benchmarks.harness.random_models import checkpoint_bytes
from models.checkpoint import load_generator
from models.config import TrainingConfig
from models.samples import Pixels
from models.scoring.embedding import Embedder
from models.seeds import SEARCH_SEEDS

SHAPE = (28, 28, 1)
CONFIG = TrainingConfig(architecture="mlp", shape=SHAPE, width=8, held_out_share=0.1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "checkpoint.safetensors"
    path.write_bytes(checkpoint_bytes(CONFIG, 1))
    return path


def test_projections_are_compared_with_the_best_of_the_index(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(tmp_path / "packed", random_images(200, SHAPE))
    files = ["--checkpoint", str(checkpoint), "--dataset", str(tmp_path / "packed")]
    counts = ["--pictures", "3", "--generated", "1", "--samples", "64", "--steps", "3"]
    sheet = ["--sheet", str(tmp_path / "sheet.png"), "--rows", "2"]
    projection.main([*files, *counts, "--encoder-images", "128", *sheet])
    lines = capsys.readouterr().out.splitlines()
    first = [line.split()[0] for line in lines[:5]]
    assert first == ["machine", "checkpoint", "index", "encoder", "pairs"]
    assert "held-out: 3 pictures" in lines
    assert "generated: 1 pictures" in lines
    for words in ("nearer than the best of the index: ", "median margin ", "median time "):
        assert len([line for line in lines if line.startswith(words)]) == 2  # one of each set
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.width / image.height == 3 / 2


def test_the_best_of_the_index_of_a_sample_is_itself(checkpoint: Path, tmp_path: Path) -> None:
    loaded = load_generator(checkpoint)
    index = projection.build_index(loaded, checkpoint, 16, tmp_path)
    pictures: Pixels = projection.samples(loaded, SEARCH_SEEDS[5:7])
    best = projection.best_of_index(index, Embedder(), pictures)
    assert best == list(SEARCH_SEEDS[5:7])


def test_the_held_out_pictures_of_an_archive_are_those_of_its_dataset(
    checkpoint: Path, tmp_path: Path
) -> None:
    grey = np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None, None, None], (200, 28, 28, 3))
    with zipfile.ZipFile(tmp_path / "grey.zip", "w") as archive:
        for number, pixels in enumerate(grey):
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "JPEG")
            archive.writestr(f"{number}.jpg", file.getvalue())
    pack(tmp_path / "packed", grey)
    loaded = load_generator(checkpoint)
    packed, uploaded = (
        projection.held_out_pictures(tmp_path / name, loaded, 5) for name in ("packed", "grey.zip")
    )
    np.testing.assert_array_equal(packed, uploaded)
