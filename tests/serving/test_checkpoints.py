"""Finding checkpoints and caching them briefly; loading, caching and refusing generators."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from anyio import to_thread
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.domain import registry
from app.domain.database import Database
from app.domain.errors import NotFound
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Model
from app.serving import checkpoints
from app.serving.checkpoints import BrokenCheckpoint, CheckpointLookup, GeneratorCache
from benchmarks.harness.processes import resident_bytes
from benchmarks.harness.random_models import register, store_checkpoint
from models.resources import release_freed_memory


def find_id(lookup: CheckpointLookup, database: Database, checkpoint_id: str | None = None) -> str:
    return asyncio.run(lookup.find(database, "cats", checkpoint_id)).id


def test_the_newest_is_served_and_any_can_be_named(database: Database, store: ObjectStore) -> None:
    first = register(database, store_checkpoint(store))
    second = register(database, store_checkpoint(store, weights=2))
    lookup = CheckpointLookup()
    assert asyncio.run(lookup.find(database, "cats")) == second
    assert asyncio.run(lookup.find(database, "cats", first.id)) == first


def test_a_configuration_from_before_shapes_existed_is_still_served(
    database: Database, store: ObjectStore
) -> None:
    stored = register(database, store_checkpoint(store, shape=(28, 28, 1)))
    with database.write() as session:
        row = registry.resolve_checkpoint(session, "cats", stored.id)
        row.config = {"preset": "dcgan", "resolution": 28, "channels": 1, "latent_dim": 100}
    assert asyncio.run(CheckpointLookup().find(database, "cats")) == stored


def test_shape_and_classes_come_from_the_checkpoint(database: Database, store: ObjectStore) -> None:
    stored = store_checkpoint(
        store, shape=(48, 80, 4), classes=("tabby", "white"), conditional=True
    )
    register(database, stored)
    checkpoint = asyncio.run(CheckpointLookup().find(database, "cats"))
    assert checkpoint == stored
    assert (checkpoint.shape, checkpoint.classes) == ((48, 80, 4), ("tabby", "white"))


def test_an_unknown_model_or_checkpoint_is_named(database: Database, store: ObjectStore) -> None:
    register(database, store_checkpoint(store))
    with pytest.raises(NotFound, match="'dogs'"):
        asyncio.run(CheckpointLookup().find(database, "dogs"))
    with pytest.raises(NotFound, match="'c7'"):
        find_id(CheckpointLookup(), database, "c7")


def test_a_change_by_another_process_is_seen_when_the_entry_expires(
    database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "FRESH_SECONDS", 3600)
    lookup = CheckpointLookup()
    first = register(database, store_checkpoint(store))
    assert find_id(lookup, database) == first.id
    second = register(database, store_checkpoint(store, weights=2))
    assert find_id(lookup, database) == first.id
    monkeypatch.setattr(checkpoints, "FRESH_SECONDS", 0)
    assert find_id(lookup, database) == second.id


def test_a_change_by_this_process_is_seen_at_once(
    database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "FRESH_SECONDS", 3600)
    lookup = CheckpointLookup()
    first = register(database, store_checkpoint(store))
    register(database, store_checkpoint(store, weights=2))
    find_id(lookup, database)
    with database.write() as session:
        registry.set_served(session, "cats", first.id)
    lookup.clear()
    assert find_id(lookup, database) == first.id


class HeldDatabase(Database):
    """Blocks every read until it is released, and counts them."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.released = threading.Event()
        self.reads = 0

    @contextmanager
    def read(self) -> Iterator[Session]:
        self.reads += 1
        assert self.released.wait(10)
        with super().read() as session:
            yield session


@pytest.fixture
def held(database: Database, database_url: str) -> Iterator[HeldDatabase]:
    """The same database through a connection that blocks until the test releases it."""
    held = HeldDatabase(database_url)
    yield held
    held.released.set()
    held.close()


def test_an_expired_entry_stays_valid_while_one_read_is_under_way(
    database: Database,
    store: ObjectStore,
    held: HeldDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoints, "FRESH_SECONDS", 0)
    lookup = CheckpointLookup()
    first = register(database, store_checkpoint(store))

    async def scenario() -> None:
        await lookup.find(database, "cats")
        second = register(database, store_checkpoint(store, weights=2))
        # Expired: starts a read, and returns nothing.
        assert lookup.find_cached(held, "cats", None) is None
        tasks = [asyncio.ensure_future(lookup.find(held, "cats")) for _ in range(3)]
        for _ in range(100):
            assert lookup.find_cached(held, "cats", None) == first
            await asyncio.sleep(0.001)
        assert [await task for task in tasks] == [first] * 3
        waiting = asyncio.ensure_future(lookup._reads["cats", None])
        held.released.set()
        assert await waiting == second

    asyncio.run(scenario())
    assert held.reads == 1


