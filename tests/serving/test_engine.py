"""Concurrent generation: the right bytes, bounded queues, and no work for cancelled requests."""

import asyncio
import math
import random
from typing import Any

import numpy as np
import pytest

from app.domain.errors import QueueFull
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import encode_image
from app.domain.images.recipes import image_recipe
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving.checkpoints import CachedGenerator, GeneratorCache
from app.serving.engine import CPU_BATCH, SLICE_IMAGES, Engine
from app.serving.image_files import ImageFile
from benchmarks.harness.random_models import store_checkpoint
from models.samples import Pixels, Sample
from models.seeds import latent_from_seed

from .gate import Gate, seeds


def test_pixels_have_the_checkpoints_shape(engine: Engine, store: ObjectStore) -> None:
    digits = store_checkpoint(store, shape=(28, 28, 1))
    pixels = asyncio.run(engine.generate(digits, seeds(1, 2, 3)))
    assert pixels.shape == (3, 28, 28, 1)
    assert pixels.dtype == np.uint8


def test_a_truncated_sample_has_the_image_of_its_scaled_latent(
    engine: Engine, cats: GeneratorCheckpoint
) -> None:
    samples = [Sample(7, None, 0.5), Sample(0.5 * latent_from_seed(7, 100)), Sample(7)]
    truncated, scaled, whole = asyncio.run(engine.generate(cats, samples))
    assert np.array_equal(truncated, scaled)
    assert not np.array_equal(truncated, whole)


@pytest.mark.parametrize("threads", [1, 4])
def test_concurrent_requests_give_the_bytes_of_each_alone(
    settings: Settings, store: ObjectStore, threads: int
) -> None:
    engine = Engine(settings, store, threads)
    classes: dict[str, Any] = {"classes": ("tabby", "white"), "conditional": True}
    checkpoints = [store_checkpoint(store), store_checkpoint(store, weights=2, **classes)]
    dice = random.Random(3)

    def random_sample(checkpoint: GeneratorCheckpoint) -> Sample:
        label = dice.randrange(2) if checkpoint.classes else None
        return Sample(dice.randrange(40), label)

    async def mixed() -> list[tuple[GeneratorCheckpoint, list[Sample], Pixels]]:
        requests = []
        for _ in range(60):
            checkpoint = dice.choice(checkpoints)
            samples = [random_sample(checkpoint) for _ in range(dice.choice([1, 1, 2, 9, 30]))]
            if dice.random() < 0.3:
                latent = latent_from_seed(dice.randrange(40), 100)
                samples[0] = samples[0]._replace(point=latent)
            requests.append((checkpoint, samples))
        results = await asyncio.gather(*(engine.generate(*request) for request in requests))
        return [(*request, pixels) for request, pixels in zip(requests, results, strict=True)]

    answers = asyncio.run(mixed())
    engine.close()
    restarted = Engine(settings, store, threads=1)
    try:
        for checkpoint, samples, pixels in answers:
            alone = asyncio.run(restarted.generate(checkpoint, samples[:1]))
            assert np.array_equal(alone[0], pixels[0])
        for checkpoint, samples, pixels in answers[:5]:
            for sample, picture in zip(samples, pixels, strict=True):
                alone = asyncio.run(restarted.generate(checkpoint, [sample]))
                assert np.array_equal(alone[0], picture)
    finally:
        restarted.close()


def test_a_lone_request_runs_alone_and_those_queued_meanwhile_share_the_next_call(
    engine: Engine, cats: GeneratorCheckpoint, gate: Gate
) -> None:
    async def scenario() -> None:
        first = await gate.hold(engine, cats)
        others = [asyncio.create_task(engine.generate(cats, seeds(seed))) for seed in range(1, 5)]
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(first, *others)

    asyncio.run(scenario())
    assert gate.passes == [seeds(0), seeds(1, 2, 3, 4)]


def test_a_full_queue_is_refused_with_the_limit_and_retry_after(
    settings: Settings, store: ObjectStore, cats: GeneratorCheckpoint, gate: Gate
) -> None:
    engine = Engine(settings.model_copy(update={"generation_queue_images": 10}), store, threads=1)

    async def scenario() -> None:
        first = await gate.hold(engine, cats)
        waiting = asyncio.create_task(engine.generate(cats, seeds(*range(10))))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull, match="limit of 10") as refused:
            await engine.generate(cats, seeds(1))
        assert (refused.value.status, refused.value.retry_after) == (503, 1)
        gate.opened.set()
        await asyncio.gather(first, waiting)
        assert len(await engine.generate(cats, seeds(1))) == 1

    asyncio.run(scenario())
    engine.close()


def test_a_cancelled_request_costs_no_forward_pass(
    engine: Engine, cats: GeneratorCheckpoint, gate: Gate
) -> None:
    async def scenario() -> None:
        first = await gate.hold(engine, cats)
        leaving = asyncio.create_task(engine.generate(cats, seeds(*[8] * CPU_BATCH)))
        staying = asyncio.create_task(engine.generate(cats, seeds(9)))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(first, staying)

    asyncio.run(scenario())
    assert gate.passes == [seeds(0), seeds(9)]


