"""The served checkpoint: set by hand, else the best comparable one, else the newest."""

from collections.abc import Callable

import pytest
from queued_jobs import claim_job, queue_job

from app.domain import registry
from app.domain.database import Database
from app.domain.leases import Claim
from app.domain.served_checkpoint import served_checkpoint, served_reason
from app.domain.tables import Checkpoint, Dataset, Model

Add = Callable[..., str]


@pytest.fixture
def add(database: Database) -> Add:
    """Registers a checkpoint as a worker does, and returns its id."""

    def register(
        claim: Claim, images_seen: int, kid: float | None = None, embedding: str = "e"
    ) -> str:
        metrics = None
        if kid:
            interval = [kid - 0.002, kid + 0.002]
            metrics = {"kid": kid, "kid_interval": interval, "embedding": embedding}
        with database.write() as session:
            stored = registry.add_checkpoint(
                session,
                claim,
                images_seen=images_seen,
                key=f"{claim.job_id}/{images_seen}",
                sha256="",
                size=1,
                metrics=metrics,
            )
            return stored.id

    return register


def served(database: Database) -> tuple[str | None, str | None]:
    """Return the id of the served checkpoint and the reason."""
    with database.read() as session:
        model = registry.find_model(session, "cats")
        checkpoint = served_checkpoint(session, model)
        if checkpoint is None:
            return None, None
        assert registry.resolve_checkpoint(session, "cats").id == checkpoint.id
        return checkpoint.id, served_reason(session, model).phrase()


def test_a_repeated_checkpoint_gets_missing_scores_and_keeps_existing_ones(
    database: Database, claim: Claim, add: Add
) -> None:
    first = add(claim, 64)
    scores = {"kid": 0.3, "kid_interval": [0.2, 0.4]}
    with database.write() as session:
        assert not registry.ensure_scored(session, claim, 64, None)
        assert registry.ensure_scored(session, claim, 64, scores)
        assert registry.ensure_scored(session, claim, 64, scores | {"kid": 0.1})
        assert registry.ensure_scored(session, claim, 64, None)
        stored = registry.find_checkpoint(session, first)
        assert (stored.kid, stored.metrics) == (0.3, scores)


def test_a_model_without_a_checkpoint_serves_none(database: Database, claim: Claim) -> None:
    assert served(database) == (None, None)


def test_before_any_score_the_newest_is_served(database: Database, claim: Claim, add: Add) -> None:
    add(claim, 100)
    newest = add(claim, 200)
    assert served(database) == (newest, "the newest: none is scored yet")


def test_the_lowest_kid_is_served_before_newer_and_unscored_checkpoints(
    database: Database, claim: Claim, add: Add
) -> None:
    add(claim, 300_000, 0.020)
    best = add(claim, 600_000, 0.012)
    add(claim, 900_000, 0.013)
    add(claim, 1_200_000)
    why = "the lowest KID of 3 scored checkpoints: 0.012 (0.010 to 0.014), at 600,000 images"
    assert served(database) == (best, why)


def test_a_single_score_is_named_as_such(database: Database, claim: Claim, add: Add) -> None:
    only = add(claim, 100, 0.5)
    add(claim, 200)
    assert served(database) == (only, "the only KID: 0.50 (0.50 to 0.50), at 100 images")


def test_among_equal_scores_the_longer_trained_checkpoint_is_served(
    database: Database, claim: Claim, add: Add
) -> None:
    add(claim, 100, 0.5)
    longer = add(claim, 200, 0.5)
    assert served(database)[0] == longer


def test_a_kid_below_zero_is_better_than_one_above(
    database: Database, claim: Claim, add: Add
) -> None:
    below = add(claim, 100, -0.001)
    add(claim, 200, 0.001)
    assert served(database)[0] == below


def add_dataset(database: Database, name: str, content_hash: str) -> None:
    with database.write() as session:
        dataset = Dataset(id=name, name=name, status="ready", job="", request={})
        dataset.content_hash = content_hash
        session.add(dataset)


@pytest.fixture
def training(database: Database) -> Callable[[str], Claim]:
    """Starts a training of the model cats on the named dataset."""
    with database.write() as session:
        session.add(Model(name="cats"))

    def begin(dataset: str) -> Claim:
        queue_job(database, model="cats", dataset=dataset)
        return claim_job(database)

    return begin


def test_a_short_retraining_on_the_same_pictures_does_not_replace_a_better_checkpoint(
    database: Database, training: Callable[[str], Claim], add: Add
) -> None:
    add_dataset(database, "cats", "one")
    good = add(training("cats"), 750_000, 0.42)
    retraining = training("cats")
    add(retraining, 1_000, 6.8)
    why = (
        "the lowest KID of 2 scored checkpoints of 2 trainings on the same pictures: "
        "0.42 (0.42 to 0.42), at 750,000 images"
    )
    assert served(database) == (good, why)
    better = add(retraining, 2_000, 0.3)
    assert served(database)[0] == better


def test_the_same_pictures_under_another_name_are_the_same_pictures(
    database: Database, training: Callable[[str], Claim], add: Add
) -> None:
    add_dataset(database, "cats", "one")
    add_dataset(database, "cats-again", "one")
    good = add(training("cats"), 100, 0.1)
    add(training("cats-again"), 100, 0.4)
    assert served(database)[0] == good


def test_a_training_on_other_pictures_takes_over_with_its_first_score(
    database: Database, training: Callable[[str], Claim], add: Add
) -> None:
    add_dataset(database, "cats", "one")
    add_dataset(database, "dogs", "two")
    older = add(training("cats"), 100, 0.1)
    second = training("dogs")
    add(second, 50)
    assert served(database)[0] == older
    newer = add(second, 100, 0.4)
    assert served(database) == (newer, "the only KID: 0.40 (0.40 to 0.40), at 100 images")


def test_scores_by_another_embedding_are_not_compared(
    database: Database, training: Callable[[str], Claim], add: Add
) -> None:
    add_dataset(database, "cats", "one")
    claim = training("cats")
    add(claim, 100, 0.1)
    later = add(claim, 200, 0.4, embedding="newer")
    assert served(database)[0] == later


def test_a_checkpoint_set_by_hand_is_served_until_it_is_released(
    database: Database, claim: Claim, add: Add
) -> None:
    pinned, best = add(claim, 100, 0.9), add(claim, 200, 0.1)
    with database.write() as session:
        registry.set_served(session, "cats", pinned)
    assert served(database) == (pinned, "set by hand")
    with database.write() as session:
        registry.set_served(session, "cats", None)
    assert served(database)[0] == best


def test_the_scores_of_other_models_do_not_count(
    database: Database, claim: Claim, add: Add
) -> None:
    with database.write() as session:
        session.add(Model(name="dogs"))
    queue_job(database, model="dogs")
    add(claim_job(database), 100, 0.0001)
    own = add(claim, 100, 0.5)
    assert served(database)[0] == own


def test_imported_checkpoints_count_as_one_training(database: Database) -> None:
    with database.write() as session:
        session.add(Model(name="cats"))
        session.flush()
        for index, kid in enumerate((0.3, 0.2, 0.4)):
            imported = Checkpoint(id=f"c{index}", model="cats", images_seen=index, config={})
            imported.key, imported.sha256, imported.bytes, imported.kid = "", "", 0, kid
            session.add(imported)
            session.flush()
    assert served(database)[0] == "c1"
