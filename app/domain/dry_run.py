"""A dry run: what a training would be, what it would take, and what is to be warned of."""

from math import ceil, prod
from typing import Any, NamedTuple

from app.domain.advice import Quoted, warnings
from app.domain.database import Database
from app.domain.retention import MB
from app.domain.settings import Settings
from app.domain.step_timing import Measured, StepMeter
from app.domain.training import find_sources, model_warnings, resolve_config
from models.config import TrainingConfig

BESIDE_STEPS = 1.06  # scores, samples, checkpoints and states take so much of the time as well
START_SECONDS = 5.0
CHECKPOINT_SECONDS = 300.0  # a checkpoint at least so often
STATES = 4  # at most at a time: the newest two, what a rollback needs, and one in the store
RESIDENT_BYTES = 256 << 20  # a smaller dataset is held in memory
RESIDENT_SHARE = 0.5  # of a GPU's free memory, into which it then goes
PNG_SHARE = 0.8  # of the bytes of the pixels of a sample


class DryRun(NamedTuple):
    """The configuration as JSON, the estimate, the warnings as sentences."""

    config: dict[str, Any]
    estimate: dict[str, Any]
    warnings: list[str]


def quote_training(
    database: Database, settings: Settings, meter: StepMeter, request: dict[str, Any]
) -> DryRun:
    """What `training.queue_training` would queue, refused alike; nothing is queued.

    The estimate's seconds are None where no step ended in the time that there was.
    """
    with database.write() as session:  # it takes the locks that the training would
        dataset, start = find_sources(session, request)
        resolved = resolve_config(dataset, request, start)
        start_id = start.id if start else None
        about_model = model_warnings(session, request["model"], dataset, start_id)
    config = TrainingConfig.from_json(resolved)
    measured = meter.measure(config)
    quoted = reckon(config, measured, settings, dataset.images or 0)
    estimate = {
        "seconds": quoted.seconds,
        "memory_bytes": quoted.memory_bytes,
        "disk_bytes": quoted.disk_bytes,
        "device": measured.device,
        "measured_on": measured.machine,
        "images_per_second": quoted.images_per_second,
        "checkpoints": quoted.checkpoints,
    }
    said = about_model + warnings(dataset, config, measured, quoted)
    return DryRun(resolved, estimate, said)


def reckon(config: TrainingConfig, measured: Measured, settings: Settings, pictures: int) -> Quoted:
    """What the whole run on so many pictures takes, where a step takes what was measured."""
    images_per_step = config.batch_size * config.discriminator_steps
    seconds = rate = None
    if measured.step_seconds is not None:
        step = measured.step_seconds * BESIDE_STEPS
        seconds = START_SECONDS + ceil(config.images / images_per_step) * step
        rate = images_per_step / measured.step_seconds
    by_clock = (seconds or 0) / CHECKPOINT_SECONDS
    made = ceil(max(config.images / config.checkpoint_every_images, by_clock))
    room = settings.checkpoint_budget_mb * MB // measured.checkpoint_bytes
    kept = min(made, max(1, min(settings.checkpoints_kept, room)))
    samples = 2 + config.images // config.sample_every_images
    pixels = config.sample_grid**2 * prod(config.shape)
    disk = (
        kept * measured.checkpoint_bytes
        + STATES * measured.state_bytes
        + round(samples * pixels * PNG_SHARE)
    )
    memory = measured.memory_bytes + resident(pictures, config, measured)
    return Quoted(seconds, rate, memory, disk, made, kept)


def resident(pictures: int, config: TrainingConfig, measured: Measured) -> int:
    """The bytes of the pictures, where the trainer holds them in the memory that was measured."""
    size = pictures * prod(config.shape)
    room = RESIDENT_SHARE * measured.free_bytes if measured.device == "cuda" else RESIDENT_BYTES
    return size if size <= room else 0
