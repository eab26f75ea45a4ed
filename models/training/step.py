"""The updates that one step of a training is made of. They return what they saw, and report
nothing: all on the device, without waiting for it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from models.config import TrainingConfig
from models.data import normalise
from models.networks.convolution import without_weights
from models.networks.network import Discriminator, Generator
from models.precision import Machine
from models.training.augment import augment, mirror
from models.training.group import Group
from models.training.losses import HALVES, LOSSES
from models.training.penalties import gradient_penalty, squared_gradient
from models.training.schedules import Hyperparameters


class Batch(NamedTuple):
    """What one update learns from."""

    pictures: Tensor  # (B, H, W, C) uint8
    labels: Tensor | None  # (B,) int64
    latents: Tensor  # (B, latent_dim)
    noise: Tensor  # (2, B, augment.NOISE) uniform in [0, 1): of the reals, of the fakes


class Judged(NamedTuple):
    """Images (B, C, H, W) in [-1, 1] before and after augmentation, and their logits (B,)."""

    images: Tensor
    augmented: Tensor
    logits: Tensor


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
        G = self.players.generator
        loss = LOSSES[self.config.loss]
        with self.machine.autocast():
            fakes = G(batch.latents, batch.labels)
            shown = fakes.detach().requires_grad_()  # cuts the graph between the networks
            fake = self._judge(shown, batch.noise[1], batch, values)
            reals = self._reals(batch, penalise and values.r1 > 0)
            real = self._judge(reals, batch.noise[0], batch, values)

        loss_generator = loss.generator(real.logits, fake.logits)
        with without_weights():
            gradient, slopes = torch.autograd.grad(
                loss_generator, (shown, fake.logits), retain_graph=True
            )
        torch.autograd.backward(fakes, gradient)
        self._learn(self.players.generator_optimizer)

        loss_discriminator = loss.discriminator(
            real.logits, fake.logits, self.config.label_smoothing
        )
        penalty = self._penalty(batch, values, real, fake, penalise)
        self._descend(loss_discriminator + penalty)
        seen = self._seen(real.logits, fake.logits)
        return loss_generator, loss_discriminator, *seen, penalty, slopes.abs().sum()

    def _discriminator_update(
        self, batch: Batch, values: Hyperparameters, penalise: bool
    ) -> tuple[Tensor, ...]:
        """The discriminator alone, on reals and fakes."""
        G = self.players.generator
        with self.machine.autocast():
            with torch.no_grad():
                fakes = G(batch.latents, batch.labels)
            shown = fakes.requires_grad_(penalise and values.r2 > 0)
            fake = self._judge(shown, batch.noise[1], batch, values)
            reals = self._reals(batch, penalise and values.r1 > 0)
            real = self._judge(reals, batch.noise[0], batch, values)
        loss = LOSSES[self.config.loss].discriminator(
            real.logits, fake.logits, self.config.label_smoothing
        )
        penalty = self._penalty(batch, values, real, fake, penalise)
        self._descend(loss + penalty)
        return loss, *self._seen(real.logits, fake.logits), penalty

    def _split_update(self, batch: Batch, values: Hyperparameters) -> tuple[Tensor, ...]:
        """The Keras article's: one update on reals, one on fakes of the generator as it predicts
        (by its moving statistics); their losses are averaged for the report.
        """
        G = self.players.generator
        halves, logits, losses = HALVES[self.config.loss], [], []
        G.eval()
        with torch.no_grad(), self.machine.autocast():
            fakes = G(batch.latents, batch.labels)
        G.train()
        for images, noise in zip((self._reals(batch), fakes), batch.noise, strict=True):
            with self.machine.autocast():
                logits.append(self._judge(images, noise, batch, values).logits)
            if len(logits) == 1:
                losses.append(halves.real(logits[0], self.config.label_smoothing))
            else:
                losses.append(halves.fake(logits[1]))
            self._descend(losses[-1])
        mean = (losses[0] + losses[1]) / 2
        return mean, *self._seen(*logits), torch.zeros_like(mean)

    def _generator_update(self, batch: Batch, values: Hyperparameters) -> tuple[Tensor, Tensor]:
        """The generator alone, on fresh latents: its loss and its slope."""
        G = self.players.generator
        with self.machine.autocast():
            fakes = G(batch.latents, batch.labels)
            shown = fakes.detach().requires_grad_()  # cuts the graph between the networks
            fake_logits = self._judge(shown, batch.noise[1], batch, values).logits
            real_logits = fake_logits.detach()
            if self.config.loss == "relativistic":
                with torch.no_grad():
                    reals = self._reals(batch)
                    real_logits = self._judge(reals, batch.noise[0], batch, values).logits
        loss = LOSSES[self.config.loss].generator(real_logits, fake_logits)
        with without_weights():
            gradient, slopes = torch.autograd.grad(loss, (shown, fake_logits))
        torch.autograd.backward(fakes, gradient)
        self._learn(self.players.generator_optimizer)
        return loss, slopes.abs().sum()

    def _reals(self, batch: Batch, differentiable: bool = False) -> Tensor:
        """The reals before augmentation: (B, C, H, W) in [-1, 1]."""
        pictures = batch.pictures
        if self.config.horizontal_flip:
            pictures = mirror(pictures, batch.noise[0, :, -1] < 0.5)
        return normalise(pictures).requires_grad_(differentiable)

    def _judge(
        self, images: Tensor, noise: Tensor, batch: Batch, values: Hyperparameters
    ) -> Judged:
        """Augment reals or fakes and pass them through the discriminator."""
        policy, probability = values.augmentation, values.augmentation_probability
        augmented = augment(images, noise, policy, probability)
        return Judged(images, augmented, self.players.discriminator(augmented, batch.labels))

    def _penalty(
        self, batch: Batch, values: Hyperparameters, real: Judged, fake: Judged, penalise: bool
    ) -> Tensor:
        """The weighted sum of all penalties of this step.

        R1 and R2 differentiate by the images before augmentation, as Huang et al. (arXiv
        2501.05441) do. The sum grows with `penalty_every_steps`, so that a penalty at every few
        steps keeps its strength.
        """
        penalty = real.logits.new_zeros(())
        if penalise and values.r1 > 0:
            penalty = penalty + values.r1 * squared_gradient(real.logits, real.images)
        if penalise and values.r2 > 0:
            penalty = penalty + values.r2 * squared_gradient(fake.logits, fake.images)
        if penalise and self.config.gradient_penalty > 0:
            with self.machine.autocast():
                between = gradient_penalty(
                    self.players.discriminator,
                    real.augmented,
                    fake.augmented,
                    batch.labels,
                    batch.noise[1, :, -1],
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
