"""The registry of models: what renaming moves, on both databases."""

import pytest
from sqlalchemy import select

from app.domain import registry
from app.domain.database import Database
from app.domain.errors import NotFound
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Model
from benchmarks.harness.random_models import register, store_checkpoint


def test_a_renamed_model_keeps_its_checkpoints_and_its_place(
    database: Database, store: ObjectStore
) -> None:
    stored = store_checkpoint(store, "cats", architecture="mlp", shape=(28, 28, 1))
    register(database, stored)
    with database.write() as session:
        session.add(Model(name="newer"))
        number = registry.find_model(session, "cats").number
    with database.write() as session:
        registry.rename_model(session, "cats", "kittens")
    with database.read() as session:
        renamed = registry.find_model(session, "kittens")
        assert renamed.number == number
        assert session.scalars(select(Checkpoint.model)).all() == ["kittens"]
    with database.write() as session:
        session.add(Model(name="newest"))  # the next number is free still
        session.flush()
        assert registry.find_model(session, "newest").number > number


def test_no_job_is_queued_for_a_model_that_has_been_renamed(
    database: Database, store: ObjectStore
) -> None:
    stored = store_checkpoint(store, "cats", architecture="mlp", shape=(28, 28, 1))
    register(database, stored)
    with database.write() as session:
        registry.rename_model(session, "cats", "kittens")
    with database.write() as session, pytest.raises(NotFound, match="deleted or renamed"):
        registry.hold_model(session, "cats")
    with database.write() as session:
        assert registry.lock_checkpoint(session, None, stored.id).model == "kittens"
