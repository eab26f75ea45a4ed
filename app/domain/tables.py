"""The database's tables. Times are seconds since 1970 by the database's clock."""

from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from app.domain.database import now

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite autoincrements only INTEGER keys


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # Values that the database sets are read back at once, because rows outlive their sessions.
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012  # as its base declares it
    type_annotation_map: ClassVar[dict[Any, Any]] = {dict[str, Any]: JSON, list[Any]: JSON}


class Dataset(Base):
    """A named, immutable, packed set of images of one shape."""

    __tablename__ = "datasets"

    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    status: Mapped[str] = mapped_column(String(16))  # ingesting | ready | failed
    job: Mapped[str] = mapped_column(String(32))  # the ingest job's id
    request: Mapped[dict[str, Any]]  # the options of its packing
    key: Mapped[str | None] = mapped_column(String(255))  # prefix of the packed objects
    images: Mapped[int | None]
    shape: Mapped[list[Any] | None]  # [height, width, channels]
    classes: Mapped[list[Any] | None]
    horizontal_flip: Mapped[bool | None]  # whether a mirrored picture looks like the others
    report: Mapped[dict[str, Any] | None]
    content_hash: Mapped[str | None] = mapped_column(String(64))
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str | None] = mapped_column(Text)
    error_facts: Mapped[dict[str, Any] | None]  # app.domain.job_errors
    created_at: Mapped[float] = mapped_column(default=now())


