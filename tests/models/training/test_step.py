"""Each update scheme gives the numbers of its source, which is written out plainly here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from training_runs import step

from models.config import TrainingConfig
from models.data import PackedDataset, normalise
from models.precision import Machine
from models.presets import PRESETS
from models.training.augment import NOISE
from models.training.run import TrainingRun
from models.training.schedules import hyperparameters
from models.training.step import Batch, StepReport, classification_accuracy, train_step


def _batch(dataset: PackedDataset, index: int, latent_dim: int) -> Batch:
    random = torch.Generator().manual_seed(index)
    return Batch(
        dataset.batch(torch.arange(16 * index, 16 * index + 16)),
        None,
        torch.randn(16, latent_dim, generator=random),
        torch.rand(2, 16, NOISE, generator=random),
    )


def _train_step(run: TrainingRun, batches: list[Batch]) -> StepReport[Tensor]:
    return train_step(run.gan, batches, hyperparameters(run.config, 0))


def _weights(run: TrainingRun) -> list[Tensor]:
    gan = run.gan
    return [*gan.generator.state_dict().values(), *gan.discriminator.state_dict().values()]


def _clear(run: TrainingRun) -> None:
    run.gan.generator.zero_grad()
    run.gan.discriminator.zero_grad()


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    if target == 0:
        return F.softplus(logits).mean()  # the same function, and bit for bit that of the loss
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def _numpy_articles_step(run: TrainingRun, batch: Batch) -> list[float]:
    """The step with two passes of the fakes through the discriminator."""
    gan = run.gan
    with run.machine.autocast():
        fakes = gan.generator(batch.latents)
        logits = gan.discriminator(fakes)
    generator_loss = F.softplus(-logits).mean()
    generator_loss.backward()
    gan.generator_optimizer.step()
    gan.discriminator.zero_grad()
    with run.machine.autocast():
        fake_logits = gan.discriminator(fakes.detach())
        real_logits = gan.discriminator(normalise(batch.images))
    loss = _cross_entropy(real_logits, 1) + _cross_entropy(fake_logits, 0)
    loss.backward()
    gan.discriminator_optimizer.step()
    _clear(run)
    return [generator_loss.item(), loss.item()]


def test_the_shared_step_gives_the_weights_of_the_numpy_article(
    cats: Path, config: TrainingConfig, precise_machine: Machine
) -> None:
    dataset = PackedDataset(cats)
    ours, plain = (TrainingRun(config, dataset, precise_machine) for _ in range(2))
    for index in range(3):
        batch = _batch(dataset, index, 100)
        expected = _numpy_articles_step(plain, batch)
        report = _train_step(ours, [batch])
        losses = [report.generator_loss.item(), report.discriminator_loss.item()]
        assert losses == pytest.approx(expected, rel=1e-6)
    trained = zip(
        [*ours.gan.generator.parameters(), *ours.gan.discriminator.parameters()],
        [*plain.gan.generator.parameters(), *plain.gan.discriminator.parameters()],
        strict=True,
    )
    assert all(torch.equal(weight, expected_weight) for weight, expected_weight in trained)


def test_mlp_trains_as_the_keras_article_does(cats: Path, machine: Machine) -> None:
    config = replace(PRESETS["mlp"].config, shape=(64, 64, 3), width=8)
    dataset = PackedDataset(cats)
    ours, plain = (TrainingRun(config, dataset, machine) for _ in range(2))
    gan = plain.gan
    for index in range(3):
        first, second = _batch(dataset, 2 * index, 100), _batch(dataset, 2 * index + 1, 100)
        report = _train_step(ours, [first, second])

        gan.generator.eval()
        fakes = gan.generator(first.latents).detach()
        gan.generator.train()
        losses, right = [], []
        for images, target in ((normalise(first.images), 1.0), (fakes, 0.0)):
            logits = gan.discriminator(images)
            losses.append(_cross_entropy(logits, target))
            right.append(((logits > 0) == (target > 0)).float().mean())
            losses[-1].backward()
            gan.discriminator_optimizer.step()
            _clear(plain)
        loss = _cross_entropy(gan.discriminator(gan.generator(second.latents)), 1)
        loss.backward()
        gan.generator_optimizer.step()
        _clear(plain)

        assert report.generator_loss.item() == pytest.approx(loss.item(), rel=1e-5)
        assert report.discriminator_loss.item() == pytest.approx(
            torch.stack(losses).mean().item(), rel=1e-5
        )
        assert report.discriminator_accuracy.item() == pytest.approx(
            torch.stack(right).mean().item()
        )
    for weight, expected in zip(_weights(ours), _weights(plain), strict=True):
        torch.testing.assert_close(weight, expected)


def test_mlp_relu_trains_as_the_mindspore_article_does(cats: Path, machine: Machine) -> None:
    config = replace(PRESETS["mlp-relu"].config, shape=(64, 64, 3), width=8)
    dataset = PackedDataset(cats)
    ours, plain = (TrainingRun(config, dataset, machine) for _ in range(2))
    gan = plain.gan
    first, second = _batch(dataset, 0, 128), _batch(dataset, 1, 128)
    _train_step(ours, [first, second])

    fakes = gan.generator(first.latents).detach()
    real, fake = gan.discriminator(normalise(first.images)), gan.discriminator(fakes)
    (_cross_entropy(real, 1) + _cross_entropy(fake, 0)).backward()
    gan.discriminator_optimizer.step()
    _clear(plain)
    _cross_entropy(gan.discriminator(gan.generator(second.latents)), 1).backward()
    gan.generator_optimizer.step()

    for weight, expected in zip(_weights(ours), _weights(plain), strict=True):
        torch.testing.assert_close(weight, expected)


def _augmented(images: Tensor, noise: Tensor) -> Tensor:
    """Colour, translation and cutout of every image, one after the other, from the paper's text.

    Zhao et al. (arXiv 2006.10738), section 3.2; `noise` (B, NOISE): see models.training.augment.
    """
    augmented = []
    for image, random in zip(images, noise, strict=True):
        brightness, saturation, contrast, down, right, row, column = random[:7].tolist()
        image = image + (brightness - 0.5)
        grey = image.mean(0, keepdim=True)
        image = grey + (image - grey) * (2 * saturation)
        image = image.mean() + (image - image.mean()) * (contrast + 0.5)
        height, width = image.shape[1:]
        limit = height // 8
        down, right = (int(share * (2 * limit + 1)) - limit for share in (down, right))
        framed = F.pad(image, (limit, limit, limit, limit))
        top, left = limit - down, limit - right
        image = framed[:, top : top + height, left : left + width]
        kept = torch.ones(height, width)
        size = height // 2
        above, before = (int(centre * (height + 1)) - size // 2 for centre in (row, column))
        kept[max(0, above) : above + size, max(0, before) : before + size] = 0
        augmented.append(image * kept)
    return torch.stack(augmented)


@pytest.mark.parametrize("augmented", [False, True])
def test_r3gan_compares_pairs_and_penalises_gradients_by_images_before_augmentation(
    cats: Path, augmented: bool, machine: Machine
) -> None:
    """Huang et al. (arXiv 2501.05441): equation 3 with R1 and R2; each phase has its own reals."""
    always: dict[str, Any] = {
        "augmentation_probability": 1.0,
        "augmentation_probability_final": 1.0,
    }
    config = replace(
        PRESETS["r3gan"].config,
        width=8,
        max_width=16,
        horizontal_flip=False,
        **(always if augmented else {}),
    )
    dataset = PackedDataset(cats)
    ours, plain = (TrainingRun(config, dataset, machine) for _ in range(2))
    gan = plain.gan
    first, second = _batch(dataset, 0, 64), _batch(dataset, 1, 64)
    report = _train_step(ours, [first, second])

    def shown(images: Tensor, noise: Tensor) -> Tensor:
        return _augmented(images, noise) if augmented else images

    reals = normalise(first.images).requires_grad_()
    fakes = gan.generator(first.latents).detach().requires_grad_()
    real = gan.discriminator(shown(reals, first.noise[0]))
    fake = gan.discriminator(shown(fakes, first.noise[1]))
    penalty = torch.zeros(())
    for logits, images in ((real, reals), (fake, fakes)):
        (slopes,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        penalty = penalty + config.r1 / 2 * slopes.square().sum((1, 2, 3)).mean()
    loss = F.softplus(fake - real).mean()
    (loss + penalty).backward()
    gan.discriminator_optimizer.step()
    _clear(plain)
    fake = gan.discriminator(shown(gan.generator(second.latents), second.noise[1]))
    real = gan.discriminator(shown(normalise(second.images), second.noise[0]))
    F.softplus(real - fake).mean().backward()
    gan.generator_optimizer.step()

    assert report.discriminator_loss.item() == pytest.approx(loss.item(), rel=1e-5)
    assert report.penalty.item() == pytest.approx(penalty.item(), rel=1e-4)
    for weight, expected in zip(_weights(ours), _weights(plain), strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("updates", ["shared", "alternating"])
@pytest.mark.parametrize("loss", ["least_squares", "hinge", "wasserstein", "relativistic"])
def test_every_loss_changes_both_networks(
    cats: Path, config: TrainingConfig, machine: Machine, loss: str, updates: str
) -> None:
    config = replace(
        config, loss=loss, updates=updates, gradient_penalty=10.0, r1=1.0, r2=1.0,
        augmentation="colour,translation,cutout", horizontal_flip=True,
    )  # fmt: skip
    run = TrainingRun(config, PackedDataset(cats), machine)
    before = [weight.clone() for weight in _weights(run)]
    assert step(run).penalty > 0
    after = _weights(run)
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_split_updates_augment_reals_and_fakes_alike(cats: Path, machine: Machine) -> None:
    config = replace(
        PRESETS["mlp"].config, shape=(64, 64, 3), width=8, augmentation="colour,cutout"
    )
    run = TrainingRun(config, PackedDataset(cats), machine)
    seen: list[Tensor] = []
    hook = run.gan.discriminator.register_forward_pre_hook(
        lambda _module, args: seen.append(args[0].detach())
    )
    run.step()
    hook.remove()
    for images in seen:  # reals, fakes, and the generator's fakes: each has a cutout
        assert (images == 0).float().mean() > 0.05


@pytest.mark.parametrize(
    ("loss", "real", "fake", "accuracy"),
    [
        ("non_saturating", 0.2, -0.2, 1.0),
        ("least_squares", 0.8, 0.3, 1.0),
        ("wasserstein", 9.0, 8.0, 1.0),
        ("relativistic", -9.0, -8.0, 0.0),
    ],
)
def test_accuracy_uses_the_boundary_of_each_loss(
    loss: str, real: float, fake: float, accuracy: float
) -> None:
    logits = torch.full((4,), real), torch.full((4,), fake)
    assert classification_accuracy(loss, *logits).item() == accuracy


def test_a_penalty_in_every_second_step_has_twice_the_weight(
    cats: Path, config: TrainingConfig, machine: Machine
) -> None:
    config = replace(config, r1=1.0)
    always = TrainingRun(config, PackedDataset(cats), machine)
    lazy = TrainingRun(replace(config, penalty_every_steps=2), PackedDataset(cats), machine)
    assert step(lazy).penalty == pytest.approx(2 * step(always).penalty)
    assert step(lazy).penalty == 0


def test_frozen_layers_keep_their_weights_and_the_others_train(
    cats: Path, config: TrainingConfig, machine: Machine
) -> None:
    config = replace(config, frozen_discriminator_layers=1, updates="alternating")
    run = TrainingRun(config, PackedDataset(cats), machine)
    blocks = [next(block.parameters()) for block in run.gan.discriminator.blocks()]
    before = [block.detach().clone() for block in blocks]
    step(run)
    unchanged = [torch.equal(new, old) for new, old in zip(blocks, before, strict=True)]
    assert unchanged == [True, False, False, False]
