"""A failed start is one sentence. A setting stops only the programs that use it."""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from app.domain.processes import StartError, check_home, load_settings, wait_for_preparation
from app.domain.settings import DatabaseSettings, Settings, WorkerSettings

BIN = Path(sys.executable).parent
UNPRIVILEGED = 10001
ELSEWHERE = {"MOGGY_HOST": "0.0.0.0", "MOGGY_PORT": "many", "MOGGY_MAX_FRAMES": "0"}


def test_an_invalid_setting_does_not_stop_a_program_that_does_not_use_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in ELSEWHERE.items():
        monkeypatch.setenv(name, value)
    assert load_settings(DatabaseSettings, {}).owns_database
    assert load_settings(WorkerSettings, {}).lease_seconds == 60
    with pytest.raises(StartError, match=r"^MOGGY_"):
        load_settings(Settings, {})
    monkeypatch.setenv("MOGGY_LEASE_SECONDS", "soon")
    assert load_settings(DatabaseSettings, {}).owns_database
    environment = os.environ | {"MOGGY_HOME": str(tmp_path)}
    subprocess.run([BIN / "moggy", "migrate"], env=environment, check=True)
    assert (tmp_path / "moggy.db").exists()


def test_a_writable_home_is_created_and_accepted(tmp_path: Path) -> None:
    check_home(tmp_path / "new" / "home")
    assert (tmp_path / "new" / "home").is_dir()


def test_a_program_waits_until_the_database_is_prepared(tmp_path: Path) -> None:
    wait_for_preparation(tmp_path)  # nothing prepares it: there is nothing to wait for
    pid_file = tmp_path / "run" / "prepare.pid"
    pid_file.parent.mkdir()
    pid_file.touch()
    prepared = threading.Timer(0.3, pid_file.unlink)
    prepared.start()
    wait_for_preparation(tmp_path)
    assert not pid_file.exists()
    prepared.join()


AS_ANOTHER_USER = """
import os, sys
from pathlib import Path
from app.domain.processes import StartError, check_home

os.setuid(int(sys.argv[1]))
try:
    check_home(Path(sys.argv[2]))
except StartError as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("folder", ["", "objects", "incoming"])
def test_a_home_of_another_user_is_named_with_the_remedy(folder: str) -> None:
    with tempfile.TemporaryDirectory() as parent:  # other users cannot read pytest's folder
        Path(parent).chmod(0o755)
        home = Path(parent) / "home"
        (home / folder).mkdir(parents=True)
        if folder:
            os.chown(home, UNPRIVILEGED, UNPRIVILEGED)
        arguments = ["-c", AS_ANOTHER_USER, str(UNPRIVILEGED), str(home)]
        run = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert f"user {UNPRIVILEGED}" in run.stdout, run.stderr
    assert f"cannot write to {home / folder}" in run.stdout
    assert f"`chown -R {UNPRIVILEGED} {home}`" in run.stdout


@pytest.mark.parametrize(
    ("command", "environment", "sentence"),
    [
        (
            ["uvicorn", "app.main:create_app", "--factory", "--port", "0"],
            {"MOGGY_HOST": "0.0.0.0"},
            "MOGGY_HOST 0.0.0.0 is reachable from other machines: set MOGGY_API_KEYS",
        ),
        (
            ["uvicorn", "app.main:create_app", "--factory", "--port", "0"],
            {},
            "the database's schema is empty",
        ),
        (
            ["celery", "-A", "worker.tasks", "worker", "-P", "threads"],
            {"MOGGY_LEASE_SECONDS": "soon"},
            "MOGGY_LEASE_SECONDS 'soon'",
        ),
        (["celery", "-A", "worker.tasks", "worker", "-P", "threads"], {}, "schema is empty"),
        (["moggy", "migrate"], {"MOGGY_HOME": "/dev/null/home"}, "/dev/null"),
    ],
)
def test_a_program_that_cannot_start_says_why_in_one_line(
    tmp_path: Path, command: list[str], environment: dict[str, str], sentence: str
) -> None:
    run = subprocess.run(
        [BIN / command[0], *command[1:]],
        env={"PATH": os.environ["PATH"], "MOGGY_HOME": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert sentence in run.stderr.strip().splitlines()[-1]  # Celery warns about root first
