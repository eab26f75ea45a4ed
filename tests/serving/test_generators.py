"""Loading, keeping and refusing checkpoints."""

from dataclasses import replace

import pytest

from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.store import ObjectStore
from app.serving.generation_process import GenerationProcess, generation_process
from app.serving.generators import BrokenCheckpoint, Generators
from benchmarks.processes import resident
from benchmarks.random_models import store_checkpoint

GIB = 2**30
PROCESS = generation_process(1)  # starts with the first loading


@pytest.fixture
def generators(store: ObjectStore) -> Generators:
    return Generators(store, GIB, PROCESS)


def test_a_generator_is_loaded_once(generators: Generators, cats: ServedCheckpoint) -> None:
    assert generators.find(cats) is None
    loaded = generators.load(cats)
    assert generators.load(cats) is loaded
    assert generators.find(cats) is loaded
    assert loaded.renderer.bytes > 500_000
    assert 0 < loaded.seconds < 60


def test_the_longest_unused_generator_goes_when_memory_is_needed(store: ObjectStore) -> None:
    first, second, third = (store_checkpoint(store, weights=number) for number in (1, 2, 3))
    one = Generators(store, GIB, PROCESS).load(first).renderer.bytes
    generators = Generators(store, 2 * one + 1, PROCESS)
    generators.load(first)
    generators.load(second)
    generators.find(first)
    generators.load(third)
    assert generators.find(second) is None
    assert generators.find(first) is not None


def test_one_that_is_larger_than_the_memory_allowed_is_served_alone(store: ObjectStore) -> None:
    first, second = (store_checkpoint(store, weights=number) for number in (1, 2))
    generators = Generators(store, 1, PROCESS)
    generators.load(first)
    assert generators.find(first) is not None
    generators.load(second)
    assert generators.find(first) is None
    assert generators.find(second) is not None


def test_a_model_is_let_go_with_all_its_checkpoints(
    generators: Generators, store: ObjectStore
) -> None:
    cats = [store_checkpoint(store, weights=number) for number in (1, 2)]
    dogs = store_checkpoint(store, "dogs", weights=3)
    for one in (*cats, dogs):
        generators.load(one)
    assert [one.checkpoint for one in generators.of("cats")] == cats
    assert [one.checkpoint for one in generators.unload("cats")] == cats
    assert generators.of("cats") == generators.unload("cats") == []
    assert generators.find(dogs) is not None


def test_loading_and_letting_go_over_and_over_takes_no_more_memory(store: ObjectStore) -> None:
    checkpoint = store_checkpoint(store, width=96)
    process = GenerationProcess(1)
    generators = Generators(store, GIB, process)

    def turn() -> int:
        generators.load(checkpoint)
        generators.unload("cats")
        generators.release()
        assert process._child is not None
        return resident(process._child.process.pid)

    turns = [turn() for _ in range(12)]
    of_one = generators.load(checkpoint).renderer.bytes
    process.close()
    assert turns[-1] - turns[1] < of_one / 2


def test_a_damaged_file_is_refused_and_named(
    generators: Generators, store: ObjectStore, cats: ServedCheckpoint
) -> None:
    data = bytearray(store.get_bytes(cats.key))
    data[-1] ^= 1
    store.put_bytes(cats.key, bytes(data))
    with pytest.raises(BrokenCheckpoint, match=rf"{cats.id} of model 'cats' is damaged"):
        generators.load(cats)


def test_a_missing_file_is_refused_and_named(
    generators: Generators, store: ObjectStore, cats: ServedCheckpoint
) -> None:
    store.delete(cats.key)
    with pytest.raises(BrokenCheckpoint, match="is not in the object store"):
        generators.load(cats)


def test_a_foreign_file_is_refused(
    generators: Generators, store: ObjectStore, cats: ServedCheckpoint
) -> None:
    store.put_bytes(cats.key, b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(BrokenCheckpoint, match="cannot be loaded"):
        generators.load(replace(cats, sha256=empty))
