"""One training step of a GAN, in three update schemes: shared, alternating and split.

A step updates the discriminator `discriminator_steps` times and the generator once. Its report
stays on the device, so that the program need not wait for the device in every step.
"""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from models.adam import Adam
from models.data import normalise
from models.networks.convolution import input_gradients
from models.training.augment import augment, mirror
from models.training.gan import GAN
from models.training.group import Group
from models.training.losses import LOSSES, SPLIT_LOSSES, gradient_penalty, squared_gradient
from models.training.schedules import Hyperparameters

Scalar = TypeVar("Scalar")  # a 0-dim tensor on the device, or a float once it has been read


class StepReport(NamedTuple, Generic[Scalar]):
    """The measurements of a step; those of the discriminator come from its last update."""

    generator_loss: Scalar
    discriminator_loss: Scalar
    discriminator_real: Scalar  # mean logit of the real images
    discriminator_fake: Scalar  # mean logit of the generated images
    discriminator_accuracy: Scalar  # share of the images that it classifies correctly
    penalty: Scalar
    generator_slope: Scalar  # mean |∂L_G/∂D(G(z))|: how much of D's gradient the loss lets through


class DiscriminatorReport(NamedTuple):
    """The part of a StepReport that an update of the discriminator gives, in the same order."""

    loss: Tensor
    real: Tensor
    fake: Tensor
    accuracy: Tensor
    penalty: Tensor


class Batch(NamedTuple):
    """The inputs of one update."""

    images: Tensor  # (B, H, W, C) uint8
    labels: Tensor | None  # (B,) int64
    latents: Tensor  # (B, latent_dim)
    noise: Tensor  # (2, B, augment.NOISE) uniform in [0, 1): for real images, for generated ones


class DiscriminatorPass(NamedTuple):
    """Images (B, C, H, W) in [-1, 1], the augmented images, and the logits (B,) of these."""

    images: Tensor
    augmented: Tensor
    logits: Tensor


def train_step(gan: GAN, batches: Sequence[Batch], values: Hyperparameters) -> StepReport[Tensor]:
    """Do one step in the update scheme of the configuration.

    `batches` holds a batch for each update of the discriminator, then one for the generator. The
    shared scheme has none for the generator: it uses the last one for both networks.
    """
    gan.generator_optimizer.learning_rate = values.generator_learning_rate
    gan.discriminator_optimizer.learning_rate = values.discriminator_learning_rate
    for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer):
        optimizer.beta2 = values.beta2
    report = UPDATE_SCHEMES[gan.config.updates](gan, batches, values)
    return StepReport(*(value.detach() for value in report))


def shared_step(gan: GAN, batches: Sequence[Batch], values: Hyperparameters) -> StepReport[Tensor]:
    """Update the generator, then the discriminator on the same fakes: preset dcgan.

    The discriminator does not change between the two losses, so one pass of the fakes through it
    serves both exactly. Real and generated images are separate batches for its BatchNorm.
    """
    config, G, loss = gan.config, gan.generator, LOSSES[gan.config.loss]
    *further_batches, batch = batches
    for further_batch in further_batches:
        train_discriminator(gan, further_batch, values)

    real_noise, fake_noise = batch.noise
    with gan.machine.autocast():
        fakes = G(batch.latents, batch.labels)
        detached = fakes.detach().requires_grad_()  # cuts the graph between the two networks
        fake = discriminate(gan, detached, batch.labels, fake_noise, values)
        reals = real_images(gan, batch).requires_grad_(values.r1 > 0)
        real = discriminate(gan, reals, batch.labels, real_noise, values)

    generator_loss = loss.generator(real.logits, fake.logits)
    slope = update_generator(gan, generator_loss, fakes, fake, retain_graph=True)

    discriminator_loss = loss.discriminator(real.logits, fake.logits, config.label_smoothing)
    penalty = weighted_penalty(gan, batch, real, fake, values)
    update_discriminator(gan, discriminator_loss + penalty)
    measurements = discriminator_report(gan, discriminator_loss, real.logits, fake.logits, penalty)
    return StepReport(generator_loss, *measurements, slope)


