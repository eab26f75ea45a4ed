"""The cost of a training step on the machine of a training worker.

Where training workers run on other machines, the service asks one of them to measure. It pushes a
request onto a list of the broker from which every training worker pops. The worker measures, even
beside a training of its own, and pushes the answer onto a list that belongs to this request.
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
from app.domain.step_timing import MEASURE_SECONDS, WORKER, StepCost, StepMeter
from models.config import TrainingConfig
from models.ranges import ConfigError

log = structlog.get_logger()

REQUEST_LIST = "moggy:measure"
ANSWER_LIST = "moggy:measured:"  # followed by the request's token
TAKEN_SECONDS = 1.0  # an idle worker has taken a request by then
ANSWER_SECONDS = MEASURE_SECONDS + 5
ANSWER_EXPIRY_SECONDS = 60  # of an answer that is never fetched
REQUEST_POLL_SECONDS = 2.0
BROKER_RETRY_SECONDS = 2.0
REQUEST_EXPIRY_SECONDS = 10.0  # by the broker's clock; by then the service has stopped waiting


class WorkerMeter:
    """Asks one of the training workers to measure."""

    def __init__(self, redis_url: str) -> None:
        self._client = redis.Redis.from_url(
            redis_url, socket_connect_timeout=2, socket_timeout=ANSWER_SECONDS + 5
        )

    def measure(self, config: TrainingConfig) -> StepCost | None:
        """Return what a worker measured; None if no worker takes the request or answers it."""
        token = secrets.token_hex(8)
        try:
            now = _broker_time(self._client)
            request = json.dumps({"token": token, "config": config.to_json(), "asked_at": now})
            self._client.lpush(REQUEST_LIST, request)
            answer = self._client.blpop([ANSWER_LIST + token], TAKEN_SECONDS)
            if answer is None and self._client.lrem(REQUEST_LIST, 1, request) == 0:  # it was taken
                answer = self._client.blpop([ANSWER_LIST + token], ANSWER_SECONDS)
        except redis.RedisError as error:
            log.warning("measure_request_failed", error=str(error))
            return None
        if answer is None:
            return None
        cost: dict[str, Any] | None = json.loads(answer[1])
        return None if cost is None else StepCost(**cost)


def start_answering(
    redis_url: str, stopping: threading.Event, meter: StepMeter | None = None
) -> threading.Thread:
    """Start the thread of a training worker that answers measurement requests until `stopping`."""
    measure = (meter or StepMeter()).measure
    thread = threading.Thread(
        target=_answer_requests, args=(redis_url, stopping, measure), name="measuring", daemon=True
    )
    thread.start()
    return thread


def _answer_requests(
    redis_url: str, stopping: threading.Event, measure: Callable[[TrainingConfig], StepCost]
) -> None:
    client = redis.Redis.from_url(
        redis_url, socket_connect_timeout=2, socket_timeout=REQUEST_POLL_SECONDS + 5
    )
    while not stopping.is_set():
        try:
            request = client.brpop([REQUEST_LIST], REQUEST_POLL_SECONDS)
            if request is not None:
                _answer(client, json.loads(request[1]), measure)
        except redis.RedisError as error:
            log.warning("measure_requests_not_read", error=str(error))
            stopping.wait(BROKER_RETRY_SECONDS)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.warning("measure_request_unreadable", error=str(error))
    client.close()


def _broker_time(client: "redis.Redis") -> int:
    """Seconds by the broker's clock: the clocks of two machines may differ."""
    seconds: int = client.time()[0]
    return seconds


def _answer(
    client: "redis.Redis", request: dict[str, Any], measure: Callable[[TrainingConfig], StepCost]
) -> None:
    if _broker_time(client) - float(request["asked_at"]) > REQUEST_EXPIRY_SECONDS:
        return
    key = ANSWER_LIST + str(request["token"])
    answer = None
    try:
        cost = measure(TrainingConfig.from_json(request["config"]))
        answer = asdict(replace(cost, machine=f"{WORKER}{platform.node()}"))
    except (ConfigError, MoggyError) as error:
        log.warning("measure_failed", error=str(error))
    client.lpush(key, json.dumps(answer))
    client.expire(key, ANSWER_EXPIRY_SECONDS)
