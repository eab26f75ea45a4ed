"""Queuing an evaluation: which checkpoint, how many images, and which shapes compare."""

from typing import Any

import pytest
from queued_jobs import read_job

from app.domain.database import Database
from app.domain.errors import Conflict, InvalidRequest, NotFound
from app.domain.evaluation import images_to_score, queue_evaluation
from app.domain.registry import delete_model
from app.domain.settings import Settings
from app.domain.tables import Checkpoint, Dataset, Model
from models.config import TrainingConfig

REQUEST: dict[str, Any] = {"dataset": "cats", "model": None, "checkpoint": None, "images": None}


def checkpoint(name: str = "c", **config: Any) -> Checkpoint:
    trained = TrainingConfig(**config).to_json()
    stored = {"images_seen": 64, "key": name, "sha256": "", "bytes": 7}
    return Checkpoint(id=name, model="cats", config=trained, **stored)


def cats(**changes: Any) -> Dataset:
    values = {"images": 3000, "shape": [64, 64, 3], "status": "ready"}
    fixed = {"id": "d", "name": "cats", "job": "j", "request": {}}
    return Dataset(**fixed | values | changes)


@pytest.fixture
def stored(database: Database) -> None:
    """A dataset, and a model with an older checkpoint that scored better than the newer one."""
    with database.write() as session:
        session.add_all([cats(), Model(name="cats"), Model(name="dogs")])
        session.flush()
        for name, kid in (("better", 0.1), ("newer", 0.2)):
            scored = checkpoint(name)
            scored.kid = kid
            session.add(scored)
            session.flush()


def queue(database: Database, key: str | None = None, **request: Any) -> str:
    return queue_evaluation(database, Settings(), REQUEST | request, key).id


@pytest.mark.parametrize(
    ("request_", "meant"),
    [
        ({"model": "cats"}, "better"),
        ({"model": "cats", "checkpoint": "newer"}, "newer"),
        ({"checkpoint": "newer"}, "newer"),
    ],
)
def test_the_served_checkpoint_is_evaluated_unless_another_is_named(
    database: Database, stored: None, request_: dict[str, Any], meant: str
) -> None:
    job = read_job(database, queue(database, **request_))
    assert (job.kind, job.queue, job.model, job.checkpoint) == (
        "evaluate",
        "evaluate",
        "cats",
        meant,
    )
    assert (job.config, job.progress["images_total"]) == ({"images": 3000}, 3000)


def test_an_unknown_model_checkpoint_or_dataset_is_named(database: Database, stored: None) -> None:
    for request, words in [
        ({"model": "birds"}, "no model 'birds'"),
        ({"model": "dogs"}, "no checkpoint yet"),
        ({"model": "dogs", "checkpoint": "newer"}, "no checkpoint 'newer'"),
        ({"checkpoint": "gone"}, "no checkpoint 'gone'"),
        ({"model": "cats", "dataset": "dogs"}, "no dataset 'dogs'"),
    ]:
        with pytest.raises(NotFound, match=words):
            queue(database, **request)


def test_the_same_idempotency_key_creates_one_job_and_refuses_another_request(
    database: Database, stored: None
) -> None:
    first = queue(database, "once", model="cats")
    assert queue(database, "once", model="cats") == first
    with pytest.raises(Conflict, match=first):
        queue(database, "once", model="cats", images=10)


def test_a_model_that_is_evaluated_cannot_be_deleted(database: Database, stored: None) -> None:
    job = queue(database, model="cats")
    with pytest.raises(Conflict, match=job), database.write() as session:
        delete_model(session, "cats")


def test_a_dataset_that_is_not_ready_is_a_conflict(database: Database, stored: None) -> None:
    with database.write() as session:
        session.query(Dataset).one().status = "ingesting"
    with pytest.raises(Conflict, match="not ready"):
        queue(database, model="cats")


def test_the_default_is_as_many_images_as_the_dataset_has_up_to_the_limits() -> None:
    assert images_to_score(cats(), checkpoint(), None) == 3000
    assert images_to_score(cats(images=10**6), checkpoint(), None) == 50_000
    large = cats(images=10**6, shape=[256, 256, 3])
    assert images_to_score(large, checkpoint(shape=(256, 256, 3)), None) == 5461
    assert images_to_score(cats(), checkpoint(), 50_000) == 50_000


@pytest.mark.parametrize("images", [-1, 0, 1, 50_001])
def test_too_few_or_too_many_images_are_refused(images: int) -> None:
    with pytest.raises(InvalidRequest, match="2 to 50000") as refusal:
        images_to_score(cats(), checkpoint(), images)
    assert refusal.value.field == "images"


def test_another_size_is_resized_but_other_proportions_and_channels_are_refused() -> None:
    assert images_to_score(cats(), checkpoint(shape=(128, 128, 3)), None) == 3000
    assert images_to_score(cats(shape=[96, 64, 3]), checkpoint(shape=(48, 32, 3)), None) == 3000
    for shape in ((64, 64, 1), (64, 64, 4), (64, 96, 3)):
        with pytest.raises(InvalidRequest, match="the channels have to be the same") as refusal:
            images_to_score(cats(), checkpoint(shape=shape), None)
        assert refusal.value.field == "dataset"
