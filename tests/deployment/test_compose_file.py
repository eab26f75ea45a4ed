"""What docker-compose.yml tells its services: every setting, no empty variable, a safe order."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.domain.queue import CONCURRENT_JOBS, Queue
from app.domain.settings import Settings
from app.up.service import RUN_MODULE, api_program, worker_program

from .compose_file import ROOT, SECRETS, ComposeFile

SERVICES = ("api", "worker", "worker-light")
# Where the containers find each other: the file's own affair.
FIXED = {"MOGGY_HOME", "MOGGY_HOST", "MOGGY_PORT", "MOGGY_DATABASE_URL", "MOGGY_REDIS_URL"}
CREDENTIALS = {"AWS_ENDPOINT_URL": "http://s3.example", "AWS_ALLOW_HTTP": "true"}


def named_settings() -> dict[str, str]:
    """Every setting as a variable, each with a value of its own."""
    names = [f"MOGGY_{name.upper()}" for name in Settings.model_fields]
    return {name: f"8{number}" for number, name in enumerate(names)}


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_of_the_env_file_reaches_the_service(service: str) -> None:
    variables = SECRETS | named_settings() | CREDENTIALS
    environment = ComposeFile(variables).environment(service)
    for name, value in (named_settings() | CREDENTIALS).items():
        if name in FIXED:
            assert environment[name] not in (value, ""), name
        else:
            assert environment[name] == value, name


@pytest.mark.parametrize(
    ("service", "name", "queues"),
    [("worker", "train", "train"), ("worker-light", "light", "light,evaluate,synthesize")],
)
def test_each_worker_starts_like_that_of_moggy_up_but_with_its_own_queues_and_threads(
    service: str, name: str, queues: str
) -> None:
    threads = sum(CONCURRENT_JOBS[Queue(queue)] for queue in queues.split(","))
    command = worker_program(Settings(), {}).command[len(RUN_MODULE) :]
    before, after = command[: command.index("-Q")], command[command.index("-c") + 2 :]
    queue_options = ["-Q", queues, "-P", "threads", "-c", str(threads), "-n", f"{name}@%h"]
    assert ComposeFile(SECRETS).services[service]["command"] == [*before, *queue_options, *after]


def test_every_queue_has_exactly_one_worker() -> None:
    services = ComposeFile(SECRETS).services
    commands = [services[name]["command"] for name in ("worker", "worker-light")]
    queues = ",".join(command[command.index("-Q") + 1] for command in commands)
    assert sorted(queues.split(",")) == sorted(Queue)


def test_the_api_starts_with_the_options_of_moggy_up_but_more_time_to_stop() -> None:
    command = ComposeFile(SECRETS).services["api"]["command"]
    settings = Settings(host="0.0.0.0", port=8000, api_keys="key")
    *options, _ = api_program(settings, {}).command[len(RUN_MODULE) :]
    assert command == [*options, "5"]
    assert f"CMD {json.dumps(command)}" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_not_set_is_absent_and_not_empty(service: str) -> None:
    environment = ComposeFile(SECRETS).environment(service)
    assert [name for name, value in environment.items() if not value] == []
    assert not [name for name in environment if name.startswith("AWS_")]
    assert set(environment) == FIXED | set(SECRETS)


def test_only_what_concerns_it_reaches_the_migration() -> None:
    variables = SECRETS | named_settings()
    assert set(ComposeFile(variables).environment("migrate")) == {"MOGGY_DATABASE_URL"}


def test_compose_itself_reads_the_file_so(tmp_path: Path) -> None:
    """Where a docker client has compose; it needs no engine to tell what it reads."""
    docker = shutil.which("docker")
    probe = [docker, "compose", "version"] if docker else ["false"]
    variables = SECRETS | {"MOGGY_MAX_FRAMES": "77", "AWS_ALLOW_HTTP": "true"}
    read = ComposeFile(variables)
    if subprocess.run(probe, capture_output=True).returncode != 0:
        # The tests above read the file by the same rules, and `make compose-test` runs it.
        assert read.environment("api")["MOGGY_MAX_FRAMES"] == "77"
        return
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    lines = (f"{name}={value}\n" for name, value in variables.items())
    (tmp_path / ".env").write_text("".join(lines))
    config = subprocess.run(
        [*probe[:2], "config", "--format", "json"],
        cwd=tmp_path,
        env={"PATH": str(Path(probe[0]).parent), "HOME": str(Path.home())},
        capture_output=True,
        check=True,
    )
    services = json.loads(config.stdout)["services"]
    for service in (*SERVICES, "migrate"):
        told = {name: value for name, value in services[service]["environment"].items() if value}
        assert told == read.environment(service), service


def test_the_example_names_every_variable_that_the_file_reads() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    read = set(re.findall(r"\$\{(\w+)", text)) - {"MOGGY_ENV_FILE", "MOGGY_TAG"}
    passed_on = set(re.findall(r"^  ((?:AWS|MOGGY)_\w+):$", text, re.MULTILINE))
    named = set(re.findall(r"^#?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert (read | passed_on) - named - {"AWS_SESSION_TOKEN"} == set()


def test_the_env_file_stays_out_of_git_and_of_the_image() -> None:
    ignored = subprocess.run(["git", "check-ignore", "-q", ".env"], cwd=ROOT)
    assert ignored.returncode == 0
    assert (ROOT / ".dockerignore").read_text().splitlines()[0] == "*"


def test_a_service_stops_before_the_servers_that_it_needs() -> None:
    services = ComposeFile(SECRETS).services
    for name in SERVICES:
        assert {"postgres", "valkey", "migrate"} <= set(services[name]["depends_on"]), name
        assert services[name]["stop_grace_period"] in ("30s", "2m")


def test_the_database_is_asked_by_tcp_whether_it_is_ready() -> None:
    """While it is being made, PostgreSQL answers at its socket alone."""
    check = ComposeFile(SECRETS).services["postgres"]["healthcheck"]["test"]
    assert check[:4] == ["CMD", "pg_isready", "-h", "127.0.0.1"]


def test_every_container_is_confined() -> None:
    for name, service in ComposeFile(SECRETS).services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"], name
        # A server that runs as another user than its init would not be told to stop.
        assert service["init"] == (name not in ("postgres", "valkey")), name
        assert service["pids_limit"] > 0, name
        assert service["mem_limit"], name
        assert service["logging"]["options"]["max-size"], name


def test_services_of_one_image_name_it() -> None:
    images = {name: service["image"] for name, service in ComposeFile(SECRETS).services.items()}
    assert images["api"] == images["migrate"]
    assert images["worker"] == images["worker-light"]
    built = [name for name, one in ComposeFile(SECRETS).services.items() if "build" in one]
    assert built == ["api", "worker"]