def test_the_rest_of_a_cancelled_large_request_is_not_generated(
    engine: Engine, cats: GeneratorCheckpoint, gate: Gate
) -> None:
    async def scenario() -> None:
        large = asyncio.create_task(engine.generate(cats, seeds(*range(100 * CPU_BATCH))))
        await asyncio.to_thread(gate.entered.wait, 20)
        large.cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        await engine.generate(cats, seeds(0))

    asyncio.run(scenario())
    assert len(gate.passes) == 2


def test_waiting_images_are_limited_by_their_bytes_and_a_single_request_always_fits(
    settings: Settings, store: ObjectStore, cats: GeneratorCheckpoint, gate: Gate
) -> None:
    image = math.prod(cats.shape)
    narrow = settings.model_copy(update={"generation_queue_bytes": 10 * image})
    engine = Engine(narrow, store, threads=1)

    async def scenario() -> None:
        large = asyncio.create_task(engine.generate(cats, seeds(*range(9))))
        await asyncio.to_thread(gate.entered.wait, 20)
        small = asyncio.create_task(engine.generate(cats, seeds(9)))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull, match="MOGGY_GENERATION_QUEUE_BYTES") as full:
            await engine.generate(cats, seeds(10))
        assert (full.value.retry_after or 0) >= 1
        small.cancel()
        await asyncio.sleep(0)
        # The cancelled request has made room.
        again = asyncio.create_task(engine.generate(cats, seeds(10)))
        gate.opened.set()
        await asyncio.gather(large, again)
        assert len(await engine.generate(cats, seeds(*range(20)))) == 20

    asyncio.run(scenario())
    assert engine._pending_bytes == 0
    engine.close()


def test_a_long_response_of_large_pictures_has_small_slices(
    engine: Engine, cats: GeneratorCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.serving.engine.SLICE_BYTES", 20 * math.prod(cats.shape))

    async def scenario() -> list[int]:
        return [len(part) async for part in engine.slices(cats, seeds(*range(45)))]

    assert asyncio.run(scenario()) == [20, 20, 5]


def test_a_long_response_in_slices_has_the_same_pictures_and_ignores_a_full_queue(
    settings: Settings, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    narrow = settings.model_copy(update={"generation_queue_images": SLICE_IMAGES})
    engine = Engine(narrow, store, threads=2)
    samples = seeds(*range(2 * SLICE_IMAGES + 5))
    waiting: list[int] = []

    async def scenario() -> list[Pixels]:
        parts = []
        async for part in engine.slices(cats, samples):
            parts.append(part)
            waiting.append(engine._queue.samples)
            await engine.generate(cats, seeds(1), admitted=True)  # takes turns with the slices
        return parts

    parts = asyncio.run(scenario())
    assert [len(part) for part in parts] == [SLICE_IMAGES, SLICE_IMAGES, 5]
    assert max(waiting) <= SLICE_IMAGES
    for number in (0, SLICE_IMAGES, 2 * SLICE_IMAGES + 4):
        alone = asyncio.run(engine.generate(cats, seeds(number)))
        assert np.array_equal(parts[number // SLICE_IMAGES][number % SLICE_IMAGES], alone[0])
    engine.close()


def test_a_long_response_that_is_not_read_to_its_end_leaves_nothing_queued(
    engine: Engine, cats: GeneratorCheckpoint
) -> None:
    async def scenario() -> None:
        slices = engine.slices(cats, seeds(*range(10 * SLICE_IMAGES)))
        await anext(slices)
        await slices.aclose()
        await engine.generate(cats, seeds(1))

    asyncio.run(scenario())
    assert engine._queue.samples == 0


def test_the_first_requests_of_a_model_load_it_once_even_if_one_is_cancelled(
    engine: Engine, cats: GeneratorCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    load = GeneratorCache.load

    def counted(generators: GeneratorCache, checkpoint: GeneratorCheckpoint) -> CachedGenerator:
        loads.append(checkpoint.id)
        return load(generators, checkpoint)

    monkeypatch.setattr(GeneratorCache, "load", counted)

    async def scenario() -> list[Pixels]:
        tasks = [asyncio.create_task(engine.generate(cats, seeds(seed))) for seed in range(5)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        return await asyncio.gather(*tasks[1:])

    assert len(asyncio.run(scenario())) == 4
    assert loads == [cats.id]


def test_a_file_of_the_engine_equals_one_encoded_here(
    engine: Engine, cats: GeneratorCheckpoint
) -> None:
    async def scenario() -> None:
        (pixels,) = await engine.generate(cats, seeds(7))
        for image_format in ("png", "jpg", "webp", "avif"):
            expected = encode_image(pixels, image_format, image_recipe(cats, Sample(7)))
            assert await engine.file(ImageFile(cats, Sample(7), image_format)) == expected

    asyncio.run(scenario())
