"""The errors that users see, each with its HTTP status.

MoggyError
├── InvalidRequest 422      an invalid value
├── LimitExceeded 422       a value beyond a limit that a setting defines
├── Unauthorized 401        no API key, or an unknown one
├── Forbidden 403           a request from a page of another site
├── NotFound 404
│   └── ModelRenamed 404        a GET is redirected to the new name
├── NotAcceptable 406       none of the formats that the client accepts
├── Conflict 409            the resource's state does not allow the request
│   ├── NameTaken 409
│   ├── InUse 409               a job uses the resource
│   └── OnlyRejected 409        app.serving.rejection
├── TooLarge 413
├── UnsupportedMediaType 415
├── RangeNotSatisfiable 416   a byte range beyond the end of the file
├── ClientLeft 499          the client closed the connection: app.routes.protocol.deadlines
├── BrokenCheckpoint 500    a stored file is damaged: app.serving.checkpoints
├── InsufficientStorage 507
└── Unavailable 503         a temporary condition: try again later
    ├── QueueFull 503
    ├── IndexMissing 503        app.domain.sample_indexes
    └── DeadlinePassed 503      app.routes.protocol.deadlines
"""

from typing import ClassVar


class MoggyError(Exception):
    """An error with a sentence for the user. `field` names the invalid input.

    `kind` is stable, for clients that have a sentence of their own; app.routes.openapi lists all.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    kind: ClassVar[str] = "internal_error"

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        retry_after: int | None = None,
        job: str | None = None,
        value: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.retry_after = retry_after  # seconds
        self.job = job  # the id of the job whose end the request has to wait for
        self.value = value  # of `field`, where a client may repeat it


class InvalidRequest(MoggyError):
    status = 422
    title = "Invalid request"
    kind = "invalid_request"


class LimitExceeded(MoggyError):
    status = 422
    title = "Limit exceeded"
    kind = "limit_exceeded"


class Unauthorized(MoggyError):
    status = 401
    title = "Unauthorized"
    kind = "unauthorized"


class Forbidden(MoggyError):
    status = 403
    title = "Forbidden"
    kind = "forbidden"


class NotFound(MoggyError):
    status = 404
    title = "Not found"
    kind = "not_found"


class ModelRenamed(NotFound):
    """The model was renamed; `value` is its new name."""

    kind = "model_renamed"

    def __init__(self, name: str, new_name: str) -> None:
        super().__init__(
            f"the model {name!r} is called {new_name!r} now: use that name",
            field="model",
            value=new_name,
        )
        self.name, self.new_name = name, new_name


class NotAcceptable(MoggyError):
    status = 406
    title = "Not acceptable"
    kind = "not_acceptable"


class Conflict(MoggyError):
    status = 409
    title = "Conflict"
    kind = "conflict"


class NameTaken(Conflict):
    """The name is in use; `value` is the name."""

    kind = "name_taken"


class InUse(Conflict):
    """A job uses the resource, and has to end first."""

    kind = "in_use"


class TooLarge(MoggyError):
    status = 413
    title = "Too large"
    kind = "too_large"


class UnsupportedMediaType(MoggyError):
    status = 415
    title = "Unsupported media type"
    kind = "unsupported_media_type"


class RangeNotSatisfiable(MoggyError):
    status = 416
    title = "Range not satisfiable"
    kind = "range_not_satisfiable"

    def __init__(self, detail: str, *, size: int) -> None:
        super().__init__(detail)
        self.size = size  # bytes of the whole file


class InsufficientStorage(MoggyError):
    status = 507
    title = "Insufficient storage"
    kind = "insufficient_storage"


class Unavailable(MoggyError):
    status = 503
    title = "Unavailable"
    kind = "unavailable"


class QueueFull(Unavailable):
    title = "Queue full"
    kind = "queue_full"
