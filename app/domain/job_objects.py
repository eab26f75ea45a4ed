"""What a job stores: samples, training states, checkpoints, the files of a synthesis, and its log.

The keys of objects contain the job's id and epoch, so that a worker that lost the job overwrites no
object of its successor. Samples have no epoch: every epoch draws the same grid.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.domain import events, jobs
from app.domain.database import Database
from app.domain.datasets import upload_prefix
from app.domain.errors import Conflict, NotFound
from app.domain.job_states import DERIVING, ENDED, JobKind
from app.domain.leases import Claim, lock_job
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, CheckpointFile, Dataset, Job, JobFile

MANIFEST = "manifest.json"
HAVING_FILES = (JobKind.SYNTHESIZE, JobKind.PROJECT)  # the kinds with files to download
LOG_EPOCH_BYTES = 64 * 1024  # kept of each epoch's log: the end
LOG_EPOCHS_KEPT = 10  # the newest epochs of a job whose logs are kept


def sample_key(job_id: str, images_seen: int) -> str:
    return f"jobs/{job_id}/samples/{images_seen}.png"


def state_key(job_id: str, epoch: int, images_seen: int) -> str:
    return f"jobs/{job_id}/{epoch}/state-{images_seen}.safetensors"


def checkpoint_key(job_id: str, epoch: int, images_seen: int) -> str:
    return f"jobs/{job_id}/{epoch}/checkpoint-{images_seen}.safetensors"


def import_prefix(job_id: str) -> str:
    """The prefix of the uploaded files that an import reads."""
    return f"jobs/{job_id}/import"


def file_key(job_id: str, epoch: int, name: str) -> str:
    return f"jobs/{job_id}/{epoch}/files/{name}"


def read_sample(store: ObjectStore, job_id: str, images_seen: int) -> bytes:
    """Return the PNG of a sample grid."""
    try:
        return store.get_bytes(sample_key(job_id, images_seen))
    except FileNotFoundError as exc:
        raise NotFound(f"job {job_id} has no sample at {images_seen} images") from exc


@dataclass(frozen=True)
class StoredFile:
    """A file of a synthesis that is in the store already."""

    name: str
    key: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class StoredCounts:
    """How much of a synthesis is stored."""

    shards: int
    images: int
    tried: int  # seeds, including those that were skipped


def count_stored(session: Session, job_id: str) -> StoredCounts:
    totals = (func.count(JobFile.images), func.sum(JobFile.images), func.max(JobFile.tried))
    shards, images, tried = session.execute(select(*totals).where(JobFile.job == job_id)).one()
    return StoredCounts(shards, images or 0, tried or 0)


def list_files(session: Session, job_id: str) -> list[JobFile]:
    """Return all files of a synthesis, oldest first."""
    query = select(JobFile).where(JobFile.job == job_id)
    return list(session.scalars(query.order_by(JobFile.number)))


def find_file(session: Session, job_id: str, name: str) -> JobFile:
    jobs.find(session, job_id)
    file = session.scalar(select(JobFile).where(JobFile.job == job_id, JobFile.name == name))
    if file is None:
        raise NotFound(
            f"job {job_id} has no file {name[:128]!r}: it is not written yet, or the job's files "
            "have been deleted"
        )
    return file


def stream_file(store: ObjectStore, file: JobFile, start: int, stop: int) -> Iterator[bytes]:
    """Yield the file's bytes from `start` up to, not including, `stop`."""
    try:
        return store.stream(file.key, start, stop)
    except FileNotFoundError as exc:
        raise NotFound(f"file {file.name!r} of job {file.job} is being deleted") from exc


def file_url(job_id: str, name: str) -> str:
    return f"/v1/jobs/{job_id}/files/{name}"


def add_shard(
    session: Session,
    claim: Claim,
    shard: StoredFile,
    recipes: StoredFile,
    *,
    images: int,
    tried: int,
) -> None:
    """Add the rows of a shard and its recipes, as the holder of the job, and reset its attempts."""
    lock_job(session, claim).attempt = 0
    session.add(JobFile(job=claim.job_id, images=images, tried=tried, **asdict(shard)))
    session.flush()  # the shard is numbered before its recipes
    session.add(JobFile(job=claim.job_id, **asdict(recipes)))
    data = {"name": shard.name, "images": images, "bytes": shard.bytes}
    data["url"] = file_url(claim.job_id, shard.name)
    events.append(session, claim.job_id, "file", data)


def add_manifest(session: Session, claim: Claim, manifest: StoredFile) -> None:
    """Add the row of the manifest, the last file, and set the result, as the holder of the job."""
    job = lock_job(session, claim)
    session.add(JobFile(job=claim.job_id, **asdict(manifest)))
    session.flush()
    files, stored = list_files(session, claim.job_id), count_stored(session, claim.job_id)
    job.result = {
        "images": stored.images,
        "shards": stored.shards,
        "bytes": sum(file.bytes for file in files),
        "manifest": file_url(claim.job_id, manifest.name),
    }


