"""The compose file from its first start to an upgrade, in order: `make compose-test`.

Each step starts from the state that the previous step leaves, so the first failure ends the run.
`make test` does not run it: it needs a Docker engine.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx2
import pytest

from .stack import (
    Probe,
    addresses,
    checkpoints,
    client,
    compose,
    containers,
    docker,
    job_of,
    note,
    pictures,
    start,
    train,
    upload,
    wait_for,
)

SERVICES = ("api", "worker", "worker-light", "postgres", "valkey")
pytestmark = pytest.mark.timeout(1800)

LONG = 10**7  # images of a training that a test ends itself
TAG = os.environ["MOGGY_TAG"]


@pytest.fixture(scope="module", autouse=True)
def removed() -> Iterator[None]:
    """Remove the containers and volumes of an earlier run, and those of this run at its end."""
    compose("down", "--volumes", "--remove-orphans")
    yield
    compose("down", "--volumes", "--remove-orphans")


@pytest.fixture
def api() -> Iterator[httpx2.Client]:
    with client() as opened:
        yield opened


def test_it_starts_and_every_container_is_healthy() -> None:
    start("--wait")
    (migrate,) = containers("migrate")
    assert migrate["State"]["ExitCode"] == 0
    for service in SERVICES:
        (container,) = containers(service)
        assert container["State"]["Health"]["Status"] == "healthy", service
        assert container["HostConfig"]["ReadonlyRootfs"], service
        assert container["HostConfig"]["CapDrop"] == ["ALL"], service
    assert httpx2.get(f"{addresses()[0]}/v1/jobs").status_code == 401


def test_it_ingests_trains_and_generates(api: httpx2.Client) -> None:
    upload(api, "squares", pictures())
    wait_for("ingested", lambda: api.get("/v1/datasets/squares").json()["status"] == "ready")
    job = train(api, "squares", "first", 2048)
    ended = wait_for("trained", lambda: (j := job_of(api, job))["finished_at"] and j)
    assert (ended["status"], ended["error"]) == ("succeeded", None)
    assert api.get("/v1/models/first/images/7.png").content.startswith(b"\x89PNG")
    morph = {"keyframes": [{"seed": 1}, {"seed": 2}], "frames": 20, "format": "webp"}
    answer = api.post("/v1/models/first/interpolations", json=morph)
    assert (answer.status_code, answer.content[8:12]) == (200, b"WEBP")


def test_a_setting_of_the_env_file_reaches_the_containers() -> None:
    for service in ("api", "worker", "worker-light"):
        found = compose("exec", "-T", service, "printenv", "MOGGY_LEASE_SECONDS").stdout
        assert found.strip() == "6", service


def test_a_killed_container_costs_nothing_that_was_acknowledged(api: httpx2.Client) -> None:
    job = train(api, "squares", "killed", LONG)
    wait_for("training", lambda: job_of(api, job)["progress"]["images_seen"] > 0)
    probe = Probe()
    with probe.running(addresses()[0]):
        for service in SERVICES:
            kill_and_start(api, service, job)
    assert probe.faults == []
    assert probe.answered > 0
    assert probe.unavailable > 0  # while PostgreSQL was away
    assert job_of(api, job)["status"] == "running"
    api.post(f"/v1/jobs/{job}/cancel")
    ended = wait_for("cancelled", lambda: (j := job_of(api, job))["finished_at"] and j)
    assert ended["status"] == "cancelled"


def kill_and_start(api: httpx2.Client, service: str, job: str) -> None:
    """Kill a container during a training and an upload; both continue."""
    seen = job_of(api, job)["progress"]["images_seen"]
    stored = checkpoints(api, "killed")
    upload(api, f"copy-{service}", pictures(40))
    compose("kill", service)
    time.sleep(2)  # long enough for requests to arrive meanwhile
    compose("start", service)
    wait_for(f"on after {service}", lambda: job_of(api, job)["progress"]["images_seen"] > seen)
    assert stored <= checkpoints(api, "killed"), service
    dataset = f"/v1/datasets/copy-{service}"
    wait_for(f"ingested after {service}", lambda: api.get(dataset).json()["status"] == "ready")


def test_a_program_that_dies_is_started_again() -> None:
    (before,) = containers("worker-light")
    kill_program("worker-light", "KILL")
    wait_for(
        "restarted", lambda: containers("worker-light")[0]["RestartCount"] > before["RestartCount"]
    )


def test_a_second_worker_trains_beside_the_first(api: httpx2.Client) -> None:
    start("--no-recreate", "--scale", "worker=2")
    jobs = [train(api, "squares", model, LONG) for model in ("left", "right")]
    wait_for(
        "both train",
        lambda: all(job_of(api, job)["progress"]["images_seen"] > 0 for job in jobs),
    )
    assert {job_of(api, job)["status"] for job in jobs} == {"running"}
    for job in jobs:
        api.post(f"/v1/jobs/{job}/cancel")


def test_replicas_share_everything_and_leave_postgresql_connections() -> None:
    scale = ("--scale", "api=3", "--scale", "worker=2", "--scale", "worker-light=2")
    first = int(os.environ["MOGGY_PORT"])
    start("--no-recreate", *scale, MOGGY_PORT=f"{first}-{first + 2}")
    assert len(addresses()) == 3
    with ExitStack() as opened:
        replicas = [opened.enter_context(client(address)) for address in addresses()]
        upload(replicas[0], "shared", pictures(60))
        wait_for(
            "seen by the others",
            lambda: all(
                replica.get("/v1/datasets/shared").json()["status"] == "ready"
                for replica in replicas
            ),
        )
        files = {replica.get("/v1/models/first/images/3.png").content for replica in replicas}
        assert len(files) == 1
        probe = Probe()
        for address in addresses():
            opened.enter_context(probe.running(address, threads=40))
        counts = []
        for _ in range(10):
            counts.append(connections())
            time.sleep(1)
    note(f"connections with 3 replicas of the API and 4 workers under load: {max(counts)}")
    assert probe.faults == []
    assert max(counts) <= 3 * 10 + 4 * 4
    start("--scale", "api=1", "--scale", "worker=1", "--scale", "worker-light=1")


def connections() -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'moggy'"
    found = compose("exec", "-T", "postgres", "psql", "-U", "moggy", "-Atc", query).stdout
    return int(found) - 1  # without the connection of psql itself


def test_a_worker_that_hangs_is_unhealthy_and_a_busy_one_is_not(api: httpx2.Client) -> None:
    job = train(api, "squares", "busy", LONG)
    wait_for("training", lambda: job_of(api, job)["progress"]["images_seen"] > 0)
    kill_program("worker-light", "STOP")
    try:
        wait_for("unhealthy", lambda: health("worker-light") == "unhealthy")
        assert health("worker") == "healthy"
    finally:
        kill_program("worker-light", "CONT")
    wait_for("healthy again", lambda: health("worker-light") == "healthy")
    api.post(f"/v1/jobs/{job}/cancel")


def health(service: str) -> str:
    status: str = containers(service)[0]["State"]["Health"]["Status"]
    return status


def kill_program(service: str, signal: str) -> None:
    """Signal the container's program, which runs below its init."""
    find = "for p in /proc/[0-9]*; do grep -qa bin/celery $p/cmdline && [ $(cut -d' ' -f4 $p/stat)"
    command = f"{find} = 1 ] && kill -{signal} ${{p#/proc/}}; done; true"
    compose("exec", "-T", service, "bash", "-c", command)


