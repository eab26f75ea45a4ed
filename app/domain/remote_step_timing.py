"""Has a training worker measure what a step takes, where workers may be other machines.

The service pushes a request onto one list of the broker, from which each training worker takes: one
of them measures, also beside a training of its own, and pushes the answer onto a list that only
this request has.
"""

import json
import platform
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import redis
import structlog

from app.domain.errors import MoggyError
from app.domain.step_timing import DEADLINE_SECONDS, Measured, StepMeter
from models.config import TrainingConfig
from models.ranges import ConfigError

log = structlog.get_logger()

REQUESTS = "moggy:measure"
ANSWER = "moggy:measured:"  # followed by the request's token
TAKEN_SECONDS = 1.0  # in which a worker that waits has taken a request
ANSWER_SECONDS = DEADLINE_SECONDS + 5
KEPT_SECONDS = 60  # of an answer that nobody fetches
POLL_SECONDS = 2.0
RETRY_SECONDS = 2.0
STALE_SECONDS = 10.0  # a request that waited longer has no reader any more; by the broker's clock


class WorkerMeter:
    """Asks one of the training workers."""

    def __init__(self, redis_url: str) -> None:
        self._client = redis.Redis.from_url(
            redis_url, socket_connect_timeout=2, socket_timeout=ANSWER_SECONDS + 5
        )

    def measure(self, config: TrainingConfig) -> Measured | None:
        """What a worker has measured; None where none waits for requests or none answers."""
        token = secrets.token_hex(8)
        try:
            asked_at = _broker_time(self._client)
            request = json.dumps({"token": token, "config": config.to_json(), "asked_at": asked_at})
            self._client.lpush(REQUESTS, request)
            answer = self._client.blpop([ANSWER + token], TAKEN_SECONDS)
            if answer is None and self._client.lrem(REQUESTS, 1, request) == 0:  # it was taken
                answer = self._client.blpop([ANSWER + token], ANSWER_SECONDS)
        except redis.RedisError as error:
            log.warning("measure_not_asked", error=str(error))
            return None
        if answer is None:
            return None
        measured: dict[str, Any] | None = json.loads(answer[1])
        return None if measured is None else Measured(**measured)


def start_measuring(
    redis_url: str, stopping: threading.Event, meter: StepMeter | None = None
) -> threading.Thread:
    """Answer such requests in a thread until `stopping` is set. Every training worker does."""
    measure = (meter or StepMeter()).measure
    thread = threading.Thread(
        target=_answer_requests, args=(redis_url, stopping, measure), name="measuring", daemon=True
    )
    thread.start()
    return thread


def _answer_requests(
    redis_url: str, stopping: threading.Event, measure: Callable[[TrainingConfig], Measured]
) -> None:
    client = redis.Redis.from_url(
        redis_url, socket_connect_timeout=2, socket_timeout=POLL_SECONDS + 5
    )
    while not stopping.is_set():
        try:
            taken = client.brpop([REQUESTS], POLL_SECONDS)
            if taken is not None:
                _answer(client, json.loads(taken[1]), measure)
        except redis.RedisError as error:
            log.warning("measure_requests_unheard", error=str(error))
            stopping.wait(RETRY_SECONDS)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.warning("measure_request_unreadable", error=str(error))
    client.close()


def _broker_time(client: "redis.Redis") -> int:
    """Seconds by the broker's clock: those of two machines may differ."""
    seconds: int = client.time()[0]
    return seconds


def _answer(
    client: "redis.Redis", request: dict[str, Any], measure: Callable[[TrainingConfig], Measured]
) -> None:
    if _broker_time(client) - float(request["asked_at"]) > STALE_SECONDS:
        return
    key = ANSWER + str(request["token"])
    answer = None
    try:
        measured = measure(TrainingConfig.from_json(request["config"]))
        answer = asdict(replace(measured, machine=f"worker {platform.node()}"))
    except (ConfigError, MoggyError) as error:
        log.warning("measure_failed", error=str(error))
    client.lpush(key, json.dumps(answer))
    client.expire(key, KEPT_SECONDS)
