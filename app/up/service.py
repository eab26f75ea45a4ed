"""`moggy up`: runs the whole service on this machine until it is stopped."""

import errno
import http.client
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from app.domain.disk import Disk
from app.domain.extras import lacks_training
from app.domain.processes import PREPARATION, StartError, load_settings
from app.domain.settings import Settings
from app.up.broker import Broker
from app.up.home_lock import HomeLock
from app.up.program import Program, end_leftovers
from app.up.supervisor import StopRequested, Supervisor

BROKER_SECONDS = 10.0
READY_SECONDS = 60.0
STARTER_SECONDS = 60.0
PROBE_SECONDS = 3.0  # /readyz itself waits a second for a worker

# Stopping takes a second or two, and 27 seconds at most: 15 for the API, 10 for the worker, 2 for
# the broker. The API gives requests its grace time. Then it waits up to 5 seconds for its engine, 4
# for a query of the database, and 2 to send its messages. A worker gives its child
# `stop_grace_seconds` to store its state, and needs the margin to report it.
API_GRACE_SECONDS = 2
API_STOP_SECONDS = 15.0
WORKER_MARGIN_SECONDS = 2.0
BROKER_STOP_SECONDS = 2.0
MIGRATION_STOP_SECONDS = 5.0

RUN_MODULE = (sys.executable, "-m", "app.up.run_without_gc")

# Copied from app.domain.queue (a test compares them): importing it would import Celery here.
QUEUES = ("train", "light", "evaluate", "synthesize")
WORKER_THREADS = 5  # the sum of its CONCURRENT_JOBS


def serve(overrides: dict[str, Any], print_line: Callable[[str], None]) -> None:
    """Run the service. `overrides` takes precedence over the environment. Raises StartError."""

    def announce(line: str) -> None:
        with suppress(OSError):  # the terminal may be closed, and stopping must continue
            print_line(line)

    settings = load_settings(Settings, overrides)
    with HomeLock(settings.home, service_url(settings)):
        announce(f"Moggy {version('moggy')} is starting; its home is {settings.home}")
        with Supervisor(settings.home, announce) as supervisor:
            try:
                _end_leftovers(settings, announce)
                refuse_taken_port(settings)  # after the leftovers, which may have held the port
                _start(settings, supervisor, announce)
                supervisor.keep_running()
            except StopRequested:
                announce("Stopping; running jobs are kept and continue at the next start.")
        announce("Moggy has stopped.")


def _end_leftovers(settings: Settings, announce: Callable[[str], None]) -> None:
    ended = end_leftovers(settings.home / "run", _worker_stop_seconds(settings))
    if ended:
        announce(f"Ended the programs that a killed `moggy up` left running: {', '.join(ended)}")


def _start(settings: Settings, supervisor: Supervisor, announce: Callable[[str], None]) -> None:
    disk = Disk(settings)
    if disk.is_low:
        announce(
            f"The disk of {settings.home} has {disk.free_bytes():,} bytes free, fewer than "
            f"{settings.min_free_bytes:,} (MOGGY_MIN_FREE_BYTES): until more space is free, "
            "uploads and jobs are refused and Moggy is not ready."
        )
        disk.release_reserve()
    environment = {
        "MOGGY_HOME": str(settings.home),
        "MOGGY_HOST": settings.host,
        "MOGGY_PORT": str(settings.port),
    }
    needs = lacks_training()
    if needs:
        announce(
            "Pictures become datasets; models are served, indexed and searched, and images "
            f"generated into files. Every other job fails, since its worker needs {needs}"
        )
    imports_starter = _imports_starter(settings)
    broker: Broker | None = None
    if settings.redis_url is None:
        broker = Broker(settings.home / "run")
        environment["MOGGY_REDIS_URL"] = broker.url
        supervisor.start(Program("valkey", "Valkey", broker.command, BROKER_STOP_SECONDS))

    worker = worker_program(settings, environment)
    api = api_program(settings, environment)

    def start_programs() -> None:
        supervisor.start(worker)
        supervisor.start(api)  # later, so that it stops first

    # The worker and the API take a second to import, and then wait until the database is prepared.
    supervisor.run_once(prepare_program(environment), start_programs)
    if broker and not supervisor.wait_until(broker.answers, BROKER_SECONDS):
        raise StartError(f"Valkey does not answer: see {settings.home / 'logs' / 'valkey.log'}")
    if not supervisor.wait_until(lambda: _is_ready(settings), READY_SECONDS):
        announce(f"Moggy is not ready yet; its logs are in {settings.home / 'logs'}")
        supervisor.wait_until(lambda: _is_ready(settings), float("inf"))
    announce(f"Moggy is ready: {service_url(settings)}")
    if imports_starter:
        _announce_starter(settings, supervisor, announce)


