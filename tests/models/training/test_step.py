"""Each kind of step is its source's, number for number, written out plainly beside it."""

from dataclasses import replace
from pathlib import Path

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
from models.training.group import Group
from models.training.run import TrainingRun
from models.training.schedules import hyperparameters
from models.training.step import Batch, Step


def _batch(dataset: PackedDataset, place: int, latent_dim: int) -> Batch:
    random = torch.Generator().manual_seed(place)
    return Batch(
        dataset.batch(torch.arange(16 * place, 16 * place + 16)),
        None,
        torch.randn(16, latent_dim, generator=random),
        torch.rand(2, 16, NOISE, generator=random),
    )


def _do(run: TrainingRun, batches: list[Batch]) -> Tensor:
    updates = Step(run.config, run.players, run.machine, Group())
    return updates(batches, hyperparameters(run.config, 0), True)


def _weights(run: TrainingRun) -> list[Tensor]:
    players = run.players
    return [*players.generator.state_dict().values(), *players.discriminator.state_dict().values()]


def _same(ours: TrainingRun, plain: TrainingRun) -> bool:
    return all(torch.equal(a, b) for a, b in zip(_weights(ours), _weights(plain), strict=True))


def _clear(run: TrainingRun) -> None:
    run.players.generator.zero_grad()
    run.players.discriminator.zero_grad()


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    if target == 0:
        return F.softplus(logits).mean()  # the same, and bit for bit what is compared with
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def _numpy_articles_step(run: TrainingRun, batch: Batch) -> list[float]:
    """Two passes of the fakes, two backward calls."""
    players = run.players
    with run.machine.autocast():
        fakes = players.generator(batch.latents)
        logits = players.discriminator(fakes)
    generator_loss = F.softplus(-logits).mean()
    generator_loss.backward()
    players.generator_optimizer.step()
    players.discriminator.zero_grad()
    with run.machine.autocast():
        fake_logits = players.discriminator(fakes.detach())
        real_logits = players.discriminator(normalise(batch.pictures))
    loss = _cross_entropy(real_logits, 1) + _cross_entropy(fake_logits, 0)
    loss.backward()
    players.discriminator_optimizer.step()
    _clear(run)
    return [generator_loss.item(), loss.item()]


def test_sharing_the_fakes_pass_gives_the_numpy_articles_weights(
    cats: Path, config: TrainingConfig, precise_machine: Machine
) -> None:
    dataset = PackedDataset(cats)
    ours, plain = (TrainingRun(config, dataset, precise_machine) for _ in range(2))
    for place in range(3):
        batch = _batch(dataset, place, 100)
        expected = _numpy_articles_step(plain, batch)
        assert _do(ours, [batch])[:2].tolist() == pytest.approx(expected, rel=1e-6)
    learnt = zip(
        [*ours.players.generator.parameters(), *ours.players.discriminator.parameters()],
        [*plain.players.generator.parameters(), *plain.players.discriminator.parameters()],
        strict=True,
    )
    assert all(torch.equal(one, other) for one, other in learnt)


def test_mlp_learns_as_the_keras_article_does(cats: Path, machine: Machine) -> None:
    config = replace(PRESETS["mlp"].config, shape=(64, 64, 3), width=8)
    dataset = PackedDataset(cats)
    ours, plain = (TrainingRun(config, dataset, machine) for _ in range(2))
    players = plain.players
    for place in range(3):
        first, second = _batch(dataset, 2 * place, 100), _batch(dataset, 2 * place + 1, 100)
        reported = _do(ours, [first, second])

        players.generator.eval()
        fakes = players.generator(first.latents).detach()
        players.generator.train()
        losses, right = [], []
        for images, target in ((normalise(first.pictures), 1.0), (fakes, 0.0)):
            logits = players.discriminator(images)
            losses.append(_cross_entropy(logits, target))
            right.append(((logits > 0) == (target > 0)).float().mean())
            losses[-1].backward()
            players.discriminator_optimizer.step()
            _clear(plain)
        loss = _cross_entropy(players.discriminator(players.generator(second.latents)), 1)
        loss.backward()
        players.generator_optimizer.step()
        _clear(plain)

        assert reported[0].item() == pytest.approx(loss.item(), rel=1e-5)
        assert reported[1].item() == pytest.approx(sum(losses).item() / 2, rel=1e-5)
        assert reported[4].item() == pytest.approx(sum(right).item() / 2)
    for one, other in zip(_weights(ours), _weights(plain), strict=True):
        torch.testing.assert_close(one, other)


def test_mlp_relu_learns_as_the_mindspore_article_does(cats: Path, machine: Machine) -> None:
    config = replace(PRESETS["mlp-relu"].config, shape=(64, 64, 3), width=8)
    dataset = PackedDataset(cats)
    ours, plain = (TrainingRun(config, dataset, machine) for _ in range(2))
    players = plain.players
    first, second = _batch(dataset, 0, 128), _batch(dataset, 1, 128)
    _do(ours, [first, second])

    fakes = players.generator(first.latents).detach()
    real, fake = players.discriminator(normalise(first.pictures)), players.discriminator(fakes)
    (_cross_entropy(real, 1) + _cross_entropy(fake, 0)).backward()
    players.discriminator_optimizer.step()
    _clear(plain)
    _cross_entropy(players.discriminator(players.generator(second.latents)), 1).backward()
    players.generator_optimizer.step()

    for one, other in zip(_weights(ours), _weights(plain), strict=True):
        torch.testing.assert_close(one, other)


