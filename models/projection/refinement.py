"""Refinement: the latent whose image looks most like a picture, by optimisation from many starts.

Adam on the latent as in Zhu et al. (arXiv 1609.03552) and in the projector of StyleGAN 2 (arXiv
1912.04958, appendix D). Most starts end in poor local minima: a few steps are made from many, and
only the best ones are continued.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.adam import Adam
from models.networks.network import Generator
from models.precision import Machine
from models.projection.encoder import Encoder, Pairs
from models.projection.perception import Appearance, Perception, dissimilarity
from models.random_streams import random_stream
from models.scoring.sample_index import SampleIndex
from models.seeds import latents_from_seeds

SAMPLES = 512  # generated to find the nearest ones to each picture, without a sample index
GENERATED_AT_ONCE = 64
PERTURBATIONS = 3  # of the encoder's prediction, among the starts
PERTURBATION = 0.5  # the noise's length, relative to the prediction's
LEARNING_RATE, FINAL_LEARNING_RATE = 0.2, 0.02
# 98 of 100 normal latents have a length within this distance of the middle of the shell.
SHELL_HALF_WIDTH = 2.33 * math.sqrt(0.5)


class Stage(NamedTuple):
    """A share of all steps, made from each of the `restarts` best latents so far."""

    restarts: int
    share: float


STAGES = (Stage(6, 1 / 16), Stage(2, 15 / 16))


class Starts(NamedTuple):
    """Latents (P, R, D) from which the latents of P pictures are looked for, and their labels."""

    latents: Tensor
    labels: Tensor | None  # (P, R)


@dataclass(frozen=True)
class Refinement:
    """Finds latents in `steps` steps. `encoder` predicts the first start of each picture.

    Further starts come from `index`, the checkpoint's sample index, where there is one.
    """

    generator: Generator
    encoder: Encoder
    perception: Perception
    machine: Machine
    steps: int
    index: SampleIndex | None = None

    def find(
        self,
        pictures: Tensor,
        labels: Tensor | None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> tuple[Tensor, Tensor | None]:
        """(P, C, H, W) pictures in [-1, 1] -> (P, D) latents, (P,) labels.

        `labels`, (P,), are the classes; with None those of a conditional generator are found too.
        `progress` is called with the number of steps made.
        """
        with torch.no_grad():
            targets = self.perception.appearance(pictures)
        starts = self._starts(pictures, targets, labels, STAGES[0].restarts)
        step, shares = 0, 0.0
        for stage in STAGES:
            starts = self._best(targets, starts, stage.restarts)
            latents = starts.latents.flatten(0, 1).clone().requires_grad_(True)
            chosen = None if starts.labels is None else starts.labels.flatten()
            repeated = targets.expand(starts.latents.shape[1])
            optimizer = Adam([latents], LEARNING_RATE)
            shares += stage.share
            while step < round(shares * self.steps):
                loss = self._losses(latents, chosen, repeated).sum()
                (latents.grad,) = torch.autograd.grad(loss, [latents])
                optimizer.learning_rate = _rate(step / self.steps)
                optimizer.step()
                with torch.no_grad():
                    latents.copy_(onto_shell(latents))
                step += 1
                progress(step)
            starts = Starts(latents.detach().view(starts.latents.shape), starts.labels)
        best = self._best(targets, starts, 1)
        return best.latents[:, 0], None if best.labels is None else best.labels[:, 0]

    def _losses(self, latents: Tensor, labels: Tensor | None, targets: Appearance) -> Tensor:
        """(B,)"""
        with self.machine.autocast():
            images = self.generator(latents, labels)
        return dissimilarity(self.perception.appearance(images), targets)

    @torch.no_grad()
    def _best(self, targets: Appearance, starts: Starts, count: int) -> Starts:
        """Keep the `count` starts of each picture with the smallest loss, best first."""
        pictures, restarts, _ = starts.latents.shape
        latents = starts.latents.flatten(0, 1)
        labels = None if starts.labels is None else starts.labels.flatten()
        repeated = targets.expand(restarts)
        losses = torch.cat(
            [
                self._losses(
                    latents[part], None if labels is None else labels[part], repeated.select(part)
                )
                for part in torch.arange(len(latents)).split(GENERATED_AT_ONCE)
            ]
        )
        order = losses.view(pictures, restarts).argsort(1)[:, :count]
        kept = starts.latents.gather(1, order[..., None].expand(-1, -1, latents.shape[1]))
        return Starts(kept, None if starts.labels is None else starts.labels.gather(1, order))

    @torch.no_grad()
    def _starts(
        self, pictures: Tensor, targets: Appearance, labels: Tensor | None, count: int
    ) -> Starts:
        """The encoder's prediction, perturbations of it, and the nearest samples."""
        random = random_stream(0, "projection")
        predicted = self.encoder.predict(pictures)[:, None]  # (P, 1, D)
        noise = torch.randn((PERTURBATIONS, predicted.shape[2]), generator=random)
        perturbed = predicted + PERTURBATION * noise.to(predicted.device)  # (P, PERTURBATIONS, D)
        predictions = onto_shell(torch.cat([predicted, perturbed], 1))
        if self.index is None:
            near, near_labels = self._nearest_drawn(targets, count, random)
        else:
            near, near_labels = self._nearest_indexed(self.index, targets, count)
        latents = torch.cat([predictions, near], 1)
        if near_labels is None:
            return Starts(latents, None)
        predicted_labels = near_labels[:, :1].expand(-1, predictions.shape[1])
        chosen = torch.cat([predicted_labels, near_labels], 1)
        return Starts(latents, chosen if labels is None else labels[:, None].expand_as(chosen))

    def _nearest_indexed(
        self, index: SampleIndex, targets: Appearance, count: int
    ) -> tuple[Tensor, Tensor | None]:
        """The latents (P, count, D) of the indexed samples nearest to each picture, and labels."""
        device = targets.embedding.device
        features = torch.from_numpy(index.features.astype(np.float32)).to(device)
        indices = (targets.embedding @ features.T).topk(min(count, len(index)), 1).indices.cpu()
        seeds = [index.seeds[i] for i in indices.flatten().tolist()]
        dim = self.generator.latent_dim
        latents = torch.from_numpy(latents_from_seeds(seeds, dim)).view(*indices.shape, dim)
        if index.labels is None:
            return latents.to(device), None
        labels = torch.from_numpy(index.labels[indices.numpy()].astype(np.int64))
        return latents.to(device), labels.to(device)

    def _nearest_drawn(
        self, targets: Appearance, count: int, random: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """The same of SAMPLES samples that are drawn for it."""
        pairs = Pairs(self.generator, self.machine, random)
        drawn = [pairs.draw(GENERATED_AT_ONCE) for _ in range(SAMPLES // GENERATED_AT_ONCE)]
        embeddings = [self.perception.appearance(images).embedding for _, images, _ in drawn]
        similarity = targets.embedding @ torch.cat(embeddings).T  # (P, SAMPLES)
        indices = similarity.topk(count, 1).indices  # (P, count)
        latents = torch.cat([latents for latents, _, _ in drawn])[indices]
        drawn_labels = [labels for _, _, labels in drawn if labels is not None]
        return latents, torch.cat(drawn_labels)[indices] if drawn_labels else None


def onto_shell(latents: Tensor) -> Tensor:
    """Scale latents (…, D) to the nearest length that 98 of 100 normal latents have."""
    middle = math.sqrt(latents.shape[-1] - 0.5)
    lengths = latents.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    shortest = max(middle - SHELL_HALF_WIDTH, 0.1)
    scaled: Tensor = latents * (lengths.clamp(shortest, middle + SHELL_HALF_WIDTH) / lengths)
    return scaled


def _rate(done: float) -> float:
    """The learning rate after this share of all steps: it falls as a cosine."""
    share = 0.5 * (1 + math.cos(math.pi * done))
    return FINAL_LEARNING_RATE + (LEARNING_RATE - FINAL_LEARNING_RATE) * share
