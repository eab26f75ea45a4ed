"""What the events of jobs contain, and their schemas in the OpenAPI document."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from app.domain.job_states import Status
from app.routes.middleware.proxies import public_path

EVENT_STREAM = "text/event-stream"


class StateData(BaseModel):
    """The job's status has changed, or its trainer has started; the fields from `images_seen` on
    describe the start."""

    status: Status
    attempt: int
    reason: str | None = None  # why a running job was queued again
    error: str | None = None
    images_seen: int | None = None
    device: str | None = None
    precision: str | None = None
    threads: int | None = None


class ProgressData(BaseModel):
    """The job's progress, about every second. A training adds its losses; an ingest has fields of
    its own, from `phase` on."""

    model_config = ConfigDict(extra="allow")

    images_seen: int | None = None
    images_total: int | None = None
    images_per_second: float | None = None
    eta_seconds: float | None = None
    generator_loss: float | None = None
    discriminator_loss: float | None = None
    phase: Annotated[str | None, Field(description="The step of an ingest or a projection.")] = None
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


class HealthAction(BaseModel):
    """What the training has changed by itself."""

    field: str
    before: float | str
    after: float | str


class KidInterval(BaseModel):
    """A checkpoint's KID, and the ends of its 95 % interval."""

    images_seen: int
    kid: float
    low: float
    high: float


class PlateauFigures(BaseModel):
    """The checkpoint with the best score, and the last one."""

    best: KidInterval
    last: KidInterval


class HealthData(BaseModel):
    """A health signal of the training was raised, or the training was rolled back (`not_finite`).

    `says` and `suggests` are sentences. What is in them: `value`, of a plateau `figures`, and of a
    rollback the number of `rollbacks` and the learning rates after it. `action` is what the
    training has changed because of the signal; `proposal` has overrides that would change the same
    in another training, where this one does not react by itself.
    """

    model_config = ConfigDict(extra="allow")

    message: str
    kind: str | None = None
    signal: (
        Literal[
            "oscillation",
            "vanishing_gradient",
            "mode_collapse",
            "overfitting",
            "plateau",
            "not_finite",
        ]
        | None
    ) = None
    images_seen: int | None = None
    says: str | None = None
    suggests: str | None = None
    value: float | None = None
    threshold: float | None = None
    action: HealthAction | None = None
    proposal: dict[str, float | str] | None = None
    figures: PlateauFigures | None = None
    rollbacks: int | None = None
    generator_learning_rate: float | None = None
    discriminator_learning_rate: float | None = None


class FileData(BaseModel):
    """A shard of a synthesis is stored at `url`."""

    name: str
    images: int
    bytes: int
    url: str


class EndData(BaseModel):
    """The job has ended. This is the last event."""

    status: Literal["succeeded", "failed", "cancelled"]
    error: str | None


class _Event(BaseModel):
    id: Annotated[str, Field(description="Increases within a job; send it as `Last-Event-ID`.")]


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
    """One event of a job's stream. In the stream, `data` is this object as JSON text."""


class MergedData(BaseModel):
    """The job's id, and the data of the event in the job's own stream."""

    job: str
    data: StateData | ProgressData | SampleData | CheckpointData | HealthData | FileData | EndData


class MergedEvent(BaseModel):
    """One event of the stream of several jobs."""

    id: Annotated[str, Field(description="The positions of all jobs; send it as `Last-Event-ID`.")]
    event: Literal["state", "progress", "sample", "checkpoint", "health", "file", "end"]
    data: MergedData


def public_data(data: dict[str, Any]) -> dict[str, Any]:
    """Return an event's data with its `url` below the path prefix of this client."""
    return data | {"url": public_path(data["url"])} if "url" in data else data


def event_schemas() -> dict[str, Any]:
    """Return the JSON schemas of both kinds of events and of all that they refer to, by name."""
    schemas: dict[str, Any] = {}
    for event in (JobEvent, MergedEvent):
        schema = event.model_json_schema(ref_template="#/components/schemas/{model}")
        definitions: dict[str, Any] = schema.pop("$defs")
        schemas |= definitions | {event.__name__: schema}
    return schemas


def _stream_of(event: str) -> dict[str, Any]:
    # OpenAPI 3.1 cannot describe the items of a stream: contentSchema describes the parsed text.
    return {
        EVENT_STREAM: {
            "schema": {
                "type": "string",
                "contentMediaType": EVENT_STREAM,
                "contentSchema": {
                    "type": "array",
                    "items": {"$ref": f"#/components/schemas/{event}"},
                },
            }
        }
    }


STREAM_CONTENT = _stream_of("JobEvent")
MERGED_STREAM_CONTENT = _stream_of("MergedEvent")