def test_all_stop_in_time_with_answers_under_way_and_the_job_goes_on(api: httpx2.Client) -> None:
    job = train(api, "squares", "stopped", LONG)
    wait_for("training", lambda: job_of(api, job)["progress"]["images_seen"] > 0)
    seen = job_of(api, job)["progress"]["images_seen"]
    with ThreadPoolExecutor() as threads:
        threads.submit(read_to_the_end, "GET", f"/v1/jobs/{job}/events", None)
        many = {"count": 10_000, "format": "zip"}
        threads.submit(read_to_the_end, "POST", "/v1/models/first/images", many)
        time.sleep(2)
        began = time.monotonic()
        compose("stop")
        note(f"stopped in {time.monotonic() - began:.0f} s")
    for service in SERVICES:
        code = containers(service)[0]["State"]["ExitCode"]
        assert code in (0, 143), service  # uvicorn ends by the very SIGTERM that it was sent
    volumes = set(docker("volume", "ls", "--quiet").stdout.split())
    compose("down")
    start()
    assert set(docker("volume", "ls", "--quiet").stdout.split()) == volumes  # none leaks
    with client() as again:
        assert "squares" in {
            dataset["name"] for dataset in again.get("/v1/datasets").json()["items"]
        }
        assert again.get("/v1/models/first/images/7.png").status_code == 200
        wait_for("goes on", lambda: job_of(again, job)["progress"]["images_seen"] > seen)
        again.post(f"/v1/jobs/{job}/cancel")


