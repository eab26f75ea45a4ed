"""Which checkpoint is served, remembered no longer than it is true."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from anyio import to_thread
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.domain import registry
from app.domain.database import Database
from app.domain.errors import NotFound
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Model
from app.serving import checkpoint_lookup as module
from app.serving.checkpoint_lookup import Catalogue
from benchmarks.random_models import register, store_checkpoint


def found(catalogue: Catalogue, database: Database, checkpoint_id: str | None = None) -> str:
    return asyncio.run(catalogue.find(database, "cats", checkpoint_id)).id


def test_the_newest_is_served_and_any_can_be_named(database: Database, store: ObjectStore) -> None:
    first = register(database, store_checkpoint(store))
    second = register(database, store_checkpoint(store, weights=2))
    catalogue = Catalogue()
    assert asyncio.run(catalogue.find(database, "cats")) == second
    assert asyncio.run(catalogue.find(database, "cats", first.id)) == first


def test_a_configuration_stored_before_shapes_were_is_still_served(
    database: Database, store: ObjectStore
) -> None:
    stored = register(database, store_checkpoint(store, shape=(28, 28, 1)))
    with database.write() as session:
        row = registry.resolve_checkpoint(session, "cats", stored.id)
        row.config = {"preset": "dcgan", "resolution": 28, "channels": 1, "latent_dim": 100}
    assert asyncio.run(Catalogue().find(database, "cats")) == stored


def test_shape_and_classes_are_the_checkpoints(database: Database, store: ObjectStore) -> None:
    stored = store_checkpoint(
        store, shape=(48, 80, 4), classes=("tabby", "white"), conditional=True
    )
    register(database, stored)
    found = asyncio.run(Catalogue().find(database, "cats"))
    assert found == stored
    assert (found.shape, found.classes) == ((48, 80, 4), ("tabby", "white"))


def test_an_unknown_model_or_checkpoint_is_named(database: Database, store: ObjectStore) -> None:
    register(database, store_checkpoint(store))
    with pytest.raises(NotFound, match="'dogs'"):
        asyncio.run(Catalogue().find(database, "dogs"))
    with pytest.raises(NotFound, match="'c7'"):
        found(Catalogue(), database, "c7")


def test_a_change_elsewhere_is_seen_after_a_moment(
    database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 3600)
    catalogue = Catalogue()
    first = register(database, store_checkpoint(store))
    assert found(catalogue, database) == first.id
    second = register(database, store_checkpoint(store, weights=2))
    assert found(catalogue, database) == first.id
    monkeypatch.setattr(module, "FRESH_SECONDS", 0)
    assert found(catalogue, database) == second.id


def test_a_change_here_is_seen_at_once(
    database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 3600)
    catalogue = Catalogue()
    first = register(database, store_checkpoint(store))
    register(database, store_checkpoint(store, weights=2))
    found(catalogue, database)
    with database.write() as session:
        registry.serve(session, "cats", first.id)
    catalogue.forget()
    assert found(catalogue, database) == first.id


class HeldDatabase(Database):
    """Answers no read before it is released; counts those that came."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.released = threading.Event()
        self.reads = 0

    def read(self) -> AbstractContextManager[Session]:
        self.reads += 1
        assert self.released.wait(10)
        return super().read()


@pytest.fixture
def held(database: Database, database_url: str) -> Iterator[HeldDatabase]:
    """The same database, by a connection that is as slow as the test wants."""
    held = HeldDatabase(database_url)
    yield held
    held.released.set()
    held.close()


def test_what_was_known_is_believed_while_the_database_is_asked_once(
    database: Database,
    store: ObjectStore,
    held: HeldDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0)
    catalogue = Catalogue()
    first = register(database, store_checkpoint(store))

    async def scenario() -> None:
        await catalogue.find(database, "cats")
        second = register(database, store_checkpoint(store, weights=2))
        assert catalogue.recall(held, "cats", None) is None  # who finds it old asks, and waits
        asked = [asyncio.ensure_future(catalogue.find(held, "cats")) for _ in range(3)]
        for _ in range(100):
            assert catalogue.recall(held, "cats", None) == first
            await asyncio.sleep(0.001)
        assert [await one for one in asked] == [first] * 3
        waiting = asyncio.ensure_future(catalogue._asking["cats", None])
        held.released.set()
        assert await waiting == second

    asyncio.run(scenario())
    assert held.reads == 1


def test_what_is_not_known_is_read_once_for_all_who_wait(
    database: Database, store: ObjectStore, held: HeldDatabase
) -> None:
    stored = register(database, store_checkpoint(store))
    catalogue = Catalogue()

    async def scenario() -> list[ServedCheckpoint]:
        asked = [asyncio.ensure_future(catalogue.find(held, "cats")) for _ in range(5)]
        await asyncio.sleep(0.05)
        asked[0].cancel()  # the client that came first has left
        held.released.set()
        return await asyncio.gather(*asked[1:])

    assert asyncio.run(scenario()) == [stored] * 4
    assert held.reads == 1


def test_a_model_that_was_deleted_elsewhere_is_not_found(
    database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0)
    catalogue = Catalogue()
    register(database, store_checkpoint(store))
    found(catalogue, database)
    with database.write() as session:
        session.execute(delete(Checkpoint))
        session.execute(delete(Model))
    with pytest.raises(NotFound, match="'cats'"):
        found(catalogue, database)
    assert asyncio.run(recalled(catalogue, database)) is None


async def recalled(catalogue: Catalogue, database: Database) -> ServedCheckpoint | None:
    return catalogue.recall(database, "cats", None)


def test_it_is_found_while_every_shared_thread_is_taken(
    database: Database, store: ObjectStore
) -> None:
    stored = register(database, store_checkpoint(store))

    async def scenario() -> ServedCheckpoint:
        limiter = to_thread.current_default_thread_limiter()
        taken = int(limiter.total_tokens)
        for number in range(taken):
            limiter.acquire_on_behalf_of_nowait(number)
        return await asyncio.wait_for(Catalogue().find(database, "cats"), 10)

    assert asyncio.run(scenario()) == stored
