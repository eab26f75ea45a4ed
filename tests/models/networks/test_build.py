"""Every architecture has its source's size and start, and builds any shape it can."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.config import CHANNELS
from models.networks.build import (
    build_discriminator,
    build_generator,
    initialise,
)
from models.networks.dcgan import DCGANGenerator
from models.networks.network import Discriminator
from models.networks.r3gan import Pointwise
from models.presets import PRESETS, Preset, resolve
from models.ranges import ConfigError

NARROW = {"width": 8, "max_width": 32}
CLASSES = ("tabby", "tuxedo", "white")


def _narrow(preset: str) -> dict[str, Any]:
    return {"width": 8} if preset.startswith("mlp") else NARROW


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_the_networks_of_a_preset_have_the_parameters_of_its_row(preset: Preset) -> None:
    with torch.device("meta"):
        networks = build_generator(preset.config), build_discriminator(preset.config)
    assert preset.parameters == tuple(
        sum(parameter.numel() for parameter in network.parameters()) for network in networks
    )


def test_the_paper_starts_from_1024_channels_and_r3gan_from_768() -> None:
    generator = build_generator(PRESETS["dcgan-paper"].config)
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert [norm.num_features for norm in norms] == [1024, 512, 256, 128]
    with torch.device("meta"):
        large = build_generator(resolve("r3gan", shape=(256, 256, 3)))
    widths = [layer.out_channels for layer in large.modules() if isinstance(layer, Pointwise)]
    assert widths[-1] == 3
    assert [width for width in (768, 384, 192, 96) if width in widths] == [768, 384, 192, 96]


@pytest.mark.parametrize("classes", [(), CLASSES], ids=["plain", "conditional"])
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("sides", [(28, 28), (64, 64), (48, 80)])
@pytest.mark.parametrize("preset", PRESETS)
def test_pictures_and_logits_have_their_shapes(
    preset: str, sides: tuple[int, int], channels: int, classes: tuple[str, ...]
) -> None:
    wishes = _narrow(preset) | {"latent_dim": 7, "conditional": bool(classes)}
    config = resolve(preset, shape=(*sides, channels), classes=classes, overrides=wishes)
    generator, discriminator = build_generator(config), build_discriminator(config)
    for network in (generator, discriminator):
        initialise(network, torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 2, 1]) if classes else None
    pictures = generator(torch.randn(3, 7), labels)
    logits = discriminator(pictures, labels)
    assert pictures.shape == (3, channels, *sides)
    assert logits.shape == (3,)
    assert pictures.isfinite().all()
    assert logits.isfinite().all()
    if config.architecture != "r3gan":
        assert pictures.abs().max() <= 1


@pytest.mark.parametrize("preset", ["mlp", "dcgan", "r3gan"])
def test_a_class_changes_the_image_and_its_logit(preset: str) -> None:
    wishes = _narrow(preset) | {"conditional": True}
    config = resolve(preset, shape=(32, 32, 3), classes=CLASSES, overrides=wishes)
    random = torch.Generator().manual_seed(0)
    generator, discriminator = build_generator(config), build_discriminator(config)
    initialise(generator, random)
    initialise(discriminator, random)
    latents = torch.randn(2, config.latent_dim)
    zeros, ones = torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.int64)
    assert not torch.equal(generator(latents, zeros), generator(latents, ones))
    picture = generator(latents, zeros)
    assert torch.equal(discriminator(picture, zeros), discriminator(picture, ones))  # at first
    assert discriminator.projection is not None
    nn.init.normal_(discriminator.projection.weight, generator=random)
    assert not torch.equal(discriminator(picture, zeros), discriminator(picture, ones))


@pytest.mark.parametrize("normalised", ["batch", "none"])
@pytest.mark.parametrize(
    ("shape", "stages"), [((28, 28, 1), 2), ((48, 80, 3), 3), ((64, 64, 4), 4)]
)
def test_skip_outputs_add_each_stages_colours_enlarged_to_the_picture(
    shape: tuple[int, int, int], stages: int, normalised: str
) -> None:
    wishes = {"width": 8, "skip_outputs": True, "generator_normalisation": normalised}
    config = resolve("dcgan", shape=shape, overrides=wishes)
    generator = build_generator(config)
    initialise(generator, torch.Generator().manual_seed(0))
    assert isinstance(generator, DCGANGenerator)
    assert len(generator.colours) == stages - 1
    latents = torch.randn(2, config.latent_dim, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        generator.layers[-1].get_parameter("weight").zero_()  # what the last stage adds
        for colours in generator.colours:
            colours.get_parameter("weight").zero_()
            colours.get_parameter("bias").fill_(0.25)
        picture = generator(latents)
    assert picture.shape == (2, shape[2], *shape[:2])
    expected = torch.full_like(picture, 0.25 * (stages - 1)).tanh()
    torch.testing.assert_close(picture, expected)


def block_weights(discriminator: Discriminator) -> list[Tensor]:
    """The weight of the first layer of each block, a row for each output channel."""
    weights = []
    for block in discriminator.blocks():
        weight = block.get_submodule("0").weight  # normalised, where the layer is
        assert isinstance(weight, Tensor)
        weights.append(weight.flatten(1))
    return weights


@pytest.mark.parametrize("normalised", ["batch", "spectral", "none"])
def test_a_dcgan_discriminator_is_normalised_as_configured(normalised: str) -> None:
    config = replace(PRESETS["dcgan"].config, width=8, discriminator_normalisation=normalised)
    discriminator = build_discriminator(config)
    initialise(discriminator, torch.Generator().manual_seed(0))
    norms = [layer for layer in discriminator.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == (3 if normalised == "batch" else 0)
    weights = block_weights(discriminator)
    if normalised == "spectral":
        for _ in range(20):
            discriminator(torch.randn(4, 3, 64, 64))
        weights = block_weights(discriminator)
        for weight in weights:
            norm = torch.linalg.matrix_norm(weight, 2).item()
            assert norm == pytest.approx(1, abs=0.1)
    else:
        assert weights[0].std().item() == pytest.approx(0.02, rel=0.2)


def test_a_dense_discriminator_is_normalised_by_its_spectrum_too() -> None:
    config = resolve(
        "mlp", shape=(28, 28, 1), overrides={"discriminator_normalisation": "spectral"}
    )
    discriminator = build_discriminator(config)
    initialise(discriminator, torch.Generator().manual_seed(0))
    for block in discriminator.blocks():
        assert torch.linalg.matrix_norm(block.weight, 2).item() == pytest.approx(1, abs=0.1)


def test_dcgans_weights_start_as_the_paper_says() -> None:
    network = build_discriminator(PRESETS["dcgan"].config)
    initialise(network, torch.Generator().manual_seed(0))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
            assert abs(module.weight.mean().item()) < 0.001
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.mean().item() == pytest.approx(1, abs=0.01)
            assert not module.bias.any()


def test_r3gans_blocks_start_as_the_identity() -> None:
    config = resolve("r3gan", shape=(32, 32, 3), overrides=NARROW)
    generator = build_generator(config)
    initialise(generator, torch.Generator().manual_seed(0))
    pictures = generator(torch.randn(64, config.latent_dim))
    assert 0.1 < pictures.std().item() < 10
    last = [layer for layer in generator.modules() if isinstance(layer, Pointwise)]
    assert sum(not layer.weight.any() for layer in last) == 8  # two blocks at each of four stages


def test_autocast_still_gives_float32_pixels_and_logits() -> None:
    for name in ("mlp", "dcgan", "r3gan"):
        config = resolve(name, shape=(32, 32, 3), overrides=_narrow(name))
        generator, discriminator = build_generator(config), build_discriminator(config)
        for network in (generator, discriminator):
            initialise(network, torch.Generator().manual_seed(0))
        with torch.autocast("cpu", torch.bfloat16):
            pictures = generator(torch.randn(2, config.latent_dim))
            logits = discriminator(pictures)
        assert pictures.dtype == logits.dtype == torch.float32


def test_a_shape_that_no_doubling_reaches_is_refused() -> None:
    config = resolve("dcgan", shape=(50, 64, 3))
    with pytest.raises(ConfigError, match=r"the nearest shape that can is 48 × 64"):
        build_generator(config)
    assert build_generator(replace(config, architecture="mlp")) is not None
