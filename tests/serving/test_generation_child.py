"""The commands and messages of the generation process, run in this process."""

import threading
from multiprocessing import Pipe

import numpy as np
import pytest

from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.store import ObjectStore
from app.serving.generation_child import Renderers, run_command
from app.serving.generation_messages import (
    Answer,
    Command,
    Failure,
    File,
    StoredCheckpoint,
    receive_answer,
    receive_command,
    send_answer,
    send_command,
)
from models.rendering import Renderer
from models.samples import Sample
from models.seeds import latent_from_seed


@pytest.fixture
def stored(store: ObjectStore, cats: ServedCheckpoint) -> StoredCheckpoint:
    return StoredCheckpoint(1, str(store.local_copy(cats.key)), cats.sha256)


def test_a_loaded_renderer_is_found_while_another_one_loads(stored: StoredCheckpoint) -> None:
    renderers = Renderers()
    loaded = renderers.find(stored)
    results: list[Renderer] = []
    with renderers._loading:  # as while another renderer loads
        thread = threading.Thread(target=lambda: results.append(renderers.find(stored)))
        thread.start()
        thread.join(10)
    assert results == [loaded]


def test_a_dropped_renderer_is_freed(stored: StoredCheckpoint) -> None:
    renderers = Renderers()
    loaded = renderers.find(stored)
    assert run_command(renderers, Command([stored.number])) == Answer()
    assert renderers.find(stored) is not loaded


def test_an_error_is_answered_with_its_traceback(stored: StoredCheckpoint) -> None:
    answer = run_command(
        Renderers(), Command((), stored, [Sample(np.zeros(3, np.float32))], [None])
    )
    assert answer.reason.startswith("RuntimeError: ")
    assert "rendering.py" in answer.trace
    assert not answer.unreadable


def test_a_command_arrives_unchanged(stored: StoredCheckpoint) -> None:
    latent = latent_from_seed(3, 100).numpy()
    samples = [Sample(2**53 - 1, 1), Sample(latent), Sample(0, 0), Sample(latent[:7], 2)]
    files = [None, File("png", '{"é": "\\u00e9"}'), None, None]
    there, here = Pipe()
    send_command(there, Command([3, 4], stored, samples, files))
    command = receive_command(here)
    assert (command.dropped, command.stored, command.files) == ([3, 4], stored, files)
    for sent, arrived in zip(samples, command.samples, strict=True):
        assert sent.label == arrived.label
        assert np.array_equal(sent.point, arrived.point)
        assert type(sent.point) is type(arrived.point)


def test_an_answer_arrives_unchanged() -> None:
    dice = np.random.default_rng(1)
    grey, colour = (dice.integers(0, 256, (5, 3, channels), np.uint8) for channels in (1, 4))
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
