"""An image of a training or a score does not depend on what else is in its batch."""

import numpy as np
import pytest
import torch

from models.networks.network import Generator
from models.precision import Machine
from models.rendering import synthesize, to_uint8
from models.seeds import latents_from_seeds
from models.training.run import TrainingRun


@pytest.fixture
def served(new_run: TrainingRun) -> Generator:
    new_run.step()
    return new_run.served_generator()


def test_pixels_are_rounded_and_clipped() -> None:
    values = torch.tensor([-1.2, -1.0, 0.0, 0.0039, 1.0, 1.2]).reshape(1, 1, 1, 6)
    assert to_uint8(values).flatten().tolist() == [0, 0, 128, 128, 255, 255]


def test_an_image_does_not_depend_on_how_many_are_generated(served: Generator) -> None:
    latents = latents_from_seeds(range(70), 100)
    together = synthesize(served, latents)
    assert together.shape == (70, 64, 64, 3)
    for index in (0, 1, 63, 64, 69):
        assert np.array_equal(synthesize(served, latents[index : index + 1])[0], together[index])


@pytest.mark.parametrize("batch", [8, 16, 64])
def test_a_latent_gives_the_same_bytes_in_every_slot(
    served: Generator, precise_machine: Machine, batch: int
) -> None:
    latent = torch.from_numpy(latents_from_seeds([7], 100))
    others = torch.from_numpy(latents_from_seeds(range(100, 100 + batch), 100))
    images = []
    for slot in range(batch):
        latents = others.clone() if slot % 2 else torch.zeros(batch, 100)
        latents[slot] = latent
        with torch.inference_mode(), precise_machine.autocast():
            images.append(to_uint8(served(latents))[slot])
    assert all(torch.equal(picture, images[0]) for picture in images)
