"""Measurements of the two networks, on copies: weights and BatchNorm statistics do not change."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from models.config import TrainingConfig
from models.data import PackedDataset, normalise
from models.networks.network import Discriminator, Generator
from models.precision import Machine
from models.random_streams import random_stream
from models.training.group import Group

PROBE_IMAGES = 64  # that are generated, and that are compared at a time
REAL_SAMPLES = 4  # of PROBE_IMAGES real images each
MAX_HELD_OUT = 128
MIN_GAP = 0.1  # between the mean logits of real and fake; below it, positions mean nothing
SIDE = 16  # pixels, to which images are reduced before they are compared


@dataclass(frozen=True)
class Snapshot:
    """A training at one moment: everything that its health is read from."""

    images_seen: int
    config: TrainingConfig
    machine: Machine
    group: Group
    dataset: PackedDataset
    training_indices: Tensor  # of the images that the training learns from
    held_out_indices: Tensor
    generator: Generator
    discriminator: Discriminator


class Probe:
    """Measures with the same latents and images each time; they depend only on the dataset."""

    def __init__(self, snapshot: Snapshot) -> None:
        random = random_stream(0, "health")
        config, dataset = snapshot.config, snapshot.dataset
        self._latents = torch.randn(PROBE_IMAGES, config.latent_dim, generator=random)
        self._labels = dataset.proportional_labels(PROBE_IMAGES) if config.classes else None
        indices = snapshot.training_indices
        indices = indices[torch.randperm(len(indices), generator=random)]
        self._training_indices = indices[: REAL_SAMPLES * PROBE_IMAGES]
        self._held_out_indices = snapshot.held_out_indices[:MAX_HELD_OUT]
        samples = dataset.batch(self._training_indices).split(PROBE_IMAGES)
        distances = [
            nearest_distance(normalise(images)) for images in samples if len(images) == PROBE_IMAGES
        ]
        self._real_distance = sum(distances) / len(distances) if distances else 0.0

    @torch.no_grad()
    def measure(self, snapshot: Snapshot) -> dict[str, float]:
        """The values of two signals; one that cannot be measured is absent.

        `mode_collapse`: the mean distance from a generated image to its nearest neighbour among
        them, divided by that of real images. `overfitting`: r_v of Karras et al. (arXiv
        2006.06676), section 3: where the mean logit of held-out images lies, from that of training
        images (0) to that of generated ones (1).
        """
        device, values = snapshot.machine.device, {}
        labels = None if self._labels is None else self._labels.to(device)
        generator = copy.deepcopy(snapshot.generator).train()
        with snapshot.machine.autocast():
            fakes = generator(self._latents.to(device), labels).float()
        if self._real_distance > 0:
            values["mode_collapse"] = nearest_distance(fakes) / self._real_distance
        if len(self._held_out_indices):
            overfitting = self._overfitting(snapshot, fakes, labels)
            if overfitting is not None:
                values["overfitting"] = overfitting
        return values

    def _overfitting(
        self, snapshot: Snapshot, fakes: Tensor, labels: Tensor | None
    ) -> float | None:
        """r_v, None if the discriminator hardly separates real from generated images.

        Each batch holds training and held-out images, half of each where there are enough, because
        BatchNorm makes every logit depend on the whole batch.
        """
        discriminator = copy.deepcopy(snapshot.discriminator).train()
        training_logits, held_out_logits = [], []
        start = 0
        for held_out in self._held_out_indices.split(PROBE_IMAGES // 2):
            end = start + PROBE_IMAGES - len(held_out)
            indices = torch.cat([held_out, self._training_indices[start:end]])
            start = end
            logits = _real_logits(snapshot, discriminator, indices)
            held_out_logits.append(logits[: len(held_out)])
            training_logits.append(logits[len(held_out) :])
        with snapshot.machine.autocast():
            fake_logits = discriminator(fakes, labels)
        training_mean, held_out_mean, fake_mean = (
            logits.float().mean().item()
            for logits in (torch.cat(training_logits), torch.cat(held_out_logits), fake_logits)
        )
        if training_mean - fake_mean < MIN_GAP:
            return None
        return (training_mean - held_out_mean) / (training_mean - fake_mean)


def _real_logits(snapshot: Snapshot, discriminator: Discriminator, indices: Tensor) -> Tensor:
    dataset, device = snapshot.dataset, snapshot.machine.device
    labels = dataset.labels(indices).to(device) if snapshot.config.classes else None
    images = normalise(dataset.batch(indices).to(device))
    with snapshot.machine.autocast():
        logits: Tensor = discriminator(images, labels)
    return logits


def nearest_distance(images: Tensor) -> float:
    """(N, C, H, W), N > 1 -> the mean distance from each image to its nearest neighbour."""
    small = torch.nn.functional.adaptive_avg_pool2d(images, SIDE).flatten(1)
    distances = torch.cdist(small, small)
    distances.fill_diagonal_(float("inf"))
    return distances.min(1).values.mean().item()
