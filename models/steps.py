"""The updates that one step of a training is made of. They return what they saw, and report
nothing: all on the device, without waiting for it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from models.augment import augment, mirror
from models.config import TrainingConfig
from models.data import normalise
from models.group import Group
from models.losses import HALVES, LOSSES
from models.networks.convolution import without_weights
from models.networks.network import Discriminator, Generator
from models.penalties import gradient_penalty, squared_gradient
from models.precision import Machine
from models.schedules import Hyperparameters


class Batch(NamedTuple):
    """What one update learns from."""

    pictures: Tensor  # (B, H, W, C) uint8
    labels: Tensor | None  # (B,) int64
    latents: Tensor  # (B, latent_dim)
    noise: Tensor  # (2, B, augment.NOISE) uniform in [0, 1): of the reals, of the fakes


@dataclass(frozen=True)
class Players:
    """The two networks and their optimizers."""

    generator: Generator
    discriminator: Discriminator
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer


@dataclass(frozen=True)
class Step:
    """One step: `discriminator_steps` updates of the discriminator, and one of the generator."""

    config: TrainingConfig
    players: Players
    machine: Machine
    group: Group

    def __call__(self, batches: list[Batch], values: Hyperparameters, penalise: bool) -> Tensor:
        """(7,) float32: the two losses, the mean logits of reals and fakes, the discriminator's
        accuracy, the penalty, and the generator's slope: the mean of |∂L_G/∂D(G(z))|, the share
        of the discriminator's gradient that the loss lets through to the generator.

        `batches` has one for each update; "shared" makes the last two updates of one.
        """
        self._set(values)
        shared = self.config.updates == "shared"
        for batch in batches[:-1]:
            if self.config.updates == "split":
                seen = self._split_update(batch, values)
            else:
                seen = self._discriminator_update(batch, values, penalise)
        if shared:
            return torch.stack(self._shared_update(batches[-1], values, penalise)).detach()
        loss, slope = self._generator_update(batches[-1], values)
        return torch.stack([loss, *seen, slope]).detach()

    def _set(self, values: Hyperparameters) -> None:
        players, beta1 = self.players, self.config.beta1
        for group in players.generator_optimizer.param_groups:
            group["lr"], group["betas"] = values.generator_learning_rate, (beta1, values.beta2)
        for group in players.discriminator_optimizer.param_groups:
            group["lr"], group["betas"] = values.discriminator_learning_rate, (beta1, values.beta2)

    def _shared_update(
        self, batch: Batch, values: Hyperparameters, penalise: bool
    ) -> tuple[Tensor, ...]:
        """The NumPy article's step: the generator first, the discriminator on the same fakes.

        The discriminator does not change in between, so one pass of the fakes through it serves
        both losses exactly. Reals and fakes are batches of their own, each with its statistics.
        """
        G, D = self.players.generator, self.players.discriminator
        loss = LOSSES[self.config.loss]
        with self.machine.autocast():
            fakes = G(batch.latents, batch.labels)
            shown = fakes.detach().requires_grad_()  # cuts the graph between the networks
            seen_fakes = self._fakes(shown, batch, values)
            seen_reals = self._reals(batch, values, penalise)
            fake_logits = D(seen_fakes, batch.labels)
            real_logits = D(seen_reals, batch.labels)

        loss_generator = loss.generator(real_logits, fake_logits)
        with without_weights():
            gradient, slopes = torch.autograd.grad(
                loss_generator, (shown, fake_logits), retain_graph=True
            )
        torch.autograd.backward(fakes, gradient)
        self._learn(self.players.generator_optimizer)

        loss_discriminator = loss.discriminator(
            real_logits, fake_logits, self.config.label_smoothing
        )
        penalty = self._penalty(
            batch, values, penalise, seen_reals, real_logits, seen_fakes, fake_logits
        )
        self._descend(loss_discriminator + penalty)
        seen = self._seen(real_logits, fake_logits)
        return loss_generator, loss_discriminator, *seen, penalty, slopes.abs().sum()

    def _discriminator_update(
        self, batch: Batch, values: Hyperparameters, penalise: bool
    ) -> tuple[Tensor, ...]:
        """The discriminator alone, on reals and fakes."""
        G, D = self.players.generator, self.players.discriminator
        with self.machine.autocast():
            with torch.no_grad():
                fakes = G(batch.latents, batch.labels)
            shown = fakes.requires_grad_(penalise and values.r2 > 0)
            seen_fakes = self._fakes(shown, batch, values)
            seen_reals = self._reals(batch, values, penalise)
            fake_logits = D(seen_fakes, batch.labels)
            real_logits = D(seen_reals, batch.labels)
        loss = LOSSES[self.config.loss].discriminator(
            real_logits, fake_logits, self.config.label_smoothing
        )
        penalty = self._penalty(
            batch, values, penalise, seen_reals, real_logits, seen_fakes, fake_logits
        )
        self._descend(loss + penalty)
        return loss, *self._seen(real_logits, fake_logits), penalty

    def _split_update(self, batch: Batch, values: Hyperparameters) -> tuple[Tensor, ...]:
        """The Keras article's: one update on reals, one on fakes of the generator as it predicts
        (by its moving statistics); their losses are averaged for the report.
        """
        G, D = self.players.generator, self.players.discriminator
        halves, logits, losses = HALVES[self.config.loss], [], []
        G.eval()
        with torch.no_grad(), self.machine.autocast():
            fakes = G(batch.latents, batch.labels)
        G.train()
        for images in (self._reals(batch, values, False), self._fakes(fakes, batch, values)):
            with self.machine.autocast():
                logits.append(D(images, batch.labels))
            if len(logits) == 1:
                losses.append(halves.real(logits[0], self.config.label_smoothing))
            else:
                losses.append(halves.fake(logits[1]))
            self._descend(losses[-1])
        mean = (losses[0] + losses[1]) / 2
        return mean, *self._seen(*logits), torch.zeros_like(mean)

    def _generator_update(self, batch: Batch, values: Hyperparameters) -> tuple[Tensor, Tensor]:
        """The generator alone, on fresh latents: its loss and its slope."""
        G, D = self.players.generator, self.players.discriminator
        with self.machine.autocast():
            fakes = G(batch.latents, batch.labels)
            shown = fakes.detach().requires_grad_()  # cuts the graph between the networks
            fake_logits = D(self._fakes(shown, batch, values), batch.labels)
            real_logits = fake_logits.detach()
            if self.config.loss == "relativistic":
                with torch.no_grad():
                    real_logits = D(self._reals(batch, values, False), batch.labels)
        loss = LOSSES[self.config.loss].generator(real_logits, fake_logits)
        with without_weights():
            gradient, slopes = torch.autograd.grad(loss, (shown, fake_logits))
        torch.autograd.backward(fakes, gradient)
        self._learn(self.players.generator_optimizer)
        return loss, slopes.abs().sum()

    def _reals(self, batch: Batch, values: Hyperparameters, penalise: bool) -> Tensor:
        """The reals as the discriminator sees them."""
        pictures = batch.pictures
        if self.config.horizontal_flip:
            pictures = mirror(pictures, batch.noise[0, :, -1] < 0.5)
        policy, probability = values.augmentation, values.augmentation_probability
        seen = augment(normalise(pictures), batch.noise[0], policy, probability)
        return seen.requires_grad_(penalise and values.r1 > 0)

    def _fakes(self, fakes: Tensor, batch: Batch, values: Hyperparameters) -> Tensor:
        """The fakes as the discriminator sees them."""
        policy, probability = values.augmentation, values.augmentation_probability
        return augment(fakes, batch.noise[1], policy, probability)

    def _penalty(
        self,
        batch: Batch,
        values: Hyperparameters,
        penalise: bool,
        reals: Tensor,
        real_logits: Tensor,
        fakes: Tensor,
        fake_logits: Tensor,
    ) -> Tensor:
        """All penalties of this step; where it is one in several, so many times as heavy."""
        penalty = real_logits.new_zeros(())
        if penalise and values.r1 > 0:
            penalty = penalty + values.r1 * squared_gradient(real_logits, reals)
        if penalise and values.r2 > 0:
            penalty = penalty + values.r2 * squared_gradient(fake_logits, fakes)
        if penalise and self.config.gradient_penalty > 0:
            with self.machine.autocast():
                between = gradient_penalty(
                    self.players.discriminator, reals, fakes, batch.labels, batch.noise[1, :, -1]
                )
            penalty = penalty + self.config.gradient_penalty * between
        return penalty * self.config.penalty_every_steps

    def _seen(self, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean logits, and the share of pictures that the discriminator judges rightly."""
        border = LOSSES[self.config.loss].border
        if border is None:  # logits mean something only beside each other
            right = (real_logits > fake_logits).float().mean()
        else:
            of_reals, of_fakes = real_logits > border, fake_logits < border
            right = (of_reals.float().mean() + of_fakes.float().mean()) / 2
        return real_logits.mean(), fake_logits.mean(), right

    def _descend(self, loss: Tensor) -> None:
        """Let the discriminator learn from `loss`."""
        torch.autograd.backward(loss, inputs=_learning(self.players.discriminator))
        self._learn(self.players.discriminator_optimizer)

    def _learn(self, optimizer: torch.optim.Optimizer) -> None:
        parameters = [one for group in optimizer.param_groups for one in group["params"]]
        self.group.average(one.grad for one in parameters if one.grad is not None)
        optimizer.step()
        optimizer.zero_grad()


def _learning(network: torch.nn.Module) -> list[Tensor]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]
