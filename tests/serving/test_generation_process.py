"""The generation process: killed, restarted, and ended with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.errors import Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving import generation_process
from app.serving.checkpoints import BrokenCheckpoint
from app.serving.engine import Engine
from app.serving.generation_messages import FileEncoding
from app.serving.generation_process import GenerationProcess, RemoteRenderer
from benchmarks.harness.random_models import store_checkpoint
from models.samples import RENDER_BATCH, Sample

ROOT = Path(__file__).resolve().parents[2]
ENDS_WITH_ITS_PARENT = """
import os, signal, sys
from pathlib import Path
from app.serving.generation_process import GenerationProcess
process = GenerationProcess(2)
process.load(Path(sys.argv[1]), sys.argv[2])
print(process._child.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
# Stands in for the process: exits at a file of the format `poison`, and answers other commands.
POISONED = """
import os, sys, threading
from multiprocessing.connection import Connection
from app.serving.generation_messages import Answer, receive_command, send_answer

def work(connection):
    while True:
        try:
            command = receive_command(connection)
        except EOFError:
            os._exit(0)
        if command.files and command.files[0].image_format == "poison":
            os._exit(7)
        send_answer(connection, Answer(1, [b"made"] * len(command.samples)))

for descriptor in sys.argv[1:]:
    threading.Thread(target=work, args=(Connection(int(descriptor)),)).start()
"""


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[GenerationProcess]:
    """The generation process of every engine in the test."""
    process = GenerationProcess(2)
    monkeypatch.setattr("app.serving.engine.generation_process", lambda _lanes: process)
    yield process
    process.close()


@pytest.fixture
def poisoned(
    process: GenerationProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> GenerationProcess:
    (tmp_path / "poisoned.py").write_text(POISONED)
    monkeypatch.setattr(generation_process, "CHILD_MODULE", "poisoned")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    return process


@pytest.fixture
def renderer(
    process: GenerationProcess, store: ObjectStore, cats: GeneratorCheckpoint
) -> RemoteRenderer:
    return process.load(store.local_copy(cats.key), cats.sha256)


def pid_of(process: GenerationProcess) -> int:
    assert process._child is not None
    return process._child.process.pid


def picture(renderer: RemoteRenderer, image_format: str = "png", lane: int = 0) -> bytes:
    (made,) = renderer.render([Sample(7)], [FileEncoding(image_format, "{}")], lane)
    assert isinstance(made, bytes)
    return made


def test_after_a_kill_a_new_process_makes_the_same_picture(
    process: GenerationProcess, renderer: RemoteRenderer
) -> None:
    before, killed = picture(renderer), pid_of(process)
    os.kill(killed, signal.SIGKILL)
    assert picture(renderer) == before
    assert pid_of(process) != killed


def test_requests_that_wait_during_a_kill_are_answered(
    process: GenerationProcess, settings: Settings, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    engine = Engine(settings, store, threads=2)
    samples = [Sample(seed) for seed in range(60 * RENDER_BATCH)]

    async def scenario() -> list[bytes]:
        await engine.load(cats)
        tasks = [asyncio.create_task(engine.generate(cats, samples)) for _ in range(2)]
        await asyncio.sleep(0)
        # Until the requests are queued and a batch has been taken.
        while engine._queue.samples in (0, 2 * len(samples)):
            await asyncio.sleep(0)
        killed = pid_of(process)
        os.kill(killed, signal.SIGKILL)
        assert engine._queue.samples > 0
        pixels = await asyncio.gather(*tasks)
        assert pid_of(process) != killed
        arrays = (*pixels, await engine.generate(cats, samples))
        return [array.tobytes() for array in arrays]

    first, second, undisturbed = asyncio.run(scenario())
    engine.close()
    assert first == second == undisturbed


def test_a_command_that_kills_the_process_twice_is_refused_alone(
    poisoned: GenerationProcess,
) -> None:
    renderer = poisoned.load(Path("nowhere"), "")
    kept = open_files()
    answers: dict[str, list[str]] = {"poison": [], "png": []}
    until = time.monotonic() + 3

    def ask(image_format: str, lane: int) -> None:
        while time.monotonic() < until:
            try:
                answers[image_format].append(picture(renderer, image_format, lane).decode())
            except Unavailable as refusal:
                answers[image_format].append(refusal.detail)

    lanes = (("poison", 0), ("png", 1))
    threads = [threading.Thread(target=ask, args=lane) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers["poison"]) == {"the generation process ended twice: exit code 7"}
    assert len(answers["poison"]) > 1
    assert set(answers["png"]) == {"made"}
    assert open_files() <= kept  # the pipes of ended processes are closed


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_process_that_ended_while_idle_is_replaced_without_an_error(
    poisoned: GenerationProcess,
) -> None:
    renderer = poisoned.load(Path("nowhere"), "")
    child = poisoned._child
    assert child is not None
    os.kill(child.process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOWAIT)
    poisoned.release()
    assert poisoned._child is child  # release starts no process
    with pytest.raises(Unavailable, match="twice"):
        picture(renderer, "poison")
    assert child.process.returncode == -signal.SIGKILL


def test_a_partly_read_answer_is_not_taken_for_the_answer_to_the_next_command(
    poisoned: GenerationProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = poisoned.load(Path("nowhere"), "")

    def unreadable(_connection: object) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(generation_process, "receive_answer", unreadable)
        with pytest.raises(MemoryError):
            picture(renderer)
    assert picture(renderer) == b"made"


def test_a_process_that_cannot_start_is_reported(
    process: GenerationProcess,
    store: ObjectStore,
    cats: GeneratorCheckpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = store.local_copy(cats.key)
    with monkeypatch.context() as broken:
        broken.setattr(generation_process, "CHILD_MODULE", "app.serving.no_such_program")
        with pytest.raises(Unavailable, match="ended twice: exit code 1"):
            process.load(path, cats.sha256)
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/no/such/python")
        with pytest.raises(Unavailable, match=r"cannot be started: .*/no/such/python"):
            process.load(path, cats.sha256)


def test_a_file_that_changed_before_it_is_loaded_again_is_refused_by_name(
    process: GenerationProcess, settings: Settings, store: ObjectStore, cats: GeneratorCheckpoint
) -> None:
    engine = Engine(settings, store, threads=2)
    path = store.local_copy(cats.key)
    right = path.read_bytes()

    async def scenario() -> None:
        before = await engine.generate(cats, [Sample(1)])
        path.write_bytes(store.get_bytes(store_checkpoint(store, weights=2).key))
        assert (await engine.generate(cats, [Sample(1)])).tobytes() == before.tobytes()
        os.kill(pid_of(process), signal.SIGKILL)
        with pytest.raises(BrokenCheckpoint, match=f"checkpoint {cats.id} .* is damaged"):
            await engine.generate(cats, [Sample(1)])
        store.delete(cats.key)
        with pytest.raises(BrokenCheckpoint, match="is not in the object store"):
            await engine.generate(cats, [Sample(1)])
        path.write_bytes(right)
        assert (await engine.generate(cats, [Sample(1)])).tobytes() == before.tobytes()

    asyncio.run(scenario())
    engine.close()


def test_a_file_that_was_downloaded_again_is_loaded_again(
    process: GenerationProcess,
    settings: Settings,
    store: ObjectStore,
    cats: GeneratorCheckpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The local copy of a bucket's object may have been evicted and downloaded again."""
    engine = Engine(settings, store, threads=2)
    path = store.local_copy(cats.key)

    async def scenario() -> None:
        before = await engine.generate(cats, [Sample(1)])
        moved = path.rename(path.with_suffix(".moved"))
        monkeypatch.setattr(store, "local_copy", lambda *_: moved)
        os.kill(pid_of(process), signal.SIGKILL)
        assert (await engine.generate(cats, [Sample(1)])).tobytes() == before.tobytes()

    asyncio.run(scenario())
    engine.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_signals_do_not_end_it_before_the_api(
    process: GenerationProcess, renderer: RemoteRenderer, number: signal.Signals
) -> None:
    picture(renderer)
    alive = pid_of(process)
    os.kill(alive, number)
    picture(renderer)
    assert pid_of(process) == alive
    assert os.getpgid(alive) == alive  # Ctrl-C is not sent to it


def test_it_ends_with_its_parent(store: ObjectStore, cats: GeneratorCheckpoint) -> None:
    parent = subprocess.run(
        [sys.executable, "-c", ENDS_WITH_ITS_PARENT, store.local_copy(cats.key), cats.sha256],
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
    return state != "Z"  # a zombie has ended, though its parent has not reaped it
