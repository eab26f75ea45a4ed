"""A training in progress: its networks, its place in the data, its random numbers."""

from collections import deque
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.checkpoint import CheckpointError, NetworkWeights, NotFiniteError
from models.config import TrainingConfig
from models.data import EpochSampler, PackedDataset, split_off
from models.networks.build import build_discriminator, build_generator, initialise
from models.networks.network import Discriminator, Generator
from models.networks.normalisation import synchronise
from models.precision import Machine
from models.ranges import ConfigError
from models.seeds import random_stream
from models.training.augment import NOISE
from models.training.cuda_graph import GraphedStep, StepFunction
from models.training.ema import GeneratorAverage, reestimated
from models.training.group import Group
from models.training.health.signals import Finding
from models.training.health.watch import Watch
from models.training.schedules import Hyperparameters, ema_decay, hyperparameters
from models.training.stability import Stability
from models.training.step import Batch, Players, Step

READ_EVERY_STEPS = {"cpu": 1, "cuda": 32}  # a GPU would have to be waited for at each step


class Losses(NamedTuple):
    """What a step reports: losses, mean logits, the share judged rightly, the penalty, and how
    much of the discriminator's slope reaches the generator (steps.Step)."""

    generator_loss: float
    discriminator_loss: float
    discriminator_real: float
    discriminator_fake: float
    discriminator_accuracy: float
    penalty: float
    generator_slope: float


class TrainingRun:
    """`step` is the only thing that moves a run; all else only looks, but for `examine`, which with
    `stability=auto` may change what the next steps learn by.
    """

    def __init__(
        self,
        config: TrainingConfig,
        dataset: PackedDataset,
        machine: Machine,
        group: Group | None = None,
        start: NetworkWeights | None = None,
    ) -> None:
        dataset.check(config)
        self.config = config
        self.dataset = dataset
        self.machine = machine
        self.group = group or Group()
        if config.batch_size % self.group.size:
            raise ConfigError(
                "batch_size",
                config.batch_size,
                f"cannot be shared by {self.group.size} processes: make it a multiple",
            )
        self.images_seen = 0
        self.rollbacks = 0
        self.rolled_back_to: int | None = None  # images seen; of the last rollback in this process
        generator, discriminator = _networks(config, start)
        for network in (generator, discriminator):
            network.to(machine.device)
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # not in its stubs
        self.average = GeneratorAverage(generator)
        self.players = _players(config, generator, discriminator, machine, self.group)
        self.learnt, self.held_out = split_off(len(dataset), config.held_out_share)
        self.sampler = EpochSampler(len(self.learnt), config.seed)
        self.latents = random_stream(config.seed, "latents")
        self.noise = random_stream(config.seed, "noise")
        self._step: StepFunction = Step(config, self.players, machine, self.group)
        if machine.device.type == "cuda" and self.group.size == 1:
            self._step = GraphedStep(self._step)
        self.watch = Watch()
        self.stability = Stability()
        # What the steps since the last reading reported.
        self.unread: deque[Tensor] = deque(maxlen=READ_EVERY_STEPS[machine.device.type])
        self._read: list[Losses] = []

    @property
    def finished(self) -> bool:
        """Whether the first whole batch at or past `config.images` is done."""
        return self.images_seen >= self.config.images

    @property
    def images_per_step(self) -> int:
        """The reals that a step shows to the discriminator."""
        return self.config.batch_size * self.config.discriminator_steps

    @property
    def read_due(self) -> bool:
        """Whether it is time for `losses`: the same steps in every process of the group."""
        before = self.images_seen // self.images_per_step - 1  # even: a step with its penalties
        return self.finished or before % READ_EVERY_STEPS[self.machine.device.type] == 0

    @property
    def planned(self) -> Hyperparameters:
        """The values of the next step, but for what `stability` has changed."""
        return hyperparameters(self.config, self.images_seen, 0.5**self.rollbacks)

    def step(self) -> None:
        """Learn from the next batches; `losses` says how it went."""
        config = self.config
        values = self.stability.apply(self.planned)
        steps = self.images_seen // self.images_per_step
        penalise = steps % config.penalty_every_steps == 0
        reported = self._step(self._draw(), values, penalise)
        self.unread.append(reported.clone())  # a captured graph writes the same memory again
        self.images_seen += self.images_per_step
        decay = ema_decay(config, self.images_seen, self.images_per_step)
        self.average.update(self.players.generator, decay)

    def wait(self) -> None:
        """Until the device has done the steps that it was given."""
        if self.machine.device.type == "cuda":
            torch.cuda.synchronize(self.machine.device)

    def losses(self) -> Losses:
        """Of the last step. Raises NotFiniteError for a value that is NaN or infinite."""
        reported = torch.stack(list(self.unread))
        self.unread.clear()
        self.group.average([reported])
        self._read = [Losses(*one) for one in reported.tolist()]
        for losses in self._read:
            for name, value in losses._asdict().items():
                if not abs(value) < float("inf"):
                    raise NotFiniteError(
                        f"{name} became {value} at {self.images_seen:,} images seen"
                    )
        return self._read[-1]

    def examine(self) -> list[Finding]:
        """The signals that rise with the steps that `losses` read, to be called after it each
        time. With `stability=auto` it acts on those that are up.
        """
        risen, up = self.watch.read(self, self._read)
        if self.config.stability == "off":
            return risen
        said = []
        for finding in up:
            action = self.stability.act(finding.signal, self.planned, self.images_seen)
            if action or finding in risen:
                said.append(replace(finding, action=action))
        return said

    def served_generator(self) -> Generator:
        """The generator a checkpoint holds now: averaged, its BatchNorm statistics re-estimated."""
        return reestimated(self.average.generator)

    def _draw(self) -> list[Batch]:
        """A batch for each update of the discriminator, then the generator's unless it is shared.

        A relativistic generator compares its fakes with reals of its own. Other losses do not look
        at reals there, and the reals of the batch before stand for the classes alone.
        """
        batches = [self._next_batch() for _ in range(self.config.discriminator_steps)]
        if self.config.updates == "shared":
            return batches
        if self.config.loss == "relativistic":
            return [*batches, self._next_batch()]
        return [*batches, self._batch(batches[-1].pictures, batches[-1].labels)]

    def _next_batch(self) -> Batch:
        size = self.config.batch_size
        indices = self.group.part(self.learnt[self.sampler.take(size)])
        labels = self.dataset.labels(indices) if self.config.classes else None
        pictures = self.dataset.batch(indices)
        if self.dataset.on_disk:
            self.dataset.prefetch(self.group.part(self.learnt[self.sampler.peek(size)]))
        return self._batch(pictures, labels)

    def _batch(self, pictures: Tensor, labels: Tensor | None) -> Batch:
        size, device = self.config.batch_size, self.machine.device
        latents = torch.randn(size, self.config.latent_dim, generator=self.latents)
        noise = torch.rand(2, size, NOISE, generator=self.noise)
        return Batch(
            pictures.to(device),
            None if labels is None else labels.to(device),
            self.group.part(latents).to(device),
            self.group.part(noise.transpose(0, 1)).transpose(0, 1).to(device),
        )


