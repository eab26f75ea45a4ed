"""`moggy up`: the whole service on this machine, until it is told to stop."""

import http.client
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from app.domain.disk import Disk
from app.domain.settings import Settings
from app.domain.startup import StartError
from app.up.broker import Broker
from app.up.configuration import address, load_settings, refuse_taken_port, url_host
from app.up.home_lock import HomeLock
from app.up.leftovers import end_leftovers
from app.up.program import Program
from app.up.supervisor import StopRequested, Supervisor

BROKER_SECONDS = 10.0
READY_SECONDS = 60.0
PROBE_SECONDS = 3.0  # /readyz itself waits a second for a worker

# Stopping takes 15 seconds at most: 3 for the API, 10 for the workers, 2 for the broker. A worker
# gives its child `stop_grace_seconds` to store its state, and needs a moment to say so.
API_GRACE_SECONDS = 2
API_STOP_SECONDS = 3.0
WORKER_MARGIN_SECONDS = 2.0
BROKER_STOP_SECONDS = 2.0


def serve(given: dict[str, Any], say: Callable[[str], None]) -> None:
    """Run the service with the settings `given` above the environment's. Raises StartError."""

    def announce(line: str) -> None:
        with suppress(OSError):  # the terminal may be gone, and stopping must go on
            say(line)

    settings = load_settings(given)
    with HomeLock(settings.home, address(settings)):
        announce(f"Moggy {version('moggy')} is starting; its home is {settings.home}")
        with Supervisor(settings.home, announce) as supervisor:
            try:
                _end_leftovers(settings, announce)
                refuse_taken_port(settings)  # only now: a leftover may have held it
                _start(settings, supervisor, announce)
                supervisor.keep_running()
            except StopRequested:
                announce("Stopping; running jobs are kept and go on at the next start.")
        announce("Moggy has stopped.")


def _end_leftovers(settings: Settings, announce: Callable[[str], None]) -> None:
    ended = end_leftovers(settings.home / "run", _worker_stop_seconds(settings))
    if ended:
        announce(f"Ended what a killed `moggy up` had left running: {', '.join(ended)}")


def _start(settings: Settings, supervisor: Supervisor, announce: Callable[[str], None]) -> None:
    disk = Disk(settings)
    if disk.is_low:
        announce(
            f"The disk of {settings.home} has {disk.free_bytes():,} bytes free, and "
            f"{settings.min_free_bytes:,} are the least (MOGGY_MIN_FREE_BYTES): until there is "
            "more room, uploads and jobs are refused and Moggy is not ready."
        )
        disk.release_reserve()
    environment = {
        "MOGGY_HOME": str(settings.home),
        "MOGGY_HOST": settings.host,
        "MOGGY_PORT": str(settings.port),
    }
    broker: Broker | None = None
    if settings.redis_url is None:
        broker = Broker(settings.home / "run")
        environment["MOGGY_REDIS_URL"] = broker.url
        supervisor.start(Program("valkey", "Valkey", broker.command, BROKER_STOP_SECONDS))
    supervisor.run_once(prepare_program(environment))
    if broker and not supervisor.wait_until(broker.answers, BROKER_SECONDS):
        raise StartError(f"Valkey does not answer: see {settings.home / 'logs' / 'valkey.log'}")
    supervisor.start(*(worker_program(settings, name, environment) for name in WORKERS))
    supervisor.start(api_program(settings, environment))
    if not supervisor.wait_until(lambda: _is_ready(settings), READY_SECONDS):
        announce(f"Moggy is not ready yet; its logs are in {settings.home / 'logs'}")
        supervisor.wait_until(lambda: _is_ready(settings), float("inf"))
    announce(f"Moggy is ready: {address(settings)}")


WORKERS = {  # by their first queue: their titles, all queues, and threads: a slot of a queue each
    "train": ("The training worker", ("train",), 1),
    "light": ("The light worker", ("light", "evaluate", "synthesize"), 4),
}


def prepare_program(environment: dict[str, str]) -> Program:
    command = (sys.executable, "-m", "app.up.migrate_once")
    return Program("prepare", "Preparing the database", command, 5.0, environment)


def worker_program(settings: Settings, name: str, environment: dict[str, str]) -> Program:
    title, queues, threads = WORKERS[name]
    return Program(
        name=f"worker-{name}",
        title=title,
        command=(
            *(sys.executable, "-m", "celery", "-A", "worker.tasks", "worker"),
            *("-Q", ",".join(queues), "-P", "threads", "-c", str(threads), "-n", f"{name}@%h"),
            # Greeting other workers would cost each start a second, and nobody listens.
            *("--without-mingle", "--without-gossip"),
        ),
        stop_seconds=_worker_stop_seconds(settings),
        environment=environment,
    )


def api_program(settings: Settings, environment: dict[str, str]) -> Program:
    return Program(
        name="api",
        title="The API",
        command=(
            *(sys.executable, "-m", "uvicorn", "app.main:create_app", "--factory"),
            *("--host", settings.host, "--port", str(settings.port), "--no-access-log"),
            # They would replace the peer's address, by which MOGGY_TRUSTED_PROXIES knows a proxy.
            "--no-proxy-headers",
            *("--http", "app.serving.connections:Connection", "--ws", "none"),
            # An open event stream would otherwise hold the end back for ever.
            *("--timeout-graceful-shutdown", str(API_GRACE_SECONDS)),
        ),
        stop_seconds=API_STOP_SECONDS,
        # Threads of torch that spin while they wait would starve the trainer on a shared core.
        environment=environment | {"OMP_WAIT_POLICY": "PASSIVE"},
    )


def _worker_stop_seconds(settings: Settings) -> float:
    return settings.stop_grace_seconds + WORKER_MARGIN_SECONDS


def _is_ready(settings: Settings) -> bool:
    host = url_host(settings)
    connection = http.client.HTTPConnection(host, settings.port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
