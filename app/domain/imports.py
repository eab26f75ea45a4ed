"""Imports: uploaded weights become a new model, once a worker has checked them."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import events, jobs, registry
from app.domain.bundles import (
    REFERENCE,
    BundleError,
    ImportedRecord,
    is_zip,
    unpack_bundle,
    unpacked_bytes,
)
from app.domain.checkpoint_files import REFERENCE_FILE
from app.domain.database import Database
from app.domain.disk import check_room
from app.domain.errors import InvalidRequest, NameTaken
from app.domain.job_objects import file_key, import_prefix
from app.domain.job_states import DERIVING, JobKind
from app.domain.leases import Claim, lock_job
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import (
    Checkpoint,
    CheckpointFile,
    Dataset,
    Direction,
    Job,
    Model,
    NamedLatent,
)
from models.checkpoint_header import CheckpointHeader, CheckpointHeaderError, read_checkpoint_header
from models.samples import pack_vector

FILE_FIELD = "file"
UNPACKED_NAME = "unpacked.safetensors"
WEIGHTS, RECORD = "weights.safetensors", "record.json"  # below the prefix of an import


@dataclass(frozen=True)
class ImportedWeights:
    """A safetensors file whose header is valid; its tensors are not checked yet.

    `reference` is the file of the quality reference, which is not checked either; None where none
    came with the weights.
    """

    path: Path
    sha256: str
    header: CheckpointHeader
    record: ImportedRecord
    reference: Path | None = None


def read_weights(path: Path, name: str, settings: Settings) -> ImportedWeights:
    """Read the uploaded file `path`, a bundle or a safetensors file that its sender called `name`.

    The weights and the quality reference of a bundle are written beside it. Raises InvalidRequest,
    InsufficientStorage.
    """
    max_bytes, reference = settings.max_model_bytes, path.with_name(REFERENCE)
    try:
        weights, record = path, ImportedRecord()
        if is_zip(path):
            size = unpacked_bytes(path, max_bytes)
            check_room(path.parent, size, settings.min_free_bytes, FILE_FIELD)
            weights = path.with_name(UNPACKED_NAME)
            record = unpack_bundle(path, weights, reference)
        elif path.stat().st_size > max_bytes:
            raise BundleError(
                f"has {path.stat().st_size:,} bytes: at most {max_bytes:,} are accepted "
                "(MOGGY_MAX_MODEL_BYTES)"
            )
        header = read_checkpoint_header(weights)
    except (BundleError, CheckpointHeaderError) as error:
        raise InvalidRequest(f"{name[:100]!r} {error}", field=FILE_FIELD) from error
    with weights.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    has_reference = record.reference is not None
    return ImportedWeights(weights, sha256, header, record, reference if has_reference else None)


def weights_key(job_id: str) -> str:
    return f"{import_prefix(job_id)}/{WEIGHTS}"


def reference_key(job_id: str) -> str:
    return f"{import_prefix(job_id)}/{REFERENCE}"


def read_record(store: ObjectStore, job_id: str) -> ImportedRecord:
    """What came with the weights of an import."""
    return ImportedRecord(**json.loads(store.get_bytes(f"{import_prefix(job_id)}/{RECORD}")))


def queue_import(
    database: Database,
    store: ObjectStore,
    *,
    model: str,
    file_name: str,
    weights: ImportedWeights,
    max_queued: int | None,
    idempotency_key: str | None = None,
) -> Job:
    """Move the weights into the store and queue their import. On an error nothing stays stored.

    Raises Conflict if the name is in use, QueueFull, and IntegrityError if there is a job with this
    idempotency key.
    """
    with database.read() as session:
        _check_name_free(session, model)
    job_id = jobs.new_id()
    config = {
        "file": file_name,
        "bytes": weights.path.stat().st_size,
        "sha256": weights.sha256,
        "images_seen": weights.header.images_seen,
    }
    record = json.dumps(asdict(weights.record)).encode()
    try:
        store.move_in(weights.path, weights_key(job_id))
        if weights.reference is not None:
            store.move_in(weights.reference, reference_key(job_id))
        store.put_bytes(f"{import_prefix(job_id)}/{RECORD}", record)
        with database.write() as session:
            _check_name_free(session, model)
            job = jobs.create(
                session,
                kind=JobKind.IMPORT,
                model=model,
                config=config,
                max_queued=max_queued,
                job_id=job_id,
            )
            job.idempotency_key = idempotency_key
            session.flush()
            return job
    except BaseException:
        store.delete_prefix(import_prefix(job_id))
        raise


def _check_name_free(session: Session, model: str) -> None:
    if _exists(session, model):
        raise NameTaken(
            f"there is a model {model!r} already: choose another name, or delete it first",
            field="name",
            value=model,
        )
    making = (Job.model == model) & Job.kind.not_in(DERIVING)
    job = jobs.find_unfinished(session, making)
    if job is not None:
        raise NameTaken(
            f"job {job.id} ({job.kind}, {job.status}) makes a model {model!r} already: choose "
            "another name, or cancel it",
            field="name",
            value=model,
        )


def _exists(session: Session, model: str) -> bool:
    return session.scalar(select(Model.number).where(Model.name == model)) is not None


def add_imported_model(
    session: Session, claim: Claim, key: str, file: dict[str, Any], record: ImportedRecord
) -> Checkpoint | None:
    """Add the model and its checkpoint, as the holder of the import; None if the name is in use.

    `file` is the `finished` event of `models.import_checkpoint`.
    """
    job = lock_job(session, claim)
    assert job.model is not None
    if _exists(session, job.model):
        return None
    against = _scored_against(session, record)
    metrics = record.metrics if against else None
    registry.add_model(session, job.model)
    checkpoint = Checkpoint(
        id=jobs.new_id(),
        model=job.model,
        job=job.id,
        images_seen=file["images_seen"],
        config=file["config"],
        metrics=metrics,
        kid=metrics["kid"] if metrics else None,
        scored_against=against,
        key=key,
        sha256=file["sha256"],
        bytes=file["bytes"],
        onnx_sha256=file["onnx_sha256"],
        onnx_bytes=file["onnx_bytes"],
        imported={"metrics": record.metrics, "lineage": record.lineage},
    )
    session.add(checkpoint)
    session.add_all(_named_latents(job.model, record))
    session.add_all(_directions(job.model, checkpoint.id, record))
    if record.reference is not None:
        session.add(_reference_row(claim, checkpoint.id, record.reference))
    session.flush()
    job.result = {
        "checkpoint": checkpoint.id,
        "sha256": checkpoint.sha256,
        "has_discriminator": file["has_discriminator"],
    }
    data = {"images_seen": checkpoint.images_seen, "id": checkpoint.id, "model": job.model}
    events.append(session, job.id, "checkpoint", data)
    return checkpoint


def _named_latents(model: str, record: ImportedRecord) -> Iterator[NamedLatent]:
    """The rows of the latents, which were checked when the bundle was received."""
    for entry in (record.latents or {}).get("latents", ()):
        values = entry.get("latent")
        yield NamedLatent(
            model=model,
            name=entry["name"],
            seed=entry.get("seed"),
            latent=None if values is None else pack_vector(np.array(values, np.float32)),
            source=entry.get("source") or {},
            class_name=entry.get("class"),
            note=entry.get("note"),
            tags=entry.get("tags") or [],
            checkpoint=entry.get("checkpoint"),
        )


def _directions(model: str, checkpoint: str, record: ImportedRecord) -> Iterator[Direction]:
    """The rows of the directions, as those of this checkpoint."""
    for entry in (record.directions or {}).get("directions", ()):
        yield Direction(
            model=model,
            name=entry["name"],
            method=entry["method"],
            vector=pack_vector(np.array(entry["vector"], np.float32)),
            details=entry["details"],
            checkpoint=checkpoint,
        )


def imported_reference_key(claim: Claim) -> str:
    """The key under which the holder of the import stores the quality reference."""
    return file_key(claim.job_id, claim.epoch, REFERENCE)


def _reference_row(claim: Claim, checkpoint: str, reference: dict[str, Any]) -> CheckpointFile:
    return CheckpointFile(
        checkpoint=checkpoint,
        kind=REFERENCE_FILE,
        key=imported_reference_key(claim),
        sha256=reference["sha256"],
        bytes=reference["bytes"],
        details={},
    )


def _scored_against(session: Session, record: ImportedRecord) -> str | None:
    """What the imported scores are comparable with; None unless their dataset is here too."""
    dataset = (record.lineage or {}).get("dataset")
    content_hash = dataset.get("content_hash") if isinstance(dataset, dict) else None
    if record.metrics is None or not isinstance(content_hash, str):
        return None
    query = select(Dataset.number).where(Dataset.content_hash == content_hash)
    if session.scalar(query.limit(1)) is None:
        return None
    return f"{content_hash} {record.metrics['embedding']}"
