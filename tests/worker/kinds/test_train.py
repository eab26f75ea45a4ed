"""Trainings by real workers and real trainers: fine-tuning, divergence, retention."""

import hashlib
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from job_watch import JobWatch
from servers import ON_POSTGRESQL
from sqlalchemy import select

from app.domain.database import Database
from app.domain.job_states import Status, Stop
from app.domain.jobs import request_stop
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint
from models.checkpoint import load_weights

pytestmark = [pytest.mark.slow, ON_POSTGRESQL]

# Adam without its second moment divides by vanishing gradients: every seed is NaN in 20 steps.
DIVERGING: dict[str, Any] = {
    "generator_learning_rate": 0.1,
    "discriminator_learning_rate": 0.1,
    "discriminator_normalisation": "none",
    "loss": "wasserstein",
    "beta1": 0.9,
    "beta2": 0.0,
}

Train = Callable[..., str]
Watch = Callable[[str], JobWatch]
StartWorker = Callable[..., subprocess.Popen[bytes]]


def checkpoints(database: Database, model: str) -> list[Checkpoint]:
    with database.read() as session:
        query = select(Checkpoint).where(Checkpoint.model == model)
        return list(session.scalars(query.order_by(Checkpoint.number)))


def discriminator(store: ObjectStore, checkpoint: Checkpoint) -> dict[str, Any]:
    return load_weights(store.local_copy(checkpoint.key)).discriminator


def test_a_fine_tuning_starts_from_the_scored_model_and_keeps_its_frozen_layers(
    train: Train, watch: Watch, start_worker: StartWorker, database: Database, store: ObjectStore
) -> None:
    start_worker("train")
    assert watch(train(512)).until_ended().status == Status.SUCCEEDED
    (start,) = checkpoints(database, "digits")
    assert start.metrics is not None
    assert start.metrics["images"] == 128
    assert start.kid == start.metrics["kid"]
    job_id = train(
        512,
        request={"model": "tuned", "resume_from": "digits", "preset": None, "seed": 2},
        frozen_discriminator_layers=2,
    )
    job = watch(job_id).until_ended()
    assert (job.status, job.error, job.resume_from) == (Status.SUCCEEDED, None, start.id)
    (tuned,) = checkpoints(database, "tuned")
    before, after = discriminator(store, start), discriminator(store, tuned)
    weights = [name for name in before if name.endswith("weight") and before[name].ndim == 4]
    unchanged = [name for name in weights if before[name].equal(after[name])]
    assert unchanged == weights[:2]


def test_a_diverging_training_is_rolled_back_twice_and_then_fails(
    train: Train, watch: Watch, start_worker: StartWorker
) -> None:
    start_worker("train")
    # Batches of 4 diverge within 128 images, batches of 64 only after a minute.
    job = watch(train(100_000, {"batch_size": 4}, **DIVERGING))
    ended = job.until_ended()
    assert ended.status == Status.FAILED
    assert ended.error is not None
    assert "after 2 rollbacks" in ended.error
    assert ended.error_facts == {"kind": "diverged"}
    first, second = job.events("health")
    assert [first["kind"], first["rollbacks"], second["rollbacks"]] == ["rollback", 1, 2]
    assert second["generator_learning_rate"] == pytest.approx(first["generator_learning_rate"] / 2)
    assert "rolled back" in first["message"]
    for times, event in enumerate((first, second), start=1):
        assert (event["signal"], event["value"], event["threshold"]) == ("not_finite", times, 2)
        assert "rolled back" in event["says"]
        assert "lower learning rates" in event["suggests"]
    assert ended.attempt <= 1


def test_a_long_training_keeps_the_allowed_number_of_checkpoints(
    train: Train,
    watch: Watch,
    start_worker: StartWorker,
    database: Database,
    store: ObjectStore,
    settings: Settings,
) -> None:
    start_worker("train")
    job = watch(train(2048, checkpoint_every_images=256))
    assert job.until_ended().status == Status.SUCCEEDED
    kept = checkpoints(database, "digits")
    assert len(job.events("checkpoint")) == 8
    assert len(kept) == settings.checkpoints_kept
    assert kept[-1].images_seen == 2048
    stored = [key for key in store.keys(f"jobs/{job.id}") if "/checkpoint-" in key]
    assert stored == sorted(key for checkpoint in kept for key in checkpoint.objects)
    for checkpoint in kept:
        for key, sha256 in zip(
            checkpoint.objects, (checkpoint.sha256, checkpoint.onnx_sha256), strict=True
        ):
            assert hashlib.sha256(store.get_bytes(key)).hexdigest() == sha256


def test_a_health_finding_is_an_event_with_the_action_taken(
    train: Train, watch: Watch, start_worker: StartWorker
) -> None:
    start_worker("train")
    changes = {
        "generator_normalisation": "none",
        "discriminator_normalisation": "none",
        "latent_dim": 2,
    }
    job = watch(train(200_000, stability="auto", **changes))
    job.until(lambda _: bool(job.events("health")), seconds=120)
    (finding, *_) = job.events("health")
    assert finding["signal"] == "mode_collapse"
    assert finding["value"] < finding["threshold"]
    assert finding["action"] == {
        "field": "augmentation",
        "before": "none",
        "after": "translation",
    }


def test_two_processes_train_one_model_and_stop_together(
    train: Train, watch: Watch, start_worker: StartWorker, database: Database
) -> None:
    start_worker("train", processes_per_training=2)
    job = watch(train(200_000))
    job.until(lambda row: (row.progress["images_seen"] or 0) > 0)
    with database.write() as session:
        request_stop(session, job.id, Stop.PAUSE)
    assert job.until(lambda row: row.status != Status.RUNNING).status == Status.PAUSED
    with database.write() as session:
        request_stop(session, job.id, Stop.CANCEL)
    assert job.until_ended().status == Status.CANCELLED
