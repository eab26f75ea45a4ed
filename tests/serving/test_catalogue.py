"""Which checkpoint is served, remembered no longer than it is true."""

import asyncio

import pytest

from app.domain import registry
from app.domain.database import Database
from app.domain.errors import NotFound
from app.domain.store import ObjectStore
from app.serving import catalogue as module
from app.serving.catalogue import Catalogue
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
