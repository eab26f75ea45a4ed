"""The events of a job's stream, as the OpenAPI document describes them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from app.domain.job_states import Status

EVENT_STREAM = "text/event-stream"


class StateData(BaseModel):
    """The job's status has changed, or its trainer has started: then with where and on what."""

    status: Status
    attempt: int
    reason: str | None = None  # why a job that was running waits or runs again
    error: str | None = None
    images_seen: int | None = None
    device: str | None = None
    precision: str | None = None
    threads: int | None = None


class ProgressData(BaseModel):
    """How far the job is, about every second. A training adds its losses, and an ingest has fields
    of its own."""

    model_config = ConfigDict(extra="allow")

    images_seen: int | None = None
    images_total: int | None = None
    images_per_second: float | None = None
    eta_seconds: float | None = None
    generator_loss: float | None = None
    discriminator_loss: float | None = None
    phase: Annotated[str | None, Field(description="Of an ingest.")] = None
    accepted: int | None = None
    duplicates: int | None = None
    rejected: int | None = None
    bytes_read: int | None = None
    bytes_total: int | None = None


class SampleData(BaseModel):
    """A sample grid is stored at `url`."""

    images_seen: int
    url: str


class CheckpointData(BaseModel):
    """A checkpoint is stored."""

    images_seen: int
    id: str
    model: str


class HealthData(BaseModel):
    """A signal of the training's health has risen, or the training was taken back."""

    model_config = ConfigDict(extra="allow")

    message: str
    kind: str | None = None
    signal: str | None = None
    images_seen: int | None = None
    says: str | None = None
    suggests: str | None = None


class FileData(BaseModel):
    """A shard of a synthesis is stored at `url`."""

    name: str
    images: int
    bytes: int
    url: str


class EndData(BaseModel):
    """The job has ended; nothing follows."""

    status: Literal["succeeded", "failed", "cancelled"]
    error: str | None


class _Event(BaseModel):
    id: Annotated[str, Field(description="Rises; for `Last-Event-ID`.")]


class StateEvent(_Event):
    event: Literal["state"]
    data: StateData


class ProgressEvent(_Event):
    event: Literal["progress"]
    data: ProgressData


class SampleEvent(_Event):
    event: Literal["sample"]
    data: SampleData


class CheckpointEvent(_Event):
    event: Literal["checkpoint"]
    data: CheckpointData


class HealthEvent(_Event):
    event: Literal["health"]
    data: HealthData


class FileEvent(_Event):
    event: Literal["file"]
    data: FileData


class EndEvent(_Event):
    event: Literal["end"]
    data: EndData


class JobEvent(
    RootModel[
        Annotated[
            StateEvent
            | ProgressEvent
            | SampleEvent
            | CheckpointEvent
            | HealthEvent
            | FileEvent
            | EndEvent,
            Field(discriminator="event"),
        ]
    ]
):
    """One event of a job's stream. In the stream `data` is the JSON text of the object here."""


def event_schemas() -> dict[str, Any]:
    """The schemas of JobEvent and all that it refers to, by name."""
    schema = JobEvent.model_json_schema(ref_template="#/components/schemas/{model}")
    referred: dict[str, Any] = schema.pop("$defs")
    return referred | {"JobEvent": schema}


# OpenAPI 3.1 has no words for a stream's items: the text, once read as events, is a list of them.
STREAM_CONTENT: dict[str, Any] = {
    EVENT_STREAM: {
        "schema": {
            "type": "string",
            "contentMediaType": EVENT_STREAM,
            "contentSchema": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/JobEvent"},
            },
        }
    }
}
