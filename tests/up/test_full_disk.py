"""The disk of the home fills during a training: the job waits, also over a restart, and resumes."""

import os
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_disk import fill, mounted

from app.domain import events
from app.domain.database import Database
from app.domain.settings import Settings

from .processes import processes_of, wait_for
from .running import Up

pytestmark = pytest.mark.slow

IMAGES = 12_288
OPTIONS = ("--set", "width=8", "--set", "latent_dim=16", "--set", "sample_every_images=2048")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home on its own file system."""
    with mounted(tmp_path / "a home", megabytes=64) as folder:
        yield folder
        wait_for(lambda: not processes_of(folder), seconds=5)


@pytest.fixture
def digits(shared_data: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(shared_data / "digits-labelled.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")]
        archive.extractall(tmp_path / "digits", names[:: len(names) // 300])
    return tmp_path / "digits"


def test_a_training_survives_a_full_disk_and_a_restart_on_it(
    start_up: Callable[..., Up], home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOGGY_REAP_SECONDS", "1")
    monkeypatch.setenv("MOGGY_STATE_EVERY_SECONDS", "1")
    up = start_up()
    up.until_ready()
    up.moggy("dataset", "add", digits, "--name", "digits", "--size", 28)
    names = ("--dataset", "digits", "--model", "digits", "--preset", "dcgan")
    out, _ = up.moggy("train", *names, "--images", IMAGES, *OPTIONS)
    job_id = out.strip()
    wait_for(lambda: bool(list(home.glob(f"objects/jobs/{job_id}/1/state-*"))), seconds=60)

    hog = fill(home, leave=300_000)
    wait_for(lambda: up.job(job_id)["status"] == "queued", seconds=30)
    job = up.job(job_id)
    assert "the disk of its worker is full" in job["error"]
    assert job["attempt"] == 0
    assert "queued, no disk space" in up.moggy("jobs")[0]
    wait_for(lambda: up.status("/readyz") == 503, seconds=10)  # it reports the last look
    assert list(home.glob(f"objects/jobs/{job_id}/*/state-*"))

    os.kill(up.process.pid, signal.SIGKILL)
    up.end()
    fill(home)  # the space that the end has freed
    up = start_up()
    assert up.line().startswith("Moggy 0.1.0 is starting")
    line = up.line()
    if line.startswith("Ended the programs that a killed"):  # they had not ended by themselves yet
        line = up.line()
    assert line.startswith(f"The disk of {home} has")
    wait_for(lambda: up.status("/healthz") == 200, seconds=60)
    assert up.job(job_id)["status"] == "queued"
    hog.unlink()
    wait_for(lambda: up.job(job_id)["status"] == "succeeded", seconds=240)
    assert up.status("/readyz") == 200

    database = Database(Settings(home=home).database)
    with database.read() as session:
        states = [event.data for event in events.of_type(session, job_id, "state")]
    database.close()
    started = [state["images_seen"] for state in states if "images_seen" in state]
    assert started[0] == 0
    assert started[-1] > 0
