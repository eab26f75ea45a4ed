"""The files that a synthesis makes: which are stored, how far they go, and their removal."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.domain import events, jobs
from app.domain.errors import Conflict, NotFound
from app.domain.job_states import ENDED
from app.domain.leases import Claim, hold
from app.domain.store import ObjectStore
from app.domain.tables import Job, JobFile

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class StoredFile:
    """A file that is in the store already."""

    name: str
    key: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Made:
    """How far a synthesis has come with what it has stored."""

    shards: int
    images: int
    tried: int  # seeds, those that were skipped included


def made_so_far(session: Session, job_id: str) -> Made:
    figures = (func.count(JobFile.images), func.sum(JobFile.images), func.max(JobFile.tried))
    shards, images, tried = session.execute(select(*figures).where(JobFile.job == job_id)).one()
    return Made(shards, images or 0, tried or 0)


def in_order(session: Session, job_id: str) -> list[JobFile]:
    """All of them, as they were made."""
    query = select(JobFile).where(JobFile.job == job_id)
    return list(session.scalars(query.order_by(JobFile.number)))


def find(session: Session, job_id: str, name: str) -> JobFile:
    jobs.find(session, job_id)
    file = session.scalar(select(JobFile).where(JobFile.job == job_id, JobFile.name == name))
    if file is None:
        raise NotFound(
            f"job {job_id} has no file {name[:128]!r}: it is not made yet, or the job's files "
            "have been deleted"
        )
    return file


def read(store: ObjectStore, file: JobFile, start: int, stop: int) -> Iterator[bytes]:
    """The file's bytes from `start` to before `stop`, in pieces."""
    try:
        return store.stream(file.key, start, stop)
    except FileNotFoundError as exc:
        raise NotFound(f"file {file.name!r} of job {file.job} is being deleted") from exc


def add_shard(
    session: Session,
    claim: Claim,
    shard: StoredFile,
    recipes: StoredFile,
    *,
    images: int,
    tried: int,
) -> None:
    """List a stored shard and its recipes, as the holder of the job; earlier crashes no longer
    count."""
    hold(session, claim).attempt = 0
    session.add(JobFile(job=claim.job_id, images=images, tried=tried, **asdict(shard)))
    session.flush()  # numbered before its recipes
    session.add(JobFile(job=claim.job_id, **asdict(recipes)))
    data = {"name": shard.name, "images": images, "bytes": shard.bytes}
    events.append(session, claim.job_id, "file", data | {"url": url(claim.job_id, shard.name)})


def add_manifest(session: Session, claim: Claim, manifest: StoredFile) -> None:
    """List the last file, as the holder of the job, whose result is all that was made."""
    job = hold(session, claim)
    session.add(JobFile(job=claim.job_id, **asdict(manifest)))
    session.flush()
    files, made = in_order(session, claim.job_id), made_so_far(session, claim.job_id)
    job.result = {
        "images": made.images,
        "shards": made.shards,
        "bytes": sum(file.bytes for file in files),
        "manifest": url(claim.job_id, manifest.name),
    }


def forget(session: Session, job_id: str) -> Job:
    """Forget the files of a job that has ended; their objects are then its leftovers."""
    job = jobs.find(session, job_id)
    if job.kind != "synthesize":
        raise Conflict(f"job {job_id} is of kind {job.kind}: a job of kind synthesize has files")
    if job.status not in ENDED:
        raise Conflict(f"job {job_id} is {job.status}: cancel it first, which deletes its files")
    session.execute(delete(JobFile).where(JobFile.job == job_id))
    if job.result is not None:
        job.result = job.result | {"manifest": None}
    return job


def url(job_id: str, name: str) -> str:
    return f"/v1/jobs/{job_id}/files/{name}"
