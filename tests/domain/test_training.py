"""How a request for a training is resolved on a dataset, and which requests are refused."""

from typing import Any

import pytest

from app.domain import registry
from app.domain.database import Database
from app.domain.errors import Conflict, InvalidRequest, NotFound
from app.domain.settings import Settings
from app.domain.tables import Checkpoint, Dataset, Job, Model
from app.domain.training import queue_training, resolve_config
from models.config import TrainingConfig
from models.presets import resolve
from models.ranges import ConfigError

BREEDS = ["tabby", "white"]
REQUEST: dict[str, Any] = {
    "dataset": "cats",
    "model": "cats",
    "preset": None,
    "images": None,
    "epochs": None,
    "batch_size": None,
    "seed": None,
    "resume_from": None,
    "stability": None,
    "overrides": {},
}


def dataset(**changes: Any) -> Dataset:
    values: dict[str, Any] = {
        "id": "d",
        "name": "cats",
        "status": "ready",
        "job": "j",
        "request": {},
        "images": 3000,
        "shape": [64, 64, 3],
        "classes": BREEDS,
        "horizontal_flip": True,
    }
    return Dataset(**values | changes)


def resolved(dataset: Dataset, **request: Any) -> TrainingConfig:
    return TrainingConfig.from_json(resolve_config(dataset, REQUEST | request))


def checkpoint(**trained: Any) -> Checkpoint:
    config = resolve("dcgan", **{"shape": (64, 64, 3)} | trained)
    return Checkpoint(
        id="c",
        model="cats",
        job="gone",
        images_seen=1000,
        config=config.to_json(),
        key="jobs/gone/1/checkpoint-1000.safetensors",
        sha256="",
        bytes=7,
    )


def test_the_default_preset_takes_its_shape_and_flips_from_the_dataset() -> None:
    config = resolved(dataset(shape=[96, 64, 4]))
    assert (config.preset, config.shape, config.classes) == ("small-data", (96, 64, 4), ())
    assert config.horizontal_flip


@pytest.mark.parametrize("harmless", [False, None])
def test_pictures_are_mirrored_only_if_harmless_or_requested(
    harmless: bool | None,
) -> None:
    digits = dataset(horizontal_flip=harmless)
    assert not resolved(digits).horizontal_flip
    assert resolved(digits, overrides={"horizontal_flip": True}).horizontal_flip


def test_a_conditional_training_has_the_classes_of_its_dataset() -> None:
    assert resolved(dataset(), overrides={"conditional": True}).classes == ("tabby", "white")
    with pytest.raises(ConfigError, match="needs classes"):
        resolved(dataset(classes=None), overrides={"conditional": True})


def test_a_dataset_with_unclassified_pictures_says_how_to_get_its_classes_back() -> None:
    unclassified = {"count": 1234, "files": ["cover.png", "a.png", "b.png", "c.png"]}
    mixed = dataset(classes=None, report={"unclassified": unclassified})
    with pytest.raises(ConfigError, match=r"1,234 .*\(cover\.png, a\.png, b\.png\).*=drop"):
        resolved(mixed, overrides={"conditional": True})
    assert resolved(mixed).classes == ()


def test_too_many_classes_are_counted_but_not_all_listed() -> None:
    folders = dataset(classes=[f"folder {number}" for number in range(10_000)])
    with pytest.raises(ConfigError, match="10,000 names: a model has at most 1,000") as refusal:
        resolved(folders, overrides={"conditional": True})
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("preset", ["dcgan", "small-data", "r3gan"])
def test_an_unreachable_shape_is_refused_with_the_nearest_reachable_one(preset: str) -> None:
    odd = dataset(shape=[50, 61, 3])
    with pytest.raises(InvalidRequest, match=r"50, 61, 3.*nearest") as refusal:
        resolved(odd, preset=preset)
    assert refusal.value.field == "dataset"
    assert resolved(odd, preset="mlp").shape == (50, 61, 3)


