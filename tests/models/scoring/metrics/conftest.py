"""Embeddings of real pictures."""

from pathlib import Path

import pytest
import torch
from real_images import cats, digits_by_class
from torch import Tensor

from models.scoring.embedding import Embedder


@pytest.fixture(scope="session")
def cat_features(shared_data: Path) -> Tensor:
    """(600, 128) float32."""
    return torch.from_numpy(Embedder()(cats(shared_data, 600)))


@pytest.fixture(scope="session")
def digit_features(shared_data: Path) -> Tensor:
    """(10, 60, 128) float32, by class."""
    pictures = digits_by_class(shared_data, 60)
    features = Embedder()(pictures.reshape(-1, *pictures.shape[2:]))
    return torch.from_numpy(features).view(10, 60, -1)