def unlist_files(session: Session, job_id: str) -> Job:
    """Delete the rows of an ended job's files; `delete_leftovers` then deletes the objects."""
    job = jobs.find(session, job_id)
    if job.kind not in HAVING_FILES:
        raise Conflict(
            f"job {job_id} is of kind {job.kind}: only a job of kind "
            f"{' or '.join(HAVING_FILES)} has files"
        )
    if job.status not in ENDED:
        raise Conflict(f"job {job_id} is {job.status}: cancel it first, which deletes its files")
    _check_not_packed(session, job)
    session.execute(delete(JobFile).where(JobFile.job == job_id))
    if job.result is not None and "manifest" in job.result:
        job.result = job.result | {"manifest": None}
    return job


def _check_not_packed(session: Session, job: Job) -> None:
    """Raise Conflict while a dataset is being packed from the files of the synthesis."""
    name = job.config.get("into")
    ingest = jobs.find_unfinished(session, (Job.dataset == name) & (Job.kind == JobKind.INGEST))
    if name is not None and ingest is not None:
        raise Conflict(
            f"dataset {name!r} is being packed from these files by job {ingest.id}: wait until it "
            "has ended, or cancel it"
        )


def store_log(store: ObjectStore, claim: Claim, text: bytes) -> None:
    """Store the end of this epoch's log, and delete the logs of the oldest epochs.

    Each epoch has an object of its own, which only the holder of that epoch writes.
    """
    store.put_bytes(f"{_log_prefix(claim.job_id)}/{claim.epoch:09d}.txt", _end_of(text))
    for key in store.keys(_log_prefix(claim.job_id))[:-LOG_EPOCHS_KEPT]:
        store.delete(key)


def read_log(store: ObjectStore, job_id: str) -> str:
    """Return the job's log, oldest epoch first; empty before a worker has started the job."""
    texts = []
    for key in store.keys(_log_prefix(job_id)):
        with suppress(FileNotFoundError):  # deleted since it was listed
            texts.append(store.get_bytes(key).decode(errors="replace"))
    return "".join(texts)


def _log_prefix(job_id: str) -> str:
    return f"logs/{job_id}"


def _end_of(text: bytes) -> bytes:
    """Return the last whole lines that fit into LOG_EPOCH_BYTES."""
    if len(text) <= LOG_EPOCH_BYTES:
        return text
    end = text[-LOG_EPOCH_BYTES:]
    return b"[earlier lines left out]\n" + end[end.find(b"\n") + 1 :]


def delete_older_states(store: ObjectStore, claim: Claim, newest: str) -> None:
    """Delete all training states but the newest.

    States of later epochs stay: a worker that has taken the job over wrote them.
    """
    for key in store.keys(f"jobs/{claim.job_id}"):
        if "/state-" in key and key != newest and int(key.split("/")[2]) <= claim.epoch:
            store.delete(key)


def delete_leftovers(database: Database, store: ObjectStore, job: Job) -> None:
    """Delete the objects that an ended job no longer needs.

    These are its upload, its training states, and every checkpoint or file that has no row. Samples
    stay, as a record of the run.
    """
    if job.kind == JobKind.INGEST:
        _delete_ingest_leftovers(database, store, job)
    elif job.kind in (*HAVING_FILES, *DERIVING):
        _delete_unlisted_files(database, store, job)
    else:
        _delete_training_leftovers(database, store, job)
    if job.kind == JobKind.IMPORT:
        store.delete_prefix(import_prefix(job.id))


def _delete_training_leftovers(database: Database, store: ObjectStore, job: Job) -> None:
    with database.read() as session:
        rows = session.scalars(select(Checkpoint).where(Checkpoint.job == job.id)).all()
    kept = {key for checkpoint in rows for key in checkpoint.objects}
    for key in store.keys(f"jobs/{job.id}"):
        if key.endswith((".safetensors", ".onnx")) and key not in kept:
            store.delete(key)


def _delete_unlisted_files(database: Database, store: ObjectStore, job: Job) -> None:
    with database.read() as session:
        files = select(JobFile.key).where(JobFile.job == job.id)
        computed = select(CheckpointFile.key).where(CheckpointFile.checkpoint == job.checkpoint)
        listed = {*session.scalars(files), *session.scalars(computed)}
    if not listed:
        store.delete_prefix(f"jobs/{job.id}")
        return
    for key in store.keys(f"jobs/{job.id}"):
        if key not in listed:
            store.delete(key)


def _delete_ingest_leftovers(database: Database, store: ObjectStore, job: Job) -> None:
    dataset_id = job.config["dataset_id"]
    store.delete_prefix(upload_prefix(dataset_id))
    with database.read() as session:
        packed = session.scalar(select(Dataset.key).where(Dataset.job == job.id))
    for key in store.keys(f"datasets/{dataset_id}"):
        if packed is None or not key.startswith(f"{packed}/"):
            store.delete(key)  # packed by an attempt that lost its lease before it could commit
