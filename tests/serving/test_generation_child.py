"""The commands and messages of the generation process, run in this process."""

import threading
from multiprocessing import Pipe

import numpy as np
import pytest

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from app.serving.generation_child import Renderers, run_command
from app.serving.generation_messages import (
    Answer,
    CheckpointFile,
    Command,
    Failure,
    FileEncoding,
    receive_answer,
    receive_command,
    send_answer,
    send_command,
)
from models.rendering import Renderer
from models.samples import Sample
from models.seeds import latent_from_seed


@pytest.fixture
def checkpoint_file(store: ObjectStore, cats: GeneratorCheckpoint) -> CheckpointFile:
    return CheckpointFile(1, str(store.local_copy(cats.key)), cats.sha256)


def test_a_loaded_renderer_is_found_while_another_one_loads(
    checkpoint_file: CheckpointFile,
) -> None:
    renderers = Renderers()
    loaded = renderers.find(checkpoint_file)
    results: list[Renderer] = []
    with renderers._loading:  # as while another renderer loads
        thread = threading.Thread(target=lambda: results.append(renderers.find(checkpoint_file)))
        thread.start()
        thread.join(10)
    assert results == [loaded]


def test_a_dropped_renderer_is_freed(checkpoint_file: CheckpointFile) -> None:
    renderers = Renderers()
    loaded = renderers.find(checkpoint_file)
    assert run_command(renderers, Command([checkpoint_file.number])) == Answer()
    assert renderers.find(checkpoint_file) is not loaded


def test_an_error_is_answered_with_its_traceback(checkpoint_file: CheckpointFile) -> None:
    answer = run_command(
        Renderers(), Command((), checkpoint_file, [Sample(np.zeros(3, np.float32))], [None])
    )
    assert answer.reason.startswith("RuntimeError: ")
    assert "rendering.py" in answer.trace
    assert not answer.unreadable


def test_a_command_arrives_unchanged(checkpoint_file: CheckpointFile) -> None:
    latent = latent_from_seed(3, 100)
    samples = [Sample(2**53 - 1, 1), Sample(latent), Sample(0, 0), Sample(latent[:7], 2)]
    files = [None, FileEncoding("png", '{"é": "\\u00e9"}'), None, None]
    there, here = Pipe()
    send_command(there, Command([3, 4], checkpoint_file, samples, files))
    command = receive_command(here)
    assert (command.dropped, command.checkpoint_file, command.files) == (
        [3, 4],
        checkpoint_file,
        files,
    )
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
    first, file, failure, empty, last = answered.results
    assert (file, failure, empty) == (b"\x00file", Failure("no", "there"), b"")
    assert np.array_equal(first, grey)
    assert np.array_equal(last, colour)