class Job(Base):
    """One piece of queued work, with its lease."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_queue_status_number", "queue", "status", "number"),
        Index("ix_jobs_model", "model"),
        Index("ix_jobs_dataset", "dataset"),
        Index("ix_jobs_owner", "owner"),
    )

    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    kind: Mapped[str] = mapped_column(String(16))  # app.domain.job_states.JobKind
    queue: Mapped[str] = mapped_column(String(16))  # train | light | evaluate | synthesize
    place: Mapped[int | None] = mapped_column(BigInteger)  # app.domain.queue_order; None: number
    status: Mapped[str] = mapped_column(String(16))
    epoch: Mapped[int] = mapped_column(default=0)  # fencing token: rises with every claim
    attempt: Mapped[int] = mapped_column(default=0)  # starts since the last stored state
    lease_until: Mapped[float | None]
    worker: Mapped[str | None] = mapped_column(String(255))  # the host that holds or held the lease
    stop_requested: Mapped[str | None] = mapped_column(String(16))  # pause | cancel
    model: Mapped[str | None] = mapped_column(String(64))
    dataset: Mapped[str | None] = mapped_column(String(64))
    preset: Mapped[str | None] = mapped_column(String(64))
    config: Mapped[dict[str, Any]]
    progress: Mapped[dict[str, Any]]
    resume_from: Mapped[str | None] = mapped_column(
        String(32)
    )  # the id of the checkpoint that it fine-tunes
    checkpoint: Mapped[str | None] = mapped_column(
        String(32)
    )  # the id of the one that it scores, uses or exports
    state_key: Mapped[str | None] = mapped_column(String(255))  # newest stored training state
    result: Mapped[dict[str, Any] | None]  # scores of an evaluation, counts of a synthesis
    room_needed: Mapped[int | None] = mapped_column(BigInteger)  # free bytes to resume, if parked
    error: Mapped[str | None] = mapped_column(Text)
    error_facts: Mapped[dict[str, Any] | None]  # app.domain.job_errors
    idempotency_key: Mapped[str | None] = mapped_column(String(255), unique=True)
    request_hash: Mapped[str | None] = mapped_column(String(64))
    owner: Mapped[str | None] = mapped_column(String(64))  # app.domain.owners
    created_at: Mapped[float] = mapped_column(default=now())
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]


class Event(Base):
    """One event of a job. The ids of a job's events increase in the order of their commits."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_job_id", "job", "id"),
        Index("ix_events_job_type_id", "job", "type", "id"),
        # A sample or checkpoint that is repeated after a resume has one event.
        UniqueConstraint("job", "once", name="uq_events_job_once"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    job: Mapped[str] = mapped_column(String(32), ForeignKey("jobs.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(16))
    once: Mapped[str | None] = mapped_column(String(64))  # unique key of the event
    data: Mapped[dict[str, Any]]
    created_at: Mapped[float] = mapped_column(default=now())


class JobFile(Base):
    """One finished file of a synthesis, which its user can download."""

    __tablename__ = "job_files"
    __table_args__ = (UniqueConstraint("job", "name", name="uq_job_files_job_name"),)

    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    job: Mapped[str] = mapped_column(String(32), ForeignKey("jobs.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(128))
    key: Mapped[str] = mapped_column(String(255))
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    images: Mapped[int | None]  # None unless it is a shard
    tried: Mapped[int | None] = mapped_column(BigInteger)  # seeds, up to the end of this shard


class Model(Base):
    """A name under which checkpoints are served; training jobs add checkpoints to it."""

    __tablename__ = "models"

    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    checkpoint: Mapped[str | None] = mapped_column(String(32))  # set by hand; None: the best
    created_at: Mapped[float] = mapped_column(default=now())


class FormerName(Base):
    """A name that a model had before it was renamed, until another model takes it."""

    __tablename__ = "former_names"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(64), ForeignKey("models.name", ondelete="CASCADE"))


class Checkpoint(Base):
    """One stored snapshot of a training, with its scores."""

    __tablename__ = "checkpoints"
    __table_args__ = (
        UniqueConstraint("job", "images_seen", name="uq_checkpoints_job_images_seen"),
        Index("ix_checkpoints_model_number", "model", "number"),
        Index(
            "ix_checkpoints_scored",
            "model",
            "number",
            sqlite_where=text("kid IS NOT NULL"),
            postgresql_where=text("kid IS NOT NULL"),
        ),
    )

    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    model: Mapped[str] = mapped_column(String(64), ForeignKey("models.name", ondelete="CASCADE"))
    job: Mapped[str | None] = mapped_column(String(32))
    images_seen: Mapped[int] = mapped_column(BigInteger)
    config: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any] | None]
    kid: Mapped[float | None]  # from the metrics; the lowest is served
    scored_against: Mapped[str | None] = mapped_column(String(160))  # app.domain.served_checkpoint
    key: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)  # of the safetensors file
    onnx_sha256: Mapped[str | None] = mapped_column(String(64))  # None until it is exported
    onnx_bytes: Mapped[int | None] = mapped_column(BigInteger)
    # The scores and the lineage that an imported bundle brought. None: trained here.
    imported: Mapped[dict[str, Any] | None]
    created_at: Mapped[float] = mapped_column(default=now())
    # Read with every checkpoint, because rows outlive their sessions. The database deletes them.
    files: Mapped[list["CheckpointFile"]] = relationship(lazy="selectin", passive_deletes="all")

    @property
    def stored_bytes(self) -> int:
        """The size of all its files, which the deletion of the checkpoint frees."""
        return self.bytes + (self.onnx_bytes or 0) + sum(file.bytes for file in self.files)

    @property
    def objects(self) -> list[str]:
        """The keys of all its files. The ONNX file of an older checkpoint may be missing."""
        return [self.key, onnx_key(self.key), *(file.key for file in self.files)]


class CheckpointFile(Base):
    """A file that belongs to a checkpoint, stored beside it and deleted with it."""

    __tablename__ = "checkpoint_files"
    __table_args__ = (
        UniqueConstraint("checkpoint", "kind", name="uq_checkpoint_files_checkpoint_kind"),
    )

    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    checkpoint: Mapped[str] = mapped_column(
        String(32), ForeignKey("checkpoints.id", ondelete="CASCADE")
    )
    kind: Mapped[str] = mapped_column(String(16))  # index | encoder | reference
    key: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    details: Mapped[dict[str, Any]]  # a summary of its contents, for the API
    created_at: Mapped[float] = mapped_column(default=now())


class NamedLatent(Base):
    """A latent saved under a name of its model: the seed that draws it, or its values."""

    __tablename__ = "latents"
    __table_args__ = (UniqueConstraint("model", "name", name="uq_latents_model_name"),)

    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    model: Mapped[str] = mapped_column(String(64), ForeignKey("models.name", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(64))
    seed: Mapped[int | None] = mapped_column(BigInteger)
    latent: Mapped[bytes | None] = mapped_column(LargeBinary)  # little-endian float32, (D,)
    source: Mapped[dict[str, Any]]  # the latent as it was requested: a seed, mix, projection …
    class_name: Mapped[str | None] = mapped_column(String(255))
    note: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[list[Any]]
    checkpoint: Mapped[str | None] = mapped_column(String(32))  # served when it was saved
    created_at: Mapped[float] = mapped_column(default=now())


class Direction(Base):
    """A direction in the latent space of a model, found or taught, that changes its images."""

    __tablename__ = "directions"
    __table_args__ = (UniqueConstraint("model", "name", name="uq_directions_model_name"),)

    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    model: Mapped[str] = mapped_column(String(64), ForeignKey("models.name", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(64))
    method: Mapped[str] = mapped_column(String(16))  # ganspace | sefa | taught
    vector: Mapped[bytes] = mapped_column(LargeBinary)  # unit length, little-endian float32, (D,)
    details: Mapped[dict[str, Any]]  # its effect or accuracy, and the examples that taught it
    checkpoint: Mapped[str | None] = mapped_column(String(32))  # for which it was fitted
    created_at: Mapped[float] = mapped_column(default=now())


def onnx_key(checkpoint_key: str) -> str:
    """The key of the ONNX file beside the safetensors file of `checkpoint_key`."""
    return f"{checkpoint_key.removesuffix('.safetensors')}.onnx"
