"""A training in progress: its networks, its position in the data, and its random numbers."""

from collections import deque
from functools import partial
from math import isfinite

import torch
from torch import Tensor

from models.checkpoint import NetworkWeights, NotFiniteError
from models.config import TrainingConfig
from models.data import EpochSampler, PackedDataset, split_held_out
from models.networks.network import Generator
from models.precision import Machine
from models.random_streams import random_stream
from models.ranges import ConfigError
from models.training.augment import NOISE
from models.training.cuda_graph import GraphedStep, StepFunction
from models.training.ema import GeneratorAverage, reestimated
from models.training.gan import build_gan, build_networks
from models.training.group import Group
from models.training.health.probe import Snapshot
from models.training.health.watch import Watch
from models.training.schedules import Adjustments, Hyperparameters, ema_decay, hyperparameters
from models.training.step import Batch, StepReport, train_step

# How many steps pass between two readings of their reports: each reading waits for the device.
READ_EVERY_STEPS = {"cpu": 1, "cuda": 32}


class TrainingRun:
    """The state of a training, which `step` advances."""

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
        self.rolled_back_to: int | None = None  # images seen, at the last rollback of this process
        generator, discriminator = build_networks(config, machine.device, start)
        self.average = GeneratorAverage(generator)  # with BatchNorm as it is served
        self.gan = build_gan(config, machine, self.group, generator, discriminator)
        self._train_step: StepFunction = partial(train_step, self.gan)
        if machine.device.type == "cuda" and self.group.size == 1:
            self._train_step = GraphedStep(self._train_step)
        self.training_indices, self.held_out_indices = split_held_out(
            len(dataset), config.held_out_share
        )
        self.sampler = EpochSampler(len(self.training_indices), config.seed)
        self.latent_random = random_stream(config.seed, "latents")
        self.noise_random = random_stream(config.seed, "noise")
        self.watch = Watch()
        self.adjustments = Adjustments()
        # Reports (7,) that are still on the device, and those of the last reading.
        self.unread: deque[Tensor] = deque(maxlen=READ_EVERY_STEPS[machine.device.type])
        self.reports: list[StepReport[float]] = []
        self._served: Generator | None = None  # after the last step, once it was wanted

    @property
    def finished(self) -> bool:
        """Whether the first whole batch at or past `config.images` is done."""
        return self.images_seen >= self.config.images

    @property
    def images_per_step(self) -> int:
        """The real images that a step shows to the discriminator."""
        return self.config.batch_size * self.config.discriminator_steps

    @property
    def read_due(self) -> bool:
        """Whether to call `read_report` now, which is after the same steps in every process."""
        # On a GPU, steps 0, 32, 64, … are read: they have penalties if every 2nd, 4th, … step has.
        last_step = self.images_seen // self.images_per_step - 1
        return self.finished or last_step % READ_EVERY_STEPS[self.machine.device.type] == 0

    @property
    def scheduled(self) -> Hyperparameters:
        """The values of the next step, before any adjustment."""
        return hyperparameters(self.config, self.images_seen, 0.5**self.rollbacks)

    def step(self) -> None:
        """Train on the next batches. `read_report` returns the measurements."""
        values = self.adjustments.apply(self.scheduled)
        steps = self.images_seen // self.images_per_step
        if steps % self.config.penalty_every_steps:
            values = values.without_penalties()
        report = self._train_step(self._next_batches(), values)
        self.unread.append(torch.stack(report))
        self.images_seen += self.images_per_step
        self._served = None
        decay = ema_decay(self.config, self.images_seen, self.images_per_step)
        self.average.update(self.gan.generator, decay)

    def read_report(self) -> StepReport[float]:
        """Wait for the steps since the last reading; return the report of the last one.

        Raises NotFiniteError if a value of any of them is NaN or infinite.
        """
        values = torch.stack(list(self.unread))
        self.unread.clear()
        self.group.average([values])
        self.reports = [StepReport(*row) for row in values.tolist()]
        for report in self.reports:
            for name, value in report._asdict().items():
                if not isfinite(value):
                    raise NotFiniteError(
                        f"{name} became {value} at {self.images_seen:,} images seen"
                    )
        return self.reports[-1]

    def synchronise(self) -> None:
        """Wait until the device has done every step so far."""
        if self.machine.device.type == "cuda":
            torch.cuda.synchronize(self.machine.device)

    def snapshot(self) -> Snapshot:
        """The training at this moment, as the health signals read it."""
        return Snapshot(
            images_seen=self.images_seen,
            config=self.config,
            machine=self.machine,
            group=self.group,
            dataset=self.dataset,
            training_indices=self.training_indices,
            held_out_indices=self.held_out_indices,
            generator=self.gan.generator,
            discriminator=self.gan.discriminator,
        )

    def served_generator(self) -> Generator:
        """The generator of a checkpoint: the average, with re-estimated BatchNorm statistics.

        It is the same object until the next step: do not change it.
        """
        if self._served is None:
            self._served = reestimated(self.average.generator)
        return self._served

    def _next_batches(self) -> list[Batch]:
        """A batch for each update of the discriminator, then the generator's unless it is shared.

        Only a relativistic generator compares its fakes with real images, and draws new ones. For
        other losses its batch repeats the last images and labels: the labels are all it uses.
        """
        batches = [self._next_batch() for _ in range(self.config.discriminator_steps)]
        if self.config.updates == "shared":
            return batches
        if self.config.loss == "relativistic":
            return [*batches, self._next_batch()]
        return [*batches, self._batch(batches[-1].images, batches[-1].labels)]

    def _next_batch(self) -> Batch:
        size = self.config.batch_size
        indices = self.group.own_rows(self.training_indices[self.sampler.take(size)])
        labels = self.dataset.labels(indices) if self.config.classes else None
        images = self.dataset.batch(indices)
        if self.dataset.on_disk:
            following = self.training_indices[self.sampler.peek(size)]
            self.dataset.prefetch(self.group.own_rows(following))
        return self._batch(images, labels)

    def _batch(self, images: Tensor, labels: Tensor | None) -> Batch:
        """The images with latents and noise, of which each process of a group draws all rows."""
        size, device = self.config.batch_size, self.machine.device
        latents = torch.randn(size, self.config.latent_dim, generator=self.latent_random)
        noise = torch.rand(2, size, NOISE, generator=self.noise_random)
        return Batch(
            images.to(device),
            None if labels is None else labels.to(device),
            self.group.own_rows(latents).to(device),
            self.group.own_rows(noise.transpose(0, 1)).transpose(0, 1).to(device),
        )
