"""The served checkpoint: set by hand, else the best of the newest scored training, else newest."""

from collections.abc import Callable

import pytest
from queued_jobs import held, queue_job

from app.domain import registry
from app.domain.database import Database
from app.domain.leases import Claim
from app.domain.served import served_because, served_checkpoint
from app.domain.tables import Checkpoint, Model

Add = Callable[..., str]


@pytest.fixture
def add(database: Database) -> Add:
    """Registers a checkpoint as its worker does; its id."""

    def register(claim: Claim, images_seen: int, kid: float | None = None) -> str:
        metrics = {"kid": kid, "kid_interval": [kid - 0.002, kid + 0.002]} if kid else None
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
    """Its id, and why it is."""
    with database.read() as session:
        model = registry.find_model(session, "cats")
        one = served_checkpoint(session, model)
        if one is None:
            return None, None
        assert registry.resolve_checkpoint(session, "cats").id == one.id
        return one.id, served_because(session, model, one)


def test_a_checkpoint_made_again_gets_the_scores_that_it_lacked_and_keeps_those_it_had(
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


def test_the_lowest_kid_is_served_however_old_and_newer_ones_without_scores_are_not(
    database: Database, claim: Claim, add: Add
) -> None:
    add(claim, 300_000, 0.020)
    best = add(claim, 600_000, 0.012)
    add(claim, 900_000, 0.013)
    add(claim, 1_200_000)
    why = "the lowest KID of 3 scored checkpoints: 0.012 (0.010 to 0.014), at 600,000 images"
    assert served(database) == (best, why)


def test_a_single_score_says_so(database: Database, claim: Claim, add: Add) -> None:
    only = add(claim, 100, 0.5)
    add(claim, 200)
    assert served(database) == (only, "the only score: 0.50 (0.50 to 0.50), at 100 images")


def test_of_two_that_score_the_same_the_longer_trained_is_served(
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


def test_a_newer_training_takes_over_with_its_first_score_even_if_it_is_worse(
    database: Database, claim: Claim, add: Add
) -> None:
    older = add(claim, 100, 0.1)
    queue_job(database, model="cats")
    second = held(database)
    add(second, 50)
    assert served(database)[0] == older
    newer = add(second, 100, 0.4)
    assert served(database) == (newer, "the only score: 0.40 (0.40 to 0.40), at 100 images")


def test_what_is_set_by_hand_is_served_until_it_is_released(
    database: Database, claim: Claim, add: Add
) -> None:
    pinned, best = add(claim, 100, 0.9), add(claim, 200, 0.1)
    with database.write() as session:
        registry.serve(session, "cats", pinned)
    assert served(database) == (pinned, "set by hand")
    with database.write() as session:
        registry.serve(session, "cats", None)
    assert served(database)[0] == best


def test_another_models_scores_decide_nothing(database: Database, claim: Claim, add: Add) -> None:
    with database.write() as session:
        session.add(Model(name="dogs"))
    queue_job(database, model="dogs")
    add(held(database), 100, 0.0001)
    own = add(claim, 100, 0.5)
    assert served(database)[0] == own


def test_what_no_job_of_this_service_trained_counts_as_one_training(database: Database) -> None:
    with database.write() as session:
        session.add(Model(name="cats"))
        session.flush()
        for place, kid in enumerate((0.3, 0.2, 0.4)):
            brought = Checkpoint(id=f"c{place}", model="cats", images_seen=place, config={})
            brought.key, brought.sha256, brought.bytes, brought.kid = "", "", 0, kid
            session.add(brought)
            session.flush()
    assert served(database)[0] == "c1"
