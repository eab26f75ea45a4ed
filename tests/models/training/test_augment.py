"""Augmentations change images at random, and are differentiable."""

import pytest
import torch
from torch import Tensor

from models.training.augment import CHANGES, NOISE, augment, mirror

SHAPE = (4, 3, 16, 24)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def noise() -> Tensor:
    return torch.rand(4, NOISE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("policy", CHANGES)
def test_images_are_changed_with_the_probability(
    policy: str, images: Tensor, noise: Tensor
) -> None:
    noise[:, 7] = torch.tensor([0.1, 0.2, 0.8, 0.9])
    changed = augment(images, noise, policy, 0.5)
    same = [torch.allclose(new, old) for new, old in zip(changed, images, strict=True)]
    assert same[2:] == [True, True]
    assert same[:2] != [True, True]


def test_no_policy_and_no_probability_return_the_images_themselves(
    images: Tensor, noise: Tensor
) -> None:
    assert augment(images, noise, "none", 1.0) is images
    assert augment(images, noise, "colour,cutout", 0.0) is images


@pytest.mark.parametrize(("value", "down", "right"), [(0.0, -2, -3), (0.9999, 2, 3), (0.5, 0, 0)])
def test_translation_moves_up_to_an_eighth_and_fills_with_grey(
    images: Tensor, value: float, down: int, right: int
) -> None:
    moved = augment(images, torch.full((4, NOISE), value), "translation", 2.0)
    expected = torch.zeros(SHAPE)
    height, width = SHAPE[2:]
    into_rows = slice(max(down, 0), height + min(down, 0))
    from_rows = slice(max(-down, 0), height + min(-down, 0))
    into_columns = slice(max(right, 0), width + min(right, 0))
    from_columns = slice(max(-right, 0), width + min(-right, 0))
    expected[:, :, into_rows, into_columns] = images[:, :, from_rows, from_columns]
    assert torch.equal(moved, expected)


@pytest.mark.parametrize("policy", CHANGES)
def test_the_gradient_is_that_of_the_change(policy: str, images: Tensor, noise: Tensor) -> None:
    small = images[:, :, :8, :8].double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda inputs: augment(inputs, noise.double(), policy, 1.0), small, fast_mode=True
    )


def test_a_central_cutout_covers_a_quarter(images: Tensor, noise: Tensor) -> None:
    noise[:, 5:7] = 0.5
    cut = augment(images, noise, "cutout", 1.0)
    assert (cut == 0).float().mean().item() == pytest.approx(0.25)


def test_colour_does_not_change_alpha(noise: Tensor) -> None:
    images = torch.rand(4, 4, 8, 8) * 2 - 1
    changed = augment(images, noise, "colour", 1.0)
    assert torch.equal(changed[:, 3], images[:, 3])
    assert not torch.allclose(changed[:, :3], images[:, :3])


def test_only_the_flipped_images_are_mirrored_left_to_right() -> None:
    images = torch.randint(0, 256, (2, 4, 6, 3), dtype=torch.uint8)
    mirrored = mirror(images, torch.tensor([True, False]))
    assert torch.equal(mirrored[0], images[0].flip(1))
    assert torch.equal(mirrored[1], images[1])
