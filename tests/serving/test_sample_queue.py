"""The order in which batches take samples from queued requests."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from app.serving.sample_queue import SampleQueue, SampleRequest
from models.samples import Sample

BATCH = 8
CATS: Any = object()  # a stand-in for a generator, which the queue only compares
DOGS: Any = object()


def request(generator: Any, images: int) -> SampleRequest:
    samples = [Sample(seed) for seed in range(images)]
    answer: Any = None  # the queue does not use it
    return SampleRequest(generator, samples, answer)


def queue_of(*requests: SampleRequest, limit: int = 10_000) -> SampleQueue:
    queue = SampleQueue(limit, BATCH)
    assert all(queue.offer(request) for request in requests)
    return queue


def taken(queue: SampleQueue) -> list[tuple[SampleRequest, int, int]]:
    return [(part.request, part.start, part.stop) for part in queue.take()]


def test_a_lone_request_is_taken_at_once() -> None:
    alone = request(CATS, 1)
    assert taken(queue_of(alone)) == [(alone, 0, 1)]


def test_requests_of_one_generator_share_a_batch() -> None:
    first, second = request(CATS, 2), request(CATS, 3)
    assert taken(queue_of(first, second)) == [(first, 0, 2), (second, 0, 3)]


def test_a_batch_has_one_generator_and_the_next_batch_the_other() -> None:
    cat, dog, other_cat = request(CATS, 1), request(DOGS, 1), request(CATS, 1)
    queue = queue_of(cat, dog, other_cat)
    assert taken(queue) == [(cat, 0, 1), (other_cat, 0, 1)]
    assert taken(queue) == [(dog, 0, 1)]


def test_a_small_request_overtakes_a_large_one() -> None:
    large, small = request(CATS, 10 * BATCH), request(CATS, 1)
    queue = queue_of(large)
    assert taken(queue) == [(large, 0, BATCH)]
    assert queue.offer(small)
    assert taken(queue) == [(large, BATCH, 2 * BATCH)]
    assert taken(queue) == [(small, 0, 1), (large, 2 * BATCH, 3 * BATCH - 1)]


def test_every_image_of_a_large_request_is_taken_once() -> None:
    large = request(CATS, 5 * BATCH + 3)
    queue = queue_of(large)
    spans = [taken(queue)[0][1:] for _ in range(6)]
    assert [number for start, stop in spans for number in range(start, stop)] == list(
        range(5 * BATCH + 3)
    )
    assert queue.samples == 0


def test_a_large_request_wakes_as_many_threads_as_it_has_batches() -> None:
    queue = SampleQueue(10_000, BATCH)
    together = threading.Barrier(3, timeout=20)

    def take() -> None:
        queue.take()
        together.wait()  # raises unless three threads hold a batch at the same time

    with ThreadPoolExecutor(3) as threads:
        taking = [threads.submit(take) for _ in range(3)]
        assert queue.offer(request(CATS, 2 * BATCH + 1))
        for thread in taking:
            thread.result()


def test_abandoned_requests_take_no_place_in_a_batch_or_the_count() -> None:
    gone, stays = request(CATS, 3), request(DOGS, 2)
    queue = queue_of(gone, stays)
    gone.abandoned = True
    assert taken(queue) == [(stays, 0, 2)]
    assert queue.samples == 0


def test_a_request_that_exceeds_the_limit_of_samples_is_refused() -> None:
    queue = queue_of(request(CATS, 6), limit=10)
    assert not queue.offer(request(CATS, 5))
    assert queue.offer(request(CATS, 4))
    assert queue.samples == 10


def test_an_empty_queue_accepts_a_request_larger_than_the_limit() -> None:
    assert SampleQueue(10, BATCH).offer(request(CATS, 50))


def test_taking_waits_for_an_offer() -> None:
    queue, late = SampleQueue(10, BATCH), request(CATS, 1)
    timer = threading.Timer(0.05, queue.offer, [late])
    timer.start()
    assert taken(queue) == [(late, 0, 1)]
    timer.join()


def test_closing_ends_take_and_returns_the_queued_requests() -> None:
    left = request(CATS, 1)
    queue = queue_of(left)
    assert queue.close() == [left]
    assert queue.take() == []
    assert not queue.offer(request(CATS, 1))


def test_a_withdrawn_request_makes_room_at_once() -> None:
    queue = SampleQueue(100, BATCH)
    leaving = request(object(), 92)
    assert queue.offer(request(object(), 5))
    assert queue.offer(leaving)
    assert not queue.offer(request(object(), 10))
    queue.withdraw(leaving)
    assert queue.samples == 5
    assert queue.offer(request(object(), 10))
    queue.withdraw(leaving)
    assert queue.samples == 15
