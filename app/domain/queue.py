"""The Celery instance, its queues, and the wake-up message, which names a queue but no job."""

from enum import StrEnum
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from app.domain.settings import BrokerSettings

log = structlog.get_logger()

WORK_TASK = "moggy.work"  # the name under which worker.tasks registers its task


class Queue(StrEnum):
    TRAIN = "train"  # occupies a machine for hours
    LIGHT = "light"  # ingest, export and import, which must not wait behind a training
    EVALUATE = "evaluate"  # minutes to hours, so not in the queue of uploads either
    SYNTHESIZE = "synthesize"  # minutes to hours


# How many jobs of a queue one worker runs at a time. Ingest has two, so that a stalled one does not
# block the next until MOGGY_INGEST_STALL_SECONDS have passed.
CONCURRENT_JOBS = {Queue.TRAIN: 1, Queue.LIGHT: 2, Queue.EVALUATE: 1, Queue.SYNTHESIZE: 1}


def _configuration() -> dict[str, Any]:
    settings = BrokerSettings()
    return {
        "broker_url": settings.redis_url or "redis://127.0.0.1:6379/0",
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
            "max_retries": 0,  # no request waits for a broker; the reaper repeats lost messages
        },
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": False,  # the database owns the job: a lost message only delays its start
        "task_default_queue": Queue.LIGHT,
        "task_create_missing_queues": True,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,  # Celery would wrap every log line in one of its own
        "worker_consumer": "worker.messages:Consumer",  # only workers import it
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": False,
    }


celery = Celery("moggy")
celery.add_defaults(_configuration)  # read from the environment at first use, not at import


def set_broker(redis_url: str | None) -> None:
    """Set the broker from settings that do not come from the environment."""
    if redis_url is not None:
        celery.conf.broker_url = redis_url


def wake(queue: str) -> None:
    """Notify the workers of `queue` that there may be work. The reaper repeats lost messages."""
    try:
        celery.send_task(WORK_TASK, args=[queue], queue=queue, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("wake_failed", queue=queue, error=str(error))