def alternating_step(
    gan: GAN, batches: Sequence[Batch], values: Hyperparameters
) -> StepReport[Tensor]:
    """Update the discriminator, then the generator on new latents.

    Goodfellow et al. (arXiv 1406.2661), algorithm 1. For the relativistic loss the generator's
    update needs real images too: Huang et al. (arXiv 2501.05441).
    """
    config, G, loss = gan.config, gan.generator, LOSSES[gan.config.loss]
    *discriminator_batches, batch = batches
    for discriminator_batch in discriminator_batches:
        measurements = train_discriminator(gan, discriminator_batch, values)

    real_noise, fake_noise = batch.noise
    with gan.machine.autocast():
        fakes = G(batch.latents, batch.labels)
        detached = fakes.detach().requires_grad_()  # cuts the graph between the two networks
        fake = discriminate(gan, detached, batch.labels, fake_noise, values)
        real_logits = fake.logits.detach()  # only the relativistic loss uses real logits here
        if config.loss == "relativistic":
            with torch.no_grad():
                reals = real_images(gan, batch)
                real_logits = discriminate(gan, reals, batch.labels, real_noise, values).logits

    generator_loss = loss.generator(real_logits, fake.logits)
    slope = update_generator(gan, generator_loss, fakes, fake)
    return StepReport(generator_loss, *measurements, slope)


def train_discriminator(gan: GAN, batch: Batch, values: Hyperparameters) -> DiscriminatorReport:
    """Update the discriminator alone, on real images and on fakes of its own."""
    config, G, loss = gan.config, gan.generator, LOSSES[gan.config.loss]
    real_noise, fake_noise = batch.noise
    with gan.machine.autocast():
        with torch.no_grad():
            fakes = G(batch.latents, batch.labels)
        fake = discriminate(
            gan, fakes.requires_grad_(values.r2 > 0), batch.labels, fake_noise, values
        )
        reals = real_images(gan, batch).requires_grad_(values.r1 > 0)
        real = discriminate(gan, reals, batch.labels, real_noise, values)

    discriminator_loss = loss.discriminator(real.logits, fake.logits, config.label_smoothing)
    penalty = weighted_penalty(gan, batch, real, fake, values)
    update_discriminator(gan, discriminator_loss + penalty)
    return discriminator_report(gan, discriminator_loss, real.logits, fake.logits, penalty)


def split_step(gan: GAN, batches: Sequence[Batch], values: Hyperparameters) -> StepReport[Tensor]:
    """Update the discriminator on reals, then on fakes, then the generator: preset mlp.

    The discriminator's fakes come from the generator in eval mode, as Keras's `predict` makes them:
    with BatchNorm's running statistics. The report has the mean of the discriminator's two losses.
    """
    config, G, loss = gan.config, gan.generator, LOSSES[gan.config.loss]
    split_loss = SPLIT_LOSSES[gan.config.loss]
    *discriminator_batches, batch = batches
    for discriminator_batch in discriminator_batches:
        labels, (real_noise, fake_noise) = discriminator_batch.labels, discriminator_batch.noise
        G.eval()
        with torch.no_grad(), gan.machine.autocast():
            fakes = G(discriminator_batch.latents, labels)
        G.train()

        with gan.machine.autocast():
            reals = real_images(gan, discriminator_batch)
            real = discriminate(gan, reals, labels, real_noise, values)
        real_loss = split_loss.real(real.logits, config.label_smoothing)
        update_discriminator(gan, real_loss)

        with gan.machine.autocast():
            fake = discriminate(gan, fakes, labels, fake_noise, values)
        fake_loss = split_loss.fake(fake.logits)
        update_discriminator(gan, fake_loss)

        mean_loss = (real_loss + fake_loss) / 2
        no_penalty = torch.zeros_like(mean_loss)
        measurements = discriminator_report(gan, mean_loss, real.logits, fake.logits, no_penalty)

    with gan.machine.autocast():
        fakes = G(batch.latents, batch.labels)
        detached = fakes.detach().requires_grad_()  # cuts the graph between the two networks
        fake = discriminate(gan, detached, batch.labels, batch.noise[1], values)

    generator_loss = loss.generator(fake.logits.detach(), fake.logits)
    slope = update_generator(gan, generator_loss, fakes, fake)
    return StepReport(generator_loss, *measurements, slope)


