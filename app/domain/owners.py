"""Who asks for jobs: the name of the key that a request was sent with.

The access guard sets the owner around each request, and `jobs.create` records it. Threads that
handle a request for FastAPI or anyio inherit it. The service's own work has no owner.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_owner: ContextVar[str | None] = ContextVar("owner", default=None)


def current_owner() -> str | None:
    """The owner of a job that is queued here and now; None if it has none."""
    return _owner.get()


@contextmanager
def acting_for(owner: str | None) -> Iterator[None]:
    """Jobs that are queued inside this block belong to `owner`."""
    token = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(token)
