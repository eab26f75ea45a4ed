"""Whether the service is ready: free disk space, the database, the broker and a worker, a bucket.

Each is looked at by a thread of its own, at its own pace. Requests only read the newest outcome:
they take no thread, no connection and no query, however many ask.
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

PACE_SECONDS = 2.0  # between two looks at what answers
FAILING_PACE_SECONDS = 0.25  # between two looks at what does not answer
BUCKET_PACES = (10.0, 2.0)  # the same of a bucket, whose every answer costs money
LOOK_SECONDS = 4.0  # a look that takes longer counts as failed while it goes on
FIRST_LOOK_SECONDS = 3.0  # how long a request waits for the first look after the start
WAIT_SECONDS = 0.05
# The second ping goes over a new connection: the old one may be to a server that has restarted.
PING_SECONDS = (0.3, 1.0)

JobCounts = dict[tuple[str, str], int]  # by queue and status


class Look:
    """Repeats `check` in a thread of its own and keeps the newest outcome."""

    def __init__(
        self,
        subject: str,
        check: Callable[[], None],
        pace: float = PACE_SECONDS,
        failing_pace: float = FAILING_PACE_SECONDS,
    ) -> None:
        self.subject = subject
        self.done = threading.Event()  # set once the first look has ended
        self._check, self._pace, self._failing_pace = check, pace, failing_pace
        self._failure: str | None = None
        self._began: float | None = None  # when the look that goes on now began
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"look at {subject}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin no further look; one that goes on is left behind."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until the look that goes on has ended, unless it hangs."""
        self._thread.join(LOOK_SECONDS)

    @property
    def failure(self) -> str | None:
        """Why the subject does not answer; None while it does."""
        began = self._began
        if began is not None:
            seconds = time.monotonic() - began
            if seconds > LOOK_SECONDS:
                return f"{self.subject} has not answered for {seconds:.0f} seconds"
        if not self.done.is_set():
            return f"{self.subject} has not been looked at yet"
        return self._failure

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._began = time.monotonic()
            failure = self._look()
            self._began = None
            if failure != self._failure and not self._stopping.is_set():
                log.warning("readiness_changed", subject=self.subject, failure=failure)
            self._failure = failure
            self.done.set()
            self._stopping.wait(self._pace if failure is None else self._failing_pace)

    def _look(self) -> str | None:
        try:
            self._check()
        except (InsufficientStorage, Unavailable) as error:
            return error.detail
        except Exception as error:  # noqa: BLE001  # whatever it is, the next look may go well
            return f"{self.subject} does not answer: {type(error).__name__}"
        return None


class Readiness:
    """The looks at everything that requests need."""

    def __init__(self, database: Database, store: ObjectStore, disk: Disk) -> None:
        self._counting = JobCounting(database)
        self._database_look = Look("the database", self._counting)
        self._looks = [
            Look("the disk", disk.check),
            self._database_look,
            Look("the broker", WorkerPing()),
        ]
        if store.is_bucket:
            self._looks.append(Look("the object store", store.check, *BUCKET_PACES))

    def start(self) -> None:
        for look in self._looks:
            look.start()

    def stop(self) -> None:
        for look in self._looks:
            look.stop()
        self._database_look.join()  # its connection goes back before the pool is closed

    async def failure(self) -> str | None:
        """What does not answer, and how; None where everything does."""
        return await _first_failure(self._looks)

    async def job_counts(self) -> JobCounts:
        """The jobs as they were counted last. Raises Unavailable while the database is away."""
        failure = await _first_failure([self._database_look])
        if failure is not None:
            raise Unavailable(failure)
        return self._counting.counts


async def _first_failure(looks: Sequence[Look]) -> str | None:
    """The first failure of the looks. After the start, wait a moment until each has looked."""
    give_up = time.monotonic() + FIRST_LOOK_SECONDS
    while not all(look.done.is_set() for look in looks) and time.monotonic() < give_up:
        await asyncio.sleep(WAIT_SECONDS)
    failures = (look.failure for look in looks)
    return next((failure for failure in failures if failure is not None), None)


class JobCounting:
    """Counts the jobs by queue and status, which shows that the database answers."""

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
    """Asks for one worker over a broker connection of its own.

    Kombu's pool of connections is not used: it lets its users wait without a limit.
    """

    def __init__(self) -> None:
        self._connection: Any = None  # kombu carries few types

    def __call__(self) -> None:
        """Raises Unavailable, and what kombu raises without a broker."""
        first, second = PING_SECONDS
        with suppress(Exception):  # the second ping raises what stays wrong
            if self._ping(first):
                return
        self._disconnect()
        try:
            answered = self._ping(second)
        except BaseException:
            self._disconnect()
            raise
        if not answered:
            raise Unavailable("no worker answers")

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
            with suppress(Exception):  # as the server behind it may be gone
                connection.release()