def test_a_fine_tuning_has_the_networks_and_the_preset_of_its_checkpoint() -> None:
    start = checkpoint(overrides={"width": 16, "latent_dim": 50})
    request = REQUEST | {"overrides": {"generator_learning_rate": 1e-5}}
    config = TrainingConfig.from_json(resolve_config(dataset(), request, start))
    assert (config.preset, config.width, config.latent_dim) == ("dcgan", 16, 50)
    assert config.generator_learning_rate == 1e-5
    other = TrainingConfig.from_json(
        resolve_config(dataset(), REQUEST | {"preset": "small-data"}, start)
    )
    assert (other.preset, other.width, other.augmentation) == ("small-data", 16, "translation")


def test_a_training_from_a_conditional_checkpoint_is_conditional_by_default() -> None:
    start = checkpoint(classes=("tabby", "white"), overrides={"conditional": True})
    config = TrainingConfig.from_json(resolve_config(dataset(), REQUEST, start))
    assert (config.conditional, config.classes) == (True, ("tabby", "white"))


@pytest.mark.parametrize(
    ("data", "overrides", "field"),
    [
        ({}, {"width": 64}, "width"),
        ({}, {"conditional": True}, "conditional"),
    ],
)
def test_a_fine_tuning_that_needs_other_networks_is_refused_with_the_field(
    data: dict[str, Any], overrides: dict[str, Any], field: str
) -> None:
    with pytest.raises(ConfigError, match="differs from the checkpoint's") as refusal:
        resolve_config(dataset(**data), REQUEST | {"overrides": overrides}, checkpoint())
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("shape", "has"), [([32, 48, 3], "48×32 in rgb"), ([64, 64, 4], "64×64 in rgba")]
)
def test_a_fine_tuning_on_another_shape_is_refused_with_both_shapes_and_the_remedy(
    shape: list[int], has: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        resolve_config(dataset(shape=shape), REQUEST, checkpoint())
    assert refusal.value.field == "resume_from"
    for words in ("checkpoint c of model 'cats'", "64×64 in rgb,", "dataset 'cats'", has):
        assert words in refusal.value.detail
    assert "size=64x64 and channels=rgb, or leave resume_from out" in refusal.value.detail


@pytest.mark.parametrize(
    ("classes", "has"), [(["black", "white"], "has black, white:"), (None, "has none:")]
)
def test_a_conditional_checkpoint_needs_a_dataset_of_its_classes(
    classes: list[str] | None, has: str
) -> None:
    start = checkpoint(classes=("tabby", "white"), overrides={"conditional": True})
    with pytest.raises(InvalidRequest, match="has learnt the classes tabby, white,") as refusal:
        resolve_config(dataset(classes=classes), REQUEST, start)
    assert refusal.value.field == "resume_from"
    assert has in refusal.value.detail


def prepare(database: Database) -> None:
    with database.write() as session:
        session.add(dataset())
        session.add(Model(name="cats"))
        session.flush()
        session.add(checkpoint())
        session.add(Model(name="empty"))


def queue(database: Database, **request: Any) -> Job:
    return queue_training(database, Settings(), REQUEST | request, None)


@pytest.mark.parametrize("named", ["c", "cats"])
def test_a_training_resumes_from_a_checkpoint_or_from_the_model_that_serves_it(
    database: Database, named: str
) -> None:
    prepare(database)
    job = queue(database, model="kittens", resume_from=named)
    assert (job.resume_from, job.preset) == ("c", "dcgan")


@pytest.mark.parametrize(
    ("named", "words"), [("dogs", "neither a checkpoint nor a model"), ("empty", "no checkpoint")]
)
def test_an_unknown_name_to_resume_from_is_not_found(
    database: Database, named: str, words: str
) -> None:
    prepare(database)
    with pytest.raises(NotFound, match=words) as refusal:
        queue(database, resume_from=named)
    assert refusal.value.field == "resume_from"


def test_a_model_that_a_queued_job_starts_from_cannot_be_deleted(database: Database) -> None:
    prepare(database)
    job = queue(database, model="kittens", resume_from="cats")
    with pytest.raises(Conflict, match=job.id), database.write() as session:
        registry.delete_model(session, "cats")
    with database.write() as session:
        session.delete(session.merge(job))
    with database.write() as session:
        assert registry.delete_model(session, "cats") == checkpoint().objects
