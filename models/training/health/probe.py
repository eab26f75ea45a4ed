"""A look at the two networks, from copies of them: neither weights nor statistics are touched."""

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.data import normalise
from models.networks.network import Discriminator
from models.seeds import random_stream

if TYPE_CHECKING:
    from models.training.run import TrainingRun

PICTURES = 64  # that are generated, and that are compared at a time
SAMPLES = 4  # of as many real ones
HELD_OUT = 128  # at most, of the pictures that no step learns from
HALF = PICTURES // 2
LEAST_GAP = 0.1  # logits between reals and fakes, below which nothing can be said relative to it
SIDE = 16  # pixels: the pictures are compared as small as this


class Probe:
    """Looks with the same latents and the same pictures each time, chosen by the dataset alone."""

    def __init__(self, run: "TrainingRun") -> None:
        random = random_stream(0, "health")
        config, dataset = run.config, run.dataset
        self._latents = torch.randn(PICTURES, config.latent_dim, generator=random)
        self._labels = dataset.proportional(PICTURES) if config.classes else None
        order = run.learnt[torch.randperm(len(run.learnt), generator=random)]
        self._learnt = order[: SAMPLES * PICTURES]
        self._held_out = run.held_out[:HELD_OUT]
        samples = dataset.batch(self._learnt).split(PICTURES)
        distances = [nearest_distance(normalise(one)) for one in samples if len(one) == PICTURES]
        self._real_distance = sum(distances) / len(distances) if distances else 0.0

    @torch.no_grad()
    def look(self, run: "TrainingRun") -> dict[str, float]:
        """Either of two values is absent where it cannot be measured.

        `mode_collapse`: the mean distance of a generated picture to the nearest of the others, in
        units of the real ones'. `overfitting`: r_v of Karras et al. (arXiv 2006.06676), section 3:
        how far what the discriminator never saw lies, to its eyes, on the way from what it learnt
        from to what is generated.
        """
        device, found = run.machine.device, {}
        labels = None if self._labels is None else self._labels.to(device)
        generator = copy.deepcopy(run.players.generator).train()
        with run.machine.autocast():
            fakes = generator(self._latents.to(device), labels).float()
        if self._real_distance > 0:
            found["mode_collapse"] = nearest_distance(fakes) / self._real_distance
        if len(self._held_out):
            share = self._unseen(run, fakes, labels)
            if share is not None:
                found["overfitting"] = share
        return found

    def _unseen(self, run: "TrainingRun", fakes: Tensor, labels: Tensor | None) -> float | None:
        """Learnt and held-out pictures go through the discriminator side by side, in equal
        numbers where there are enough: BatchNorm makes each depend on its batch.
        """
        discriminator = copy.deepcopy(run.players.discriminator).train()
        known, unknown = [], []
        place = 0
        for held_out in self._held_out.split(HALF):
            beside = PICTURES - len(held_out)
            learnt = self._learnt[place : place + beside]
            place += beside
            indices = torch.cat([held_out, learnt])
            logits = self._logits(run, discriminator, indices)
            unknown.append(logits[: len(held_out)])
            known.append(logits[len(held_out) :])
        with run.machine.autocast():
            generated = discriminator(fakes, labels)
        of_learnt, of_unseen, of_fakes = (
            one.float().mean().item() for one in (torch.cat(known), torch.cat(unknown), generated)
        )
        if of_learnt - of_fakes < LEAST_GAP:
            return None
        return (of_learnt - of_unseen) / (of_learnt - of_fakes)

    def _logits(self, run: "TrainingRun", discriminator: Discriminator, indices: Tensor) -> Tensor:
        device = run.machine.device
        labels = run.dataset.labels(indices).to(device) if run.config.classes else None
        pictures = normalise(run.dataset.batch(indices).to(device))
        with run.machine.autocast():
            logits: Tensor = discriminator(pictures, labels)
        return logits


def nearest_distance(images: Tensor) -> float:
    """(N, C, H, W) -> the mean over pictures of the distance to the nearest other one, N > 1."""
    small = torch.nn.functional.adaptive_avg_pool2d(images, SIDE).flatten(1)
    distances = torch.cdist(small, small)
    distances.fill_diagonal_(float("inf"))
    return distances.min(1).values.mean().item()
