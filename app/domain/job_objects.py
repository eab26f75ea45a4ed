"""The objects that a job writes: their keys, and which of them go when it has ended."""

from sqlalchemy import select

from app.domain.database import Database
from app.domain.datasets import upload_prefix
from app.domain.errors import NotFound
from app.domain.leases import Claim
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Dataset, Job, JobFile


def sample_key(job_id: str, images_seen: int) -> str:
    """Where a sample grid is stored; the same grid whichever epoch made it."""
    return f"jobs/{job_id}/samples/{images_seen}.png"


def read_sample(store: ObjectStore, job_id: str, images_seen: int) -> bytes:
    """The PNG of a sample grid."""
    try:
        return store.get_bytes(sample_key(job_id, images_seen))
    except FileNotFoundError as exc:
        raise NotFound(f"job {job_id} has no sample at {images_seen} images") from exc


def state_key(job_id: str, epoch: int, images_seen: int) -> str:
    return f"jobs/{job_id}/{epoch}/state-{images_seen}.safetensors"


def checkpoint_key(job_id: str, epoch: int, images_seen: int) -> str:
    return f"jobs/{job_id}/{epoch}/checkpoint-{images_seen}.safetensors"


def file_key(job_id: str, epoch: int, name: str) -> str:
    return f"jobs/{job_id}/{epoch}/files/{name}"


def delete_older_states(store: ObjectStore, claim: Claim, newest: str) -> None:
    """Keep the newest training state alone.

    States of later epochs stay: they are those of a worker that has taken the job over.
    """
    for key in store.keys(f"jobs/{claim.job_id}"):
        if "/state-" in key and key != newest and int(key.split("/")[2]) <= claim.epoch:
            store.delete(key)


def delete_leftovers(database: Database, store: ObjectStore, job: Job) -> None:
    """Delete what an ended job no longer needs: its upload, its states, unregistered checkpoints,
    and files that are not listed.

    Its samples stay, as the record of the run.
    """
    if job.kind == "ingest":
        _delete_ingest_leftovers(database, store, job)
        return
    if job.kind == "synthesize":
        _delete_unlisted_files(database, store, job)
        return
    with database.read() as session:
        kept = set(session.scalars(select(Checkpoint.key).where(Checkpoint.job == job.id)))
    for key in store.keys(f"jobs/{job.id}"):
        if key.endswith(".safetensors") and key not in kept:
            store.delete(key)


def _delete_unlisted_files(database: Database, store: ObjectStore, job: Job) -> None:
    with database.read() as session:
        listed = set(session.scalars(select(JobFile.key).where(JobFile.job == job.id)))
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
            store.delete(key)  # packed by an attempt that was fenced before it could say so
