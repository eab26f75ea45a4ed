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
│   ├── NameTaken 409           app.domain.datasets
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
    """An error with a sentence for the user. `field` names the invalid input."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        retry_after: int | None = None,
        job: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.retry_after = retry_after  # seconds
        self.job = job  # the id of the job whose end the request has to wait for


class InvalidRequest(MoggyError):
    status = 422
    title = "Invalid request"


class LimitExceeded(MoggyError):
    status = 422
    title = "Limit exceeded"


class Unauthorized(MoggyError):
    status = 401
    title = "Unauthorized"


class Forbidden(MoggyError):
    status = 403
    title = "Forbidden"


class NotFound(MoggyError):
    status = 404
    title = "Not found"


class ModelRenamed(NotFound):
    """No model has this name, which one had before it was renamed."""

    def __init__(self, name: str, new_name: str) -> None:
        super().__init__(
            f"the model {name!r} is called {new_name!r} now: use that name", field="model"
        )
        self.name, self.new_name = name, new_name


class NotAcceptable(MoggyError):
    status = 406
    title = "Not acceptable"


class Conflict(MoggyError):
    status = 409
    title = "Conflict"


class TooLarge(MoggyError):
    status = 413
    title = "Too large"


class UnsupportedMediaType(MoggyError):
    status = 415
    title = "Unsupported media type"


class RangeNotSatisfiable(MoggyError):
    status = 416
    title = "Range not satisfiable"

    def __init__(self, detail: str, *, size: int) -> None:
        super().__init__(detail)
        self.size = size  # bytes of the whole file


class InsufficientStorage(MoggyError):
    status = 507
    title = "Insufficient storage"


class Unavailable(MoggyError):
    status = 503
    title = "Unavailable"


class QueueFull(Unavailable):
    title = "Queue full"
