"""Messages from the broker: every message that is not a valid call of the task is refused.

In Celery and kombu, a message of another form ends the worker, and a call whose arguments cannot
be unpacked costs a thread of the pool. Anyone with Valkey's password can send either.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty
from typing import Any

import structlog
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu.transport import redis

from app.domain.queue import WORK_TASK, Queue

log = structlog.get_logger()

RECONNECT_SECONDS = 1.0  # between two attempts to connect; Celery's own pause grows to 30
MAX_BODY_BYTES = 10_000  # a valid call has about 200
MAX_ID_CHARACTERS = 100
LOGGED_CHARACTERS = 200  # of a refused message
# Kombu lists KeyError too, which a message without a required key also raises.
CONNECTION_ERRORS = tuple(
    error for error in redis.Transport.connection_errors if error is not KeyError
)


class Channel(redis.Channel):
    """Refuses messages that are not JSON."""

    def _brpop_read(self, **options: Any) -> bool | None:  # from a queue
        return _refuse_unreadable(super()._brpop_read, **options)

    def _receive_one(self, client: Any) -> bool | None:  # from the channel of control commands
        return _refuse_unreadable(super()._receive_one, client)


def _refuse_unreadable(
    read: Callable[..., bool | None], *arguments: Any, **options: Any
) -> bool | None:
    try:
        return read(*arguments, **options)
    except (Empty, *CONNECTION_ERRORS):
        raise
    except Exception as error:  # noqa: BLE001  # any fault of a message
        refuse(getattr(error, "doc", None), "cannot be read", error)
        return True


class Transport(redis.Transport):
    """Refuses JSON that is not a message of kombu."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]
        except CONNECTION_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001  # any fault of a message
            refuse(message, f"is not a message for {queue}", error)


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Refuses messages that are not calls of the task, and reconnects within about a second."""

    def ensure_connected(self, conn: Any) -> Any:
        if conn.transport_cls in ("redis", "rediss"):
            conn.get_transport_cls = lambda: Transport
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=RECONNECT_SECONDS,
            interval_step=0,
            interval_max=RECONNECT_SECONDS,
        )
        return super().ensure_connected(conn)

    def create_task_handler(self, *options: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*options)

        def on_task_received(message: Any) -> None:
            try:
                message.headers = _headers_of_call(message)
                handle(message)
            except CONNECTION_ERRORS:
                raise
            except Exception as error:  # noqa: BLE001  # any fault of a message
                refuse((message.headers, message.body), "is not a call of the task", error)
                # Acknowledged as rejected, or the broker would deliver it again.
                with suppress(message.MessageStateError):
                    message.reject_log_error(logging.getLogger(__name__), CONNECTION_ERRORS)

        return on_task_received


def _headers_of_call(message: Any) -> dict[str, Any]:
    """Return the headers that a valid call needs, without others that its sender may have added.

    Raises an exception for a message that is not a valid call.
    """
    call_id = message.headers["id"]
    if message.headers["task"] != WORK_TASK or message.content_type != "application/json":
        raise ValueError("another task, or not JSON")
    if not isinstance(call_id, str) or len(call_id) > MAX_ID_CHARACTERS:
        raise ValueError("no id")
    if len(message.body) > MAX_BODY_BYTES:
        raise ValueError(f"a body of {len(message.body)} bytes")
    arguments, keywords, embedded = message.decode()
    (queue,) = arguments
    if queue not in list(Queue) or keywords != {} or any(embedded.values()):
        raise ValueError("other arguments")
    return {"lang": "py", "task": WORK_TASK, "id": call_id, "timelimit": [None, None]}


def refuse(message: object, how: str, error: Exception) -> None:
    """Log a refused message in one line."""
    content = ascii(message)
    if len(content) > LOGGED_CHARACTERS:
        content = f"{content[:LOGGED_CHARACTERS]}… ({len(content):,} characters)"
    reason = f"{type(error).__name__}: {error}"[:LOGGED_CHARACTERS]
    log.warning("message_refused", how=how, reason=reason, content=content)