def test_requests_that_miss_the_cache_share_one_read(
    database: Database, store: ObjectStore, held: HeldDatabase
) -> None:
    stored = register(database, store_checkpoint(store))
    lookup = CheckpointLookup()

    async def scenario() -> list[GeneratorCheckpoint]:
        tasks = [asyncio.ensure_future(lookup.find(held, "cats")) for _ in range(5)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()  # the client of the first request has left
        held.released.set()
        return await asyncio.gather(*tasks[1:])

    assert asyncio.run(scenario()) == [stored] * 4
    assert held.reads == 1


def test_a_model_deleted_by_another_process_is_not_found(
    database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "FRESH_SECONDS", 0)
    lookup = CheckpointLookup()
    register(database, store_checkpoint(store))
    find_id(lookup, database)
    with database.write() as session:
        session.execute(delete(Checkpoint))
        session.execute(delete(Model))
    with pytest.raises(NotFound, match="'cats'"):
        find_id(lookup, database)
    assert asyncio.run(find_cached(lookup, database)) is None


async def find_cached(lookup: CheckpointLookup, database: Database) -> GeneratorCheckpoint | None:
    return lookup.find_cached(database, "cats", None)


def test_it_is_found_while_every_shared_thread_is_busy(
    database: Database, store: ObjectStore
) -> None:
    stored = register(database, store_checkpoint(store))

    async def scenario() -> GeneratorCheckpoint:
        limiter = to_thread.current_default_thread_limiter()
        taken = int(limiter.total_tokens)
        for number in range(taken):
            limiter.acquire_on_behalf_of_nowait(number)
        return await asyncio.wait_for(CheckpointLookup().find(database, "cats"), 10)

    assert asyncio.run(scenario()) == stored


GIB = 2**30


@pytest.fixture
def generators(store: ObjectStore) -> GeneratorCache:
    return GeneratorCache(store, GIB)


def test_a_generator_is_loaded_once(generators: GeneratorCache, cats: GeneratorCheckpoint) -> None:
    assert generators.find(cats) is None
    loaded = generators.load(cats)
    assert generators.load(cats) is loaded
    assert generators.find(cats) is loaded
    assert loaded.generator.bytes > 500_000
    assert 0 < loaded.seconds < 60


def test_the_least_recently_used_generator_is_unloaded_when_memory_is_needed(
    store: ObjectStore,
) -> None:
    first, second, third = (store_checkpoint(store, weights=number) for number in (1, 2, 3))
    size = GeneratorCache(store, GIB).load(first).generator.bytes
    generators = GeneratorCache(store, 2 * size + 1)
    generators.load(first)
    generators.load(second)
    generators.find(first)
    generators.load(third)
    assert generators.find(second) is None
    assert generators.find(first) is not None


def test_a_generator_larger_than_the_capacity_is_kept_alone(store: ObjectStore) -> None:
    first, second = (store_checkpoint(store, weights=number) for number in (1, 2))
    generators = GeneratorCache(store, 1)
    generators.load(first)
    assert generators.find(first) is not None
    generators.load(second)
    assert generators.find(first) is None
    assert generators.find(second) is not None


def test_only_the_named_generators_are_unloaded(
    generators: GeneratorCache, store: ObjectStore
) -> None:
    cats = [store_checkpoint(store, weights=number) for number in (1, 2)]
    dogs = store_checkpoint(store, "dogs", weights=3)
    for checkpoint in (*cats, dogs):
        generators.load(checkpoint)
    ids = [checkpoint.id for checkpoint in cats]
    assert [cached.checkpoint for cached in generators.unload(ids)] == cats
    assert generators.unload(ids) == []
    assert [cached.checkpoint for cached in generators.loaded()] == [dogs]


def test_loading_and_unloading_repeatedly_takes_no_more_memory(store: ObjectStore) -> None:
    checkpoint = store_checkpoint(store, width=96)
    generators = GeneratorCache(store, GIB)

    def memory_after_a_cycle() -> int:
        generators.load(checkpoint)
        generators.unload([checkpoint.id])
        release_freed_memory()
        return resident_bytes(os.getpid())

    cycles = [memory_after_a_cycle() for _ in range(12)]
    size = generators.load(checkpoint).generator.bytes
    assert cycles[-1] - cycles[1] < size / 2


def test_a_damaged_file_is_refused_by_name(
    generators: GeneratorCache, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    data = bytearray(store.get_bytes(cats.onnx_key))
    data[-1] ^= 1
    store.put_bytes(cats.onnx_key, bytes(data))
    with pytest.raises(BrokenCheckpoint, match=rf"{cats.id} of model 'cats' is damaged"):
        generators.load(cats)


def test_a_missing_file_is_refused_by_name(
    generators: GeneratorCache, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    store.delete(cats.onnx_key)
    with pytest.raises(BrokenCheckpoint, match="is not in the object store"):
        generators.load(cats)


def test_a_file_that_is_no_onnx_is_refused(
    generators: GeneratorCache, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    store.put_bytes(cats.onnx_key, b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(BrokenCheckpoint, match="cannot be loaded"):
        generators.load(replace(cats, onnx_sha256=empty))
