"""Whether what a request may need answers: the database, the broker, a worker."""

import redis
from kombu.exceptions import OperationalError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.domain.database import Database
from app.domain.errors import Unavailable
from app.domain.queue import celery
from app.domain.tables import Job

PING_SECONDS = 1.0


def check_ready(database: Database) -> None:
    """Raise Unavailable that names what does not answer."""
    try:
        with database.read() as session:
            session.execute(select(Job.number).limit(1))
    except SQLAlchemyError as exc:
        raise Unavailable(f"the database does not answer: {type(exc).__name__}") from exc
    try:
        replies = celery.control.broadcast("ping", reply=True, limit=1, timeout=PING_SECONDS)
    except (OperationalError, redis.RedisError, OSError) as exc:
        raise Unavailable(f"the broker does not answer: {type(exc).__name__}") from exc
    if not replies:
        raise Unavailable("no worker answers")
