"""The networks have the article's sizes, start and shapes."""

import pytest
import torch
from torch import nn

from models.config import CHANNELS, RESOLUTIONS, TrainingConfig
from models.networks import (
    Discriminator,
    Generator,
    base_resolution,
    count_parameters,
    initialise,
)


def test_parameters_are_the_articles_batchnorm_included() -> None:
    assert count_parameters(TrainingConfig()) == {"generator": 1_100_224, "discriminator": 694_656}
    norms = [m for m in Generator(TrainingConfig()).modules() if isinstance(m, nn.BatchNorm2d)]
    assert [norm.num_features for norm in norms] == [256, 128, 64, 32]


@pytest.mark.parametrize(
    ("resolution", "start"), [(28, (7, 2)), (32, (4, 3)), (64, (4, 4)), (128, (4, 5))]
)
def test_stages_follow_from_the_resolution(resolution: int, start: tuple[int, int]) -> None:
    assert base_resolution(resolution) == start


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_pictures_and_logits_have_their_shapes(resolution: int, channels: int) -> None:
    config = TrainingConfig(resolution=resolution, channels=channels, width=8, latent_dim=7)
    pictures = Generator(config)(torch.randn(3, 7))
    assert pictures.shape == (3, channels, resolution, resolution)
    assert pictures.abs().max() <= 1
    assert Discriminator(config)(pictures).shape == (3,)


def test_autocast_still_gives_float32_pixels_and_logits() -> None:
    config = TrainingConfig(width=8)
    with torch.autocast("cpu", torch.bfloat16):
        pictures = Generator(config)(torch.randn(2, 100))
        logits = Discriminator(config)(pictures)
    assert pictures.dtype == logits.dtype == torch.float32


def test_weights_start_as_dcgan_says() -> None:
    network = Discriminator(TrainingConfig())
    initialise(network, torch.Generator().manual_seed(0))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
            assert abs(module.weight.mean().item()) < 0.001
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.mean().item() == pytest.approx(1, abs=0.01)
            assert not module.bias.any()
