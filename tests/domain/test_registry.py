"""The registry of models: what renaming moves, on both databases."""

import threading
from typing import Any

import pytest
from sqlalchemy import select

from app.domain import jobs, registry
from app.domain.database import Database
from app.domain.errors import Conflict, NotFound
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


def test_of_two_models_that_get_one_name_at_once_one_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as session:
        session.add_all([Model(name="cats"), Model(name="dogs")])
    looked = threading.Event()
    find = jobs.find_unfinished

    def counted(*arguments: Any) -> Any:
        if threading.current_thread() is other and looking.pop():
            looked.set()  # whether the name is taken has been read
        return find(*arguments)

    def rename_dogs() -> None:
        with (
            pytest.raises(Conflict, match="there is a model 'pets' already"),
            database.write() as session,
        ):
            registry.rename_model(session, "dogs", "pets")
        refused.append("dogs")

    looking, refused = [True, False], list[str]()
    other = threading.Thread(target=rename_dogs)
    with database.write() as session:
        registry.rename_model(session, "cats", "pets")
        monkeypatch.setattr(jobs, "find_unfinished", counted)
        other.start()
        looked.wait(0.5)  # on SQLite the other waits from its beginning on
    other.join()
    assert refused == ["dogs"]
