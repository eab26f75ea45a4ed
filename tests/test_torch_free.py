"""Neither the API, nor a command that speaks HTTP, nor an ingest imports torch."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
from databases import sqlite_database
from PIL import Image
from running_api import SAMPLE_AT, fill
from servers import free_port
from sqlalchemy import update

from app.domain.database import Database
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint
from app.up.service import api_program

# Python runs a module of this name at its start. This one records who imports torch, and refuses
# it; `importlib.util.find_spec` still finds it.
SITECUSTOMIZE = """
import importlib.abc, importlib.machinery, os, sys, traceback

class Recorder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "torch" else None

    def exec_module(self, module):
        with open(os.environ["TORCH_IMPORTS"], "a") as file:
            traceback.print_stack(file=file)
        raise ImportError("torch is refused")

sys.meta_path.insert(0, Recorder())
"""
BIN = Path(sys.executable).parent
START_SECONDS = 120.0

pytestmark = pytest.mark.slow


class TorchFree:
    """An API process with a model, and commands, in none of which torch can be imported."""

    def __init__(self, folder: Path, settings: Settings, training: str) -> None:
        self.training = training
        (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
        self.imports = folder / "imports.txt"
        self.url = f"http://127.0.0.1:{settings.port}"
        self._folder = folder
        self._environment = os.environ | {
            "PYTHONPATH": str(folder),
            "TORCH_IMPORTS": str(self.imports),
            "MOGGY_HOME": str(settings.home),
            "MOGGY_PORT": str(settings.port),
            "MOGGY_REDIS_URL": str(settings.redis_url),
            "MOGGY_URL": self.url,
        }
        command = api_program(settings, {}).command
        self.process = subprocess.Popen(command, env=self._environment, cwd=folder)
        self.client = httpx2.Client(base_url=f"{self.url}/v1", timeout=START_SECONDS)

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self.process.poll() is None
            try:
                httpx2.get(f"{self.url}/healthz").raise_for_status()
            except httpx2.HTTPError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return

    def moggy(self, *arguments: str) -> None:
        self.run(str(BIN / "moggy"), *arguments)

    def run(self, *command: str) -> None:
        subprocess.run(
            command, env=self._environment, cwd=self._folder, check=True, capture_output=True
        )

    def recorded(self) -> str:
        """The stacks of all imports of torch."""
        return self.imports.read_text() if self.imports.exists() else ""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[TorchFree]:
    folder = tmp_path_factory.mktemp("torch_free")
    settings = Settings(home=folder / "home", port=free_port(), redis_url=valkey_url)
    sqlite_database(settings.home / "moggy.db")
    database = Database(settings.database)
    (folder / "pictures").mkdir()
    jobs, checkpoint = fill(database, ObjectStore(settings), folder / "pictures")
    with database.write() as session:  # passports compare with the pictures of the training
        session.execute(update(Checkpoint).where(Checkpoint.id == checkpoint).values(job=jobs[0]))
    database.close()
    service = TorchFree(folder, settings, jobs[0])
    try:
        service.wait_until_it_answers()
        yield service
    finally:
        service.client.close()
        service.process.terminate()
        service.process.wait()


def test_an_import_would_be_recorded(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SITECUSTOMIZE)
    imports = tmp_path / "imports.txt"
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "TORCH_IMPORTS": str(imports)}
    program = "import models.networks.build"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True)
    assert b"torch is refused" in done.stderr
    assert "models/networks/build.py" in imports.read_text()


def test_the_api_answers_every_kind_of_request_without_torch(service: TorchFree) -> None:
    models, training = "/models/plain", f"/jobs/{service.training}"
    for path in (
        *(f"{models}/images/7.{suffix}" for suffix in ("png", "webp", "jpg", "json")),
        "/models/classes/images/7.png",
        *(f"{models}/interpolations/7-42.{suffix}" for suffix in ("webp", "mp4")),
        *(f"{models}/checkpoints", "/presets", "/datasets/noise", "/jobs"),
        *(training, f"{training}/samples/{SAMPLE_AT}.png", f"{training}/timelapse.webp"),
    ):
        answer = service.client.get(path)
        assert answer.status_code == 200, (path, answer.text)
    passport = service.client.get(f"{models}/images/7.json").json()
    assert passport["nearest"]["url"].startswith("/v1/datasets/noise/")
    keyframes = [{"seed": 7}, {"seed": 42}]
    for path, body in (
        ("/models/classes/images", {"count": 9, "seed": 0, "format": "grid"}),
        (f"{models}/images", {"count": 9, "seed": 0, "format": "json"}),
        (f"{models}/images", {"count": 9, "seed": 0, "format": "zip"}),
        (f"{models}/interpolations", {"keyframes": keyframes, "easing": "even", "frames": 9}),
    ):
        answer = service.client.post(path, json=body)
        assert answer.status_code == 200, (path, body, answer.text)
    picture = service.client.get(f"{models}/images/7.png").content
    verdict = service.client.post("/recipes/verify", content=picture).json()
    assert verdict["match"], verdict
    assert service.recorded() == ""


def test_the_commands_that_speak_http_run_without_torch(service: TorchFree) -> None:
    service.moggy("--help")
    service.moggy("models")
    service.moggy("model", "show", "plain")
    service.moggy("jobs")
    service.moggy("dataset", "show", "noise")
    service.moggy("generate", "plain", "--seeds", "0-8", "--out", "grid.png")
    service.moggy("morph", "plain", "7", "42", "--frames", "5", "--out", "morph.webp")
    service.moggy("timelapse", service.training, "--out", "film.webp")
    assert service.recorded() == ""


def test_pictures_become_a_dataset_without_torch(service: TorchFree, tmp_path: Path) -> None:
    pictures = [tmp_path / f"{number}.png" for number in range(9)]
    for picture in pictures:
        Image.effect_noise((40, 40), 60).save(picture)
    run = {
        "sources": [{"name": picture.name, "path": str(picture)} for picture in pictures],
        **{"width": 32, "height": 32, "fit": "crop", "channels": "auto", "levels": "full"},
        **{"horizontal_flip": None, "drop_near_duplicates": True, "drop_unclassified": False},
        "code_page": None,
        "limits": {"max_pixels": 10**6, "max_images": 10**4, "max_unpacked_bytes": 10**9},
    }
    (tmp_path / "run.json").write_text(json.dumps(run))
    service.run(sys.executable, "-m", "worker.ingest", str(tmp_path))
    assert np.load(tmp_path / "packed" / "features.npy").shape == (9, 128)
    assert service.recorded() == ""
