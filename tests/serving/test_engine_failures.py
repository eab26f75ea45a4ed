"""Failures of an engine affect only their own requests, and closing answers those that wait."""

import asyncio
import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

from app.domain.errors import Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving.checkpoints import BrokenCheckpoint
from app.serving.engine import Engine
from app.serving.image_files import ImageFile
from app.serving.sample_queue import SampleQueue
from benchmarks.harness.random_models import store_checkpoint
from models.onnx_generator import OnnxGenerator
from models.samples import Pixels, Sample

from .gate import Gate, seeds


def test_when_the_generation_thread_fails_requests_are_refused_and_do_not_wait(
    settings: Settings,
    store: ObjectStore,
    cats: GeneratorCheckpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the queue is broken")

    monkeypatch.setattr(SampleQueue, "take", broken)
    engine = Engine(settings, store)
    with pytest.raises(Unavailable):
        asyncio.run(asyncio.wait_for(engine.generate(cats, seeds(1)), 20))
    engine.close()


def test_a_broken_checkpoint_does_not_affect_others(
    engine: Engine, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    broken = store_checkpoint(store, model="dogs", weights=2)
    store.put_bytes(broken.onnx_key, b"nothing")

    async def scenario() -> list[Pixels | BaseException]:
        checkpoints = (broken, cats, broken)
        requests = [engine.generate(checkpoint, seeds(1)) for checkpoint in checkpoints]
        return await asyncio.gather(*requests, return_exceptions=True)

    answers = asyncio.run(scenario())
    assert isinstance(answers[0], BrokenCheckpoint)
    assert isinstance(answers[1], np.ndarray)
    assert isinstance(answers[2], BrokenCheckpoint)


def test_a_failing_call_fails_only_its_requests(engine: Engine, cats: GeneratorCheckpoint) -> None:
    async def scenario() -> None:
        with pytest.raises(ValueError, match="could not broadcast"):
            await engine.generate(cats, [Sample(np.zeros(3, np.float32))])
        assert len(await engine.generate(cats, seeds(1))) == 1

    asyncio.run(scenario())


def test_a_file_that_cannot_be_encoded_fails_only_its_request(
    engine: Engine, cats: GeneratorCheckpoint, gate: Gate
) -> None:
    unencodable = ImageFile(cats, Sample(1), "jpg")
    unencodable.recipe_text = "beyond ASCII: é"

    async def scenario() -> list[Any]:
        first = await gate.hold(engine, cats)
        tasks = [
            asyncio.create_task(engine.file(unencodable)),
            asyncio.create_task(engine.file(ImageFile(cats, Sample(2), "png"))),
        ]
        await asyncio.sleep(0)
        gate.opened.set()
        return await asyncio.gather(first, *tasks, return_exceptions=True)

    _first, failed, made = asyncio.run(scenario())
    assert gate.passes == [seeds(0), seeds(1, 2)]
    assert isinstance(failed, UnicodeEncodeError)
    assert made.startswith(b"\x89PNG")


def test_a_result_that_cannot_be_assembled_fails_only_its_requests(
    engine: Engine, cats: GeneratorCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        with monkeypatch.context() as broken:
            broken.setattr(OnnxGenerator, "render", lambda *_: None)
            with pytest.raises(TypeError):
                await engine.generate(cats, seeds(1))
        assert len(await engine.generate(cats, seeds(1))) == 1

    asyncio.run(scenario())


def test_the_last_batch_is_not_kept_in_memory(engine: Engine, cats: GeneratorCheckpoint) -> None:
    async def scenario() -> None:
        await engine.generate(cats, seeds(1))
        with pytest.raises(ValueError, match="broadcast"):
            await engine.generate(cats, [Sample(np.zeros(3, np.float32))])
        (loaded,) = engine.generators.unload([cats.id])
        generator = weakref.ref(loaded.generator)
        del loaded
        await asyncio.sleep(0)  # until then the event loop references the error
        gc.collect()
        assert generator() is None

    asyncio.run(scenario())


def test_closing_refuses_queued_requests_and_ends_the_thread(
    settings: Settings, store: ObjectStore, cats: GeneratorCheckpoint, gate: Gate
) -> None:
    engine = Engine(settings, store, threads=1)

    async def scenario() -> None:
        first = await gate.hold(engine, cats)
        waiting = asyncio.create_task(engine.generate(cats, seeds(1)))
        await asyncio.sleep(0)
        threading.Timer(0.1, gate.opened.set).start()
        await asyncio.to_thread(engine.close)
        assert len(await first) == 1
        with pytest.raises(Unavailable, match="stopping"):
            await waiting
        with pytest.raises(Unavailable, match="stopping"):
            await engine.generate(cats, seeds(1))

    asyncio.run(scenario())
    assert "generation" not in [thread.name for thread in threading.enumerate()]


def test_closing_abandons_an_embedding_that_takes_too_long(
    settings: Settings, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.serving.engine.CLOSE_SECONDS", 0.1)
    engine = Engine(settings, store, threads=1)
    started, ended = threading.Event(), threading.Event()

    def hang() -> None:
        started.set()
        ended.wait(20)

    async def scenario() -> None:
        task = asyncio.create_task(engine.embedding_thread.run(hang))
        await asyncio.to_thread(started.wait, 20)
        await asyncio.wait_for(asyncio.to_thread(engine.close), 10)
        assert not task.done()
        ended.set()
        await task

    asyncio.run(scenario())
