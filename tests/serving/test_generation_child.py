"""What the process that generates does with what it is asked, in this one."""

import threading
from multiprocessing import Pipe

import numpy as np
import pytest

from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.store import ObjectStore
from app.serving.generation_child import Models, answer
from app.serving.generation_messages import (
    Answer,
    Asked,
    Failure,
    File,
    Stored,
    receive_answer,
    receive_asked,
    send_answer,
    send_asked,
)
from models.rendering import Renderer
from models.samples import Sample
from models.seeds import latent_from_seed


@pytest.fixture
def stored(store: ObjectStore, cats: ServedCheckpoint) -> Stored:
    return Stored(1, str(store.local_copy(cats.key)), cats.sha256)


def test_what_is_loaded_waits_for_no_loading(stored: Stored) -> None:
    models = Models()
    loaded = models.find(stored)
    found: list[Renderer] = []
    with models._loading:  # as while another is loaded
        thread = threading.Thread(target=lambda: found.append(models.find(stored)))
        thread.start()
        thread.join(10)
    assert found == [loaded]


def test_what_is_gone_is_let_go(stored: Stored) -> None:
    models = Models()
    loaded = models.find(stored)
    assert answer(models, Asked([stored.number])) == Answer()
    assert models.find(stored) is not loaded


def test_an_error_is_told_with_where_it_came_from(stored: Stored) -> None:
    told = answer(Models(), Asked((), stored, [Sample(np.zeros(3, np.float32))], [None]))
    assert told.reason.startswith("RuntimeError: ")
    assert "rendering.py" in told.trace
    assert not told.unreadable


def test_what_is_asked_arrives_as_it_was(stored: Stored) -> None:
    latent = latent_from_seed(3, 100).numpy()
    samples = [Sample(2**53 - 1, 1), Sample(latent), Sample(0, 0), Sample(latent[:7], 2)]
    files = [None, File("png", '{"é": "\\u00e9"}'), None, None]
    there, here = Pipe()
    send_asked(there, Asked([3, 4], stored, samples, files))
    asked = receive_asked(here)
    assert (asked.gone, asked.stored, asked.files) == ([3, 4], stored, files)
    for sent, arrived in zip(samples, asked.samples, strict=True):
        assert sent.label == arrived.label
        assert np.array_equal(sent.point, arrived.point)
        assert type(sent.point) is type(arrived.point)


def test_what_is_made_arrives_as_it_was() -> None:
    dice = np.random.default_rng(1)
    grey, colour = (dice.integers(0, 256, (5, 3, one), np.uint8) for one in (1, 4))
    there, here = Pipe()
    send_answer(
        there, Answer(12, [grey, b"\x00file", Failure("no", "there"), b"", colour], "r", "t", True)
    )
    answered = receive_answer(here)
    assert answered[2:] == ("r", "t", True)
    assert answered.bytes == 12
    first, file, failure, empty, last = answered.made
    assert (file, failure, empty) == (b"\x00file", Failure("no", "there"), b"")
    assert np.array_equal(first, grey)
    assert np.array_equal(last, colour)