def _imports_starter(settings: Settings) -> bool:
    """Whether this is the first start on a new home."""
    is_new = settings.owns_database and not Path(settings.database.partition(":///")[2]).exists()
    return is_new and settings.starter != "none"


def _announce_starter(
    settings: Settings, supervisor: Supervisor, announce: Callable[[str], None]
) -> None:
    """Announce the starter model when it is imported, which takes a few seconds."""
    image = f"/v1/models/{settings.starter}/images/1.png"
    if supervisor.wait_until(lambda: _answers(settings, image), STARTER_SECONDS):
        announce(f"A model of cats is here to begin with: {service_url(settings)}{image}")
    else:
        announce("The model of cats is not imported yet: `moggy jobs` shows its import")


def prepare_program(environment: dict[str, str]) -> Program:
    command = (*RUN_MODULE, "app.up.migrate_once")
    return Program(
        PREPARATION, "Preparing the database", command, MIGRATION_STOP_SECONDS, environment
    )


def worker_program(settings: Settings, environment: dict[str, str]) -> Program:
    """The worker of all queues, with a thread for each job that may run at a time."""
    return Program(
        name="worker",
        title="The worker",
        command=(
            *(*RUN_MODULE, "celery", "-A", "worker.tasks", "worker"),
            *("-Q", ",".join(QUEUES), "-P", "threads", "-c", str(WORKER_THREADS)),
            # Synchronising with other workers has no use here, and takes a second at each start.
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
            *(*RUN_MODULE, "uvicorn", "app.main:create_app", "--factory"),
            *("--host", settings.host, "--port", str(settings.port), "--no-access-log"),
            # Proxy headers would replace the peer's address, which MOGGY_TRUSTED_PROXIES checks.
            "--no-proxy-headers",
            *("--http", "app.serving.connections:Connection", "--ws", "none"),
            # Without a limit a client that does not read would keep the API from stopping.
            *("--timeout-graceful-shutdown", str(API_GRACE_SECONDS)),
        ),
        stop_seconds=API_STOP_SECONDS,
        environment=environment,
    )


def _worker_stop_seconds(settings: Settings) -> float:
    return settings.stop_grace_seconds + WORKER_MARGIN_SECONDS


def _is_ready(settings: Settings) -> bool:
    return _answers(settings, "/readyz")


def _answers(settings: Settings, path: str) -> bool:
    """Whether the service answers a GET of this path with 200."""
    host = _reachable_host(settings)
    connection = http.client.HTTPConnection(host, settings.port, timeout=PROBE_SECONDS)
    keys = settings.api_keys
    headers = {"Authorization": f"Bearer {keys[0].key}"} if keys else {}
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def refuse_taken_port(settings: Settings) -> None:
    """Raise StartError if the service could not bind its address."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn binds
            probe.bind(address)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise StartError(
                f"Port {settings.port} of {settings.host} is in use by another program: "
                "stop it, or choose another port with --port."
            ) from exc
        raise StartError(f"Cannot bind {settings.host} port {settings.port}: {exc}") from exc


def service_url(settings: Settings) -> str:
    """The URL at which a browser on this machine reaches the service."""
    host = _reachable_host(settings)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _reachable_host(settings: Settings) -> str:
    """The host to connect to: for an address that means every interface, the loopback address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
