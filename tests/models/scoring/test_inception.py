"""Inception's scores are either real or absent with a reason."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.scoring.inception import VARIABLE, inception_scores

PICTURES = np.zeros((4, 32, 32, 3), np.uint8)


@pytest.mark.parametrize("content", [None, b"junk", b"no weights", b""])
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_weights_that_cannot_be_read_leave_them_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv(VARIABLE, str(tmp_path / name))
    found = inception_scores(PICTURES, PICTURES)
    assert list(found) == ["absent"]
    assert found["absent"].startswith(f"{VARIABLE}={tmp_path / name} cannot be read: ")


def test_a_file_of_other_weights_leaves_them_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "other.pth"))
    assert list(inception_scores(PICTURES, PICTURES)) == ["absent"]


def test_a_single_picture_has_none() -> None:
    assert inception_scores(PICTURES, PICTURES[:1]) == {
        "absent": "it takes at least 2 pictures on each side, not 1"
    }