def _networks(
    config: TrainingConfig, start: NetworkWeights | None
) -> tuple[Generator, Discriminator]:
    """Both at their start: as the configuration's source sets it, or as a checkpoint has it."""
    random = random_stream(config.seed, "weights")
    generator, discriminator = build_generator(config), build_discriminator(config)
    initialise(generator, random)
    initialise(discriminator, random)
    if start is not None:
        try:
            generator.load_state_dict(start.generator)
            discriminator.load_state_dict(start.discriminator)
        except RuntimeError as error:
            raise CheckpointError(f"the checkpoint is of other networks: {error}") from error
    blocks = discriminator.blocks()
    if config.frozen_discriminator_layers > len(blocks):
        raise ConfigError(
            "frozen_discriminator_layers",
            config.frozen_discriminator_layers,
            f"is more than the discriminator has: {len(blocks)}",
        )
    for block in blocks[: config.frozen_discriminator_layers]:
        block.requires_grad_(False)
    return generator, discriminator


def _players(
    config: TrainingConfig,
    generator: Generator,
    discriminator: Discriminator,
    machine: Machine,
    group: Group,
) -> Players:
    optimizers = []
    rates = config.generator_learning_rate, config.discriminator_learning_rate
    for network, rate in zip((generator, discriminator), rates, strict=True):
        if group.size > 1:
            synchronise(network)
        optimizers.append(_adam(network, rate, config, machine))
    return Players(generator, discriminator, *optimizers)


def _adam(
    network: nn.Module, rate: float, config: TrainingConfig, machine: Machine
) -> torch.optim.Optimizer:
    parameters = [one for one in network.parameters() if one.requires_grad]
    return torch.optim.Adam(
        parameters,
        lr=rate,
        betas=(config.beta1, config.beta2),
        fused=True,
        capturable=machine.device.type == "cuda",
    )