UPDATE_SCHEMES = {"shared": shared_step, "alternating": alternating_step, "split": split_step}


def real_images(gan: GAN, batch: Batch) -> Tensor:
    """The batch's images (B, C, H, W) in [-1, 1], mirrored at random if the configuration does."""
    images = batch.images
    if gan.config.horizontal_flip:
        images = mirror(images, batch.noise[0, :, -1] < 0.5)
    return normalise(images)


def discriminate(
    gan: GAN, images: Tensor, labels: Tensor | None, noise: Tensor, values: Hyperparameters
) -> DiscriminatorPass:
    """Augment the images and pass them through the discriminator."""
    augmented = augment(images, noise, values.augmentation, values.augmentation_probability)
    return DiscriminatorPass(images, augmented, gan.discriminator(augmented, labels))


def update_generator(
    gan: GAN, loss: Tensor, fakes: Tensor, fake: DiscriminatorPass, *, retain_graph: bool = False
) -> Tensor:
    """Descend `loss`, which depends on `fakes` through `fake`; return the generator's slope."""
    # With respect to images and logits only: the discriminator is not trained on this loss.
    image_gradient, logit_gradient = input_gradients(
        loss, (fake.images, fake.logits), retain_graph=retain_graph
    )
    # The gradient of this sum is `image_gradient` bit for bit. To compare the shapes of a gradient
    # that it is given, torch imports sympy, which takes a second.
    (fakes * image_gradient).sum().backward()
    optimize(gan.generator_optimizer, gan.group)
    return logit_gradient.abs().sum()


def update_discriminator(gan: GAN, loss: Tensor) -> None:
    """Descend `loss`; of its leaves, only the discriminator's weights get a gradient."""
    torch.autograd.backward(loss, inputs=gan.discriminator_optimizer.parameters)
    optimize(gan.discriminator_optimizer, gan.group)


def optimize(optimizer: Adam, group: Group) -> None:
    """Average the gradients over the group, apply them, and clear them."""
    group.average(
        parameter.grad for parameter in optimizer.parameters if parameter.grad is not None
    )
    optimizer.step()
    optimizer.zero_grad()


def weighted_penalty(
    gan: GAN,
    batch: Batch,
    real: DiscriminatorPass,
    fake: DiscriminatorPass,
    values: Hyperparameters,
) -> Tensor:
    """The weighted sum of this step's penalties.

    R1 and R2 differentiate with respect to the images before augmentation: Huang et al. (arXiv
    2501.05441). The sum is multiplied by `penalty_every_steps`, which keeps the strength of
    penalties that only one step of several computes.
    """
    penalty = real.logits.new_zeros(())
    if values.r1 > 0:
        penalty = penalty + values.r1 * squared_gradient(real.logits, real.images)
    if values.r2 > 0:
        penalty = penalty + values.r2 * squared_gradient(fake.logits, fake.images)
    if values.gradient_penalty > 0:
        with gan.machine.autocast():
            unweighted = gradient_penalty(
                gan.discriminator,
                real.augmented,
                fake.augmented,
                batch.labels,
                mix=batch.noise[1, :, -1],
            )
        penalty = penalty + values.gradient_penalty * unweighted
    return penalty * gan.config.penalty_every_steps


def discriminator_report(
    gan: GAN, loss: Tensor, real_logits: Tensor, fake_logits: Tensor, penalty: Tensor
) -> DiscriminatorReport:
    accuracy = classification_accuracy(gan.config.loss, real_logits, fake_logits)
    return DiscriminatorReport(loss, real_logits.mean(), fake_logits.mean(), accuracy, penalty)


def classification_accuracy(loss: str, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The share of images that the discriminator classifies correctly.

    For a loss without a boundary, it is the share of the pairs whose real image has the higher
    logit.
    """
    boundary = LOSSES[loss].boundary
    if boundary is None:
        return (real_logits > fake_logits).float().mean()
    correct_reals, correct_fakes = real_logits > boundary, fake_logits < boundary
    return (correct_reals.float().mean() + correct_fakes.float().mean()) / 2
