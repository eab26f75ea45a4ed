"""A dry run: the configuration, the estimate and the warnings of a training, without queuing it."""

from math import ceil, prod
from typing import Any, NamedTuple

from app.domain.database import Database
from app.domain.settings import MIB, Settings
from app.domain.step_timing import StepCost, StepMeter
from app.domain.training import lock_sources, resolve_config
from app.domain.training_warnings import RunEstimate, model_warnings, training_warnings
from app.domain.warning_kinds import TrainingWarning
from models.config import (
    CHECKPOINT_SECONDS,
    GPU_MEMORY_SHARE,
    RESIDENT_BYTES,
    TrainingConfig,
)

OVERHEAD = 1.06  # times the duration of the steps: with scores, samples, checkpoints and states
START_SECONDS = 5.0
MAX_STATES = 4  # on the disk at a time: the newest two, one for a rollback, and one in the store
PNG_SHARE = 0.8  # bytes of a sample's PNG per byte of its pixels


class DryRun(NamedTuple):
    """The configuration as JSON, the estimate, the warnings."""

    config: dict[str, Any]
    estimate: dict[str, Any]
    warnings: list[TrainingWarning]


def dry_run_training(
    database: Database, settings: Settings, meter: StepMeter, request: dict[str, Any]
) -> DryRun:
    """Resolve, check and estimate what `training.queue_training` would queue.

    Raises the same errors. The estimate's seconds are None if no step ended within the time limit.
    """
    with database.write() as session:  # takes the same locks as queue_training
        dataset, start = lock_sources(session, request)
        resolved = resolve_config(dataset, request, start)
        start_id = start.id if start else None
        about_model_warnings = model_warnings(session, request["model"], dataset, start_id)
    config = TrainingConfig.from_json(resolved)
    step = meter.measure(config)
    run = estimate_run(config, step, settings, dataset.images or 0)
    estimate = {
        "seconds": run.seconds,
        "memory_bytes": run.memory_bytes,
        "disk_bytes": run.disk_bytes,
        "device": step.device,
        "measured_on": step.machine,
        "worker": step.worker,
        "images_per_second": run.images_per_second,
        "checkpoints": run.checkpoints,
    }
    return DryRun(
        resolved, estimate, about_model_warnings + training_warnings(dataset, config, step, run)
    )


def estimate_run(
    config: TrainingConfig, step: StepCost, settings: Settings, pictures: int
) -> RunEstimate:
    """Estimate a whole run on a dataset of `pictures` from the cost of one step."""
    images_per_step = config.batch_size * config.discriminator_steps
    seconds = rate = None
    if step.step_seconds is not None:
        steps = ceil(config.images / images_per_step)
        seconds = START_SECONDS + steps * (step.step_seconds * OVERHEAD)
        rate = images_per_step / step.step_seconds
    checkpoints_by_time = (seconds or 0) / CHECKPOINT_SECONDS
    checkpoints = ceil(max(config.images / config.checkpoint_every_images, checkpoints_by_time))
    budget = settings.checkpoint_budget_mb * MIB // step.checkpoint_bytes
    kept = min(checkpoints, max(1, min(settings.checkpoints_kept, budget)))
    samples = 2 + config.images // config.sample_every_images
    sample_pixels = config.sample_grid**2 * prod(config.shape)
    disk = (
        kept * step.checkpoint_bytes
        + MAX_STATES * step.state_bytes
        + round(samples * sample_pixels * PNG_SHARE)
    )
    memory = step.memory_bytes + resident_bytes(pictures, config, step)
    return RunEstimate(seconds, rate, memory, disk, checkpoints, kept)


def resident_bytes(pictures: int, config: TrainingConfig, step: StepCost) -> int:
    """Return the bytes of the dataset if the trainer holds it in the measured memory, else 0."""
    size = pictures * prod(config.shape)
    limit = GPU_MEMORY_SHARE * step.free_bytes if step.device == "cuda" else RESIDENT_BYTES
    return size if size <= limit else 0
