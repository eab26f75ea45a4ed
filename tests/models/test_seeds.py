"""A seed stands for the same latent and the same class for ever."""

import pytest
import torch

from models.seeds import SeedError, class_from_seed, latent_from_seed, latents_from_seeds


def test_a_seed_names_these_very_numbers() -> None:
    assert latent_from_seed(0, 100)[:3].tolist() == [
        -1.1258398294448853,
        -1.152360200881958,
        -0.2505785822868347,
    ]
    assert latent_from_seed(2**53 - 1, 100)[:3].tolist() == [
        -2.664297580718994,
        -1.0910485982894897,
        0.45144742727279663,
    ]
    latent = latent_from_seed(7, 100)
    assert (latent.dtype, latent.shape) == (torch.float32, (100,))


def test_drawing_a_latent_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    latents_from_seeds(range(4), 100)
    assert torch.equal(before, torch.get_rng_state())


def test_a_seed_names_these_very_classes() -> None:
    assert [class_from_seed(seed, 10) for seed in range(8)] == [9, 1, 6, 6, 6, 4, 9, 1]
    assert 0 <= class_from_seed(2**53 - 1, 3) < 3
    assert class_from_seed(7, 1) == 0


def test_seeds_draw_every_class_equally_often() -> None:
    drawn = [class_from_seed(seed, 3) for seed in range(3000)]
    assert all(900 < drawn.count(label) < 1100 for label in range(3))


def test_the_class_of_a_seed_is_independent_of_its_latent() -> None:
    """Else one class would see only a part of the latents."""
    labels = torch.tensor([class_from_seed(seed, 2) for seed in range(2000)])
    latents = latents_from_seeds(range(2000), 8)
    means = [latents[labels == label].mean(0) for label in (0, 1)]
    torch.testing.assert_close(means[0], means[1], atol=0.2, rtol=0)


def test_drawing_a_class_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    class_from_seed(7, 10)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("seed", [-1, 2**53])
def test_a_seed_out_of_range_draws_no_class(seed: int) -> None:
    with pytest.raises(SeedError, match=f"seed {seed} is out of range"):
        class_from_seed(seed, 10)


@pytest.mark.parametrize("seed", [-1, 2**53])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(SeedError, match=f"seed {seed} is out of range"):
        latent_from_seed(seed, 100)