def read_to_the_end(method: str, path: str, body: object) -> None:
    try:
        with client() as api, api.stream(method, path, json=body) as answer:
            for _ in answer.iter_bytes():
                time.sleep(0.05)
    except httpx2.TransportError:
        pass  # the API was stopped


def test_limits_of_a_container_are_seen() -> None:
    program = (
        "from models.resources import container_memory_left, usable_cores;"
        "print(usable_cores(), container_memory_left() >> 20)"
    )
    limits = ("--cpus", "1", "--memory", "512m")
    found = docker("run", "--rm", *limits, f"moggy-api:{TAG}", "python", "-c", program).stdout
    cores, megabytes = found.split()
    assert cores == "1"
    assert 100 < int(megabytes) <= 512


@pytest.mark.parametrize(
    ("image", "command"),
    [
        ("api", ["uvicorn", "app.main:create_app", "--factory"]),
        ("worker", ["celery", "-A", "worker.tasks", "worker"]),
    ],
)
def test_a_home_of_another_user_is_one_line(image: str, command: list[str]) -> None:
    home = ("--tmpfs", "/var/lib/moggy:uid=0,mode=755")
    key = ("--env", "MOGGY_API_KEYS=key")
    run = docker("run", "--rm", *home, *key, f"moggy-{image}:{TAG}", *command, check=False)
    assert run.returncode == 1
    (line,) = run.stderr.strip().splitlines()
    assert "cannot write to /var/lib/moggy" in line
    assert "chown -R 10001" in line


def test_an_upgrade_migrates_first_and_the_old_version_then_says_that_it_is_old() -> None:
    newest = "/opt/moggy/lib/python3.11/site-packages/app/domain/migrations/versions"
    steps = f"USER root\nRUN rm $(ls {newest}/0*.py | tail -1)\nUSER 10001\n"
    for image in ("api", "worker"):
        dockerfile = f"FROM moggy-{image}:{TAG}\n{steps}"
        docker("build", "--tag", f"moggy-{image}:old", "-", input=dockerfile)
    compose("down", "--volumes")
    old = os.environ | {"MOGGY_TAG": "old"}
    compose("up", "--detach", "postgres", "valkey", env=old)
    compose("run", "--rm", "migrate", env=old)
    before = schema()
    start()
    assert schema() > before
    compose("stop", "api", "worker", "worker-light")
    for service in ("migrate", "api", "worker"):
        run = compose("run", "--rm", "--no-deps", "-T", service, check=False, env=old)
        assert run.returncode == 1, service
        said = [line for line in run.stderr.splitlines() if "schema" in line or "Traceback" in line]
        assert len(said) == 1, run.stderr
        assert f"schema is {schema()}" in said[0]
        assert f"knows is {before}" in said[0]


def schema() -> str:
    query = "SELECT version_num FROM alembic_version"
    found = compose("exec", "-T", "postgres", "psql", "-U", "moggy", "-Atc", query).stdout
    return found.strip()
