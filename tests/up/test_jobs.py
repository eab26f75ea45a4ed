"""From a folder of pictures to images by commands alone, and trainings that survive `moggy up`."""

import os
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import events
from app.domain.database import Database
from app.domain.tables import Checkpoint, Event

from .processes import processes_of, wait_for
from .running import STOP_SECONDS, Up

pytestmark = pytest.mark.slow

StartUp = Callable[..., Up]

TINY = ("--set", "width=8", "--set", "latent_dim=16")
IMAGES = 12_288  # some seconds: not finished when everything is killed


@pytest.fixture
def digits(shared_data: Path, tmp_path: Path) -> Path:
    """A folder of real digits in ten class folders, with one file that is not a picture."""
    folder = tmp_path / "digits"
    with zipfile.ZipFile(shared_data / "digits-labelled.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")]
        archive.extractall(folder, names[:: len(names) // 300])
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_commands_lead_from_a_folder_to_a_morph_although_the_broker_is_killed(
    start_up: StartUp, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOGGY_REAP_SECONDS", "1")  # how often jobs are found whose wake-up was lost
    up = start_up()
    up.until_ready()
    report, _ = up.moggy("dataset", "add", digits, "--name", "digits", "--size", 28)
    assert report.startswith("digits: 30")
    assert ", 1 rejected\n" in report
    assert "rejected notes.txt: not read: a text file" in report
    os.kill(up.pid_of("valkey-server"), signal.SIGKILL)
    assert up.line().startswith("Valkey ended with signal 9 (SIGKILL)")
    names = ("--dataset", "digits", "--model", "digits", "--preset", "dcgan")
    out, err = up.moggy("train", *names, "--images", 2048, *TINY, "--follow")
    job_id = out.strip()
    assert "checkpoint " in err
    assert err.endswith(f"Job {job_id} succeeded: digits has seen 2,048 images.\n")
    grid, morph = tmp_path / "digits.png", tmp_path / "morph.webp"
    up.moggy("generate", "digits", "--seeds", "0-8", "--out", grid)
    up.moggy("generate", "digits", "--seeds", 7, "--out", tmp_path / "7.png")
    up.moggy("morph", "digits", 7, 42, "--frames", 10, "--out", morph)
    with Image.open(grid) as picture:
        assert picture.size == (3 * 28, 3 * 28)
    with Image.open(morph) as film:
        assert film.n_frames == 10  # type: ignore[attr-defined]
        film.seek(0)
        first = film.convert("RGB").tobytes()
    with Image.open(tmp_path / "7.png") as picture:
        assert picture.convert("RGB").tobytes() == first
    assert job_id in up.moggy("jobs")[0]
    assert up.moggy("models")[0].splitlines()[1].split()[:2] == ["digits", "1"]
    assert up.moggy("datasets")[0].splitlines()[1].split()[1] == "ready"
    running = up.moggy("train", *names, "--images", 10**9, *TINY)[0].strip()
    up.moggy("cancel", running)
    wait_for(lambda: up.job(running)["status"] == "cancelled", seconds=10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_training_resumes_from_its_state_after_everything_ended(
    number: signal.Signals,
    start_up: StartUp,
    digits: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOGGY_STATE_EVERY_SECONDS", "0.5")
    monkeypatch.setenv("MOGGY_LEASE_SECONDS", "3600")  # the dead worker's is not waited for
    up = start_up(group=True)
    up.until_ready()
    up.moggy("dataset", "add", digits, "--name", "digits", "--size", 28)
    names = ("--dataset", "digits", "--model", "digits")
    every = ("--set", f"checkpoint_every_images={IMAGES // 2}")
    job_id = up.moggy("train", *names, "--images", IMAGES, *TINY, *every)[0].strip()
    following = up.begin("follow", job_id)
    wait_for(lambda: list(home.glob(f"objects/jobs/{job_id}/**/state-*")), seconds=60)
    assert up.job(job_id)["status"] == "running"
    os.killpg(up.process.pid, number)  # every process of the terminal
    up.process.wait(STOP_SECONDS)
    wait_for(lambda: not processes_of(home), seconds=STOP_SECONDS)
    start_up(port=up.port).until_ready()
    _, output = following.communicate(timeout=120)
    assert following.returncode == 0, output
    assert output.endswith(f"Job {job_id} succeeded: digits has seen {IMAGES:,} images.\n")
    database = Database(f"sqlite:///{home / 'moggy.db'}")
    with database.read() as session:
        first, second = started(session, job_id)
        checkpoints = session.scalars(select(Checkpoint.images_seen)).all()
    database.close()
    assert first.data["images_seen"] == 0
    assert second.data["images_seen"] > 0, "started from zero"
    assert checkpoints == [IMAGES // 2, IMAGES]


def started(session: Session, job_id: str) -> list[Event]:
    """The event of each start of the job's trainer."""
    states = events.of_type(session, job_id, "state")
    return [event for event in states if "device" in event.data]
