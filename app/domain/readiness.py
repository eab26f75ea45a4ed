"""Whether the service is ready: free disk space, the database, the broker and a worker, a bucket.

Each of these is probed at intervals by a thread of its own. Requests only read the newest result:
they use no thread, no connection and no query.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog
from kombu.pidbox import Mailbox
from sqlalchemy import func, select

from app.domain.database import Database
from app.domain.disk import Disk
from app.domain.errors import InsufficientStorage, Unavailable
from app.domain.queue import celery
from app.domain.store import ObjectStore
from app.domain.tables import Job

log = structlog.get_logger()

PROBE_INTERVAL_SECONDS = 2.0
FAILING_PROBE_INTERVAL_SECONDS = 0.1  # after a failure
BUCKET_INTERVALS = (10.0, 2.0)  # both intervals for a bucket, whose requests cost money
PROBE_TIMEOUT_SECONDS = 4.0  # a probe that takes longer counts as failed until it ends
FIRST_PROBE_SECONDS = 3.0  # how long a request waits for the first probes after the start
FIRST_PROBE_POLL_SECONDS = 0.05
# The second ping uses a new connection: the server of the old one may have restarted.
PING_SECONDS = (0.3, 1.0)

JobCounts = dict[tuple[str, str], int]  # by queue and status


class Probe:
    """Repeats `check` in a thread of its own and keeps the newest result."""

    def __init__(
        self,
        subject: str,
        check: Callable[[], None],
        interval: float = PROBE_INTERVAL_SECONDS,
        failing_interval: float = FAILING_PROBE_INTERVAL_SECONDS,
    ) -> None:
        self.subject = subject
        self.done = threading.Event()  # set once the first probe has ended
        self._check, self._interval, self._failing_interval = check, interval, failing_interval
        self._failure: str | None = None
        self._began: float | None = None  # when the current check began
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"probe of {subject}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Start no further check. A running one is not waited for."""
        self._stopping.set()

    def join(self) -> None:
        """Wait for the running check, unless it hangs."""
        self._thread.join(PROBE_TIMEOUT_SECONDS)

    @property
    def failure(self) -> str | None:
        """Why the subject is not ready; None if it is."""
        began = self._began
        if began is not None:
            seconds = time.monotonic() - began
            if seconds > PROBE_TIMEOUT_SECONDS:
                return f"{self.subject} has not answered for {seconds:.0f} seconds"
        if not self.done.is_set():
            return f"{self.subject} has not been checked yet"
        return self._failure

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._began = time.monotonic()
            failure = self._run_check()
            self._began = None
            if failure != self._failure and not self._stopping.is_set():
                log.warning("readiness_changed", subject=self.subject, failure=failure)
            self._failure = failure
            self.done.set()
            self._stopping.wait(self._interval if failure is None else self._failing_interval)

    def _run_check(self) -> str | None:
        try:
            self._check()
        except (InsufficientStorage, Unavailable) as error:
            return error.detail
        except Exception as error:  # noqa: BLE001  # the next check may succeed
            return f"{self.subject} does not answer: {type(error).__name__}"
        return None


class Readiness:
    """The probes of everything that requests need."""

    def __init__(self, database: Database, store: ObjectStore, disk: Disk) -> None:
        self._counting = JobCounting(database)
        self._database_probe = Probe("the database", self._counting)
        self._probes = [
            Probe("the disk", disk.check),
            self._database_probe,
            Probe("the broker", WorkerPing()),
        ]
        if store.is_bucket:
            self._probes.append(Probe("the object store", store.check, *BUCKET_INTERVALS))

    def start(self) -> None:
        for probe in self._probes:
            probe.start()

    def stop(self) -> None:
        for probe in self._probes:
            probe.stop()
        self._database_probe.join()  # its connection is returned before the pool is closed

    async def failure(self) -> str | None:
        """Why the service is not ready; None if it is."""
        return await _first_failure(self._probes)

    async def job_counts(self) -> JobCounts:
        """Return the newest counts of jobs. Raises Unavailable if the database does not answer."""
        failure = await _first_failure([self._database_probe])
        if failure is not None:
            raise Unavailable(failure)
        return self._counting.counts


async def _first_failure(probes: Sequence[Probe]) -> str | None:
    """Return the first failure. After the start, wait until each probe has run once."""
    give_up_at = time.monotonic() + FIRST_PROBE_SECONDS
    while not all(probe.done.is_set() for probe in probes) and time.monotonic() < give_up_at:
        await asyncio.sleep(FIRST_PROBE_POLL_SECONDS)
    failures = (probe.failure for probe in probes)
    return next((failure for failure in failures if failure is not None), None)


class JobCounting:
    """Counts the jobs by queue and status, which also checks the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.counts: JobCounts = {}

    def __call__(self) -> None:
        query = select(Job.queue, Job.status, func.count()).group_by(Job.queue, Job.status)
        with self._database.read() as session:
            self.counts = {
                (queue, status): count for queue, status, count in session.execute(query)
            }


class WorkerPing:
    """Checks that a worker answers, over a broker connection of its own.

    Kombu's connection pool is not used, because it has no limit on how long a caller waits.
    """

    def __init__(self) -> None:
        self._connection: Any = None  # kombu carries few types
        self._answered = False  # whether a worker has answered yet

    def __call__(self) -> None:
        """Ping the workers. Raises Unavailable without a worker, and an error of kombu's without a
        broker."""
        first, second = PING_SECONDS
        if self._answered:
            with suppress(Exception):  # if the error persists, the second ping raises it
                if self._ping(first):
                    return
            self._disconnect()
        try:
            # While the workers start, the pings are short, and keep their connection, whose release
            # takes up to a second: a worker hears no ping that was sent before it subscribed.
            answered = self._ping(second if self._answered else first)
        except BaseException:
            self._disconnect()
            raise
        if not answered:
            raise Unavailable("no worker answers")
        self._answered = True

    def _ping(self, seconds: float) -> bool:
        if self._connection is None:
            self._connection = celery.connection_for_write()
        mailbox = Mailbox(  # type: ignore[no-untyped-call]
            celery.conf.control_exchange, type="fanout", serializer="json", accept=["json"]
        )
        return bool(mailbox(self._connection).multi_call("ping", timeout=seconds, limit=1))

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # the server may be gone
                connection.release()