def _augmented(images: Tensor, noise: Tensor) -> Tensor:
    """Colour, translation and cutout of every picture, one after the other, from the paper's text.

    Zhao et al. (arXiv 2006.10738), section 3.2; `noise` (B, NOISE): see models.training.augment.
    """
    seen = []
    for image, random in zip(images, noise, strict=True):
        brightness, saturation, contrast, down, right, row, column = random[:7].tolist()
        image = image + (brightness - 0.5)
        grey = image.mean(0, keepdim=True)
        image = grey + (image - grey) * (2 * saturation)
        image = image.mean() + (image - image.mean()) * (contrast + 0.5)
        height, width = image.shape[1:]
        reach = height // 8
        down, right = (int(moved * (2 * reach + 1)) - reach for moved in (down, right))
        framed = F.pad(image, (reach, reach, reach, reach))
        top, left = reach - down, reach - right
        image = framed[:, top : top + height, left : left + width]
        kept = torch.ones(height, width)
        size = height // 2
        above, before = (int(place * (height + 1)) - size // 2 for place in (row, column))
        kept[max(0, above) : above + size, max(0, before) : before + size] = 0
        seen.append(image * kept)
    return torch.stack(seen)


@pytest.mark.parametrize("augmented", [False, True])
def test_r3gan_learns_from_pairs_and_both_penalties_on_the_images_before_augmentation(
    cats: Path, augmented: bool, machine: Machine
) -> None:
    """Huang et al. (arXiv 2501.05441): equation 3 with R1 and R2; each phase has its own reals."""
    always = {"augmentation_probability": 1.0, "augmentation_probability_final": 1.0}
    config = replace(
        PRESETS["r3gan"].config,
        **{"width": 8, "max_width": 16, "horizontal_flip": False},
        **(always if augmented else {}),
    )
    dataset = PackedDataset(cats)
    ours, plain = (TrainingRun(config, dataset, machine) for _ in range(2))
    players = plain.players
    first, second = _batch(dataset, 0, 64), _batch(dataset, 1, 64)
    reported = _do(ours, [first, second])

    def seen(images: Tensor, noise: Tensor) -> Tensor:
        return _augmented(images, noise) if augmented else images

    reals = normalise(first.pictures).requires_grad_()
    fakes = players.generator(first.latents).detach().requires_grad_()
    real = players.discriminator(seen(reals, first.noise[0]))
    fake = players.discriminator(seen(fakes, first.noise[1]))
    penalty = torch.zeros(())
    for logits, images in ((real, reals), (fake, fakes)):
        (slopes,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        penalty = penalty + config.r1 / 2 * slopes.square().sum((1, 2, 3)).mean()
    loss = F.softplus(fake - real).mean()
    (loss + penalty).backward()
    players.discriminator_optimizer.step()
    _clear(plain)
    fake = players.discriminator(seen(players.generator(second.latents), second.noise[1]))
    real = players.discriminator(seen(normalise(second.pictures), second.noise[0]))
    F.softplus(real - fake).mean().backward()
    players.generator_optimizer.step()

    assert reported[1].item() == pytest.approx(loss.item(), rel=1e-5)
    assert reported[5].item() == pytest.approx(penalty.item(), rel=1e-4)
    for one, other in zip(_weights(ours), _weights(plain), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("updates", ["shared", "alternating"])
@pytest.mark.parametrize("loss", ["least_squares", "hinge", "wasserstein", "relativistic"])
def test_every_loss_moves_both_networks(
    cats: Path, config: TrainingConfig, machine: Machine, loss: str, updates: str
) -> None:
    config = replace(
        config, loss=loss, updates=updates, gradient_penalty=10.0, r1=1.0, r2=1.0,
        augmentation="colour,translation,cutout", horizontal_flip=True,
    )  # fmt: skip
    run = TrainingRun(config, PackedDataset(cats), machine)
    before = [one.clone() for one in _weights(run)]
    reported = step(run)
    assert reported.penalty > 0
    assert all(
        not torch.equal(one, other) for one, other in zip(before, _weights(run), strict=True)
    )


def test_what_is_learnt_apart_is_augmented_alike(cats: Path, machine: Machine) -> None:
    config = replace(
        PRESETS["mlp"].config, shape=(64, 64, 3), width=8, augmentation="colour,cutout"
    )
    run = TrainingRun(config, PackedDataset(cats), machine)
    seen: list[Tensor] = []
    hook = run.players.discriminator.register_forward_pre_hook(
        lambda _module, args: seen.append(args[0].detach())
    )
    run.step()
    hook.remove()
    for images in seen:  # reals, fakes, and the generator's fakes: half of each side is cut out
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
def test_the_accuracy_is_by_each_losss_own_border(
    new_run: TrainingRun, loss: str, real: float, fake: float, accuracy: float
) -> None:
    updates = Step(replace(new_run.config, loss=loss), new_run.players, new_run.machine, Group())
    logits = torch.full((4,), real), torch.full((4,), fake)
    assert updates._seen(*logits)[2].item() == accuracy


def test_a_penalty_of_one_step_in_two_weighs_twice(
    cats: Path, config: TrainingConfig, machine: Machine
) -> None:
    config = replace(config, r1=1.0)
    always = TrainingRun(config, PackedDataset(cats), machine)
    lazy = TrainingRun(replace(config, penalty_every_steps=2), PackedDataset(cats), machine)
    assert step(lazy).penalty == pytest.approx(2 * step(always).penalty)
    assert step(lazy).penalty == 0


def test_frozen_layers_keep_their_weights_and_the_others_learn(
    cats: Path, config: TrainingConfig, machine: Machine
) -> None:
    config = replace(config, frozen_discriminator_layers=1, updates="alternating")
    run = TrainingRun(config, PackedDataset(cats), machine)
    blocks = [block[0].weight for block in run.players.discriminator.blocks()]
    before = [block.detach().clone() for block in blocks]
    step(run)
    kept = [torch.equal(one, other) for one, other in zip(blocks, before, strict=True)]
    assert kept == [True, False, False, False]
