"""The process that generates, killed and left alone."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.domain.errors import Unavailable
from app.domain.pictures.checkpoint import ServedCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving import generation
from app.serving.engine import Engine
from app.serving.generation import GenerationProcess, RemoteRenderer, Unreadable
from app.serving.generation_process import Models
from app.serving.generators import BrokenCheckpoint
from models.rendering import Renderer
from models.samples import BATCH, Pixels, Sample

ROOT = Path(__file__).resolve().parents[2]
ENDS_WITH_ITS_PARENT = """
import os, signal, sys
from pathlib import Path
from app.serving.generation import GenerationProcess
process = GenerationProcess(2)
process.load(Path(sys.argv[1]))
print(process._child.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[GenerationProcess]:
    """What every engine of the test gets."""
    process = GenerationProcess(2)
    monkeypatch.setattr("app.serving.engine.generation_process", lambda _lanes: process)
    yield process
    process.close()


@pytest.fixture
def renderer(
    process: GenerationProcess, store: ObjectStore, cats: ServedCheckpoint
) -> RemoteRenderer:
    return process.load(store.local_copy(cats.key))


def pid_of(process: GenerationProcess) -> int:
    assert process._child is not None
    return process._child.process.pid


def picture(renderer: RemoteRenderer) -> bytes:
    (made,) = renderer.render([Sample(7)], [np.ndarray.tobytes], 0)
    assert isinstance(made, bytes)
    return made


def test_after_it_was_killed_another_makes_the_same_picture(
    process: GenerationProcess, renderer: RemoteRenderer
) -> None:
    before, killed = picture(renderer), pid_of(process)
    os.kill(killed, signal.SIGKILL)
    assert picture(renderer) == before
    assert pid_of(process) != killed


def test_whoever_waits_when_it_is_killed_is_answered(
    process: GenerationProcess, settings: Settings, store: ObjectStore, cats: ServedCheckpoint
) -> None:
    engine = Engine(settings, store, threads=2)
    samples = [Sample(seed) for seed in range(60 * BATCH)]

    async def scenario() -> tuple[list[Pixels], Pixels]:
        await engine.load(cats)
        asked = [asyncio.create_task(engine.generate(cats, samples)) for _ in range(2)]
        await asyncio.sleep(0.05)
        os.kill(pid_of(process), signal.SIGKILL)
        return await asyncio.gather(*asked), await engine.generate(cats, samples)

    killed, undisturbed = asyncio.run(scenario())
    engine.close()
    assert all(np.array_equal(pixels, undisturbed) for pixels in killed)


def test_what_kills_it_twice_is_refused(
    process: GenerationProcess, renderer: RemoteRenderer
) -> None:
    before = picture(renderer)
    with pytest.raises(Unavailable, match="ended with status 7, twice"):
        renderer.render([Sample(7)], [end_the_process], 0)
    assert picture(renderer) == before


def end_the_process(_pixels: Pixels) -> bytes:
    os._exit(7)


def test_one_that_cannot_start_is_told_of(
    process: GenerationProcess,
    store: ObjectStore,
    cats: ServedCheckpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generation, "PROGRAM", "app.serving.no_such_program")
    with pytest.raises(Unavailable, match="ended with status 1, twice"):
        process.load(store.local_copy(cats.key))


def test_a_file_that_is_gone_when_it_is_read_again_is_named_at_the_next_request(
    process: GenerationProcess, settings: Settings, store: ObjectStore, cats: ServedCheckpoint
) -> None:
    engine = Engine(settings, store, threads=2)

    async def scenario() -> None:
        await engine.generate(cats, [Sample(1)])
        store.delete(cats.key)
        assert len(await engine.generate(cats, [Sample(2)])) == 1
        os.kill(pid_of(process), signal.SIGKILL)
        with pytest.raises(Unreadable):
            await engine.generate(cats, [Sample(3)])
        with pytest.raises(BrokenCheckpoint, match=f"{cats.id} .* not in the object store"):
            await engine.generate(cats, [Sample(3)])

    asyncio.run(scenario())
    engine.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_sent_to_all_processes_of_a_terminal_ends_it_only_with_the_api(
    process: GenerationProcess, renderer: RemoteRenderer, number: signal.Signals
) -> None:
    picture(renderer)
    alive = pid_of(process)
    os.kill(alive, number)
    picture(renderer)
    assert pid_of(process) == alive


def test_it_ends_with_the_process_that_started_it(
    store: ObjectStore, cats: ServedCheckpoint
) -> None:
    parent = subprocess.run(
        [sys.executable, "-c", ENDS_WITH_ITS_PARENT, store.local_copy(cats.key)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
    )
    assert parent.returncode == -signal.SIGKILL
    until = time.monotonic() + 20
    while runs(int(parent.stdout.split()[-1])):
        assert time.monotonic() < until
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # nobody may be there to take note of its end


def test_what_is_loaded_waits_for_no_loading(store: ObjectStore, cats: ServedCheckpoint) -> None:
    models, path = Models(), store.local_copy(cats.key)
    loaded = models.find(1, path)
    found: list[Renderer] = []
    with models._loading:  # as while another is loaded
        thread = threading.Thread(target=lambda: found.append(models.find(1, path)))
        thread.start()
        thread.join(10)
    assert found == [loaded]
