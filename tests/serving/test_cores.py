"""Which cores the threads of serving have."""

import os
import sys
import threading

import pytest

from app.serving.cores import compute_alone


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds threads to cores")
def test_a_thread_that_generates_has_one_core_and_leaves_the_others_to_all() -> None:
    usable = sorted(os.sched_getaffinity(0))
    bound: list[set[int]] = []

    def work(number: int) -> None:
        compute_alone(number)
        bound.append(os.sched_getaffinity(0))

    for number in range(len(usable) + 1):
        thread = threading.Thread(target=work, args=(number,))
        thread.start()
        thread.join()
    assert bound == [{core} for core in [*usable, usable[0]]]
    assert sorted(os.sched_getaffinity(0)) == usable
