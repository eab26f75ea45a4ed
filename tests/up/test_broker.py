import os
import stat
import subprocess
from pathlib import Path

import pytest
import redis

from app.domain.processes import StartError
from app.up import broker as broker_module
from app.up.broker import Broker, find_program

from .processes import wait_for


def test_the_broker_requires_its_password(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    assert not broker.answers()
    with subprocess.Popen(broker.command, stdout=subprocess.DEVNULL) as process:
        wait_for(broker.answers)
        with redis.Redis.from_url(broker.url) as client:
            assert client.ping()
        without = broker.url.partition("@")[2]
        with (
            redis.Redis.from_url(f"redis://{without}") as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()
        process.terminate()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["valkey.conf"]


def test_the_password_is_in_a_private_file_and_not_on_a_command_line(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    password = broker.url.partition("//:")[2].partition("@")[0]
    assert password in (tmp_path / "valkey.conf").read_text()
    assert stat.S_IMODE((tmp_path / "valkey.conf").stat().st_mode) == 0o600
    assert not any(password in argument for argument in broker.command)
    assert Broker(tmp_path).url != broker.url


def test_the_program_in_the_environment_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "my-valkey"
    link.symlink_to(find_program())
    monkeypatch.setenv("MOGGY_REDIS_BIN", str(link))
    assert find_program() == link


def test_a_program_in_the_environment_that_does_not_run_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOGGY_REDIS_BIN", "/nowhere/valkey")
    with pytest.raises(StartError, match="MOGGY_REDIS_BIN '/nowhere/valkey'"):
        find_program()


def test_without_the_packaged_program_one_is_found_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, good = tmp_path / "redis-server", tmp_path / "valkey-server"
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/nowhere")
    packaged = find_program()
    monkeypatch.setattr(broker_module, "_packaged", lambda: None)
    with pytest.raises(StartError, match="install redis-server or valkey-server"):
        find_program()
    good.symlink_to(packaged)
    assert find_program() == good
