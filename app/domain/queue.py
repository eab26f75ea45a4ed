"""The one Celery instance, its queues, and the wake-up call, which names no job."""

from enum import StrEnum
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from app.domain.settings import BrokerSettings

log = structlog.get_logger()

WORK = "moggy.work"  # the task that worker.tasks registers under this name


class Queue(StrEnum):
    TRAIN = "train"  # holds a machine for hours
    LIGHT = "light"  # ingest: never waits behind a training
    EVALUATE = "evaluate"  # minutes to hours: no upload shall wait for it either
    SYNTHESIZE = "synthesize"  # minutes to hours too


# How many jobs of a queue one worker does at the same time: an ingest that is stuck until
# MOGGY_INGEST_STALL_SECONDS are over does not stop the others.
SLOTS = {Queue.TRAIN: 1, Queue.LIGHT: 2, Queue.EVALUATE: 1, Queue.SYNTHESIZE: 1}


def _configuration() -> dict[str, Any]:
    settings = BrokerSettings()
    return {
        "broker_url": settings.redis_url or "redis://127.0.0.1:6379/0",
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
            "max_retries": 0,  # no request waits for a broker that is away: the reaper will wake
        },
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": False,  # the database owns the job: a lost message is only a late start
        "task_default_queue": Queue.LIGHT,
        "task_create_missing_queues": True,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,  # our lines are whole: Celery would wrap them in its own
        "worker_consumer": "worker.messages:Consumer",  # loaded by workers alone
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": False,
    }


celery = Celery("moggy")
celery.add_defaults(_configuration)  # read from the environment at first use, not at import


def use_broker(redis_url: str | None) -> None:
    """Take the broker from settings that did not come from the environment."""
    if redis_url is not None:
        celery.conf.broker_url = redis_url


def wake(queue: str) -> None:
    """Tell the workers of `queue` that there may be work; a lost call is made up by the reaper."""
    try:
        celery.send_task(WORK, args=[queue], queue=queue, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("wake_failed", queue=queue, error=str(error))
