"""Loading, keeping and refusing checkpoints."""

from dataclasses import replace

import pytest

from app.domain.pictures.checkpoint import ServedCheckpoint
from app.domain.store import ObjectStore
from app.serving.generators import BrokenCheckpoint, Generators
from benchmarks.random_models import store_checkpoint


def test_a_generator_is_loaded_once(store: ObjectStore, cats: ServedCheckpoint) -> None:
    generators = Generators(store, capacity=2)
    assert generators.find(cats) is None
    loaded = generators.load(cats)
    assert generators.load(cats) is loaded
    assert generators.find(cats) is loaded


def test_the_longest_unused_generator_goes_first(store: ObjectStore) -> None:
    generators = Generators(store, capacity=2)
    first, second, third = (store_checkpoint(store, weights=number) for number in (1, 2, 3))
    generators.load(first)
    generators.load(second)
    generators.find(first)
    generators.load(third)
    assert generators.find(second) is None
    assert generators.find(first) is not None


def test_a_damaged_file_is_refused_and_named(store: ObjectStore, cats: ServedCheckpoint) -> None:
    data = bytearray(store.get_bytes(cats.key))
    data[-1] ^= 1
    store.put_bytes(cats.key, bytes(data))
    with pytest.raises(BrokenCheckpoint, match=rf"{cats.id} of model 'cats' is damaged"):
        Generators(store, capacity=1).load(cats)


def test_a_missing_file_is_refused_and_named(store: ObjectStore, cats: ServedCheckpoint) -> None:
    store.delete(cats.key)
    with pytest.raises(BrokenCheckpoint, match="is not in the object store"):
        Generators(store, capacity=1).load(cats)


def test_a_foreign_file_is_refused(store: ObjectStore, cats: ServedCheckpoint) -> None:
    store.put_bytes(cats.key, b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(BrokenCheckpoint, match="cannot be loaded"):
        Generators(store, capacity=1).load(replace(cats, sha256=empty))
