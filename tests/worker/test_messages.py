"""A worker refuses foreign messages on the broker, and continues to work."""

import base64
import functools
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from queued_jobs import queue_job, read_job
from servers import valkey

from app.domain.database import Database
from app.domain.queue import WORK_TASK
from app.domain.settings import Settings

VALID_HEADERS = {"lang": "py", "task": WORK_TASK, "id": "7"}
VALID_BODY = (
    '[["evaluate"], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
)
INVALID_HEADERS: tuple[Any, ...] = (None, [], {}, 7, {"task": [], "id": "7"})
START_SECONDS = 60


def envelope(body: str | None, headers: Any = VALID_HEADERS, **changes: Any) -> str:
    """A message as kombu writes it, with the changes."""
    properties = {
        "delivery_tag": "1",
        "delivery_info": {"exchange": "", "routing_key": "evaluate"},
        "body_encoding": "base64",
    }
    encoded = None if body is None else base64.b64encode(body.encode()).decode()
    message = {
        "body": encoded,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": headers,
        "properties": properties,
    }
    return json.dumps(message | changes)


FOREIGN: list[bytes | str] = [
    # Not messages of kombu.
    *("null", "1", "", "[]", "{}", "not json", '"text"', b"\xff\xfe", "[" * 100_000),
    *('{"properties": null}', '{"properties": []}', '{"properties": {}}'),
    '{"properties": {"delivery_tag": "1"}, "body": {}}',
    '{"properties": {"delivery_tag": [], "delivery_info": 7}}',
    '{"__type__": "datetime", "__value__": 7}',
    # Not calls of the task.
    *(envelope(body) for body in ("null", "1", '""', "[]", "{}", "{", "[[], {}, {}]", "[7, 7, 7]")),
    *(envelope(body) for body in (None, '[["evaluate"], {}]', '[["nothing"], {}, {}]')),
    envelope('[["evaluate"], {}, {"callbacks": [{"task": "celery.chain"}]}]'),
    envelope('[["evaluate"], {"more": 1}, {}]'),
    envelope(VALID_BODY[:-1] + " " * 20_000 + "]"),
    *(envelope(VALID_BODY, headers) for headers in INVALID_HEADERS),
    envelope(VALID_BODY, {"task": WORK_TASK}),
    envelope(VALID_BODY, VALID_HEADERS | {"id": {}}),
    envelope(VALID_BODY, VALID_HEADERS | {"task": "os.system"}),
    envelope('{"task": "os.system", "id": "7", "args": [], "kwargs": {}}', {}),
    envelope(VALID_BODY, **{"content-type": "application/x-python-serialize"}),
    envelope(VALID_BODY, **{"content-type": None}),
    envelope(VALID_BODY, **{"content-encoding": "no-such-encoding"}),
]


def is_received(broker: "redis.Redis", message: bytes | str) -> bool:
    """Publish the message to the worker's control channel; whether one worker subscribes to it."""
    return broker.publish("/0.celery.pidbox", message) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_foreign_messages_are_refused_in_one_log_line_each(
    database: Database,
    settings: Settings,
    start_worker: Callable[..., "subprocess.Popen[bytes]"],
    tmp_path: Path,
) -> None:
    with valkey(tmp_path) as url, redis.Redis.from_url(url) as broker:
        # This worker reaps once, at its start. Later only a message makes it look for jobs.
        worker = start_worker("evaluate", redis_url=url, reap_seconds=3600)
        log = tmp_path / "worker-0.log"
        for message in FOREIGN:
            broker.lpush("evaluate", message)
        until(lambda: broker.llen("evaluate") == 0, worker)
        for message in FOREIGN:  # some of them make the worker subscribe again
            until(functools.partial(is_received, broker, message), worker)

        job = queue_job(database, kind="evaluate", model="none", dataset="none")
        odd = {"timelimit": 7, "eta": "soon", "expires": [], "retries": "many", "shadow": {}}
        broker.lpush("evaluate", envelope(VALID_BODY, VALID_HEADERS | odd))
        until(lambda: read_job(database, job).status != "queued", worker)
    lines = log.read_text().splitlines()
    refused = [line for line in lines if "message_refused" in line]
    assert len(refused) >= len(FOREIGN)
    assert max(map(len, refused)) < 1000
    assert not [line for line in lines if "Unrecoverable" in line]


def until(condition: Callable[[], bool], worker: "subprocess.Popen[bytes]") -> None:
    give_up = time.monotonic() + START_SECONDS
    while not condition():
        assert worker.poll() is None, "the worker has ended"
        assert time.monotonic() < give_up
        time.sleep(0.05)
