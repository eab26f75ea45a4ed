"""Inception's scores are either real or absent with a reason."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.scoring.inception import WEIGHTS_VARIABLE, inception_scores

IMAGES = np.zeros((4, 32, 32, 3), np.uint8)


@pytest.mark.parametrize("content", [None, b"junk", b"no weights", b""])
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_weights_that_cannot_be_read_leave_the_scores_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / name))
    scores = inception_scores(IMAGES, IMAGES)
    assert list(scores) == ["absent"]
    assert scores["absent"].startswith(f"{WEIGHTS_VARIABLE}={tmp_path / name} cannot be read: ")


def test_a_file_of_other_weights_leaves_the_scores_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "other.pth"))
    assert list(inception_scores(IMAGES, IMAGES)) == ["absent"]


def test_a_single_image_has_no_scores() -> None:
    assert inception_scores(IMAGES, IMAGES[:1]) == {
        "absent": "at least 2 images are needed on each side, not 1"
    }
