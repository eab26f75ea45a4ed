"""The budget of bytes for images that are decoded at once."""

import threading
import time

from worker.ingest.limits import ByteBudget


def test_a_request_waits_until_enough_bytes_are_free() -> None:
    budget, order = ByteBudget(10), list[str]()

    def work(name: str, size: int, started: threading.Event) -> None:
        started.set()
        with budget.take(size):
            order.append(name)

    started = threading.Event()
    with budget.take(6):
        small = threading.Thread(target=work, args=("small", 4, threading.Event()))
        small.start()
        small.join(5)
        large = threading.Thread(target=work, args=("large", 8, started))
        large.start()
        assert started.wait(5)
        time.sleep(0.05)
        assert order == ["small"]
    large.join(5)
    assert order == ["small", "large"]


def test_a_request_larger_than_the_budget_is_granted_alone() -> None:
    budget = ByteBudget(10)
    with budget.take(1000):
        waiting = threading.Thread(target=lambda: budget.take(1).__enter__())
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()
